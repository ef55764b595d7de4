from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.connect import open_source


def read(path: Path, part_rows: int = 1_000) -> list[pa.Table]:
    with open_source(SourceSettings(url=str(path))) as source:
        return list(source.read("visits", part_rows))


def test_values_keep_their_type_and_nested_ones_are_json_text(tmp_path: Path) -> None:
    path = tmp_path / "visits.jsonl"
    path.write_text(
        '{"id": 1, "name": "Μαρία", "fee": 1.5, "done": true, "tags": ["a", {"b": 1}]}\r\n'
        "\n"
        '{"id": 2, "fee": 2, "done": null, "code": "007", "Name": "late",'
        ' "big": 9999999999999999999}'
    )  # fmt: skip
    (part,) = read(path)
    assert part.to_pylist() == [
        {"id": 1, "name": "Μαρία", "fee": 1.5, "done": True, "tags": '["a",{"b":1}]',
         "code": None, "Name_2": None, "big": None},
        {"id": 2, "name": None, "fee": 2.0, "done": None, "tags": None, "code": "007",
         "Name_2": "late", "big": "9999999999999999999"},
    ]  # fmt: skip


def test_many_lines_come_in_parts_and_other_encodings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "visits.ndjson"
    lines = "".join(f'{{"id": {n}, "note": "Ελένη"}}\n' for n in range(2_500))
    path.write_bytes(lines.encode("utf-16"))
    parts = read(path)
    assert [part.num_rows for part in parts] == [1_000, 1_000, 500]
    assert parts[2].to_pylist()[-1] == {"id": 2_499, "note": "Ελένη"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"id": 1}\n{"id": 2, "name": "cut', r"visits\.jsonl:2: the line is not valid JSON"),
        ("[" * 100_000, r"visits\.jsonl:1: the line is .* nested too deep"),
        ('{"id": 1}\n\n[1, 2]\n', r"visits\.jsonl:3: the line is no JSON object"),
        ("\n{}\n", "holds no table"),
    ],
)
def test_a_broken_line_is_one_clear_error(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "visits.jsonl"
    path.write_text(text)
    with pytest.raises(SourceError, match=expected) as caught:
        read(path)
    assert "cut" not in caught.value.message
