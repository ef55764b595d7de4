"""Read-back from an org: loaded by the loader, damaged over HTTP, each damage found and named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from migrator_kit.compare.datasets import Landed, open_landed
from migrator_kit.compare.digest import target_digest
from migrator_kit.errors import EvidenceError
from migrator_kit.mapping.model import ObjectName
from tests.compare.moved import Moved, move

PATIENTS = 24


@pytest.fixture(scope="module")
def moved(emulator_module, tmp_path_factory, new_practice) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("moved")
    done = move(new_practice(folder, patients=PATIENTS), emulator_module.url, folder)
    yield done
    done.ledger.close()
    done.target.close()


@pytest.fixture(scope="module")
def faithful(moved: Moved) -> Landed:
    return moved.read("faithful")


SAMPLE = {
    ObjectName.PATIENT: ["000002", "000008"],
    ObjectName.PLAN: ["TP000001"],
    ObjectName.APPOINTMENT: ["A000001", "A000003"],
    ObjectName.NOTE: ["N000001"],
    ObjectName.ATTACHMENT: ["D000001"],
}


@pytest.fixture(scope="module")
def sampled(moved: Moved, faithful: Landed) -> Landed:
    return moved.read("sampled", SAMPLE)


def table(landed: Landed, name: ObjectName) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in landed.parts(name)]).set_index("source_id")


def test_what_was_loaded_reads_back_as_it_was_sent(moved: Moved, faithful: Landed):
    report = moved.diff(faithful)

    assert report.clean
    assert report.records.set_index("object")["compared"].to_dict() == {
        name.value: len(frame) for name, frame in moved.practice.shaped.items()
    }


def test_lookups_owners_times_and_files_are_in_our_own_terms(moved: Moved, faithful: Landed):
    tasks, notes = table(faithful, ObjectName.APPOINTMENT), table(faithful, ObjectName.NOTE)
    patients, files = table(faithful, ObjectName.PATIENT), table(faithful, ObjectName.ATTACHMENT)

    assert tasks.loc["A000003", ["What_Id", "What_Id_object"]].tolist() == [
        "TP000003", "Treatment Plan",
    ]  # fmt: skip
    assert tasks.loc["A000001", ["What_Id", "What_Id_object"]].tolist() == ["P01", "Practice"]
    assert notes.loc["N000001", ["Parent_Id", "Parent_Id_object"]].tolist() == [
        "000002", "Patient",
    ]  # fmt: skip
    assert set(patients["Owner"]) <= {user.email for user in moved.target.users}
    assert str(patients["Source_Created_Time__c"].dt.tz) == "UTC"
    assert files["sha256"].str.len().eq(64).all()
    assert patients["known"].all()
    assert patients["named"].all()


def test_a_dataset_that_was_read_back_opens_again(faithful: Landed, tmp_path: Path):
    again = open_landed(faithful.folder)

    assert again == faithful
    assert again.field(ObjectName.PATIENT, "Balance__c").data_type == "currency"
    with pytest.raises(EvidenceError, match="holds nothing"):
        open_landed(tmp_path)


def test_a_sample_reads_its_own_records_only(moved: Moved, sampled: Landed):
    keys = pd.DataFrame(
        [(name.value, one) for name, ids in SAMPLE.items() for one in ids],
        columns=["object", "source_id"],
    )

    report = moved.diff(sampled, keys)

    assert {n: sorted(table(sampled, n).index) for n in SAMPLE} == SAMPLE
    assert report.clean
    assert report.records.set_index("object").loc["Insurance", "compared"] == 3


def test_two_loads_into_two_orgs_have_one_digest_and_an_emptied_org_that_of_nothing(
    moved: Moved, faithful: Landed, start_emulator, tmp_path: Path, new_practice
):
    spill = tmp_path / "spill"
    other = start_emulator(tmp_path / "other.db")
    practice = new_practice(tmp_path / "shuffled", patients=PATIENTS)
    practice.shaped = {
        name: frame.sample(frac=1, random_state=5) for name, frame in practice.shaped.items()
    }
    (tmp_path / "again").mkdir()
    again = move(practice, other.url, tmp_path / "again")

    assert target_digest(again.read("landed"), spill) == target_digest(faithful, spill)

    nothing = Landed(tmp_path / "nothing", {}, "now")
    nothing.save()
    records = again.target.client.records
    for name, module in ((ObjectName.NOTE, "Notes"), (ObjectName.APPOINTMENT, "Tasks"),
                         (ObjectName.PLAN, "Deals"), (ObjectName.PATIENT, "Contacts"),
                         (ObjectName.PRACTICE, "Accounts")):  # fmt: skip
        records.delete(module, again.ledger.crosswalk(name)["zoho_id"].tolist())
    emptied = again.read("emptied")
    assert {name: part.rows for name, part in emptied.objects.items() if part.rows} == {}
    assert target_digest(emptied, spill) == target_digest(nothing, spill)
    again.ledger.close()
    again.target.close()


@pytest.fixture(scope="module")
def damaged(moved: Moved, sampled: Landed, emulator_module) -> pd.DataFrame:
    """The differences after everything that can go wrong went wrong, in another org's hands."""
    client = moved.target.client
    custom = moved.api_name

    def update(module: str, name: ObjectName, source_id: str, **values: Any) -> None:
        row = {"id": moved.zoho_id(name, source_id), **values}
        assert client.records.update(module, [row])[0].ok

    created = moved.practice.shaped[ObjectName.PATIENT].set_index("source_id")
    moment = created.loc["000003", "Source_Created_Time__c"] + timedelta(hours=1)
    update("Deals", ObjectName.PLAN, "TP000007", Amount=186)
    update("Deals", ObjectName.PLAN, "TP000008",
           Contact_Name={"id": moved.zoho_id(ObjectName.PATIENT, "000001")})  # fmt: skip
    update("Contacts", ObjectName.PATIENT, "000004",
           **{custom("Contacts", "Patient_Status__c"): "Archived"})  # fmt: skip
    update("Contacts", ObjectName.PATIENT, "000003",
           **{custom("Contacts", "Source_Created_Time__c"): moment.isoformat()})  # fmt: skip
    update("Contacts", ObjectName.PATIENT, "000005",
           **{custom("Contacts", "Source_System_ID__c"): None})  # fmt: skip
    client.records.delete("Tasks", [moved.zoho_id(ObjectName.APPOINTMENT, "A000005")])
    key = custom("Tasks", "Source_Task_ID__c")
    client.records.insert("Tasks", [{"Subject": "again", key: "A000006"}])
    client.records.insert("Contacts", [{"Last_Name": "Somebody else's"}])
    _damage_notes(moved)
    _damage_files(moved, emulator_module.db)
    return moved.diff(moved.read("damaged")).differences()


