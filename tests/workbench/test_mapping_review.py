"""Notebook 02 from Python: the screen's rows, the client's document, and what loading refuses."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed
from migrator_kit.load.opening import open_job
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.edits import change_target, change_transform
from migrator_kit.mapping.files import load_mapping, write_default
from migrator_kit.mapping.propose.proposal import PROFILE
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench import Session, audit, mapping_review
from migrator_kit.workbench.mapping_document import write_workbook


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("practice"), patients=30, seed=5).database


@pytest.fixture(scope="module")
def reviewed(practice: Path, tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    engagement = new_engagement(tmp_path_factory.mktemp("made") / "engagement", str(practice))
    take_snapshot(engagement)
    write_default(engagement, "dent_o_soft")
    decide(engagement, by="Ana")
    return engagement


@pytest.fixture
def session(reviewed: Engagement, tmp_path: Path) -> Session:
    folder = shutil.copytree(reviewed.folder, tmp_path / "engagement")
    return Session(Engagement.open(folder), "run", "02_mapping_review")


def test_the_screen_shows_no_value_of_a_patient(session: Session, practice: Path) -> None:
    widget = mapping_review.review(session)
    rows = {row["id"]: row for row in widget.rows}
    mobile = rows["Patient.Mobile"]
    assert mobile["after"].startswith("+9")
    assert rows["Patient.Patient_Status__c"]["values"][0]["records"] > 0
    with sqlite3.connect(practice) as connection:
        people = connection.execute("SELECT last_name, phone_mobile, email FROM patients")
        values = {value.strip() for row in people for value in row if value and len(value) > 6}
    connection.close()
    sent = json.dumps(widget.rows, ensure_ascii=False)
    assert len(values) > 20
    assert [value for value in values if value in sent] == []
    assert mobile["after"] not in widget._repr_mimebundle_()[0]["text/html"]


def test_a_changed_rule_is_shown_with_what_it_changes(session: Session) -> None:
    assert "No rule changed" in mapping_review.impact(session)._repr_html_()
    change_transform(session.engagement, "Practice.Billing_City", "[text, truncate: {length: 2}]")
    told = mapping_review.impact(session)._repr_html_()
    assert "Practice.Billing_City" in told
    assert "Accounts change Billing_City" in told


def test_the_client_gets_the_mapping_as_a_workbook(session: Session) -> None:
    shown = mapping_review.document(session).text()
    assert "lists/mapping.xlsx" in shown
    book = openpyxl.load_workbook(session.list_path("mapping.xlsx"))
    assert book.sheetnames == ["Fields", "Values", "Not moved"]
    rows = list(book["Fields"].iter_rows(values_only=True))
    assert len(rows) - 1 == sum(len(item.fields) for item in session.mapping.objects)
    city = dict(zip(rows[0], next(row for row in rows if row[3] == "Billing_City"), strict=True))
    assert (city["from"], city["state"], city["type"]) == ("practices.city", "confirmed", "text")
    assert "Ana" in city["decided"]


def test_no_cell_of_the_workbook_is_a_formula(tmp_path: Path) -> None:
    frame = pd.DataFrame({"value": ['=HYPERLINK("http://x")', "plain"]})
    path = write_workbook({"Values": frame}, tmp_path / "book.xlsx")
    sheet = openpyxl.load_workbook(path)["Values"]
    assert [cell.data_type for cell in sheet["A"]] == ["s", "s", "s"]
    assert sheet["A2"].value == '=HYPERLINK("http://x")'


def _rename(engagement: Engagement, old: str, new: str) -> None:
    text = engagement.mapping_path.read_text(encoding="utf-8")
    assert old in text
    engagement.mapping_path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda e: _rename(e, ", sources: practices.phone,", ","), "practices.phone"),
        (lambda e: _rename(e, "in: Incoming, ", ""), "Call Log.Call_Direction__c = in"),
        (lambda e: change_target(e, "Patient.Mobile", "Fax"), "Patient.Fax"),
    ],
    ids=["an undecided column", "an undecided value", "a changed row"],
)
def test_loading_refuses_what_nobody_decided_and_names_it(
    session: Session, spoil: Callable[[Engagement], object], named: str
) -> None:
    spoil(session.engagement)
    if "Fax" not in named:
        decide(session.engagement, by="Ana")
    with pytest.raises(GateClosed) as caught, open_job(session.engagement):
        pass
    assert caught.value.exit_code == 3
    assert named in str(caught.value)
    assert "of the records" in str(caught.value)


def test_a_source_that_no_profile_knows_is_proposed_and_reviewed(
    practice: Path, tmp_path: Path
) -> None:
    database = Path(shutil.copy(practice, tmp_path / "other.db"))
    with sqlite3.connect(database) as connection:
        tables = [name for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )]  # fmt: skip
        for name in tables:
            connection.execute(f"ALTER TABLE {name} RENAME TO tbl_{name}")
    connection.close()
    engagement = new_engagement(tmp_path / "engagement", str(database))
    session = Session(engagement, "run", "02_mapping_review")
    assert audit.snapshot_summary(session)._repr_html_()
    assert audit.findings(session)._repr_html_()
    mapping_review.propose(session)
    assert load_mapping(engagement).profile == PROFILE
    rows = mapping_review.review(session).rows
    assert len({row["confidence"] for row in rows}) > 3
    assert any(row["choices"] for row in rows)
    assert any(row.alternatives for item in session.mapping.objects for row in item.fields)
    decide(engagement, by="Ana")
    assert mapping_review.findings(session)._repr_html_()
