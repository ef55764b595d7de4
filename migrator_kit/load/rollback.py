"""Undo: what a load created is deleted, in reverse dependency order; later work is respected.

A record that somebody edited since, or that something else hangs on by now, is held and listed.
Children go first, so "something hangs on it" is asked of what is left. Deleted records lie in
Zoho's recycle bin for 60 days (fact sheet 3).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import pandas as pd

from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.delete_sending import DeleteSending
from migrator_kit.load.job import IN_FLIGHT, LoadJob
from migrator_kit.load.later_work import LaterWork
from migrator_kit.load.loader import recover
from migrator_kit.load.order import LoadStep, load_order
from migrator_kit.load.pump import Pump
from migrator_kit.load.readback import OVERSIZE_NOTES
from migrator_kit.load.states import Action, Call, Reason, Status
from migrator_kit.load.writer import Writer
from migrator_kit.mapping.model import Landing
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


@dataclass(slots=True)
class _Undone:
    """Counts as the undo goes."""

    deleted: Counter[str] = field(default_factory=Counter)
    held: list[tuple[str, str, str, str, str]] = field(default_factory=list)


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
    them. With `dry_run` nothing is deleted: the report says what would be, as far as can be told
    before its children are gone. Safe to call again after any interruption. Raises what
    `loader.load` raises.
    """
    started, undone = time.perf_counter(), _Undone()
    with job.ledger.writing(f"rollback {run_id}", run_id) as writer:
        writer.bind_org(job.target.org_id)
        writer.start_run("rollback", org_id=job.target.org_id)
        recover(job, writer, progress)
        later = LaterWork(job, frozenset(force))
        for name, in_module, step in _reversed(job):
            if module in (None, in_module):
                rows = _made(job, name, undo)
                with progress(f"Undoing {name}", len(rows)) as bar:
                    for part in _undo(job, writer, later, (name, in_module, step), rows, undone,
                                      dry_run=dry_run):  # fmt: skip
                        bar.advance(part)
        writer.end_run("done")
    held = pd.DataFrame(undone.held, columns=list(HELD), dtype="str")
    return RollbackReport(run_id, dict(undone.deleted), held, time.perf_counter() - started)
