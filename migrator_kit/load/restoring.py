"""The half of an undo that gives records back what stood in them, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from migrator_kit.load.batches import Batch, Intended, Settled
from migrator_kit.load.changes import Standing
from migrator_kit.load.job import LoadJob
from migrator_kit.load.later_work import Hold, LaterWork, written_fields
from migrator_kit.load.payload import SE_MODULE, Row
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.restore_sending import RestoreSending, restored
from migrator_kit.load.sameness import same
from migrator_kit.load.states import Action, Call, Reason
from migrator_kit.load.undo_scope import UndoScope, UndoStep
from migrator_kit.load.vault import Before
from migrator_kit.load.writer import Writer
from migrator_kit.zoho import limits


@dataclass(frozen=True, slots=True)
class Restoration:
    """One record that gets its old values back. `payload` is empty where it has them already."""

    intended: Intended
    image: Before
    payload: Row = field(repr=False)
    modified_time: str | None = None


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What is to be restored of one object, and what is held, by source id."""

    restorations: tuple[Restoration, ...]
    held: dict[str, tuple[str, Hold]]
    """Zoho id and hold of each record that stays as it is."""


def plan_restoring(job: LoadJob, step: UndoStep, scope: UndoScope, later: LaterWork) -> RestorePlan:
    """Return what an undo gives back to the records of one object. Reads the org."""
    images = scope.overwritten(job, step.name)
    crosswalk = job.ledger.crosswalk(step.name)
    rows = crosswalk[crosswalk["source_id"].isin(list(images))]
    standing = later.standing(step.module, rows["zoho_id"].tolist(), step.columns)
    written = written_fields(job, step.name, rows)
    plan: list[Restoration] = []
    held: dict[str, tuple[str, Hold]] = {}
    for source_id, zoho_id, made in zip(
        rows["source_id"], rows["zoho_id"], rows["payload_digest"], strict=True
    ):
        mine = images[source_id]
        now = standing.get(zoho_id)
        image = _oldest(mine) if scope.run is None else _of_run(mine, scope.run)
        if now is None:
            held[source_id] = zoho_id, Hold(Reason.DELETED_IN_TARGET)
            continue
        again = sorted({one.run_id for one in mine if one.run_id != scope.run})
        if scope.run is not None and again:
            held[source_id] = zoho_id, Hold(Reason.LATER_RUN, by=", ".join(again))
            continue
        payload = {
            name: value
            for name, value in image.fields.items()
            if name != SE_MODULE and not same(now.fields.get(name), value)
        }
        if payload.get("What_Id"):
            payload[SE_MODULE] = image.fields.get(SE_MODULE)
        changed = _changed(step, image, now, written.get(source_id, {})) if payload else ""
        if changed and not later.forced(step.name, source_id):
            by, at = later.author(now), now.modified_time or ""
            held[source_id] = zoho_id, Hold(Reason.EDITED_SINCE, changed, by, at)
            continue
        row = Intended(source_id, Action.RESTORE, str(made), zoho_id=zoho_id)
        plan.append(Restoration(row, image, payload, now.modified_time))
    later.release([one.intended.zoho_id for one in plan if one.intended.zoho_id])
    return RestorePlan(tuple(plan), held)


def restore_sendings(
    job: LoadJob, step: UndoStep, plan: RestorePlan, writer: Writer
) -> Iterator[RestoreSending]:
    """Yield the calls that restore; write down the records that stand as before already."""

    def batch(rows: list[Restoration]) -> Batch:
        number = writer.next_batch_id()
        intended = tuple(one.intended for one in rows)
        return Batch(number, writer.run_id, step.name, step.module, Call.RESTORE, intended)

    done = [one for one in plan.restorations if not one.payload]
    if done:
        opened = batch(done)
        writer.exchange([], [opened])
        outcomes = (restored(one.image, one.intended.zoho_id, one.modified_time) for one in done)
        writer.exchange([Settled(opened, tuple(outcomes))], [])
    going = [one for one in plan.restorations if one.payload]
    for start in range(0, len(going), limits.RECORDS_PER_CALL):
        part = going[start : start + limits.RECORDS_PER_CALL]
        payloads = tuple({**one.payload, "id": one.intended.zoho_id} for one in part)
        images = {one.intended.source_id: one.image for one in part}
        yield RestoreSending(job.target.client, batch(part), payloads, images)


def still_overwritten(job: LoadJob, name: str, plan: RestorePlan) -> pd.DataFrame:
    """Return the records that Zoho CRM refused to take back: source_id and zoho_id."""
    known = dict(plain_rows(job.ledger.crosswalk(name), ("source_id", "payload_digest")))
    rows = [
        (one.intended.source_id, one.intended.zoho_id)
        for one in plan.restorations
        if known.get(one.intended.source_id, one.image.digest) != one.image.digest
    ]
    return pd.DataFrame(rows, columns=["source_id", "zoho_id"], dtype="str")


def _changed(step: UndoStep, image: Before, now: Standing, written: Mapping[str, object]) -> str:
    """Return the fields that hold neither what we wrote nor what stood before."""
    return ", ".join(
        one.logical
        for one in step.columns
        if one.api_name in image.fields
        and not one.same(now.fields.get(one.api_name), written.get(one.api_name))
        and not one.same(now.fields.get(one.api_name), image.fields[one.api_name])
    )


def _of_run(images: list[Before], run: str) -> Before:
    return next(one for one in images if one.run_id == run)


def _oldest(images: list[Before]) -> Before:
    """Return one image with the oldest value of each field."""
    fields: dict[str, object] = {}
    for one in reversed(images):
        fields.update(one.fields)
    first = images[0]
    return Before(first.source_id, first.run_id, fields, first.digest, first.link_digest, first.seq)