def _damage_notes(moved: Moved) -> None:
    notes = moved.target.client.notes
    contents = moved.practice.shaped[ObjectName.NOTE].set_index("source_id")["Note_Content"]
    cut = {"id": moved.zoho_id(ObjectName.NOTE, "N000010"),
           "Note_Content": contents["N000010"].split("\n")[0]}  # fmt: skip
    assert notes.update([cut])[0].ok
    first = notes.parent("Contacts", moved.zoho_id(ObjectName.PATIENT, "000012"))
    other = notes.parent("Contacts", moved.zoho_id(ObjectName.PATIENT, "000001"))
    notes.delete([moved.zoho_id(ObjectName.NOTE, "N000012")])
    added = [
        {"Note_Title": "Note 11", "Note_Content": contents["N000011"], "Parent_Id": first},
        {"Note_Title": "Note 12", "Note_Content": contents["N000012"], "Parent_Id": other},
        {"Note_Title": "Mine", "Note_Content": "by a colleague", "Parent_Id": first},
    ]
    assert all(result.ok for result in notes.create(added))


def _damage_files(moved: Moved, db: Path) -> None:
    stored = db.with_name(db.name + ".files") / moved.zoho_id(ObjectName.ATTACHMENT, "D000001")
    content = bytearray(stored.read_bytes())
    content[100] ^= 1
    stored.write_bytes(bytes(content))
    attachments = moved.target.client.attachments
    parent = moved.zoho_id(ObjectName.PATIENT, "000003")
    original = moved.folder / "documents" / "IMG" / "2.dcm"
    foreign = moved.folder / "foreign.txt"
    foreign.write_bytes(b"x" * original.stat().st_size)
    assert attachments.upload("Contacts", parent, original, "2.dcm").ok
    assert attachments.upload("Contacts", parent, foreign, "foreign.txt").ok
    gone = moved.zoho_id(ObjectName.PATIENT, "000004")
    assert attachments.delete("Contacts", gone, moved.zoho_id(ObjectName.ATTACHMENT, "D000003")).ok


