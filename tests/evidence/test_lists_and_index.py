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
from migrator_kit.evidence.lists import write_list
from migrator_kit.mapping.model import ObjectName


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


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


def test_pages_of_text_bear_their_own_title(tmp_path: Path):
    rules = tmp_path / "lists" / "reminders_and_recalls"
    rules.mkdir(parents=True)
    (rules / "rm01.md").write_text("# Birthday greeting\n\nReminder rule RM01.\n")
    (rules / "odd.md").write_text("No heading\n")
    names = [f"lists/reminders_and_recalls/{name}" for name in ("rm01.md", "odd.md", "rules.json")]
    links = [link.get_text() for link in index_of(tmp_path, lists=names).find_all("li")[-3:]]

    assert links == [
        f"Birthday greeting ({names[0]})", names[1],
        f"The same reminder and recall rules, for a program to read ({names[2]})",
    ]  # fmt: skip


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
