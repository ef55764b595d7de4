"""The quiet proof: after a load, do the touched records show that an automation ran on them?

A real org keeps no count of what fired, so the records themselves are asked: did anything change
them after our write, do their fields hold what we wrote, did anything appear on them? What leaves
no trace on a record (an e-mail sent, a call to another system) cannot be shown this way; against
it stands that every call asked for silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.load.job import LoadJob
from migrator_kit.load.later_work import LaterWork, written_fields
from migrator_kit.load.opening import open_job
from migrator_kit.load.states import Status
from migrator_kit.load.target import Target
from migrator_kit.load.undo_scope import NOTES, UndoScope, UndoStep
from migrator_kit.zoho import limits

SIGNS = ("object", "module", "source_id", "zoho_id", "sign", "what", "changed_by", "changed_at")
CHANGED, DIFFERS, APPEARED = (
    "changed after our write", "holds other than we wrote", "something appeared on it",
)  # fmt: skip
PROVEN = (
    "No record was changed after our last write, by whoever.",
    "Every field we wrote holds what we wrote.",
    "Nothing hangs on these records that the migration did not put there.",
)
NOT_PROVEN = (
    "Messages that were sent and systems that were called leave no trace on a record.",
    "Every write asked Zoho CRM to run no workflow, approval, blueprint or cadence.",
)


@dataclass(frozen=True, slots=True)
class QuietProof:
    """What the records show. `signs` has one row for each trace of somebody else: `SIGNS`.

    A person at work in the org leaves the same traces as an automation; `changed_by` tells.
    """

    checked: int
    signs: pd.DataFrame

    @property
    def quiet(self) -> bool:
        """Whether no trace was found."""
        return self.signs.empty

    def to_json(self) -> dict[str, Any]:
        """Return the proof as plain values, without any field value."""
        return {
            "checked": self.checked, "quiet": self.quiet,
            "signs": self.signs.to_dict("records"),
            "proven": list(PROVEN) if self.quiet else [], "not_proven": list(NOT_PROVEN),
        }  # fmt: skip


def quiet_proof(job: LoadJob, run: str | None = None) -> QuietProof:
    """Look at the records that a run wrote, or at all of them. Reads the org, writes nothing.

    Meant for a sample: it asks for the notes and files of each record. Raises ParameterError for
    a run that is not known.
    """
    scope = UndoScope(run)
    scope.check(job)
    later, ours = LaterWork(job), set(job.ledger.landed("zoho_id")["zoho_id"])
    checked, signs = 0, list[tuple[object, ...]]()
    for step in scope.steps(job):
        rows = _written(job, scope, step)
        checked += len(rows)
        if len(rows) and step.module != "Attachments":
            signs += _signs(job, step, rows, later, ours)
    return QuietProof(checked, pd.DataFrame(signs, columns=list(SIGNS), dtype="str"))


def run_quiet_proof(
    engagement: Engagement, run: str | None = None, *, target: Target | None = None
) -> QuietProof:
    """Look at what a run of the engagement wrote. See `quiet_proof`."""
    with open_job(engagement, target=target, planning=True) as job:
        return quiet_proof(job, run)


def _written(job: LoadJob, scope: UndoScope, step: UndoStep) -> pd.DataFrame:
    """Return the records of one object that the run created or updated."""
    created = scope.created(job, step.name)
    updated = [key for key, images in scope.overwritten(job, step.name).items() if images]
    crosswalk = job.ledger.crosswalk(step.name)
    others = crosswalk[
        crosswalk["source_id"].isin(updated) | (crosswalk["state"] == Status.UPDATED)
    ]
    if scope.run is not None:
        others = others[others["source_id"].isin(updated)]
    others = others[~others["source_id"].isin(created["source_id"])]
    marks = job.ledger.marks(step.name)[["source_id", "parent_module", "parent_id"]]
    others = others.merge(marks, on="source_id", how="left")
    shared = [name for name in created.columns if name in others.columns]
    return pd.concat([created[shared], others[shared]], ignore_index=True)


def _signs(
    job: LoadJob, step: UndoStep, rows: pd.DataFrame, later: LaterWork, ours: set[str]
) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    ids = dict(zip(rows["zoho_id"], rows["source_id"], strict=True))

    def sign(zoho_id: str, which: str, what: str, by: str = "", at: str = "") -> None:
        found.append((step.name, step.module, ids[zoho_id], zoho_id, which, what, by, at))

    edits = later.edits(step.name, step.module, rows, step.columns)
    standing = later.standing(step.module, list(ids), step.columns)
    written = written_fields(job, step.name, rows)
    for zoho_id, now in standing.items():
        image = written.get(ids[zoho_id], {})
        differing = ", ".join(
            one.logical
            for one in step.columns
            if one.api_name in image and not one.hidden
            and not one.same(now.fields.get(one.api_name), image[one.api_name])
        )  # fmt: skip
        by, at = later.author(now), now.modified_time or ""
        if zoho_id in edits:
            sign(zoho_id, CHANGED, differing, by, at)
        elif differing:
            sign(zoho_id, DIFFERS, differing, by, at)
    if step.module != NOTES and step.module not in limits.NO_COQL:
        for zoho_id, children in later.hanging(step.module, list(ids)).items():
            if strange := children - ours:
                sign(zoho_id, APPEARED, later.told(strange))
    return found
