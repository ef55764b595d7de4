"""Undo of what a load overwrote: old values come back field by field, later work stays."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from migrator_kit.errors import LedgerError, ParameterError, TargetError
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.org_state import org_state
from migrator_kit.load.rollback import rollback
from migrator_kit.load.target import Target
from migrator_kit.load.unprovision import undo_provisioning
from migrator_kit.load.vault import Before, Vault, Written
from migrator_kit.mapping.model import ObjectName

KEY = b"k" * 32


@pytest.fixture
def patients() -> int:
    return 4


def contact(target: Target, zoho_id: str, *fields: str) -> dict[str, Any]:
    found = target.client.records.get("Contacts", zoho_id, fields)
    assert found is not None
    return found


def zoho_id(ledger: Ledger, name: ObjectName, source_id: str) -> str:
    frame = ledger.crosswalk(name).set_index("source_id")
    return str(frame.loc[source_id, "zoho_id"])


def stood_before(target: Target) -> str:
    """A patient who is in the org already, under the source key, with facts of the org's own."""
    row = {"Last_Name": "Stood", "First_Name": "Before", "Email": "old@mail.example",
           "Phone": "+1 202 555 0100", "Source_System_ID": "000001"}  # fmt: skip
    (made,) = target.client.records.insert("Contacts", [row])
    assert made.id
    return made.id


