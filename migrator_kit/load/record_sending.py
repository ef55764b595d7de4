"""Batches of records on their way: insert, upsert, update, and the second pass of lookups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.crm import Crm
from migrator_kit.load.payload import Row
from migrator_kit.load.readback import landed_records, looked_twice
from migrator_kit.load.states import Action, Call, Status
from migrator_kit.zoho.reasons import Reason as Refusal
from migrator_kit.zoho.results import ItemResult


@dataclass(frozen=True, slots=True)
class RecordSending:
    """Up to 100 records of one module. `lost` tells that an earlier answer to them was lost."""

    client: Crm
    batch: Batch
    payloads: tuple[Row, ...] = field(repr=False)
    key_field: str | None
    lost: bool = False
    one_call: bool = True

    def send(self) -> Settled:
        """Make the call. Raises AmbiguousError, TransientError, TerminalError, BudgetExhausted."""
        results = self._call()
        outcomes = [
            self._outcome(row, result) for row, result in zip(self.batch.rows, results, strict=True)
        ]
        return Settled(self.batch, tuple(outcomes))

    def read_back(self) -> Settled:
        """Return what landed by source key; updates are simply sent again."""
        if self.key_field is None or self.batch.call not in (Call.INSERT, Call.UPSERT):
            return Settled(self.batch, ())
        asked = partial(landed_records, self.client, self.batch.module, self.key_field)
        found = looked_twice(self.batch, lambda: asked(self.batch.rows))
        return Settled(self.batch, tuple(found))

    def again(self, keys: set[str], batch_id: int) -> RecordSending:
        """Return a batch of those records that have not landed."""
        kept = [
            (row, payload)
            for row, payload in zip(self.batch.rows, self.payloads, strict=True)
            if row.source_id in keys
        ]
        batch = replace(self.batch, batch_id=batch_id, rows=tuple(row for row, _ in kept))
        payloads = tuple(payload for _, payload in kept)
        return replace(self, batch=batch, payloads=payloads, lost=True)

    def _call(self) -> Sequence[ItemResult]:
        records, module = self.client.records, self.batch.module
        if self.batch.call is Call.UPSERT and self.key_field is not None:
            checked = [self.key_field]
            return records.upsert(module, self.payloads, duplicate_check_fields=checked)
        if self.batch.call is Call.INSERT:
            return records.insert(module, self.payloads)
        return records.update(module, self.payloads)

    def _outcome(self, row: Intended, result: ItemResult) -> Outcome:
        if not result.ok:
            return self._refused(row, result)
        created = row.action is Action.CREATE and (result.action != "update" or self.lost)
        status = Status.CREATED if created else Status.UPDATED
        return landed(row, result, status)

    def _refused(self, row: Intended, result: ItemResult) -> Outcome:
        duplicate = result.reason is Refusal.DUPLICATE and result.field == self.key_field
        if duplicate and result.id and row.action is Action.CREATE:
            # The key stands there already. After a lost answer it is the record we sent; else its
            # content is unknown, and without a digest the next run brings it up to date.
            status = Status.CREATED if self.lost else Status.MATCHED
            return Outcome(row.source_id, status, result.id, digest=row.digest if self.lost else "")
        return refused(row, result)


def landed(row: Intended, result: ItemResult, status: Status) -> Outcome:
    """Return a success as the outcome of its record."""
    return Outcome(
        row.source_id,
        status,
        result.id or row.zoho_id,
        digest=row.digest,
        modified_time=result.modified_time,
    )


def refused(row: Intended, result: ItemResult) -> Outcome:
    """Return a refusal as the outcome of its record. Holds no value, only reason, code, field."""
    return Outcome(
        row.source_id,
        Status.FAILED,
        reason=str(result.reason or Refusal.OTHER),
        code=result.code,
        field=result.field,
        digest=row.digest,
    )
