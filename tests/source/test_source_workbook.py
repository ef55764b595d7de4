from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest

from migrator_kit.engagement import Engagement, SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.connect import open_source
from migrator_kit.source.snapshot import take_snapshot


def write(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    workbook = openpyxl.Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def read(path: Path, table: str, **options: object) -> pa.Table:
    settings = SourceSettings.model_validate({"url": str(path), **options})
    with open_source(settings) as source:
        return pa.concat_tables(list(source.read(table, 1_000)))


PATIENTS = [
    ["id", "name", "zip", "born", "fee", "active", "mixed", "seen"],
    [1, "Μαρία", "01234", dt.date(1980, 2, 28), 12.5, True, 7,
     dt.datetime(2021, 5, 4, 10, 30)],
    [2, None, "00007", None, 7, False, "B7", None],
]  # fmt: skip


def test_each_worksheet_is_a_table_with_typed_cells(tmp_path: Path) -> None:
    visits = [["visit", "patient"], *([n, n % 7] for n in range(2_500))]
    path = write(tmp_path / "practice.xlsx", {"patients": PATIENTS, "visits": visits, "none": []})
    with open_source(SourceSettings(url=str(path))) as source:
        tables = {table.name: table for table in source.describe()}
        parts = [part.num_rows for part in source.read("visits", 1_000)]
    assert sorted(tables) == ["patients", "visits"]
    assert tables["patients"].columns["id"] == "integer"
    assert tables["patients"].reading["sheet"] == "patients"
    assert parts == [1_000, 1_000, 500]
    assert read(path, "patients").to_pylist() == [
        {"id": 1, "name": "Μαρία", "zip": "01234", "born": "1980-02-28", "fee": 12.5,
         "active": True, "mixed": "7", "seen": "2021-05-04 10:30:00"},
        {"id": 2, "name": None, "zip": "00007", "born": None, "fee": 7.0, "active": False,
         "mixed": "B7", "seen": None},
    ]  # fmt: skip


def test_the_header_is_found_below_titles(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["Patients of the practice"], ["as of", dt.date(2026, 1, 1)], [],
        [None, "Id", "Last name", "Phone "], [None, 1, "Doe", "555"], [],
        [None, 2, "Roe", None],
    ]  # fmt: skip
    path = write(tmp_path / "patients.xlsx", {"Sheet1": rows})
    table = read(path, "patients")
    assert table.select(["Id", "Last name", "Phone"]).to_pylist() == [
        {"Id": 1, "Last name": "Doe", "Phone": "555"},
        {"Id": 2, "Last name": "Roe", "Phone": None},
    ]


def test_a_person_can_name_the_header_row(tmp_path: Path) -> None:
    path = write(tmp_path / "p.xlsx", {"staff": [["a", "b"], ["id", "name"], [1, "Ann"]]})
    assert read(path, "staff").num_rows == 2
    named = read(path, "staff", tables={"staff": {"header_row": 2}})
    assert named.to_pylist() == [{"id": 1, "name": "Ann"}]


def test_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    path = write(tmp_path / "p.xlsx", {"staff": [["id", "name"]]})
    table = read(path, "staff")
    assert (table.num_rows, table.column_names) == (0, ["id", "name"])


def encrypted(path: Path) -> None:
    """What Excel writes for a workbook with a password begins, and names its stream, like this."""
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)
    path.write_bytes(head + "EncryptedPackage".encode("utf-16-le") + bytes(480))


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda path: path.write_bytes(b"PK\x03\x04 broken"), r"p\.xlsx is not a readable"),
        (encrypted, r"p\.xlsx is protected by a password"),
        (lambda path: write(path, {"staff": [[1, 2], [3, 4]]}), "sheet staff: no header row"),
        (lambda path: write(path, {"staff": [], "more": []}), "every worksheet is empty"),
        (lambda path: write(path, {"a": [["x"], [1]], "A ": [["x"], [1]]}), "would both be"),
    ],
)
def test_a_workbook_that_cannot_be_used_is_one_clear_error(
    tmp_path: Path, prepare: Callable[[Path], object], expected: str
) -> None:
    path = tmp_path / "p.xlsx"
    prepare(path)
    with (
        pytest.raises(SourceError, match=expected),
        open_source(SourceSettings(url=str(path))) as source,
    ):
        source.describe()


def test_kinds_of_files_stand_beside_each_other_in_a_folder_and_a_zip(
    tmp_path: Path, exports: Path, new_engagement: Callable[..., Engagement]
) -> None:
    write(exports / "patients.xlsx", {"Sheet1": PATIENTS})
    (exports / "staff.csv").write_text("id;name\n1;Ann\n")
    (exports / "visits.jsonl").write_text('{"id": 1, "patient": 2}\n')
    (exports / "readme.txt").write_text("Exported on Monday.\n")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for file in exports.iterdir():
            packed.write(file, f"2026/{file.name}")
    one = take_snapshot(new_engagement(exports))
    two = take_snapshot(new_engagement(tmp_path / "all.zip"))
    assert one.tables() == ("patients", "staff", "visits")
    assert one.digest == two.digest
    assert one.manifest.source.kind == "files"
    (exports / "Staff.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(SourceError, match=r"staff\.csv and Staff\.jsonl would both be the table"):
        take_snapshot(new_engagement(exports))
