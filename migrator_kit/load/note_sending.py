"""Batches of notes on their way. A note is found again by the marker in its first line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from migrator_kit.load.batches import Batch, Settled
from migrator_kit.load.crm import Crm
from migrator_kit.load.payload import Row
from migrator_kit.load.readback import landed_notes, looked_twice
from migrator_kit.load.record_sending import landed, refused
from migrator_kit.load.states import Action, Status


@dataclass(frozen=True, slots=True)
class NoteSending:
    """Up to 100 notes, all to be created or all to be updated."""

    client: Crm
    batch: Batch
    payloads: tuple[Row, ...] = field(repr=False)
    one_call: bool = True

    def send(self) -> Settled:
        """Make the call. Raises AmbiguousError, TransientError, TerminalError, BudgetExhausted."""
        creating = self.batch.rows[0].action is Action.CREATE
        notes = self.client.notes
        results = notes.create(self.payloads) if creating else notes.update(self.payloads)
        status = Status.CREATED if creating else Status.UPDATED
        outcomes = [
            landed(row, result, status) if result.ok else refused(row, result)
            for row, result in zip(self.batch.rows, results, strict=True)
        ]
        return Settled(self.batch, tuple(outcomes))

    def read_back(self) -> Settled:
        """Return the notes whose marker stands on their parent."""
        name, rows = self.batch.object, self.batch.rows
        found = looked_twice(self.batch, lambda: landed_notes(self.client, name, rows))
        return Settled(self.batch, tuple(found))

    def again(self, keys: set[str], batch_id: int) -> NoteSending:
        """Return a batch of those notes that have not landed."""
        kept = [
            (row, payload)
            for row, payload in zip(self.batch.rows, self.payloads, strict=True)
            if row.source_id in keys
        ]
        batch = replace(self.batch, batch_id=batch_id, rows=tuple(row for row, _ in kept))
        return replace(self, batch=batch, payloads=tuple(payload for _, payload in kept))
