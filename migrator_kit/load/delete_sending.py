"""Deletions on their way: records and notes by the hundred, attachments one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.crm import Crm
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.readback import deleted_records
from migrator_kit.load.states import Action, Call, Status
from migrator_kit.load.writer import Writer
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


def delete_sendings(
    client: Crm, writer: Writer, name: str, module: str, rows: pd.DataFrame, size: int
) -> Iterator[DeleteSending]:
    """Yield the calls that delete things of one module, `size` in a batch.

    `rows` has `source_id`, `payload_digest`, `zoho_id`, `parent_module` and `parent_id`; `name` is
    what the ledger knows them as.
    """
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
        batch = Batch(writer.next_batch_id(), writer.run_id, name, module, Call.DELETE, part)
        yield DeleteSending(client, batch)
