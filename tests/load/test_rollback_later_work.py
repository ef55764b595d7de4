"""Undo a week later: people edited one record in twenty, wrote notes, added deals. All of it stays.

What the org holds is read as a whole before the load, before the undo and after it: what people
touched is as they left it, everything else as it was before the load.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.rollback import rollback
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import ObjectName

SHARE = 0.05
FIELDS = {
    "Accounts": ("Account_Name", "Phone", "Source_System_ID"),
    "Contacts": ("Last_Name", "First_Name", "Email", "Phone", "Account_Name", "Source_System_ID"),
    "Deals": ("Deal_Name", "Amount", "Stage", "Description", "Contact_Name", "Account_Name"),
    "Tasks": ("Subject", "Due_Date", "Priority", "Who_Id", "What_Id"),
    "Events": ("Event_Title", "Start_DateTime", "Who_Id"),
}
BY_HAND: dict[ObjectName, tuple[str, dict[str, Any]]] = {
    ObjectName.PATIENT: ("Contacts", {"Phone": "+1 202 555 0100"}),
    ObjectName.PLAN: ("Deals", {"Description": "called back"}),
    ObjectName.APPOINTMENT: ("Tasks", {"Subject": "moved by the desk"}),
    ObjectName.CALL_LOG: ("Events", {"Event_Title": "called again"}),
    ObjectName.NOTE: ("Notes", {"Note_Title": "read"}),
}

Things = dict[tuple[str, str], tuple[Any, ...]]


@pytest.fixture
def patients() -> int:
    return 20


def everything(target: Target) -> Things:
    """Return all that the org holds, by module and id."""
    found: Things = {}
    for module, fields in FIELDS.items():
        for row in target.client.records.coql(fields, module):
            values = ((row.get(name) or {}).get("id") if isinstance(row.get(name), dict)
                      else row.get(name) for name in fields)  # fmt: skip
            found[module, str(row["id"])] = tuple(values)
    for note in target.client.notes.list_all():
        parent = note["Parent_Id"]["id"]
        found["Notes", str(note["id"])] = (note["Note_Title"], note["Note_Content"], parent)
    for module, zoho_id in [key for key in found if key[0] == "Contacts"]:
        for file in target.client.attachments.list(module, zoho_id):
            found["Attachments", file.id] = (file.file_name, file.size, zoho_id)
    return found


def test_what_people_did_is_intact_and_everything_else_as_before(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any, front_desk: Any
) -> None:
    job = job_of(target, ledger)
    stood = {"Last_Name": "Stood", "Phone": "1", "Source_System_ID": "000001"}
    assert target.client.records.insert("Contacts", [stood])[0].ok
    assert target.client.records.insert("Accounts", [{"Account_Name": "Of another time"}])[0].ok
    before = everything(target)
    load(job, "run-1")
    landed = ledger.landed()
    chance, edited = random.Random(4), set[str]()
    for name, (module, change) in BY_HAND.items():
        ids = landed.loc[
            (landed["object"] == name) & (landed["source_id"] != "000001"), "zoho_id"
        ].tolist()
        for zoho_id in chance.sample(ids, max(1, round(SHARE * len(ids)))):
            front_desk(module, zoho_id, **change)
            edited.add(zoho_id)
    patients = landed[landed["object"] == ObjectName.PATIENT].set_index("source_id")["zoho_id"]
    client = target.client
    parent = client.notes.parent("Contacts", patients["000007"])
    note = {"Note_Content": "called", "Parent_Id": parent}
    deal = {"Deal_Name": "New plan", "Stage": "Qualification", "Pipeline": "Standard (Standard)",
            "Contact_Name": {"id": patients["000009"]}}  # fmt: skip
    added = {client.notes.create([note])[0].id, client.records.insert("Deals", [deal])[0].id}
    left_by_people = everything(target)

    report = rollback(job, "undo", undo="run-1")
    after = everything(target)
    held = report.held.set_index("zoho_id")
    for key, values in left_by_people.items():
        if key[1] in edited | added:
            assert after[key] == values, f"{key[0]}: what people did is intact"
    rest = {key: values for key, values in after.items() if key in before}
    assert rest == before, "what stood before the load is as it was"
    stays = {zoho_id for _, zoho_id in after} - {zoho_id for _, zoho_id in before}
    assert stays - added == set(held.index), "whatever else stays is listed"
    assert edited <= set(held.index)
    assert set(held.loc[list(edited), "reason"]) == {"edited_since"}
    assert set(held.loc[list(edited), "changed_by"]) == {front_desk.email}
    assert {patients["000007"], patients["000009"]} <= set(held.index)
    for key in ((module, zoho_id) for module, zoho_id in after if zoho_id in held.index):
        assert after[key] == left_by_people[key], "what is held keeps its fields and its links"
    assert report.deleted[ObjectName.ATTACHMENT] >= len(patients) - 1 - len(edited)
    assert ledger.verify_audit().ok
    again = rollback(job, "undo-2", undo="run-1")
    assert again.deleted == {}
    assert set(again.held["zoho_id"]) == set(held.index)
