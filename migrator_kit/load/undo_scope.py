"""What an undo is about: which records go, and which get back what stood there before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from migrator_kit.errors import ParameterError
from migrator_kit.load.file_versions import ATTACHMENTS
from migrator_kit.load.job import LoadJob, Scope
from migrator_kit.load.order import LoadStep, load_order
from migrator_kit.load.payload import Column
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.readback import OVERSIZE_NOTES
from migrator_kit.load.states import EARLIER_FILES, REPLACED_FILES, Status
from migrator_kit.load.survey import NOTE_PARENT
from migrator_kit.load.vault import Before
from migrator_kit.mapping.model import Landing, ObjectName

NOTES = "Notes"


@dataclass(frozen=True, slots=True)
class UndoStep:
    """One object of an undo: its name in the ledger, its module, the fields that we fill."""

    name: str
    module: str
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class UndoScope:
    """A run (None: all of them), a module, some records: whatever is not named is not limited."""

    run: str | None = None
    module: str | None = None
    records: Scope | None = None

    def check(self, job: LoadJob) -> None:
        """Raise ParameterError where the ledger knows no such run or module."""
        runs = job.ledger.runs()["run_id"].tolist()
        if self.run is not None and self.run not in runs:
            raise ParameterError(
                f"The ledger knows no run {self.run}.",
                hint=f"Runs so far: {', '.join(runs[-5:]) or 'none'}.",
            )
        modules = sorted({step.module for step in load_order(job.mapping)})
        if self.module is not None and self.module not in modules:
            raise ParameterError(
                f"The mapping fills no module {self.module}.",
                hint=f"It fills: {', '.join(modules)}.",
            )

    def steps(self, job: LoadJob) -> Iterator[UndoStep]:
        """Yield the objects to look at, from the leaves to the roots."""
        if self.module in (None, NOTES):
            yield UndoStep(OVERSIZE_NOTES, NOTES)
        if self.module in (None, ATTACHMENTS):
            yield UndoStep(EARLIER_FILES, ATTACHMENTS)
            yield UndoStep(REPLACED_FILES, ATTACHMENTS)
        for step in reversed(load_order(job.mapping)):
            if self.module in (None, step.module):
                yield UndoStep(str(step.object), step.module, _columns(job, step))

    def created(self, job: LoadJob, name: str) -> pd.DataFrame:
        """Return the records to delete, with the parents of notes and files."""
        rows = job.ledger.landed(of=name)
        rows = rows[rows["state"] == Status.CREATED]
        if self.run is not None:
            rows = rows[rows["run_id"] == self.run]
        marks = job.ledger.marks(name)[["source_id", "parent_module", "parent_id"]]
        links = job.ledger.crosswalk(name)[["source_id", "link_digest"]]
        rows = self._within(name, rows).merge(marks, on="source_id", how="left")
        return rows.merge(links, on="source_id", how="left").reset_index(drop=True)

    def overwritten(self, job: LoadJob, name: str) -> dict[str, list[Before]]:
        """Return what stood in the records that stay, newest image last, by source id.

        Of one run only its own image counts, and those of later runs that wrote the same record.
        """
        crosswalk = self._within(name, job.ledger.crosswalk(name))
        known = {
            source_id: (state, run_id)
            for source_id, state, run_id in plain_rows(crosswalk, ("source_id", "state", "run_id"))
        }
        found = {}
        for source_id, images in job.vault.before(name).items():
            state, run_id = known.get(source_id, (None, None))
            created = state == Status.CREATED
            if state is None or (created and self.run in (None, run_id)):
                continue
            first = next((i for i, one in enumerate(images) if self.run in (None, one.run_id)), -1)
            if first >= 0:
                found[source_id] = images[first:]
        return found

    def _within(self, name: str, rows: pd.DataFrame) -> pd.DataFrame:
        if self.records is None:
            return rows
        wanted = self.records.get(ObjectName(name), ()) if name in tuple(ObjectName) else ()
        return rows[rows["source_id"].isin(list(wanted))]


def _columns(job: LoadJob, step: LoadStep) -> tuple[Column, ...]:
    if step.mapping.landing is Landing.FILES:
        return ()
    both = (*job.layout(step).columns, *job.layout(step, second_pass=True).columns)
    return tuple(one for one in both if one.logical != NOTE_PARENT)
