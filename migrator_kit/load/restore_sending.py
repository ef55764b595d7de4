"""Old values on their way back: up to a hundred records of one module, only the fields we wrote."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from migrator_kit.load.batches import Batch, Outcome, Settled
from migrator_kit.load.crm import Crm
from migrator_kit.load.payload import Row
from migrator_kit.load.states import Status
from migrator_kit.load.vault import Before


@dataclass(frozen=True, slots=True)
class RestoreSending:
    """Records whose fields get back what stood there. What Zoho refuses gets no outcome."""

    client: Crm
    batch: Batch
    payloads: tuple[Row, ...] = field(repr=False)
    images: dict[str, Before] = field(repr=False)
    one_call: bool = True

    def send(self) -> Settled:
        """Make the call. Raises AmbiguousError, TransientError, TerminalError, BudgetExhausted."""
        notes = self.batch.module == "Notes"
        records = self.client.records
        results = (
            self.client.notes.update(self.payloads)
            if notes
            else records.update(self.batch.module, self.payloads)
        )
        outcomes = [
            restored(self.images[row.source_id], row.zoho_id, result.modified_time)
            for row, result in zip(self.batch.rows, results, strict=True)
            if result.ok
        ]
        return Settled(self.batch, tuple(outcomes))

    def read_back(self) -> Settled:
        """Return nothing: the old values are simply sent again."""
        return Settled(self.batch, ())

    def again(self, keys: set[str], batch_id: int) -> RestoreSending:
        """Return a batch of what is not known to be restored."""
        kept = [
            (row, payload)
            for row, payload in zip(self.batch.rows, self.payloads, strict=True)
            if row.source_id in keys
        ]
        batch = replace(self.batch, batch_id=batch_id, rows=tuple(row for row, _ in kept))
        return replace(self, batch=batch, payloads=tuple(payload for _, payload in kept))


def restored(image: Before, zoho_id: str | None, modified_time: str | None) -> Outcome:
    """Return the outcome of a record that stands as the image says."""
    return Outcome(
        image.source_id, Status.RESTORED, zoho_id, digest=image.digest,
        modified_time=modified_time, link_digest=image.link_digest,
    )  # fmt: skip
