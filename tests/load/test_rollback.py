"""Undo: what the load made goes, what somebody else did stays, and the org is as it was."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import pytest

from migrator_kit.errors import TargetError
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.job import scope_of
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.rollback import rollback
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping, ObjectName


@pytest.fixture
def patients() -> int:
    return 4


def zoho_id(ledger: Ledger, name: ObjectName, source_id: str) -> str:
    frame = ledger.crosswalk(name).set_index("source_id")
    return str(frame.loc[source_id, "zoho_id"])


def reasons(report: Any) -> dict[str, str]:
    return dict(zip(report.held["source_id"], report.held["reason"], strict=True))


def test_a_sample_is_undone_and_the_full_load_follows(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    keys = [("Practice", "P02"), ("Patient", "000001"), ("Treatment Plan", "TP000001"),
            ("Appointment", "A000001"), ("Call Log", "C000001"), ("Clinical Note", "N000001a"),
            ("Attachment", "D000001")]  # fmt: skip
    scope = scope_of(pd.DataFrame(keys, columns=["object", "source_id"]))
    job = job_of(target, ledger, scope=scope)
    before = emulator.stats()["records"]
    load(job, "run-1", kind="sample")
    dry = rollback(job, "run-2", undo="run-1", dry_run=True)
    assert sum(dry.deleted.values()) == 7
    assert emulator.stats()["records"] != before, "a dry run deletes nothing"
    report = rollback(job, "run-3", undo="run-1")
    assert report.complete
    assert report.deleted == dry.deleted
    assert emulator.stats()["records"] == before
    assert emulator.fired()["total"] == 0
    assert ledger.landed().empty
    counts = object_counts(ledger, practice, mapping)
    assert counts["Patient"]["remainder"] == 4, "what was undone is to be driven again"
    assert ledger.verify_audit().ok
    assert rollback(job, "run-4", undo="run-1").deleted == {}

    load(job_of(target, ledger), "run-5")
    counts = object_counts(ledger, practice, mapping)
    assert all(count["remainder"] == 0 for count in counts.values())


def test_later_work_is_held_with_all_that_it_hangs_on(
    target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    job = job_of(target, ledger)
    load(job, "run-1")
    time.sleep(1.1)  # Zoho's times have no fractions of a second
    client = target.client
    edited = zoho_id(ledger, ObjectName.APPOINTMENT, "A000001")
    client.records.update("Tasks", [{"id": edited, "Subject": "Moved by the front desk"}])
    second = zoho_id(ledger, ObjectName.PATIENT, "000002")
    client.notes.create(
        [{"Note_Content": "called back", "Parent_Id": client.notes.parent("Contacts", second)}]
    )
    third = zoho_id(ledger, ObjectName.PATIENT, "000003")
    deal = {"Deal_Name": "New plan", "Stage": "Qualification", "Contact_Name": {"id": third},
            "Pipeline": "Standard (Standard)"}  # fmt: skip
    (made,) = client.records.insert("Deals", [deal])
    assert made.ok

    report = rollback(job, "run-2", undo="run-1")
    assert reasons(report) == {
        "A000001": "edited_since", "TP000001": "linked_since", "000001": "linked_since",
        "000002": "linked_since", "000003": "linked_since", "P01": "linked_since",
        "P02": "linked_since",
    }  # fmt: skip
    kept = client.records.get("Tasks", edited, ["Subject", "Who_Id"])
    assert kept is not None
    assert kept["Subject"] == "Moved by the front desk"
    assert kept["Who_Id"] is not None
    assert client.records.count("Contacts") == 3
    assert client.records.count("Deals") == 2

    forced = rollback(job, "run-3", undo="run-1", force=["A000001"])
    assert "A000001" not in reasons(forced)
    assert client.records.get("Tasks", edited, ["Subject"]) is None
    assert client.records.count("Contacts") == 2, "nothing holds the first patient any more"


def test_what_stood_before_stays_and_one_module_goes_alone(
    emulator: Any, target: Target, ledger: Ledger, job_of: Any
) -> None:
    job = job_of(target, ledger)
    target.client.records.insert(
        "Accounts", [{"Account_Name": "Practice 1", "Source_System_ID": "P01"}]
    )
    load(job, "run-1")
    assert rollback(job, "run-2", module="Tasks").deleted == {"Appointment": 4}
    held = reasons(rollback(job, "run-3", module="Contacts"))
    assert set(held.values()) == {"linked_since"}
    assert emulator.stats()["records"]["Contacts"] == 4
    assert rollback(job, "run-4").complete
    assert emulator.stats()["records"]["Accounts"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_trouble_on_the_line_undoes_all_the_same(
    when: str, emulator: Any, target: Target, ledger: Ledger, job_of: Any
) -> None:
    job = job_of(target, ledger)
    load(job, "run-1")
    rule = {"do": "cut", "when": when, "match": "DELETE *", "chance": 0.4}
    emulator.faults({"seed": 3, "rules": [rule]})
    for attempt in range(20):
        try:
            report = rollback(job, f"undo-{attempt}")
        except TargetError:
            continue
        break
    assert report.complete
    stored = emulator.stats()["records"]
    assert {stored[name] for name in ("Contacts", "Deals", "Tasks", "Notes", "Attachments")} == {0}
    assert ledger.landed().empty
    assert ledger.unsettled() == []
    assert ledger.verify_audit().ok


def test_lookups_within_one_module_do_not_hold_each_other(
    target: Target, ledger: Ledger, job_of: Any
) -> None:
    job = job_of(target, ledger)
    load(job, "run-1")
    first, second = (zoho_id(ledger, ObjectName.PATIENT, key) for key in ("000001", "000002"))
    client = target.client
    client.records.update("Contacts", [{"id": first, "Reporting_To": {"id": second}}])
    report = rollback(job, "run-2", force=["000001"])
    assert report.complete
    assert client.records.count("Contacts") == 0
