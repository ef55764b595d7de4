"""Undo: what a load created is deleted, what it overwrote is put back; later work is respected.

Children go first, so "something hangs on it" is asked of what is left. A record that somebody
edited since, or that something else hangs on by now, is held and listed with what changed and by
whom. Deleted records lie in Zoho's recycle bin for 60 days (fact sheet 3).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.load.batches import Settled
from migrator_kit.load.delete_sending import DeleteSending, delete_sendings
from migrator_kit.load.file_history import source_of
from migrator_kit.load.file_versions import ATTACHMENTS, GROUP
from migrator_kit.load.job import IN_FLIGHT, LoadJob, Scope
from migrator_kit.load.later_work import Hold, LaterWork
from migrator_kit.load.ledger_runs import recover, running
from migrator_kit.load.opening import open_job
from migrator_kit.load.org_state import org_state
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.pump import Pump
from migrator_kit.load.restoring import plan_restoring, restore_sendings, still_overwritten
from migrator_kit.load.states import EARLIER_FILES, REMEDIES, Reason, Status
from migrator_kit.load.target import Target
from migrator_kit.load.undo_scope import UndoScope, UndoStep
from migrator_kit.load.writer import Writer
from migrator_kit.progress import SILENT, Progress
from migrator_kit.zoho import limits

HELD = (
    "object", "module", "source_id", "zoho_id", "reason", "changed", "changed_by", "changed_at",
    "remedy",
)  # fmt: skip
RECYCLE_BIN_DAYS = 60
"""How long Zoho CRM keeps what was deleted (fact sheet 3)."""


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """What was undone, or with a dry run what would be.

    `deleted` and `restored` count by object. `held` lists what stays: columns `HELD`.
    `state_before` is the digest of the org before the run that was undone, where one was taken,
    `state_now` the one after the undo.
    """

    run_id: str
    deleted: dict[str, int]
    restored: dict[str, int]
    held: pd.DataFrame
    seconds: float
    dry_run: bool = False
    state_before: str | None = None
    state_now: str | None = None
    in_bin_until: date | None = None
    """Until when what was deleted can be brought back from Zoho's recycle bin."""

    @property
    def complete(self) -> bool:
        """Whether nothing that the load made is left."""
        return self.held.empty

    @property
    def as_before(self) -> bool | None:
        """Whether the org is as it was; None where no digest was taken before the run."""
        if self.state_before is None or self.state_now is None:
            return None
        return self.state_before == self.state_now

    def table(self) -> pd.DataFrame:
        """Return one row for each object: deleted, restored, held."""
        held = Counter(self.held["object"])
        names = [*dict.fromkeys([*self.deleted, *self.restored, *held])]
        rows = [(n, self.deleted.get(n, 0), self.restored.get(n, 0), held[n]) for n in names]
        return pd.DataFrame(rows, columns=["object", "deleted", "restored", "held"])

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values, without any field value."""
        return {
            "run_id": self.run_id, "dry_run": self.dry_run, "complete": self.complete,
            "objects": self.table().to_dict("records"), "held": self.held.to_dict("records"),
            "state_before": self.state_before, "state_now": self.state_now,
            "as_before": self.as_before, "seconds": round(self.seconds, 2),
            "in_bin_until": self.in_bin_until.isoformat() if self.in_bin_until else None,
        }  # fmt: skip


def rollback(
    job: LoadJob,
    run_id: str,
    *,
    undo: str | None = None,
    module: str | None = None,
    records: Scope | None = None,
    force: Collection[str] = (),
    dry_run: bool = False,
    state: Callable[[LoadJob], str] | None = None,
    progress: Progress = SILENT,
) -> RollbackReport:
    """Undo the run `undo` (without it: all runs) and return what was done.

    What it created is deleted, what it overwrote gets its old values back. `module` and `records`
    limit it; `force` names records, as `source id` or `Object/source id`, that go although
    somebody worked on them. With `dry_run` nothing is written to the org. `state` gives the digest
    of the org; it is asked where one was taken before the run, to compare the two. Safe to call
    again after any interruption. Raises ParameterError for a run or module that is not known, and
    what `loader.load` raises.
    """
    started = time.perf_counter()
    kind = "rollback plan" if dry_run else "rollback"
    scope = UndoScope(undo, module, records)
    scope.check(job)
    with (
        job.ledger.writing(f"{kind} {run_id}", run_id) as writer,
        running(job, writer, kind),
    ):
        recover(job, writer, progress)
        later = LaterWork(job, frozenset(force))
        undoing = _Undoing(job, writer, scope, later, dry_run, progress)
        for step in scope.steps(job):
            undoing.step(step)
        before = _state_before(job, undo)
        now = state(job) if state is not None and before is not None else None
        if now is not None:
            writer.record_state("after", now)
    held = pd.DataFrame(undoing.held, columns=list(HELD), dtype="str")
    until = datetime.now(UTC).date() + timedelta(days=RECYCLE_BIN_DAYS)
    return RollbackReport(
        run_id, dict(undoing.deleted), dict(undoing.restored), held,
        time.perf_counter() - started, dry_run, before, now,
        until if undoing.deleted and not dry_run else None,
    )  # fmt: skip


def run_rollback(
    engagement: Engagement,
    run_id: str,
    *,
    undo: str | None = None,
    module: str | None = None,
    records: Scope | None = None,
    force: Collection[str] = (),
    dry_run: bool = False,
    target: Target | None = None,
    progress: Progress = SILENT,
) -> RollbackReport:
    """Undo the engagement's loads, or one of them. See `rollback`."""
    with open_job(engagement, target=target, planning=True) as job:
        return rollback(
            job, run_id, undo=undo, module=module, records=records, force=force, dry_run=dry_run,
            state=None if dry_run else org_state, progress=progress,
        )  # fmt: skip


