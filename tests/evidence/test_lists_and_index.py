"""Lists as CSV and the first page of a run."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.index import object_table, write_index
from migrator_kit.evidence.lists import write_list, write_standard_lists
from migrator_kit.mapping.model import ObjectName

EXCLUDED = pd.DataFrame(
    [
        ("Patient", "000009", "duplicate_key", "Decide which row is right."),
        ("Attachment", "D3", "file_oversize", "Kept outside."),
        ("Attachment", "D1", "file_missing", "Put the file there."),
        ("Attachment", "D2", "file_empty", "Restore it."),
    ],
    columns=["object", "source_id", "reason", "remedy"],
)
REJECTS = pd.DataFrame(
    [("Patient", "000001", "Phone", "bad_phone", "emptied", "a phone number", "Look.", "555-RAW")],
    columns=["object", "source_id", "field", "reason", "action", "expected", "remedy", "value"],
)
FAILED = pd.DataFrame(
    columns=["module", "object", "source_id", "status", "code", "reason", "field"]
)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_five_lists_hold_keys_and_reasons_and_no_values(tmp_path: Path):
    lists = write_standard_lists(tmp_path, excluded=EXCLUDED, rejects=REJECTS, failed=FAILED)

    assert [(one.path.name, one.rows) for one in lists] == [
        ("excluded.csv", 4), ("rejects.csv", 1), ("failed.csv", 0), ("files_oversize.csv", 1),
        ("files_missing.csv", 2),
    ]  # fmt: skip
    assert [row["source_id"] for row in read(tmp_path / "files_missing.csv")] == ["D1", "D2"]
    assert [row["source_id"] for row in read(tmp_path / "files_oversize.csv")] == ["D3"]
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"555-RAW" not in everything
    assert b"bad_phone" in everything


def test_lists_do_not_run_as_formulas(tmp_path: Path):
    frame = pd.DataFrame({"source_id": ["=1+1", "P1", None], "rows": [-1, 2, 3]})

    text = write_list(frame, tmp_path / "lists" / "failed.csv").read_text(encoding="utf-8-sig")

    assert text.splitlines() == ["source_id,rows", "'=1+1,-1", "P1,2", ",3"]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None
)
@given(value=st.text(min_size=1, max_size=12))
@pytest.mark.parametrize("start", ["=", "+", "-", "@", " =", "\t", "＝"])
def test_no_text_starts_a_formula(tmp_path: Path, start: str, value: str):
    path = write_list(pd.DataFrame({"source_id": [start + value]}), tmp_path / "one.csv")

    assert path.read_text(encoding="utf-8-sig").splitlines()[1].lstrip('"').startswith("'")


def test_lists_open_with_letters_of_any_alphabet(tmp_path: Path):
    path = write_list(pd.DataFrame({"reason": ["Ασθενής", "Müller"]}), tmp_path / "x.csv")

    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert [row["reason"] for row in read(path)] == ["Ασθενής", "Müller"]


OBJECTS = {name.value: {"module": "Contacts", "source": 100, "created": 90, "updated": 0,
                        "matched": 0, "excluded": 10, "merged": 0, "failed": 0, "remainder": 0}
           for name in ObjectName}  # fmt: skip


def index_of(folder: Path, **changes: object) -> BeautifulSoup:
    arguments: dict[str, object] = {
        "client": "Riverside & Sons",
        "run_id": "20261122-184601-3f2a",
        "findings": Findings.of([Finding(Level.GOOD, "Go.")]),
        "objects": OBJECTS,
        "pages": [("Audit", "01_audit.html"), ("Odd name", "a b:c.html")],
        "lists": ["lists/excluded.csv"],
    }
    path = write_index(folder / "index.html", **(arguments | changes))
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_the_index_leads_to_every_page_and_list(tmp_path: Path):
    page = index_of(tmp_path)

    links = {link.get_text(): link["href"] for link in page("a")}
    assert links == {
        "Audit": "01_audit.html", "Odd name": "a%20b%3Ac.html",
        "Records that did not move, with the reason (lists/excluded.csv)": "lists/excluded.csv",
    }  # fmt: skip
    assert page.header.find(class_="client").string == "Riverside & Sons"
    assert "2026-11-22 18:46 UTC" in page.header.get_text()


def test_the_index_closes_the_books_of_the_ten_objects(tmp_path: Path):
    rows = index_of(tmp_path).table.tbody("tr")

    assert [row.th.string for row in rows] == [name.value for name in ObjectName]
    assert [cell.get_text() for cell in rows[0]("td")] == [
        "Contacts", "100", "90", "0", "0", "10", "0", "0", "0",
    ]  # fmt: skip


def test_an_open_remainder_is_marked(tmp_path: Path):
    page = index_of(tmp_path, objects={"Patient": OBJECTS["Patient"] | {"remainder": 3}})

    assert page.find("td", class_="watch").string == "3"


def test_a_run_without_lists_says_so(tmp_path: Path):
    assert "None were needed." in index_of(tmp_path, lists=[]).get_text()


def test_counts_that_are_not_there_are_zero():
    table = object_table({"Reminder Rule": {"source": 4, "excluded": 4, "module": ""}})

    assert table.iloc[0].tolist() == ["Reminder Rule", "–", 4, 0, 0, 0, 4, 0, 0, 0]
