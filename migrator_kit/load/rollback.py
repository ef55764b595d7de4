"""Undo: what a load created is deleted, in reverse dependency order; later work is respected.

A record that somebody edited since, or that something else hangs on by now, is held and listed.
Children go first, so "something hangs on it" is asked of what is left. Deleted records lie in
Zoho's recycle bin for 60 days (fact sheet 3).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.load.batches import Batch, Intended, Settled
from migrator_kit.load.delete_sending import DeleteSending
from migrator_kit.load.file_steps import ATTACHMENTS, GROUP
from migrator_kit.load.job import IN_FLIGHT, LoadJob
from migrator_kit.load.later_work import LaterWork
from migrator_kit.load.ledger_runs import recover, running
from migrator_kit.load.note_steps import NOTES
from migrator_kit.load.opening import open_job
from migrator_kit.load.order import load_order
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.pump import Pump
from migrator_kit.load.readback import OVERSIZE_NOTES
from migrator_kit.load.states import Action, Call, Reason
from migrator_kit.load.target import Target
from migrator_kit.load.writer import Writer
from migrator_kit.progress import SILENT, Progress
from migrator_kit.zoho import limits

HELD = ("object", "module", "source_id", "zoho_id", "reason")


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """What was undone. `held` lists what stays, with the reason: columns `HELD`."""

    run_id: str
    deleted: dict[str, int]
    held: pd.DataFrame
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether nothing that the load made is left."""
        return self.held.empty


def rollback(
    job: LoadJob,
    run_id: str,
    *,
    undo: str | None = None,
    module: str | None = None,
    force: Collection[str] = (),
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> RollbackReport:
    """Delete what the run `undo` created (without it: what any run created) and return a report.

    `module` limits it to one module, `force` names source ids that go although somebody worked on
    them. With `dry_run` nothing is deleted and the report says what would be. Safe to call again
    after any interruption. Raises what `loader.load` raises.
    """
    started = time.perf_counter()
    kind = "rollback plan" if dry_run else "rollback"
    with (
        job.ledger.writing(f"{kind} {run_id}", run_id) as writer,
        running(job, writer, kind),
    ):
        recover(job, writer, progress)
        undoing = _Undoing(job, writer, LaterWork(job, frozenset(force)), dry_run, progress)
        for name, in_module in _reversed(job):
            if module in (None, in_module):
                undoing.step(name, in_module, undo)
    held = pd.DataFrame(undoing.held, columns=list(HELD), dtype="str")
    return RollbackReport(run_id, dict(undoing.deleted), held, time.perf_counter() - started)


def run_rollback(
    engagement: Engagement,
    run_id: str,
    *,
    undo: str | None = None,
    module: str | None = None,
    force: Collection[str] = (),
    dry_run: bool = False,
    target: Target | None = None,
    progress: Progress = SILENT,
) -> RollbackReport:
    """Undo the engagement's loads, or one of them. See `rollback`."""
    with open_job(engagement, target=target, planning=True) as job:
        return rollback(
            job, run_id, undo=undo, module=module, force=force, dry_run=dry_run, progress=progress
        )


class _Undoing:
    """An undo on its way."""

    def __init__(
        self, job: LoadJob, writer: Writer, later: LaterWork, dry_run: bool, progress: Progress
    ) -> None:
        self._job, self._writer, self._later = job, writer, later
        self._dry_run, self._progress = dry_run, progress
        self.deleted = Counter[str]()
        self.held: list[tuple[str, str, str, str, str]] = []

    def step(self, name: str, module: str, undo: str | None) -> None:
        """Undo one object: decide on all of its records, delete those that nothing holds."""
        rows = _made(self._job, name, undo)
        if rows.empty:
            return
        holds = self._later.holds(module, rows)
        stays = rows["source_id"].isin(list(holds))
        for source_id, zoho_id in rows.loc[stays, ["source_id", "zoho_id"]].itertuples(index=False):
            self._hold(name, module, source_id, zoho_id, str(holds[source_id]))
        going = rows[~stays]
        if self._dry_run:
            self.deleted[name] += len(going)
            return
        with self._progress(f"Undoing {name}", len(going)) as bar:

            def settled(one: Settled) -> None:
                done = {outcome.source_id for outcome in one.outcomes}
                self.deleted[name] += len(done)
                bar.advance(len(one.batch.rows))

            pump = Pump(self._writer, in_flight=IN_FLIGHT, settled=settled)
            pump.run(self._sendings(name, module, going))
        left = self._job.ledger.crosswalk(name)
        refused = left[left["source_id"].isin(going["source_id"])]
        for source_id, zoho_id in refused[["source_id", "zoho_id"]].itertuples(index=False):
            self._hold(name, module, source_id, zoho_id, str(Reason.NOT_DELETED))

    def _hold(self, name: str, module: str, source_id: str, zoho_id: str, reason: str) -> None:
        self.held.append((name, module, source_id, zoho_id, reason))

    def _sendings(self, name: str, module: str, rows: pd.DataFrame) -> Iterator[DeleteSending]:
        size = GROUP if module == ATTACHMENTS else limits.IDS_PER_DELETE
        columns = ("source_id", "payload_digest", "zoho_id", "parent_module", "parent_id")
        intended = [
            Intended(
                source_id, Action.DELETE, made or "", zoho_id=zoho_id, parent_module=parent_module,
                parent_id=parent_id,
            )
            for source_id, made, zoho_id, parent_module, parent_id in plain_rows(rows, columns)
        ]  # fmt: skip
        for start in range(0, len(intended), size):
            part = tuple(intended[start : start + size])
            number, run_id = self._writer.next_batch_id(), self._writer.run_id
            batch = Batch(number, run_id, name, module, Call.DELETE, part)
            yield DeleteSending(self._job.target.client, batch)


def _reversed(job: LoadJob) -> Iterator[tuple[str, str]]:
    """Yield object and module from the leaves to the roots."""
    yield OVERSIZE_NOTES, NOTES
    for step in reversed(load_order(job.mapping)):
        yield str(step.object), step.module


def _made(job: LoadJob, name: str, undo: str | None) -> pd.DataFrame:
    """Return what stands of an object by the ledger, with the parents of notes and files."""
    landed = job.ledger.landed()
    rows = landed[landed["object"] == name]
    if undo is not None:
        rows = rows[rows["run_id"] == undo]
    marks = job.ledger.marks(name)[["source_id", "parent_module", "parent_id"]]
    return rows.merge(marks, on="source_id", how="left").reset_index(drop=True)