def _state_before(job: LoadJob, undo: str | None) -> str | None:
    """Return the digest of the org before a run, or before the first one that took any."""
    for run in job.ledger.runs()["run_id"] if undo is None else [undo]:
        taken = job.ledger.org_states(str(run)).get("before")
        if taken is not None:
            return taken
    return None


class _Undoing:
    """An undo on its way."""

    def __init__(
        self, job: LoadJob, writer: Writer, scope: UndoScope, later: LaterWork, dry_run: bool,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._job, self._writer, self._later = job, writer, later
        self._scope, self._dry_run, self._progress = scope, dry_run, progress
        self.deleted = Counter[str]()
        self.restored = Counter[str]()
        self.held: list[tuple[str, ...]] = []

    def step(self, step: UndoStep) -> None:
        """Undo one object: first what was overwritten, then what was created."""
        self._restore(step)
        self._delete(step)

    def _restore(self, step: UndoStep) -> None:
        plan = plan_restoring(self._job, step, self._scope, self._later)
        for source_id, (zoho_id, hold) in plan.held.items():
            self._hold(step, source_id, zoho_id, hold)
        if not plan.restorations:
            return
        if self._dry_run:
            self.restored[step.name] += len(plan.restorations)
            return
        with self._progress(f"Restoring {step.name}", len(plan.restorations)) as bar:
            pump = Pump(self._writer, in_flight=IN_FLIGHT, settled=lambda one: bar.advance(
                len(one.batch.rows)))  # fmt: skip
            pump.run(restore_sendings(self._job, step, plan, self._writer))
        refused = still_overwritten(self._job, step.name, plan)
        for source_id, zoho_id in plain_rows(refused, ("source_id", "zoho_id")):
            self._hold(step, source_id, zoho_id, Hold(Reason.NOT_RESTORED))
        self.restored[step.name] += len(plan.restorations) - len(refused)
        done = {one.intended.source_id for one in plan.restorations} - set(refused["source_id"])
        self._job.vault.forget_before(step.name, done, self._scope.run)

    def _delete(self, step: UndoStep) -> None:
        rows = self._scope.created(self._job, step.name)
        if rows.empty:
            return
        holds = self._later.holds(step.name, step.module, rows, step.columns)
        holds = self._later.named(step.name, step.module, rows, holds, step.columns)
        if step.module == ATTACHMENTS:
            holds |= self._replacing(step.name)
        stays = rows["source_id"].isin(list(holds))
        for source_id, zoho_id in plain_rows(rows[stays], ("source_id", "zoho_id")):
            self._hold(step, source_id, zoho_id, holds[source_id])
        going = rows[~stays]
        if self._dry_run:
            self.deleted[step.name] += len(going)
            return
        with self._progress(f"Undoing {step.name}", len(going)) as bar:

            def settled(one: Settled) -> None:
                self.deleted[step.name] += len({o.source_id for o in one.outcomes})
                bar.advance(len(one.batch.rows))

            pump = Pump(self._writer, in_flight=IN_FLIGHT, settled=settled)
            pump.run(self._deletions(step, going))
        left = self._job.ledger.crosswalk(step.name)
        refused = left[left["zoho_id"].isin(going["zoho_id"])]
        for source_id, zoho_id in plain_rows(refused, ("source_id", "zoho_id")):
            self._hold(step, source_id, zoho_id, Hold(Reason.NOT_DELETED))
        gone = set(going["source_id"]) - set(refused["source_id"])
        self._job.vault.forget_before(step.name, gone)

    def _replacing(self, name: str) -> dict[str, Hold]:
        """Hold files of the undone run that replaced another: what stood before is not there."""
        newest = self._job.ledger.latest_outcomes(name, (Status.UPDATED,))
        mine = newest.loc[newest["run_id"] == (self._scope.run or ""), "source_id"]
        kept = {source_of(one) for one in self._job.ledger.crosswalk(EARLIER_FILES)["source_id"]}
        return {
            one: Hold(Reason.FILE_REPLACED)
            for one in mine[~mine.isin(kept)]
            if not self._later.forced(name, one)
        }

    def _hold(self, step: UndoStep, source_id: str, zoho_id: str, hold: Hold) -> None:
        self.held.append(
            (step.name, step.module, source_id, zoho_id, str(hold.reason), hold.changed, hold.by,
             hold.at, REMEDIES[hold.reason])
        )  # fmt: skip

    def _deletions(self, step: UndoStep, rows: pd.DataFrame) -> Iterator[DeleteSending]:
        size = GROUP if step.module == ATTACHMENTS else limits.IDS_PER_DELETE
        client = self._job.target.client
        return delete_sendings(client, self._writer, step.name, step.module, rows, size)
