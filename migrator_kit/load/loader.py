"""The loader: every step in dependency order, safe to kill at any moment and to start again.

Before the first step, batches that an earlier run left open are read back from the target and
decided record by record. Then each object is surveyed, sent and written down; lookups that close
circles come last.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from migrator_kit.engagement import Engagement
from migrator_kit.load.batches import Settled
from migrator_kit.load.file_steps import file_sendings
from migrator_kit.load.file_versions import replaced_count, replaced_sendings
from migrator_kit.load.job import LoadJob, Scope
from migrator_kit.load.ledger_runs import recover, running
from migrator_kit.load.note_steps import note_sendings
from migrator_kit.load.opening import open_job
from migrator_kit.load.order import LoadStep, load_order
from migrator_kit.load.oversize import oversize_ids, oversize_sendings
from migrator_kit.load.pump import Pump, Sending
from migrator_kit.load.readback import OVERSIZE_NOTES
from migrator_kit.load.record_steps import link_sendings, record_sendings
from migrator_kit.load.states import REPLACED_FILES
from migrator_kit.load.tally import LoadReport, StepReport, Tally
from migrator_kit.load.target import Target
from migrator_kit.load.writer import Writer
from migrator_kit.mapping.model import Landing
from migrator_kit.progress import SILENT, Progress

LINKED = " (second pass)"
"""Ends the name of an object in the report of its deferred lookups."""

_FILES = "bulk-"
"""Begins the names of folders with files of bulk writes."""


def run_load(
    engagement: Engagement,
    scope: Scope | None,
    run_id: str,
    *,
    kind: str = "load",
    target: Target | None = None,
    retry: bool = False,
    state: Callable[[LoadJob], str] | None = None,
    progress: Progress = SILENT,
) -> LoadReport:
    """Load the engagement, or the records in `scope`, and return what was done.

    Records that Zoho refused before are sent again only where their payload changed, or with
    `retry`. Raises GateClosed where the mapping is not confirmed or the org not provisioned, and
    what `load` raises.
    """
    with open_job(engagement, scope=scope, target=target, retry=retry) as job:
        return load(job, run_id, kind=kind, state=state, progress=progress)


def load(
    job: LoadJob,
    run_id: str,
    *,
    kind: str = "load",
    in_flight: int | None = None,
    state: Callable[[LoadJob], str] | None = None,
    progress: Progress = SILENT,
) -> LoadReport:
    """Load what the job describes and return what was done.

    Without `in_flight` as many calls run at a time as the org's edition allows.
    `state` gives the digest of the org, kept in the ledger as it was before the run: the undo
    compares itself with it (see `org_state`).
    Raises LedgerError where another loader is at work, TargetError and BudgetExhausted where the
    load had to stop; calling it again goes on from there.
    """
    with job.ledger.writing(f"{kind} {run_id}", run_id) as writer, _whole_collections_rare():
        writer.bind_org(job.target.org_id)
        with running(job, writer, kind):
            if state is not None and "before" not in job.ledger.org_states(run_id):
                writer.record_state("before", state(job))
            return _Loading(job, writer, in_flight, progress).all()


@contextmanager
def _whole_collections_rare() -> Iterator[None]:
    """Let the collector walk all objects rarely: each time, all calls stand still for 0.1 s."""
    usual = gc.get_threshold()
    gc.set_threshold(usual[0], usual[1], 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class _Loading:
    """One load on its way."""

    def __init__(
        self, job: LoadJob, writer: Writer, in_flight: int | None, progress: Progress
    ) -> None:
        self._job, self._writer, self._progress = job, writer, progress
        most = job.target.client.limits.writers_in_flight
        self._in_flight = most if in_flight is None else max(1, min(in_flight, most))
        self._read_back = 0
        self._reports: list[StepReport] = []

    def all(self) -> LoadReport:
        """Recover, then walk every step."""
        started, credits = time.perf_counter(), self._job.target.client.credits
        spent, made = credits.spent, credits.calls
        self._sweep()
        recovered = recover(self._job, self._writer, self._progress)
        steps = load_order(self._job.mapping)
        for step in steps:
            if step.mapping.landing is not Landing.FILES:
                self._load_records_or_notes(step)
        for step in steps:
            if step.deferred:
                self._link(step)
        for step in steps:
            if step.mapping.landing is Landing.FILES:
                self._load_files(step)
        return LoadReport(
            self._writer.run_id, tuple(self._reports), credits.calls - made, credits.spent - spent,
            self._read_back, recovered, time.perf_counter() - started,
            self._writer.seconds + self._job.vault.seconds,
        )  # fmt: skip

    def _sweep(self) -> None:
        """Remove files of bulk writes that a killed run left behind: they hold field values."""
        scratch = self._job.scratch
        for left in scratch.glob(f"{_FILES}*") if scratch is not None else ():
            shutil.rmtree(left)

    def _load_records_or_notes(self, step: LoadStep) -> None:
        job, writer = self._job, self._writer

        def sendings(tally: Tally) -> Iterable[Sending]:
            if step.mapping.landing is Landing.NOTES:
                return note_sendings(job, step, writer, tally)
            return record_sendings(job, step, writer, tally, Path(folder))

        title, rows = f"Loading {step.object}", job.rows(step.object)
        with TemporaryDirectory(prefix=_FILES, dir=job.scratch) as folder:
            self._drive(title, step.object, step.module, rows, sendings)

    def _link(self, step: LoadStep) -> None:
        job, writer = self._job, self._writer
        self._drive(
            f"Linking {step.object}", f"{step.object}{LINKED}", step.module, None,
            lambda tally: link_sendings(job, step, writer, tally),
        )  # fmt: skip

    def _load_files(self, step: LoadStep) -> None:
        job, writer = self._job, self._writer
        taken = set(job.ledger.crosswalk(step.object)["zoho_id"])
        self._drive(
            f"Loading {step.object}", step.object, step.module, job.rows(step.object),
            lambda tally: file_sendings(job, step, writer, tally, taken), taken,
        )  # fmt: skip
        replaced = replaced_count(job)
        if replaced:
            self._drive(
                "Removing replaced files", REPLACED_FILES, step.module, replaced,
                lambda _: replaced_sendings(job, writer),
            )  # fmt: skip
        waiting = len(oversize_ids(job, step))
        if waiting:
            self._drive(
                "Noting files kept outside", OVERSIZE_NOTES, "Notes", waiting,
                lambda tally: oversize_sendings(job, step, writer, tally),
            )  # fmt: skip

    def _drive(
        self, title: str, name: str, module: str, total: int | None,
        sendings: Callable[[Tally], Iterable[Sending]], taken: set[str] | None = None,
    ) -> None:  # fmt: skip
        """Send everything of one step and note what it did; new ids go into `taken`."""
        started = time.perf_counter()
        with self._progress(title, total) as bar:
            tally = Tally(bar)

            def settled(one: Settled) -> None:
                tally.settled(one.outcomes)
                if taken is not None:
                    taken.update(o.zoho_id for o in one.outcomes if o.zoho_id)

            pump = Pump(self._writer, in_flight=self._in_flight, settled=settled)
            pump.run(sendings(tally))
            self._writer.record(name.removesuffix(LINKED), tally.afterwards)
        self._read_back += pump.read_back
        seconds = time.perf_counter() - started
        self._reports.append(StepReport(str(name), module, dict(tally.counts), seconds))
