"""A file that changed after its upload: replaced, kept beside the new one, or left to a person."""

from __future__ import annotations

from typing import Any

import pytest

from migrator_kit.errors import LedgerError, TargetError
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.delta import delta_plan
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.rollback import rollback
from migrator_kit.load.states import EARLIER_FILES, REPLACED_FILES
from migrator_kit.load.target import Target
from migrator_kit.load.writer import Writer
from migrator_kit.mapping.model import FileChange, Mapping, ObjectName

KEY = "000002"
FILE = f"D{KEY}"


@pytest.fixture
def patients() -> int:
    return 3


def with_change(mapping: Mapping, policy: str) -> Mapping:
    objects = tuple(
        one.model_copy(update={"on_file_change": FileChange(policy)})
        if one.object is ObjectName.ATTACHMENT else one
        for one in mapping.objects
    )  # fmt: skip
    return mapping.model_copy(update={"objects": objects})


def sizes(target: Target, ledger: Ledger) -> list[int]:
    """Sizes of what hangs on the patient."""
    parents = ledger.crosswalk(ObjectName.PATIENT).set_index("source_id")["zoho_id"]
    return sorted(one.size or 0 for one in target.client.attachments.list("Contacts", parents[KEY]))


def test_a_replaced_file_goes_once_the_new_one_stands(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    uses = with_change(mapping, "replace")
    load(job_of(target, ledger, uses=uses), "run-1")
    (old,) = sizes(target, ledger)
    (practice.documents / "IMG" / f"{KEY}.jpg").write_bytes(b"new" * 100)
    planned = delta_plan(job_of(target, ledger, uses=uses, planning=True))
    counts = planned.counts.set_index("object").loc["Attachment"]
    assert counts[["new", "changed", "held"]].tolist() == [0, 1, 0]
    assert planned.conflicts.empty
    # The new version arrives, the old one cannot be removed: the next run does it.
    emulator.faults({"rules": [{"do": "answer", "status": 503, "match": "DELETE *"}]})
    with pytest.raises(TargetError):
        load(job_of(target, ledger, uses=uses, provision=False), "run-2", kind="delta")
    assert sizes(target, ledger) == sorted([old, 300])
    assert len(ledger.crosswalk(REPLACED_FILES)) == 1
    emulator.faults({})
    load(job_of(target, ledger, uses=uses, provision=False), "run-3", kind="delta")
    assert sizes(target, ledger) == [300]
    assert ledger.crosswalk(REPLACED_FILES).empty
    counts = object_counts(ledger, practice, uses)["Attachment"]
    assert (counts["created"], counts["failed"], counts["remainder"]) == (3, 0, 0)
    before = emulator.stats()["writes"]
    assert load(job_of(target, ledger, uses=uses, provision=False), "run-4").written == 0
    assert emulator.stats()["writes"] == before

    undone = rollback(job_of(target, ledger, uses=uses), "undo-1", undo="run-2")
    assert undone.held[["source_id", "reason"]].to_numpy().tolist() == [
        [FILE, "file_replaced_by_this_run"]
    ]
    assert sizes(target, ledger) == [300], "what it replaced is gone: it stays"
    assert rollback(job_of(target, ledger, uses=uses), "undo-2").complete
    assert emulator.stats()["records"]["Attachments"] == 0
    assert ledger.verify_audit().ok
    assert emulator.fired()["total"] == 0


def test_both_versions_stay_and_each_is_undone_with_its_run(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    uses = with_change(mapping, "keep_both")
    load(job_of(target, ledger, uses=uses), "run-1")
    (first,) = sizes(target, ledger)
    path = practice.documents / "IMG" / f"{KEY}.jpg"
    for run, size in (("run-2", 200), ("run-3", 300)):
        path.write_bytes(b"x" * size)
        load(job_of(target, ledger, uses=uses, provision=False), run, kind="delta")
    assert sizes(target, ledger) == sorted([first, 200, 300])
    assert len(ledger.crosswalk(EARLIER_FILES)) == 2
    undone = rollback(job_of(target, ledger, uses=uses), "undo-1", undo="run-3")
    assert (undone.complete, undone.deleted) == (True, {"Attachment": 1})
    assert sizes(target, ledger) == sorted([first, 200])
    assert load(job_of(target, ledger, uses=uses, provision=False), "run-4").written == 1
    assert sizes(target, ledger) == sorted([first, 200, 300]), "what was undone is open again"
    assert rollback(job_of(target, ledger, uses=uses), "undo-2").complete
    assert emulator.stats()["records"]["Attachments"] == 0
    assert ledger.landed().empty


def test_a_file_that_staff_removed_is_not_brought_back_by_its_newer_version(
    target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any
) -> None:
    uses = with_change(mapping, "replace")
    load(job_of(target, ledger, uses=uses), "run-1")
    patient = ledger.crosswalk(ObjectName.PATIENT).set_index("source_id").loc[KEY, "zoho_id"]
    mine = ledger.crosswalk(ObjectName.ATTACHMENT).set_index("source_id").loc[FILE, "zoho_id"]
    assert target.client.attachments.delete("Contacts", patient, mine).ok
    (practice.documents / "IMG" / f"{KEY}.jpg").write_bytes(b"new" * 100)
    load(job_of(target, ledger, uses=uses, provision=False), "run-2", kind="delta")
    assert sizes(target, ledger) == []
    assert ledger.open_failures()["reason"].tolist() == ["deleted_in_target"]


@pytest.mark.parametrize("policy", ["replace", "keep_both"])
def test_a_stop_between_upload_and_ledger_uploads_nothing_twice(
    policy: str, emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any,
    job_of: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    uses = with_change(mapping, policy)
    load(job_of(target, ledger, uses=uses), "run-1")
    (first,) = sizes(target, ledger)
    (practice.documents / "IMG" / f"{KEY}.jpg").write_bytes(b"new" * 100)
    original = Writer._settle

    def full(writer: Writer, connection: Any, settled: Any) -> None:
        if settled.outcomes:
            raise LedgerError("The disk is full: the ledger cannot be written.")
        original(writer, connection, settled)

    monkeypatch.setattr(Writer, "_settle", full)
    with pytest.raises(LedgerError, match="disk is full"):
        load(job_of(target, ledger, uses=uses, provision=False), "run-2", kind="delta")
    monkeypatch.setattr(Writer, "_settle", original)
    report = load(job_of(target, ledger, uses=uses, provision=False), "run-3", kind="delta")
    assert report.recovered == 1
    assert report.written == 0, "it was found again, not sent again"
    kept = [300] if policy == "replace" else sorted([first, 300])
    assert sizes(target, ledger) == kept
    assert rollback(job_of(target, ledger, uses=uses), "undo").complete
    assert emulator.stats()["records"]["Attachments"] == 0
