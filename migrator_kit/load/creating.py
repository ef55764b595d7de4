"""New records of one step on their way: by bulk write where there are many, else by record calls.

At most one tray of 25,000 records is held here; what goes out of it lies in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from migrator_kit.errors import LedgerError
from migrator_kit.load.batches import Intended
from migrator_kit.load.bulk_files import BulkFiles
from migrator_kit.load.bulk_sending import BulkSending
from migrator_kit.load.job import LoadJob
from migrator_kit.load.order import LoadStep
from migrator_kit.load.paths import bulk_from
from migrator_kit.load.payload import Layout, Row
from migrator_kit.load.pump import Sending
from migrator_kit.load.record_sending import RecordSending
from migrator_kit.load.states import Call
from migrator_kit.load.unsent import Unsent
from migrator_kit.load.vault import Written
from migrator_kit.zoho import limits

Tray = list[tuple[Intended, Row]]


@dataclass(slots=True)
class Creating:
    """The creates of one step. From `least` records on a tray goes by bulk write, None: never."""

    job: LoadJob
    step: LoadStep
    layout: Layout
    unsent: Unsent
    folder: Path
    least: int | None
    _tray: Tray = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, job: LoadJob, step: LoadStep, unsent: Unsent, folder: Path) -> Creating:
        """Return the creates of a step with the path that plan and loader agree on."""
        return cls(job, step, job.layout(step), unsent, folder, bulk_from(job, step))

    def sendings(self, planned: Sequence[tuple[Intended, Row]]) -> Iterator[Sending]:
        """Take records in and yield the calls and jobs that are full."""
        full = limits.RECORDS_PER_CALL if self.least is None else limits.BULK_ROWS
        for one in planned:
            self._tray.append(one)
            if len(self._tray) == full:
                yield from self.rest()

    def rest(self) -> Iterator[Sending]:
        """Yield what is still to be sent."""
        tray, self._tray = self._tray, []
        if tray:
            self._keep(tray)
        if self.least is not None and len(tray) >= self.least:
            yield from self._jobs(tray)
            return
        for start in range(0, len(tray), limits.RECORDS_PER_CALL):
            yield self._call(tray[start : start + limits.RECORDS_PER_CALL])

    def _keep(self, tray: Tray) -> None:
        images = ((row.source_id, row.digest, Written(sent)) for row, sent in tray)
        self.job.vault.keep_written(self.step.object, images)

    def _call(self, tray: Tray) -> RecordSending:
        key = self.layout.key.api_name if self.layout.key else None
        upsert = key is not None and self.step.module not in limits.NO_UPSERT
        rows, payloads = tuple(row for row, _ in tray), tuple(payload for _, payload in tray)
        batch = self.unsent.batch(self.step.module, Call.UPSERT if upsert else Call.INSERT, rows)
        return RecordSending(self.job.target.client, batch, payloads, key)

    def _jobs(self, tray: Tray) -> Iterator[BulkSending]:
        files = BulkFiles.of(self.folder, self.layout)
        name = f"{self.step.module}-{self.unsent.writer.next_batch_id()}"
        for file in files.write([payload for _, payload in tray], name):
            rows = (row for row, _ in tray[file.first_row : file.first_row + file.rows])
            batch = self.unsent.batch(self.step.module, Call.BULK, rows)
            yield BulkSending(self.job.target.client, batch, files, file.path, self._payloads)

    def _payloads(self, rows: Sequence[Intended]) -> tuple[Row, ...]:
        """Return what is to be sent of some records, as the vault keeps it."""
        digests = {row.source_id: row.digest for row in rows}
        kept = self.job.vault.written(self.step.object, digests)
        if len(kept) < len(rows):
            raise LedgerError(
                f"The vault lacks what was to be sent of {len(rows) - len(kept)} records of "
                f"{self.step.object}.",
                hint="Run the load again: it goes on from what has landed.",
            )
        return tuple(dict(kept[row.source_id].fields) for row in rows)
