"""What people change in Zoho CRM after the load is told from what arrived wrongly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from migrator_kit.compare.edited import with_edits
from migrator_kit.compare.reconcile import reconcile
from migrator_kit.compare.verdicts import Recommendation
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.loader import load
from migrator_kit.load.staff_edits import staff_edits
from migrator_kit.mapping.model import ObjectName
from tests.compare.moved import Moved, move


@pytest.fixture
def moved(emulator: Any, tmp_path: Any, new_practice: Any) -> Iterator[Moved]:
    done = move(new_practice(tmp_path, patients=8), emulator.url, tmp_path)
    yield done
    done.ledger.close()
    done.target.close()


def test_a_person_s_edit_is_no_fault_and_everybody_else_s_is(emulator: Any, moved: Moved) -> None:
    other = next(
        user for user in moved.target.users
        if user.active and user.id != moved.target.api_user.id
    )  # fmt: skip
    desk = emulator.session(f"emulator:{other.email}")

    def edit(module: str, name: ObjectName, source_id: str, **values: Any) -> None:
        row = {"id": moved.zoho_id(name, source_id), **values}
        answer = desk.put(f"{emulator.url}/crm/v8/{module}", json={"data": [row]}, timeout=10)
        assert answer.json()["data"][0]["code"] == "SUCCESS", answer.text

    policies = moved.practice.shaped[ObjectName.INSURANCE]
    policy = policies[policies["slot"] == 2].iloc[0]
    insured, carrier = policy["parent_id"], moved.api_name("Contacts", "Insurance_Carrier_2__c")
    edit("Contacts", ObjectName.PATIENT, insured, Last_Name="Married", **{carrier: "Other"})
    edit("Deals", ObjectName.PLAN, "TP000002", Amount=9_999,
         Contact_Name={"id": moved.zoho_id(ObjectName.PATIENT, "000007")})  # fmt: skip
    edit("Deals", ObjectName.PLAN, "TP000004", Description="called back")
    note = moved.practice.shaped[ObjectName.NOTE].set_index("source_id").loc["N000001"]
    edit("Notes", ObjectName.NOTE, "N000001", Note_Content=note["Note_Content"] + "\nlater")
    # A hand in Zoho, then a delta of ours to another field: the first stays the person's.
    edit("Contacts", ObjectName.PATIENT, "000005", First_Name="Desk")
    patients = moved.practice.shaped[ObjectName.PATIENT]
    patients.loc[patients["source_id"] == "000005", "Last_Name"] = "Delta"
    shutil.rmtree(moved.practice.folder / "shaped")
    assert load(moved.job, "run-2", kind="delta").written == 1
    # Our own user is no person that could be told from the load: a fault.
    wrong = {"id": moved.zoho_id(ObjectName.PLAN, "TP000006"), "Amount": 1.0}
    assert moved.target.client.records.update("Deals", [wrong])[0].ok

    landed = moved.read("edited")
    plain = moved.diff(landed)
    report = with_edits(
        plain, moved.practice, moved.practice.mapping, lambda keys: staff_edits(moved.job, keys)
    )
    assert report.differences()[["source_id", "field", "verdict"]].to_numpy().tolist() == [
        ["TP000006", "Amount", "changed_by_zoho"]
    ]
    edits = report.edits()
    assert {(row.source_id, row.field) for row in edits.itertuples()} == {
        (insured, "Last_Name"), (insured, "Insurance_Carrier_2__c"),
        (policy["source_id"], "Insurance_Carrier__c"),
        ("TP000002", "Amount"), ("TP000002", "Contact_Name"), ("N000001", "Note_Content"),
        ("000005", "First_Name"),
    }  # fmt: skip
    told = edits.set_index("source_id")
    assert told.loc["N000001", "changed_by"] == other.email
    assert told.loc["N000001", "changed_at"]
    assert (told.loc["000005", "changed_by"], told.loc["000005", "changed_at"]) == ("", "")
    assert not report.clean
    counts = ["equal", "equal_after_rule", "changed_by_zoho", "lost", "unexpected", "hidden"]
    whole = report.fields[[*counts, "edited_in_zoho"]].sum(axis=1)
    assert (whole == report.fields["compared"]).all()

    accounts = object_counts(moved.ledger, moved.practice, moved.practice.mapping)
    scope = replace(moved.scope(), edits=edits)
    result = reconcile(
        accounts, moved.practice, landed, moved.practice.mapping, moved.folder / "books",
        scope=scope, diff=report,
    )  # fmt: skip
    verdicts = {one.object: one for one in result.verdicts}
    assert verdicts["Patient"].recommendation is Recommendation.GO
    assert "3 values changed in Zoho by people since" in verdicts["Patient"].words
    assert verdicts["Clinical Note"].recommendation is Recommendation.GO
    assert verdicts["Treatment Plan"].recommendation is Recommendation.ROLL_BACK
    wrong_rows = result.totals[~result.totals["agrees"]]
    assert set(zip(wrong_rows["object"], wrong_rows["field"], strict=True)) == {
        ("Treatment Plan", "Amount")
    }
    assert result.links["agrees"].all(), "a plan that the desk moved to another patient"
