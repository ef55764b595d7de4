"""From a dump that nobody described to a confirmed mapping, by command, as a stranger would."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import pytest

from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed
from migrator_kit.mapping.decisions import require_confirmed
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.mapping.objects import object_rows
from migrator_kit.source.snapshot import latest_snapshot
from tests.mapping.propose.stranger import PATIENTS, SCHEMA, write_dump

pytestmark = pytest.mark.skipif(not SCHEMA.exists(), reason="the shared schemas are not here")


@pytest.fixture(scope="module")
def engagement(tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    folder = tmp_path_factory.mktemp("stranger")
    dump = write_dump(folder / "dentned.sql")
    where = ["--source", str(dump), "--time-zone", "Europe/Rome"]
    assert main(["init", str(folder / "e"), *where]) == 0
    return Engagement.open(folder / "e")


@pytest.fixture(scope="module")
def report(engagement: Engagement) -> dict[str, Any]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["propose", str(engagement.folder), "--json"]) == 0
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


@pytest.fixture(scope="module")
def mapping(engagement: Engagement, report: dict[str, Any]) -> Mapping:
    assert report["written"]
    return load_mapping(engagement)


def rows_of(mapping: Mapping, name: ObjectName, engagement: Engagement, column: str) -> set[Any]:
    parts = object_rows(latest_snapshot(engagement), mapping, name)
    return {value for part in parts for value in part[column].dropna()}


def test_the_tables_that_hold_something_become_objects(report: dict[str, Any]) -> None:
    assert {one["object"]: one["table"] for one in report["objects"]} == {
        "Patient": "patients", "Appointment": "appointments", "Clinical Note": "patientsnotes",
        "Treatment Plan": "patientstreatments", "Attachment": "patientsattachments",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("patients_surname", "Last_Name"),
        ("patients_name", "First_Name"),
        ("patients_birthdate", "Date_of_Birth"),
        ("patients_sex", "Sex__c"),
        ("appointments_from", "Appointment_Time__c"),
        ("appointments_title", "Subject"),
        ("patientstreatments_price", "Amount"),
        ("patientsnotes_text", "Note_Content"),
        ("patientsnotes_date", "Note_Content"),
        ("patientsattachments_date", "taken_at"),
    ],
)
def test_columns_go_where_a_person_would_send_them(
    report: dict[str, Any], column: str, field: str
) -> None:
    assert [one["field"] for one in report["fields"] if one["column"] == column] == [field]


def test_secrets_stay_behind(report: dict[str, Any]) -> None:
    (told,) = [one for one in report["fields"] if one["column"] == "patients_password"]
    assert told["field"] is None
    assert "secrets have no place" in told["reasons"][0]


def test_a_yes_or_no_is_no_reference_by_chance(report: dict[str, Any]) -> None:
    keys = [one["field"] for one in report["fields"]
            if (one["table"], one["column"]) == ("patients", "patients_id")]  # fmt: skip
    assert keys == ["Source_System_ID__c"]


def test_one_column_a_tooth_becomes_one_list_of_teeth(
    mapping: Mapping, engagement: Engagement
) -> None:
    row = mapping.object(ObjectName.PLAN).field("Teeth__c")
    assert row is not None
    assert len(row.sources) == 32
    teeth = rows_of(mapping, ObjectName.PLAN, engagement, row.columns[0])
    assert {"11", "28", "48"} <= teeth


def test_every_note_moves_with_its_text(mapping: Mapping, engagement: Engagement) -> None:
    row = mapping.object(ObjectName.NOTE).field("Note_Content")
    assert row is not None
    texts = rows_of(mapping, ObjectName.NOTE, engagement, row.columns[-1])
    assert len(texts) == 80


def test_after_the_confirmation_nothing_is_open(
    mapping: Mapping, engagement: Engagement, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(GateClosed, match="migrator confirm"):
        require_confirmed(mapping, latest_snapshot(engagement))
    assert main(["confirm", str(engagement.folder), "--by", "Ana", "--all"]) == 0
    assert "confirmed by Ana" in capsys.readouterr().out
    state = require_confirmed(load_mapping(engagement), latest_snapshot(engagement))
    assert state.complete
    assert state.records >= PATIENTS