def test_what_stood_before_gets_its_old_values_back(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    job = job_of(target, ledger)
    known = stood_before(target)
    load(job, "run-1", state=org_state)
    assert contact(target, known, "Last_Name", "Phone")["Last_Name"] == "Last1"
    dry = rollback(job, "run-2", undo="run-1", dry_run=True, state=org_state)
    assert (dry.restored, dry.as_before) == ({"Patient": 1}, False)
    report = rollback(job, "run-3", undo="run-1", state=org_state)
    assert report.complete
    assert report.restored == dry.restored
    assert report.deleted == dry.deleted
    assert report.as_before, "every record, note and file of the org is as it was"
    found = contact(target, known, "Last_Name", "First_Name", "Email", "Phone", "Account_Name")
    assert (found["Last_Name"], found["First_Name"]) == ("Stood", "Before")
    assert (found["Email"], found["Account_Name"]) == ("old@mail.example", None)
    assert ledger.landed().empty
    assert ledger.verify_audit().ok
    assert set(ledger.audit()["action"]) >= {"updated", "restore", "delete"}
    assert emulator.fired()["total"] == 0

    load(job_of(target, ledger, provision=False), "run-4")
    assert contact(target, known, "Last_Name")["Last_Name"] == "Last1"
    assert rollback(job_of(target, ledger), "run-5").complete
    assert contact(target, known, "Last_Name")["Last_Name"] == "Stood"


def test_one_of_several_runs_is_undone_alone_and_in_order(
    target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    second = zoho_id(ledger, ObjectName.PATIENT, "000002")
    for number in (2, 3):
        practice.row(ObjectName.PATIENT, "000002")["First_Name"] = f"Name {number}"
        practice.row(ObjectName.NOTE, "N000002a")["Note_Content"] += f"\nline {number}"
        practice.write()
        assert load(job_of(target, ledger, provision=False), f"run-{number}").written == 2
    job = job_of(target, ledger, provision=False)
    refused = rollback(job, "undo-1", undo="run-2")
    assert set(refused.held["reason"]) == {"written_by_a_later_run"}
    assert set(refused.held["changed_by"]) == {"run-3"}
    assert rollback(job, "undo-2", undo="run-3").restored == {"Patient": 1, "Clinical Note": 1}
    assert contact(target, second, "First_Name")["First_Name"] == "Name 2"
    assert rollback(job, "undo-3", undo="run-2").complete
    assert contact(target, second, "First_Name")["First_Name"] == "First2"
    (note,) = target.client.notes.list_for("Contacts", second)
    assert note["Note_Content"].endswith("text of N000002a")
    again = load(job_of(target, ledger, provision=False), "run-4")
    assert again.written == 2, "what was undone is known to be open again"


def test_a_field_that_somebody_changed_since_is_held_with_name_and_time(
    target: Target, ledger: Ledger, practice: Any, job_of: Any, front_desk: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    first, second = (zoho_id(ledger, ObjectName.PATIENT, key) for key in ("000001", "000002"))
    for key in ("000001", "000002"):
        practice.row(ObjectName.PATIENT, key)["Email"] = f"new{key}@mail.example"
    practice.write()
    load(job_of(target, ledger, provision=False), "run-2")
    front_desk("Contacts", first, Email="desk@mail.example")
    front_desk("Contacts", second, Phone="+1 202 555 0100")

    job = job_of(target, ledger, provision=False)
    report = rollback(job, "undo-1", undo="run-2")
    (held,) = report.held.to_dict("records")
    assert (held["object"], held["source_id"]) == ("Patient", "000001")
    assert (held["reason"], held["changed"]) == ("edited_since", "Email")
    assert held["changed_by"] == front_desk.email
    assert held["changed_at"]
    assert contact(target, first, "Email")["Email"] == "desk@mail.example"
    found = contact(target, second, "Email", "Phone")
    assert (found["Email"], found["Phone"]) == ("p2@mail.example", "+1 202 555 0100")

    forced = rollback(job, "undo-2", undo="run-2", force=["Patient/000001"])
    assert forced.complete
    assert contact(target, first, "Email")["Email"] == "p1@mail.example"


def test_one_record_alone_is_undone(
    target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    job = job_of(target, ledger)
    load(job, "run-1")
    report = rollback(job, "undo", records={ObjectName.APPOINTMENT: ["A000003"]})
    assert report.deleted == {"Appointment": 1}
    assert report.in_bin_until is not None
    assert len(ledger.crosswalk(ObjectName.APPOINTMENT)) == 3
    with pytest.raises(ParameterError, match="no run run-9"):
        rollback(job, "undo", undo="run-9")
    with pytest.raises(ParameterError, match="no module Leads"):
        rollback(job, "undo", module="Leads")


def test_edits_of_what_was_created_are_named_by_field(
    target: Target, ledger: Ledger, job_of: Any, front_desk: Any
) -> None:
    job = job_of(target, ledger)
    load(job, "run-1")
    front_desk("Tasks", zoho_id(ledger, ObjectName.APPOINTMENT, "A000001"), Subject="Moved")
    front_desk("Tasks", zoho_id(ledger, ObjectName.APPOINTMENT, "A000002"), Priority="High")
    report = rollback(job, "undo", undo="run-1")
    held = report.held.set_index("source_id")
    assert held.loc["A000001", "changed"] == "Subject"
    assert held.loc["A000002", "changed"] == "fields that the migration does not fill"
    assert held.loc["A000001", "changed_by"] == front_desk.email
    assert held.loc["000001", "changed"] == "Deals (1), Tasks (1)"
    text = str(report.to_json())
    assert "Moved" not in text
    assert "Last1" not in text


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_neither_loses_the_old_value_nor_restores_it_wrongly(
    when: str, emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    job_of(target, ledger)
    known = stood_before(target)
    rule = {"do": "cut", "when": when, "match": "PUT /crm/v8/Contacts", "times": 40}
    emulator.faults({"rules": [rule]})
    with pytest.raises(TargetError):
        load(job_of(target, ledger, provision=False), "run-1")
    emulator.faults({})
    load(job_of(target, ledger, provision=False), "run-2")
    assert contact(target, known, "Last_Name")["Last_Name"] == "Last1"
    job = job_of(target, ledger, provision=False)
    emulator.faults({"rules": [{**rule, "times": 40}]})
    with pytest.raises(TargetError):
        rollback(job, "undo-1")
    emulator.faults({})
    assert rollback(job, "undo-2").complete
    found = contact(target, known, "Last_Name", "Email")
    assert (found["Last_Name"], found["Email"]) == ("Stood", "old@mail.example")


def test_images_are_sealed_and_bound_to_their_record(tmp_path: Any) -> None:
    path = tmp_path / "images.db"
    vault = Vault(path, KEY)
    vault.keep_written("Patient", [("1", "d", Written({"Last_Name": "Papadopoulou"}))])
    vault.keep_before("Patient", "run", [Before("1", "run", {"Email": "who@mail.example"})])
    assert vault.written("Patient", {"1": "d"})["1"].fields == {"Last_Name": "Papadopoulou"}
    assert vault.written("Patient", {"1": "other"}) == {}
    vault.close()
    stored = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert b"Papadopoulou" not in stored
    assert b"who@mail" not in stored
    assert path.stat().st_mode & 0o077 == 0
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE written_on SET source_id = '2'")
    moved = Vault(path, KEY)
    with pytest.raises(LedgerError, match="Patient 2: its image"):
        moved.written("Patient", {"2": "d"})
    moved.close()
    stranger = Vault(path, b"x" * 32)
    with pytest.raises(LedgerError, match="does not open"):
        stranger.before("Patient")
    stranger.close()


def test_provisioning_is_undone_once_its_fields_are_empty(
    target: Target, ledger: Ledger, job_of: Any
) -> None:
    before = {one.label for one in target.client.metadata.fields("Contacts")}
    job = job_of(target, ledger)
    load(job, "run-1")
    full = undo_provisioning(target, ledger, "undo-0")
    assert {"Source System ID", "Source Created Time"} <= set(full.held["label"])
    assert full.held.set_index("label").loc["Treatment Stage", "records"] == 4
    rollback(job, "undo-1")
    dry = undo_provisioning(target, ledger, "undo-2", dry_run=True)
    assert {one.label for one in target.client.metadata.fields("Contacts")} != before
    report = undo_provisioning(target, ledger, "undo-3")
    assert report.removed == dry.removed
    assert report.held.empty
    assert {one.label for one in target.client.metadata.fields("Contacts")} == before
    assert ledger.verify_audit().ok
    load(job_of(target, ledger), "run-2")
    assert len(ledger.crosswalk(ObjectName.PATIENT)) == 4
