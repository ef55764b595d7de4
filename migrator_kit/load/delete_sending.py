"""Deletions on their way: records and notes by the hundred, attachments one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.crm import Crm
from migrator_kit.load.readback import deleted_records
from migrator_kit.load.states import Status
from migrator_kit.zoho.reasons import Reason as Refusal
from migrator_kit.zoho.results import ItemResult

_GONE = frozenset({Refusal.UNKNOWN_RECORD, Refusal.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class DeleteSending:
    """Things of one module that go. What Zoho refuses to delete gets no outcome: it stays."""

    client: Crm
    batch: Batch
    one_call: bool = False

    def send(self) -> Settled:
        """Delete. Raises AmbiguousError, TransientError, TerminalError, BudgetExhausted."""
        outcomes = [
            Outcome(row.source_id, Status.ROLLED_BACK, row.zoho_id)
            for row, result in zip(self.batch.rows, self._call(), strict=True)
            if result.ok or result.reason in _GONE
        ]
        return Settled(self.batch, tuple(outcomes))

    def read_back(self) -> Settled:
        """Return what is gone by now."""
        return Settled(self.batch, tuple(deleted_records(self.client, self.batch)))

    def again(self, keys: set[str], batch_id: int) -> DeleteSending:
        """Return a batch of what still stands."""
        rows = tuple(row for row in self.batch.rows if row.source_id in keys)
        return replace(self, batch=replace(self.batch, batch_id=batch_id, rows=rows))

    def _call(self) -> list[ItemResult]:
        module = self.batch.module
        if module == "Attachments":
            return [self._attachment(row) for row in self.batch.rows]
        ids = [row.zoho_id or "" for row in self.batch.rows]
        if module == "Notes":
            return self.client.notes.delete(ids)
        return self.client.records.delete(module, ids)

    def _attachment(self, row: Intended) -> ItemResult:
        parent = (row.parent_module or "", row.parent_id or "")
        return self.client.attachments.delete(*parent, row.zoho_id or "")
