"""The order of the load, and which fields of which module the mapping fills."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.load.order import load_order
from migrator_kit.load.target_fields import record_fields, target_fields
from migrator_kit.mapping.model import Mapping, ObjectName

RECORDS = ["Practice", "Patient", "Treatment Plan", "Appointment", "Call Log"]


def mapping_with(links: dict[str, list[list[str]]]) -> Mapping:
    objects: list[dict[str, Any]] = [
        {"object": name, "landing": "records", "module": name, "key": "K", "select": "-",
         "fields": [{"target": f"L{n}", "lookup": to} for n, to in enumerate(links.get(name, []))]}
        for name in RECORDS
    ]  # fmt: skip
    for name, landing in (("Clinical Note", "notes"), ("Attachment", "files")):
        objects.append({"object": name, "landing": landing, "select": "-",
                        "fields": [{"target": "Parent_Id", "lookup": ["Patient"]}]})  # fmt: skip
    return Mapping.model_validate({"profile": "p", "objects": objects[::-1]})


def test_the_usual_order(mapping: Mapping) -> None:
    steps = load_order(mapping)
    assert [step.module for step in steps] == [
        "Accounts", "Contacts", "Deals", "Tasks", "Events", "Notes", "Attachments",
    ]  # fmt: skip
    assert all(step.deferred == () for step in steps)


LOOKUP = st.lists(st.sampled_from(RECORDS), min_size=1, max_size=2, unique=True)


@given(st.dictionaries(st.sampled_from(RECORDS), st.lists(LOOKUP, max_size=3)))
def test_no_record_is_sent_with_a_link_to_what_comes_later(
    links: dict[str, list[list[str]]],
) -> None:
    steps = load_order(mapping_with(links))
    assert sorted(step.object for step in steps) == sorted(
        [*RECORDS, "Clinical Note", "Attachment"]
    )
    done: set[ObjectName] = set()
    for step in steps:
        for row in step.mapping.fields:
            if row.target not in step.deferred:
                assert set(row.lookup) <= done
        done.add(step.object)
    assert [step.object for step in steps][-2:] == [ObjectName.NOTE, ObjectName.ATTACHMENT]


def test_an_object_that_points_at_itself_defers_that_link_alone() -> None:
    links = {"Patient": [["Patient"], ["Practice"]]}
    steps = {step.object: step for step in load_order(mapping_with(links))}
    assert steps[ObjectName.PATIENT].deferred == ("L0",)


def test_slots_become_numbered_fields_of_the_carrying_module(mapping: Mapping) -> None:
    labels = {field.logical: field.create.label for field in target_fields(mapping)
              if field.module == "Contacts" and field.create}  # fmt: skip
    assert labels["Insurance_Carrier__c"] == "Insurance Carrier"
    assert labels["Insurance_Carrier_2__c"] == "Insurance Carrier 2"
    carried = {field.logical for field in record_fields(mapping, ObjectName.PATIENT)}
    assert {"Last_Name", "Insurance_Carrier_2__c"} <= carried


def test_a_key_that_two_objects_fill_is_one_field(mapping: Mapping) -> None:
    found = [f for f in target_fields(mapping) if f.logical == "Treatment_Plan_ID__c"]
    assert len(found) == 1
    assert found[0].create is not None
