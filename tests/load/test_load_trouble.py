"""Refusals, missing parents, files that cannot move, records that somebody else touched."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from migrator_kit.load.accounts import exclusion_list, failure_list, failures, object_counts
from migrator_kit.load.job import failed_scope
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.readback import OVERSIZE_NOTES
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping, ObjectName


def outcome_of(ledger: Ledger, name: ObjectName, source_id: str) -> tuple[str, str | None]:
    latest = ledger.latest_outcomes(name).set_index("source_id")
    row = latest.loc[source_id]
    return str(row["status"]), row["reason"]


def zoho_id(ledger: Ledger, name: ObjectName, source_id: str) -> str:
    frame = ledger.crosswalk(name).set_index("source_id")
    return str(frame.loc[source_id, "zoho_id"])


def test_a_refused_record_is_listed_and_its_children_wait_for_it(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    patient = practice.row(ObjectName.PATIENT, "000004")
    patient["Last_Name"] = "x" * 200
    practice.write()
    load(job_of(target, ledger), "run-1")

    table = failures(ledger, mapping)
    first = table[table["object"] == "Patient"].iloc[0]
    assert (first["code"], first["reason"], first["field"]) == (
        "INVALID_DATA",
        "too_long",
        "Last_Name",
    )
    assert first["records"] == 1
    assert "mapping" in first["remedy"]
    waiting = failure_list(ledger, mapping).set_index("source_id")["reason"].to_dict()
    assert waiting == {
        "000004": "too_long", "TP000004": "parent_not_landed", "A000004": "parent_not_landed",
        "C000004": "parent_not_landed", "N000004a": "parent_not_landed",
        "N000004b": "parent_not_landed", "D000004": "parent_not_landed",
    }  # fmt: skip
    counts = object_counts(ledger, practice, mapping)
    assert counts["Patient"]["failed"] == 1
    assert counts["Insurance"]["failed"] == 1
    assert all(count["remainder"] == 0 for count in counts.values())

    before = emulator.stats()["writes"]
    load(job_of(target, ledger, provision=False), "run-2")
    assert emulator.stats()["writes"] == before, "what was refused is not sent again unchanged"

    retried = load(job_of(target, ledger, scope=failed_scope(ledger, mapping), retry=True), "run-3")
    assert retried.written == 0
    assert emulator.stats()["writes"]["Contacts"]["refused"] == 2

    patient["Last_Name"] = "Short"
    practice.write()
    cured = load(job_of(target, ledger, provision=False), "run-4")
    assert cured.written == 7, "the cured parent brings its children along"
    assert failures(ledger, mapping).empty
    assert all(c["failed"] == 0 for c in object_counts(ledger, practice, mapping).values())


def test_an_optional_link_is_left_out_until_its_parent_lands(
    target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    plan = practice.row(ObjectName.PLAN, "TP000003")
    plan["Deal_Name"] = "x" * 500
    practice.write()
    load(job_of(target, ledger), "run-1")
    task = zoho_id(ledger, ObjectName.APPOINTMENT, "A000003")
    found = target.client.records.get("Tasks", task, ["What_Id", "Who_Id"])
    assert found is not None
    assert found["What_Id"] is None
    assert found["Who_Id"]["id"] == zoho_id(ledger, ObjectName.PATIENT, "000003")
    plan["Deal_Name"] = "Crown"
    practice.write()
    load(job_of(target, ledger, provision=False), "run-2")
    found = target.client.records.get("Tasks", task, ["What_Id"])
    assert found is not None
    assert found["What_Id"]["id"] == zoho_id(ledger, ObjectName.PLAN, "TP000003")


def test_files_that_cannot_move_are_listed_with_their_reason(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    images = practice.documents / "IMG"
    (images / "000001.jpg").unlink()
    (images / "000002.jpg").write_bytes(b"")
    with (images / "000003.jpg").open("wb") as sparse:
        sparse.truncate(65 * 1024)
    (practice.folder / "secret.txt").write_text("not a document")
    practice.row(ObjectName.ATTACHMENT, "D000004")["file_path"] = "../secret.txt"
    (images / "000005.jpg").unlink()
    (images / "000005.jpg").symlink_to(practice.folder / "secret.txt")
    (images / "000006.jpg").rename(images / "000006.JPG")
    practice.write()
    report = load(job_of(target, ledger), "run-1")

    reasons = exclusion_list(ledger, practice).set_index("source_id")["reason"].to_dict()
    assert reasons == {
        "D000001": "file_missing", "D000002": "file_empty", "D000003": "file_oversize",
        "D000004": "file_outside_documents", "D000005": "file_outside_documents",
    }  # fmt: skip
    counts = object_counts(ledger, practice, mapping)["Attachment"]
    assert (counts["created"], counts["excluded"], counts["remainder"]) == (7, 5, 0)
    parent = zoho_id(ledger, ObjectName.PATIENT, "000003")
    notes = [note["Note_Content"] for note in target.client.notes.list_for("Contacts", parent)]
    (reference,) = [note for note in notes if note.startswith("[file D000003 |")]
    assert "IMG/000003.jpg" in reference
    assert "Size in bytes: 66560" in reference
    assert report.table().set_index("object").loc[OVERSIZE_NOTES, "created"] == 1

    before, seen = emulator.stats()["writes"], len(ledger.latest_outcomes())
    load(job_of(target, ledger, provision=False), "run-2")
    assert emulator.stats()["writes"] == before
    assert len(ledger.latest_outcomes()) == seen

    (images / "000001.jpg").write_bytes(b"found again")
    again = load(job_of(target, ledger, provision=False), "run-3")
    assert again.written == 1
    assert "D000001" not in set(exclusion_list(ledger, practice)["source_id"])


def test_files_that_the_org_refuses_are_referenced_as_well(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    emulator.settings(attachment_bytes=3_000)
    (practice.documents / "IMG" / "000002.jpg").write_bytes(b"x" * 5_000)
    practice.row(ObjectName.ATTACHMENT, "D000003")["File_Name"] = "viewer.exe"
    practice.write()
    load(job_of(target, ledger), "run-1")
    assert outcome_of(ledger, ObjectName.ATTACHMENT, "D000002") == ("excluded", "file_oversize")
    assert outcome_of(ledger, ObjectName.ATTACHMENT, "D000003") == (
        "excluded", "file_refused_by_org",
    )  # fmt: skip
    assert ledger.crosswalk(OVERSIZE_NOTES)["source_id"].tolist() == ["D000002", "D000003"]
    before = emulator.stats()
    report = load(job_of(target, ledger, provision=False), "run-2")
    assert emulator.stats()["writes"] == before["writes"]
    assert report.table().set_index("object").loc["Attachment", "excluded"] == 2


def test_a_deleted_record_is_not_made_again_and_a_changed_file_not_sent_again(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    target.client.records.delete("Tasks", [zoho_id(ledger, ObjectName.APPOINTMENT, "A000002")])
    (practice.documents / "IMG" / "000002.jpg").write_bytes(b"another image")
    before = emulator.stats()["writes"]
    load(job_of(target, ledger, provision=False), "run-2")
    assert emulator.stats()["writes"] == before
    assert outcome_of(ledger, ObjectName.APPOINTMENT, "A000002") == ("held", "deleted_in_target")
    assert outcome_of(ledger, ObjectName.ATTACHMENT, "D000002") == (
        "held", "file_changed_since_upload",
    )  # fmt: skip


def test_keys_that_cannot_tell_records_apart_are_held(
    target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    job = job_of(target, ledger)
    for source_id, key in (("000001", "ab1"), ("000002", "AB1")):
        practice.row(ObjectName.PATIENT, source_id)["Source_System_ID__c"] = key
    practice.write()
    twin = {"Subject": "by hand", "Source_Task_ID": "A000003"}
    target.client.records.insert("Tasks", [twin, twin])
    load(job, "run-1")
    for source_id in ("000001", "000002"):
        assert outcome_of(ledger, ObjectName.PATIENT, source_id) == ("held", "keys_collide")
    assert len(ledger.crosswalk(ObjectName.PATIENT)) == 10
    assert outcome_of(ledger, ObjectName.APPOINTMENT, "A000003") == ("held", "several_matches")


def test_with_a_lost_ledger_nothing_is_doubled(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping, job_of: Any,
    tmp_path: Any,
) -> None:  # fmt: skip
    load(job_of(target, ledger), "run-1")
    before = emulator.stats()["records"]
    fresh = Ledger(f"sqlite:///{tmp_path / 'fresh.db'}", "engagement")
    report = load(job_of(target, fresh), "run-2")
    assert emulator.stats()["records"] == before
    table = report.table().set_index("object")
    assert table.loc["Patient", "matched"] == 12, "what stands as it should is not written again"
    assert table.loc["Clinical Note", "matched"] == 24
    assert table.loc["Attachment", "matched"] == 12
    counts = object_counts(fresh, practice, mapping)
    assert counts["Patient"]["matched"] == 12
    assert counts["Attachment"]["matched"] == 12
    assert all(count["remainder"] == 0 for count in counts.values())
    assert load(job_of(target, fresh, provision=False), "run-3").written == 0
    fresh.close()


def test_lookups_among_records_of_one_object_come_in_a_second_pass(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping, job_of: Any
) -> None:
    objects = []
    for one in mapping.objects:
        if one.object is ObjectName.PATIENT:
            row = one.fields[0].model_copy(
                update={"target": "Reporting_To", "lookup": (ObjectName.PATIENT,)}
            )
            one = one.model_copy(update={"fields": (*one.fields, row)})
        objects.append(one)
    uses = mapping.model_copy(update={"objects": tuple(objects)})
    (path,) = practice.parts(ObjectName.PATIENT)
    table = pq.read_table(path)
    ids = table["source_id"].to_pylist()
    pq.write_table(
        table.append_column("Reporting_To", pa.array([ids[-1], *ids[:-1]], pa.string())), path
    )
    report = load(job_of(target, ledger, uses=uses), "run-1")
    assert report.table().set_index("object").loc["Patient (second pass)", "updated"] == 12
    first = target.client.records.get(
        "Contacts", zoho_id(ledger, ObjectName.PATIENT, ids[0]), ["Reporting_To"]
    )
    assert first is not None
    assert first["Reporting_To"]["id"] == zoho_id(ledger, ObjectName.PATIENT, ids[-1])
    before = emulator.stats()["writes"]
    load(job_of(target, ledger, uses=uses, provision=False), "run-2")
    assert emulator.stats()["writes"] == before
