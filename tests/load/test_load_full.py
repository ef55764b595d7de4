"""A whole small practice into the emulator: linked, accounted for, quiet, and only once."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from migrator_kit.errors import GateClosed, LedgerError
from migrator_kit.load.accounts import exclusion_list, failures, object_counts
from migrator_kit.load.job import scope_of
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.plan import plan_job
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping, ObjectName

WRITES = ("POST", "PUT", "DELETE")


def ids_by_source(ledger: Ledger, name: ObjectName) -> dict[str, str]:
    frame = ledger.crosswalk(name)
    return dict(zip(frame["source_id"], frame["zoho_id"], strict=True))


def records(target: Target, module: str, *fields: str) -> dict[str, dict[str, Any]]:
    return {str(row["id"]): row for row in target.client.records.list(module, fields)}


def writes_of(emulator: Any) -> dict[str, int]:
    requests = emulator.stats()["requests"]
    return {
        name: count
        for name, count in requests.items()
        if name.startswith(WRITES) and "coql" not in name and "oauth" not in name
    }


def api_calls(emulator: Any) -> int:
    requests = emulator.stats()["requests"]
    return sum(n for name, n in requests.items() if "oauth" not in name and "_emulator" not in name)


def id_of(reference: dict[str, Any] | None) -> str | None:
    return None if reference is None else str(reference["id"])


def test_the_whole_practice_arrives_linked(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    job = job_of(target, ledger)
    report = load(job, "run-1")

    accounts, patients, plans = (
        ids_by_source(ledger, name)
        for name in (ObjectName.PRACTICE, ObjectName.PATIENT, ObjectName.PLAN)
    )
    contacts = records(
        target,
        "Contacts",
        "Account_Name",
        "Owner",
        "Date_of_Birth",
        "Source_System_ID",
        "Insurance_Carrier",
    )
    for row in practice.data[ObjectName.PATIENT]:
        contact = contacts[patients[row["source_id"]]]
        assert contact["Source_System_ID"] == row["source_id"]
        assert id_of(contact["Account_Name"]) == accounts[row["Account_Name"]]
        assert contact["Date_of_Birth"] == row["Date_of_Birth"].isoformat()
        assert contact["Insurance_Carrier"] == "Mutual"
        assert id_of(contact["Owner"]) == job.owners.user_ids[row["Owner"]]
    deals = records(
        target, "Deals", "Contact_Name", "Stage", "Treatment_Stage", "Amount", "Pipeline"
    )
    assert len(deals) == 12, "plans of one name must stay apart"
    for row in practice.data[ObjectName.PLAN]:
        deal = deals[plans[row["source_id"]]]
        assert id_of(deal["Contact_Name"]) == patients[row["Contact_Name"]]
        assert (deal["Stage"], deal["Treatment_Stage"]) == (row["Stage"], row["Treatment_Stage__c"])
        assert deal["Amount"] == row["Amount"]
    tasks = records(target, "Tasks", "Who_Id", "What_Id", "Due_Date")
    appointments = ids_by_source(ledger, ObjectName.APPOINTMENT)
    for row in practice.data[ObjectName.APPOINTMENT]:
        task = tasks[appointments[row["source_id"]]]
        assert id_of(task["Who_Id"]) == patients[row["Who_Id"]]
        assert id_of(task["What_Id"]) == (plans[row["What_Id"]] if row["What_Id"] else None)
    events = records(target, "Events", "Who_Id")
    calls = ids_by_source(ledger, ObjectName.CALL_LOG)
    for row in practice.data[ObjectName.CALL_LOG]:
        assert id_of(events[calls[row["source_id"]]]["Who_Id"]) == patients[row["Who_Id"]]
    for key, zoho_id in patients.items():
        (note,) = target.client.notes.list_for("Contacts", zoho_id)
        assert note["Note_Content"] == practice.row(ObjectName.NOTE, f"N{key}a")["Note_Content"]
        (file,) = target.client.attachments.list("Contacts", zoho_id)
        assert file.size == (practice.documents / "IMG" / f"{key}.jpg").stat().st_size

    stats = emulator.stats()
    assert emulator.fired()["total"] == 0
    assert stats["ignored_fields"] == {}
    assert report.written == sum(len(rows) for name, rows in practice.data.items()
                                 if name not in (ObjectName.INSURANCE, ObjectName.PLAN_ID,
                                                 ObjectName.RULE))  # fmt: skip
    assert ledger.verify_audit().ok
    assert ledger.runs()["state"].tolist() == ["done"]


def test_every_object_is_accounted_for(
    target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    practice.rejected = [
        {"object": "Patient", "source_id": "000099", "field": "Last_Name", "action": "excluded",
         "reason": "missing_required", "expected": "a name", "remedy": "give one"},
        {"object": "Patient", "source_id": "000001", "field": "Email", "action": "emptied",
         "reason": "bad_email", "expected": "an address", "remedy": "correct it"},
    ]  # fmt: skip
    job = job_of(target, ledger)
    before = object_counts(ledger, practice, mapping)
    assert before["Patient"]["remainder"] == 12, "what is not loaded yet is the remainder"
    load(job, "run-1")
    counts = object_counts(ledger, practice, mapping)
    assert list(counts) == [str(name) for name in ObjectName]
    assert all(count["remainder"] == 0 for count in counts.values())
    assert counts["Patient"] == {
        "module": "Contacts", "source": 13, "created": 12, "updated": 0, "matched": 0,
        "excluded": 1, "merged": 0, "failed": 0, "remainder": 0,
    }  # fmt: skip
    assert counts["Insurance"]["created"] == 12
    assert counts["Insurance"]["module"] == "Contacts"
    assert counts["Treatment Plan ID"]["created"] == 12
    assert counts["Reminder Rule"]["excluded"] == 1
    assert exclusion_list(ledger, practice)["source_id"].tolist() == ["000099"]
    assert failures(ledger, mapping).empty


def test_a_second_run_writes_nothing_and_a_third_only_what_changed(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    before, outcomes = writes_of(emulator), len(ledger.latest_outcomes())
    rows = ledger.verify_audit().rows
    report = load(job_of(target, ledger, provision=False), "run-2")
    assert writes_of(emulator) == before
    assert report.written == 0
    assert report.table()["unchanged"].sum() == sum(
        practice.rows(name) for name in ObjectName
        if name not in (ObjectName.INSURANCE, ObjectName.PLAN_ID, ObjectName.RULE)
    )  # fmt: skip
    assert (ledger.verify_audit().rows, len(ledger.latest_outcomes())) == (rows, outcomes)

    practice.row(ObjectName.PATIENT, "000003").update(First_Name=None, Email="new@mail.example")
    note = practice.row(ObjectName.NOTE, "N000002a")
    note["Note_Content"] += "\nan afterthought"
    practice.write()
    before = writes_of(emulator)
    report = load(job_of(target, ledger, provision=False), "run-3")
    assert report.written == 2
    assert sum(writes_of(emulator).values()) - sum(before.values()) == 2
    patients = ids_by_source(ledger, ObjectName.PATIENT)
    contact = records(target, "Contacts", "First_Name", "Email")[patients["000003"]]
    assert (contact["First_Name"], contact["Email"]) == (None, "new@mail.example")
    (found,) = target.client.notes.list_for("Contacts", patients["000002"])
    assert found["Note_Content"].endswith("afterthought")
    states = ledger.crosswalk(ObjectName.PATIENT)["state"]
    assert set(states) == {"created"}, "a record we made stays one we made"


def test_a_sample_loads_its_records_alone_and_the_full_load_the_rest(
    target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    keys = [("Practice", "P01"), ("Practice", "P02"), ("Patient", "000001"),
            ("Treatment Plan", "TP000001"), ("Appointment", "A000001"),
            ("Clinical Note", "N000001b"), ("Attachment", "D000001")]  # fmt: skip
    scope = scope_of(pd.DataFrame(keys, columns=["object", "source_id"]))
    sample = load(job_of(target, ledger, scope=scope), "run-1", kind="sample")
    assert sample.written == 7
    assert len(records(target, "Contacts", "Last_Name")) == 1
    rest = load(job_of(target, ledger), "run-2")
    assert rest.table().set_index("object")["unchanged"].to_dict()["Patient"] == 1
    assert len(records(target, "Contacts", "Last_Name")) == 12
    assert len(records(target, "Tasks", "Subject")) == 12


def test_nothing_is_loaded_before_provisioning(
    emulator: Any, target: Target, ledger: Ledger, job_of: Any
) -> None:
    with pytest.raises(GateClosed, match="lacks") as closed:
        job_of(target, ledger, provision=False)
    assert closed.value.gate == "provisioning"
    assert writes_of(emulator) == {}


def test_a_ledger_of_another_org_stops_the_load(
    target: Target, ledger: Ledger, job_of: Any
) -> None:
    with ledger.writing("load", "run-0") as writer:
        writer.bind_org("emulator:another")
    with pytest.raises(LedgerError, match="another org"):
        load(job_of(target, ledger), "run-1")


def test_the_plan_says_what_the_load_then_does(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping, job_of: Any
) -> None:
    unprovisioned = job_of(target, ledger, provision=False, planning=True)
    first = plan_job(unprovisioned)
    assert writes_of(emulator) == {}
    assert first.to_json()["modules"]["Contacts"]["create"] == 12
    assert first.to_json()["modules"]["Notes"]["create"] == 24
    assert first.fits
    second = plan_job(job_of(target, ledger, planning=True))
    assert second.table()["create"].tolist() == first.table()["create"].tolist()
    job, before = job_of(target, ledger), api_calls(emulator)
    report = load(job, "run-1")
    assert report.written == second.writes
    assert report.credits == second.credits
    assert report.calls == api_calls(emulator) - before
    assert report.calls == pytest.approx(second.table()["calls"].sum(), rel=0.1)
    after = plan_job(job_of(target, ledger, planning=True))
    assert after.writes == 0
    assert after.table()["skip"].sum() == second.writes


def test_the_ledger_may_be_in_postgresql(
    emulator: Any, target: Target, postgres_url: str, practice: Any, mapping: Mapping, job_of: Any
) -> None:
    ledger = Ledger(postgres_url, "engagement")
    load(job_of(target, ledger), "run-1")
    before = writes_of(emulator)
    assert load(job_of(target, ledger, provision=False), "run-2").written == 0
    assert writes_of(emulator) == before
    counts = object_counts(ledger, practice, mapping)
    assert all(count["remainder"] == 0 for count in counts.values())
    assert ledger.verify_audit().ok
    ledger.close()
