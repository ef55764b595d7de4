"""What the records of a load tell about automations, where nobody counts them."""

from __future__ import annotations

from typing import Any

import pytest

from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.quiet import quiet_proof
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import ObjectName


@pytest.fixture
def patients() -> int:
    return 3


def test_a_quiet_load_is_shown_to_be_quiet_and_a_loud_one_is_not(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any, front_desk: Any
) -> None:
    (known,) = target.client.records.insert(
        "Contacts", [{"Last_Name": "Stood", "Phone": "+1 202 555 0100"}]
    )
    job = job_of(target, ledger)
    target.client.records.update("Contacts", [{"id": known.id, "Source_System_ID": "000003"}])
    load(job, "run-1")
    proof = quiet_proof(job, "run-1")
    assert proof.quiet, proof.signs
    assert proof.checked == 2 + 3 * 7
    assert proof.to_json()["proven"]
    assert emulator.fired()["total"] == 0

    patients = ledger.crosswalk(ObjectName.PATIENT).set_index("source_id")["zoho_id"]
    front_desk("Contacts", patients["000001"], Email="x@mail.example")
    # An automation that acts as our own user, within the second of our write.
    target.client.records.update("Contacts", [{"id": patients["000002"], "Email": "y@m.example"}])
    task = {"Subject": "Call back", "Who_Id": {"id": patients["000003"]}}
    assert target.client.records.insert("Tasks", [task])[0].ok
    loud = quiet_proof(job)
    signs = loud.signs.set_index("source_id")
    assert not loud.quiet
    assert signs.loc["000001", ["what", "changed_by"]].tolist() == ["Email", front_desk.email]
    assert signs.loc["000002", "what"] == "Email"
    assert signs.loc["000003", ["sign", "what"]].tolist() == [
        "something appeared on it", "Tasks (1)",
    ]  # fmt: skip
    assert "mail.example" not in str(loud.to_json()).replace(front_desk.email, "")
