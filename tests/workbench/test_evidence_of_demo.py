"""The evidence of a finished demo: complete, readable anywhere, free of patients and machines."""

from __future__ import annotations

import csv
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from migrator_kit.chain import NOTEBOOKS
from migrator_kit.evidence.page import check_self_contained

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PEOPLE = {
    "patients": ("first_name", "last_name", "street", "email", "medical_alerts", "x_old_card_no"),
    "insurance_policies": ("member_id",),
    "clinical_notes": ("body",),
    "call_logs": ("summary",),
    "appointments": ("remarks",),
    "documents": ("file_path",),
}
"""Columns of the source that speak of a patient."""

PHONES = {"patients": ("phone_home", "phone_mobile"), "call_logs": ("phone",)}


@pytest.fixture(scope="module")
def pages(demo: Any) -> dict[str, str]:
    """The pages of the demo's run by name."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in run_of(demo).glob("*.html")}
    assert found.keys() == {*NOTEBOOKS.values(), "index"}
    return found


def run_of(demo: Any) -> Path:
    """Return the folder of the demo's run: the evidence that it printed."""
    printed = re.search(r"(?m)^Evidence: (.+)$", demo.output)
    assert printed
    return Path(printed[1]).parent


def texts(demo: Any) -> Iterator[tuple[str, str]]:
    """Every file that a client may get, as text, and what the console showed."""
    for path in sorted(run_of(demo).rglob("*")):
        if path.suffix in (".html", ".ipynb", ".csv", ".md", ".json"):
            text = path.read_text(encoding="utf-8-sig")
            yield path.name, unescape(text) if path.suffix == ".html" else text
    yield "console", demo.output + demo.said


def values(demo: Any, columns: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the values of columns of the demo's practice."""
    with sqlite3.connect(demo.folder / "practice" / "practice.db") as source:
        return {
            str(value).strip()
            for table, names in columns.items()
            for name in names
            for (value,) in source.execute(f"SELECT {name} FROM {table} WHERE {name} <> ''")
        }


def test_no_page_or_list_names_a_patient(demo: Any) -> None:
    staff = values(demo, {"providers": ("first_name", "last_name")})
    wanted = {value for value in values(demo, PEOPLE) - staff if len(value) >= 5}
    assert len(wanted) > 300
    pattern = re.compile(
        r"(?<!\w)(?:" + "|".join(map(re.escape, sorted(wanted, key=len, reverse=True))) + r")(?!\w)"
    )
    assert pattern.search(f"<td>{next(iter(wanted))}</td>")
    found = {name: set(pattern.findall(text)) for name, text in texts(demo)}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_no_page_or_list_holds_a_phone_number(demo: Any) -> None:
    digits = {re.sub(r"\D", "", value) for value in values(demo, PHONES)}
    wanted = {number for number in digits if len(number) >= 7}
    assert len(wanted) > 60
    pattern = re.compile("|".join(sorted(wanted)))
    for name, text in texts(demo):
        joined = re.sub(r"(?<=\d)[ ().+/-]{1,3}(?=\d)", "", text)
        assert not pattern.search(joined), name


def test_no_page_or_notebook_names_the_machine(demo: Any) -> None:
    package = Path(__file__).parents[2]
    places = {demo.folder, demo.folder.parent, Path.home(), package, sys.prefix, sys.base_prefix}
    places |= {tempfile.gettempdir(), demo.folder.resolve()}
    known = {str(place) for place in places if len(Path(place).parts) > 1}
    for name, text in texts(demo):
        if name != "console":
            assert not [place for place in known if f"{place}/" in text], name


def test_pages_hold_no_code_and_reach_for_nothing(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        check_self_contained(page, name)
        assert not re.findall(r"https?:|//[a-z]+\.|\bimport \w|session\b.*=|def \w+\(", page), name
        assert "migrator_kit." not in page
        assert "Traceback" not in page


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if tag == "a" and name == "href"]


def test_every_link_of_the_first_page_leads_somewhere(demo: Any, pages: dict[str, str]) -> None:
    links = _Links()
    links.feed(pages["index"])
    files = {unquote(link.partition("#")[0]) for link in links.targets} - {""}
    assert {f"{name}.html" for name in NOTEBOOKS.values()} <= files
    assert {"lists/excluded.csv", "lists/audit_log.csv"} <= files
    assert [name for name in files if not (run_of(demo) / name).is_file()] == []


def test_pages_carry_results_not_only_headings(pages: dict[str, str]) -> None:
    for name in NOTEBOOKS.values():
        page = pages[name]
        assert page.count("<table") >= 2, name
        assert 'role="alert"' not in page, name
        assert "This page was made from" in page
    assert "<svg" in pages["01_audit"]
    assert "<svg" in pages["05_reconcile"]


def test_each_excluded_record_is_listed_with_its_reason(demo: Any) -> None:
    with (run_of(demo) / "lists" / "excluded.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert rows
    assert all(row["object"] and row["source_id"] and row["reason"] for row in rows)
    oversize = [row for row in rows if "oversize" in row["reason"]]
    assert oversize, "the file above 25 MB is not listed"


def test_the_rules_are_exported_for_rebuilding(demo: Any) -> None:
    folder = run_of(demo) / "lists" / "reminders_and_recalls"
    with sqlite3.connect(demo.folder / "practice" / "practice.db") as source:
        (rules,) = source.execute(
            "SELECT (SELECT count(*) FROM reminder_rules) + (SELECT count(*) FROM recall_rules)"
        ).fetchone()
    assert len([path for path in folder.glob("*.md") if path.stem != "index"]) == rules
    assert (folder / "rules.json").is_file()


def test_executed_notebooks_are_kept_complete(demo: Any) -> None:
    for name in NOTEBOOKS.values():
        text = (run_of(demo) / f"{name}.ipynb").read_text(encoding="utf-8")
        assert '"output_type": "error"' not in text
        assert '"status": "failed"' not in text
