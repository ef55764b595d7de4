"""Records that stand in the org already: found by key, then by rule; persons stay apart."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from migrator_kit.load.job import scope_of
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.plan import plan_job
from migrator_kit.load.rollback import rollback
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping, ObjectMapping, ObjectName, Writes

RULE = ("Email", "Last_Name", "Date_of_Birth")


@pytest.fixture
def patients() -> int:
    return 6


def changed(mapping: Mapping, name: ObjectName, **values: Any) -> Mapping:
    objects = tuple(
        ObjectMapping.model_validate({**one.model_dump(), **values}) if one.object is name else one
        for one in mapping.objects
    )
    return mapping.model_copy(update={"objects": objects})


def person(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "Last_Name": f"LAST{number} ",
        "Email": f"P{number}@mail.example",
        "Date_of_Birth": f"1970-01-{1 + number * 17:02}",
        "Phone": f"+1 202 555 010{number}",
    }
    return {**row, **changes}  # fmt: skip


def insert(target: Target, *rows: dict[str, Any]) -> list[str]:
    made = target.client.records.insert("Contacts", list(rows))
    assert all(one.ok for one in made), made
    return [str(one.id) for one in made]


@pytest.mark.parametrize("sample", [False, True])
def test_a_rule_finds_who_is_there_and_holds_where_it_is_not_sure(
    sample: bool, target: Target, ledger: Ledger, practice: Any, mapping: Mapping, job_of: Any
) -> None:
    # Four and five are twins who share an address: neither may become the other.
    four = practice.row(ObjectName.PATIENT, "000004")
    practice.row(ObjectName.PATIENT, "000005").update(
        {name: four[name] for name in ("Last_Name", "Email", "Date_of_Birth")}
    )
    practice.write()
    uses = changed(mapping, ObjectName.PATIENT, match=[RULE])
    first, other, *_ = insert(
        target, person(1), person(2, Date_of_Birth="1999-01-01"),
        person(3, Date_of_Birth="1970-02-21"), person(3, Date_of_Birth="1970-02-21"),
        person(4, Date_of_Birth="1970-03-10"),
    )  # fmt: skip
    scope = None
    if sample:
        patients = practice.data[ObjectName.PATIENT]
        keys = [{"object": "Patient", "source_id": row["source_id"]} for row in patients]
        keys += [{"object": "Practice", "source_id": key} for key in ("P01", "P02")]
        scope = scope_of(pd.DataFrame(keys))

    planned = plan_job(job_of(target, ledger, uses=uses, scope=scope, planning=True))
    contacts = next(one for one in planned.modules if one.module == "Contacts")
    assert (contacts.create, contacts.update, contacts.hold) == (2, 1, 3)
    report = load(job_of(target, ledger, uses=uses, scope=scope), "run-1")
    counts = report.table().set_index("object").loc["Patient"]
    assert (counts["created"], counts["updated"], counts["held"]) == (2, 1, 3)
    held = ledger.open_failures("Patient").set_index("source_id")["reason"].to_dict()
    assert held == {"000003": "several_matches", "000004": "match_of_several_sources",
                    "000005": "match_of_several_sources"}  # fmt: skip
    assert ledger.crosswalk("Patient").set_index("source_id").loc["000001", "zoho_id"] == first
    found = target.client.records.get("Contacts", first, ["Source_System_ID", "Phone"])
    assert found is not None
    assert (found["Source_System_ID"], found["Phone"]) == ("000001", "+1 202 555 0101")
    apart = target.client.records.get("Contacts", other, ["Source_System_ID"])
    assert apart is not None
    assert apart["Source_System_ID"] is None, "same name and address, other birth date"

    again = load(job_of(target, ledger, uses=uses, scope=scope, provision=False), "run-2")
    assert again.written == 0
    assert rollback(job_of(target, ledger, uses=uses), "undo").complete
    found = target.client.records.get("Contacts", first, ["Source_System_ID", "Last_Name"])
    assert found is not None
    assert (found["Source_System_ID"], found["Last_Name"].strip()) == (None, "LAST1")


@pytest.mark.parametrize(
    ("writes", "created", "updated", "reason"),
    [
        (Writes.CREATE, 5, 0, "stands_already_create_only"),
        (Writes.UPDATE, 0, 1, "not_there_update_only"),
        (Writes.UPSERT, 5, 1, None),
    ],
)
def test_a_module_may_be_created_or_updated_alone(
    writes: Writes, created: int, updated: int, reason: str | None, target: Target,
    ledger: Ledger, mapping: Mapping, job_of: Any,
) -> None:  # fmt: skip
    uses = changed(mapping, ObjectName.PATIENT, match=[RULE], writes=writes)
    insert(target, person(1))
    report = load(job_of(target, ledger, uses=uses), "run-1")
    counts = report.table().set_index("object").loc["Patient"]
    assert (counts["created"], counts["updated"]) == (created, updated)
    assert set(ledger.open_failures("Patient")["reason"]) == ({reason} if reason else set())


@pytest.mark.parametrize(
    ("name", "rule", "complaint"),
    [
        (ObjectName.PLAN, ("Deal_Name",), "takes no match rule"),
        (ObjectName.NOTE, ("Note_Title",), "takes no match rule"),
        (ObjectName.PATIENT, ("Email",), "family"),
        (ObjectName.PATIENT, ("Email", "First_Name", "Date_of_Birth"), "family"),
        (ObjectName.PATIENT, ("Last_Name", "First_Name", "Shoe_Size"), "Shoe_Size"),
        (ObjectName.APPOINTMENT, ("Subject", "Who_Id"), "Who_Id"),
    ],
)
def test_rules_that_would_merge_what_is_not_one_are_refused(
    name: ObjectName, rule: tuple[str, ...], complaint: str, mapping: Mapping
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        changed(mapping, name, match=[rule])
