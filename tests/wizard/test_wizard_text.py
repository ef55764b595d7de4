"""Whatever a person typed: written as CSV, read by another program, back as it was."""

from __future__ import annotations

import csv
import hashlib
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator_kit.wizard.attachments import safe_name
from migrator_kit.wizard.export import ExportFile
from migrator_kit.wizard.guarding import guarded, unguarded
from migrator_kit.wizard.people import owners_of
from migrator_kit.wizard.writing import CsvFiles
from tests.wizard.simulated_org import read_csv

TEXT = st.text(
    st.one_of(
        st.sampled_from("=+-@'\t\r\n\",; x0123456789＝＠|()"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=30,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8))
def test_marks_are_taken_back_without_loss(texts: list[str]) -> None:
    marked, changed = guarded(pa.array(texts, pa.string()))
    assert unguarded(marked).to_pylist() == texts
    for text, flag in zip(marked.to_pylist(), changed.to_pylist(), strict=True):
        assert flag == (text not in texts) or text.startswith("'")
        if text.lstrip(" ").startswith(("=", "@", "\t", "\r", "\n", "＝", "＠")):
            raise AssertionError(f"{text!r} would run")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=10), st.integers(200, 2_000))
def test_odd_texts_survive_the_files(rows: list[tuple[str, str]], limit: int) -> None:
    keys = [f"k{number}" for number in range(len(rows))]
    first, _ = guarded(pa.array([one for one, _ in rows], pa.string()))
    second, _ = guarded(pa.array([two for _, two in rows], pa.string()))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        folder.mkdir()
        files = CsvFiles(folder, "Contacts", "Patient", limit)
        files.write(pa.table({"Key": keys, "One, of": first, 'Two "2"': second}))
        files.close()
        paths = [Path(place) / file.path for file in files.done]
        back = [row for path in paths for row in read_csv(path)]
        for path, file in zip(paths, files.done, strict=True):
            content = path.read_bytes()
            assert len(content) == file.bytes <= limit
            assert hashlib.sha256(content).hexdigest() == file.sha256
    assert [row["Key"] for row in back] == keys
    for name, expected in (("One, of", 0), ('Two "2"', 1)):
        texts = unguarded(pa.array([row[name] for row in back], pa.string())).to_pylist()
        assert texts == [row[expected] for row in rows]


@given(st.text(max_size=60))
def test_names_of_files_stay_in_their_folder(name: str) -> None:
    made = safe_name(name)
    assert made
    assert not {"/", "\\", "\x00", "\n"} & set(made)
    assert not made.startswith(".")
    assert len(made) <= 80


def test_columns_are_found_by_label_or_api_name() -> None:
    header = next(csv.reader(["Record Id,Contact Owner.id,Account Name.id,Account Name,E-Mail"]))
    file = ExportFile(Path("x.zip"), "Contacts.csv", tuple(header))
    assert file.column("Account Name.id") == 2
    assert file.column("account_name") == 3
    assert file.column("Email") == 4
    assert file.column("Phone") is None


def test_who_left_or_has_no_address_becomes_no_user() -> None:
    staff = pd.DataFrame({
        "owner_key": ["A", "B", "C", "D", "E"],
        "name": ["=Ann", "Ben", "Cem", "Dia", "Eli"],
        "email": ["ann@x.example", None, "cem@x.example", "ann@x.example", "eli@x.example"],
        "active": [True, True, False, True, False],
    })  # fmt: skip
    owners = owners_of(staff, {"E": " New@X.example "})
    assert owners.users.to_pydict() == {
        "Migration ID": ["user:A", "user:E"],
        "Full Name": ["'=Ann", "Eli"],
        "Email": ["ann@x.example", "new@x.example"],
    }
    assert owners.ids == {"A": "user:A", "D": "user:A", "E": "user:E"}
    assert owners.without_user.to_dict("list") == {
        "owner_key": ["B", "C"],
        "reason": ["no e-mail address", "not active any more"],
    }