FAULTS = [
    ("Treatment Plan", "TP000007", "Amount", "changed_by_zoho", "rounded"),
    ("Treatment Plan", "TP000008", "Contact_Name", "changed_by_zoho", "other parent"),
    ("Patient", "000004", "Patient_Status__c", "changed_by_zoho", "other value"),
    ("Patient", "000003", "Source_Created_Time__c", "changed_by_zoho", "shifted by +1.00 h"),
    ("Patient", "000005", "Source_System_ID__c", "lost", "empty in Zoho"),
    ("Appointment", "A000005", "", "missing_record", "not there"),
    ("Appointment", "A000006", "", "duplicate_record", "there 2 times"),
    ("Clinical Note", "N000010", "Note_Content", "changed_by_zoho", "cut"),
    ("Clinical Note", "N000011", "", "duplicate_record", "there 2 times"),
    ("Clinical Note", "N000012", "Parent_Id", "changed_by_zoho", "other parent"),
    ("Attachment", "D000001", "sha256", "changed_by_zoho", "other bytes"),
    ("Attachment", "D000002", "", "duplicate_record", "there 2 times"),
    ("Attachment", "D000003", "", "missing_record", "not there"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault[0]}-{fault[4]}")
def test_each_damage_in_the_org_is_found_and_named(damaged: pd.DataFrame, fault):
    name, source_id, field, verdict, nature = fault
    here = damaged.set_index(["object", "source_id"]).loc[[(name, source_id)]]

    assert here.to_numpy().tolist() == [[field, verdict, nature]]


def test_nothing_else_is_found(damaged: pd.DataFrame):
    assert len(damaged) == len(FAULTS)


def test_values_that_were_read_stay_out_of_the_manifest(faithful: Landed):
    text = (faithful.folder / "manifest.json").read_text(encoding="utf-8")

    assert "Family1" not in text
    assert '"api_name"' in text


def test_health_fields_that_the_org_hides_are_hidden_and_not_lost(moved: Moved, emulator_module):
    name = moved.api_name("Contacts", "Allergies__c")
    emulator_module.admin("PUT", "hipaa", {"module": "Contacts", "fields": [name]})
    emulator_module.settings(hipaa_restricted=True)
    try:
        landed = moved.read("hidden", {ObjectName.PATIENT: ["000001", "000002", "000007"]})
    finally:
        emulator_module.settings(hipaa_restricted=False)
        emulator_module.admin("PUT", "hipaa", {"module": "Contacts", "fields": []})

    keys = pd.DataFrame({"object": "Patient", "source_id": ["000001", "000002", "000007"]})
    report = moved.diff(landed, keys)
    counts = report.fields.set_index(["object", "field"]).loc[("Patient", "Allergies__c")]

    assert landed.field(ObjectName.PATIENT, "Allergies__c").hidden
    assert counts[["hidden", "lost", "equal"]].tolist() == [2, 0, 1]
