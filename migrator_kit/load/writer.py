"""The one writer of the ledger: intent before the call, outcomes after it, every write audited.

Each method is one transaction. `exchange` settles what came back and opens what goes out next in
the same transaction, so a running load commits once for each batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from migrator_kit.errors import LedgerError
from migrator_kit.load import file_history
from migrator_kit.load import ledger_schema as schema
from migrator_kit.load.audit_log import Entry, chained, end_of_chain
from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.ledger_errors import ledger_errors
from migrator_kit.load.states import LANDED, BatchState, Call, Status

Row = dict[str, Any]


@dataclass(slots=True)
class _Numbers:
    """Last numbers given out, and the head of the audit chain."""

    outcome: int
    provisioning: int
    audit: int
    head: str


class Writer:
    """Writes the ledger while it holds the loader's lock. Gives out batch numbers."""

    def __init__(self, engine: Engine, run_id: str) -> None:
        self.run_id = run_id
        self.seconds = 0.0
        """Time spent in the ledger so far."""
        self._engine = engine.execution_options(writing=True)
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._statements: dict[tuple[str, ...], tuple[str, Callable[[Row], Any] | None]] = {}
        self._numbers = _Numbers(0, 0, 0, "")
        with self._transaction() as connection:
            self._batch_id = _last(connection, schema.batch.c.batch_id)
            audited, head = end_of_chain(connection)
            outcomes = _last(connection, schema.outcome.c.seq)
            made = _last(connection, schema.provisioning.c.seq)
            self._numbers = _Numbers(outcomes, made, audited, head)

    def next_batch_id(self) -> int:
        """Return a number for a new batch."""
        self._batch_id += 1
        return self._batch_id

    def start_run(self, kind: str, **details: str | None) -> None:
        """Write down that this run began or goes on."""
        row = {"run_id": self.run_id, "kind": kind, "state": "running", "started_at": _now(),
               **details}  # fmt: skip
        with self._transaction() as connection:
            self._upsert(connection, schema.run, [row], keep=("started_at",))

    def end_run(self, state: str) -> None:
        """Write down how this run ended: `done` or `stopped`."""
        statement = update(schema.run).where(schema.run.c.run_id == self.run_id)
        with self._transaction() as connection:
            connection.execute(statement.values(state=state, ended_at=_now()))

    def bind_org(self, org_id: str) -> None:
        """Note which org this ledger's ids belong to. Raises LedgerError where it is another."""
        query = select(schema.setting.c.value).where(schema.setting.c.name == "org")
        with self._transaction() as connection:
            stored = connection.execute(query).scalar()
            if stored is None:
                self._upsert(connection, schema.setting, [{"name": "org", "value": org_id}])
            elif stored != org_id:
                raise LedgerError(
                    "This ledger describes a load into another org.",
                    hint="Correct `target:` in engagement.yml, or begin a new engagement.",
                )

    def exchange(self, settled: Sequence[Settled], opened: Sequence[Batch]) -> None:
        """Settle batches with their outcomes and open others, in one transaction."""
        if not settled and not opened:
            return
        with self._transaction() as connection:
            for one in settled:
                self._settle(connection, one)
            if opened:
                instant = _now()
                self._append(connection, schema.batch, [_batch_row(one, instant) for one in opened])
                intents = [row for batch in opened for row in _intent_rows(batch)]
                self._append(connection, schema.batch_row, intents)

    def mark_sent(self, batch: Batch) -> None:
        """Note that a call was made and its answer is lost."""
        with self._transaction() as connection:
            connection.execute(
                update(schema.batch)
                .where(schema.batch.c.batch_id == batch.batch_id)
                .values(state=BatchState.SENT)
            )

    def job_started(self, batch: Batch, job_id: str) -> None:
        """Keep the id of the job that carries a batch, before anybody waits for it."""
        with self._transaction() as connection:
            connection.execute(
                update(schema.batch)
                .where(schema.batch.c.batch_id == batch.batch_id)
                .values(job_id=job_id)
            )

    def record(self, object_name: str, outcomes: Iterable[Outcome]) -> None:
        """Append outcomes of records that were not sent: excluded, held, parent missing."""
        instant, kept = _now(), list(outcomes)
        if not kept:
            return
        with self._transaction() as connection:
            rows = [self._outcome_row(self.run_id, object_name, o, instant) for o in kept]
            self._append(connection, schema.outcome, rows)

    def record_provisioned(self, names: Iterable[Row], made: Iterable[Row]) -> None:
        """Keep field names read back from the org, and what was made there; audit what was made."""
        kept = [{**row, "run_id": self.run_id} for row in names]
        instant = _now()
        with self._transaction() as connection:
            self._upsert(connection, schema.field_name, kept, keep=("created", "run_id"))
            rows = [
                {**row, "run_id": self.run_id, "at": instant, "seq": number}
                for number, row in enumerate(made, self._numbers.provisioning + 1)
            ]
            self._append(connection, schema.provisioning, rows)
            self._numbers.provisioning += len(rows)
            self._audit(connection, [_provisioned(row) for row in rows])

    def _settle(self, connection: Connection, settled: Settled) -> None:
        batch, instant = settled.batch, _now()
        connection.execute(
            update(schema.batch)
            .where(schema.batch.c.batch_id == batch.batch_id)
            .values(state=BatchState.SETTLED, settled_at=instant)
        )
        intended = {row.source_id: row for row in batch.rows}
        outcomes = [self._outcome_row(batch.run_id, batch.object, o, instant)
                    for o in settled.outcomes]  # fmt: skip
        self._append(connection, schema.outcome, outcomes)
        landed = [o for o in settled.outcomes if o.status in LANDED]
        self._cross(connection, batch, landed, intended, instant)
        gone = [o.source_id for o in settled.outcomes if o.status is Status.ROLLED_BACK]
        self._uncross(connection, batch.object, gone)
        if gone and batch.module == "Attachments":
            file_history.promote(connection, batch.object, gone)
        restored = [o for o in settled.outcomes if o.status is Status.RESTORED]
        self._take_back(connection, batch.object, restored, instant)
        written = [o for o in settled.outcomes if o.status in LANDED - {Status.MATCHED}]
        written += [o for o in settled.outcomes if o.status is Status.ROLLED_BACK] + restored
        self._audit(connection, [_entry(batch, o, intended, instant) for o in written])

    def _cross(
        self,
        connection: Connection,
        batch: Batch,
        landed: list[Outcome],
        intended: dict[str, Intended],
        instant: str,
    ) -> None:
        if batch.call is Call.LINK:
            statement = update(schema.crosswalk).where(schema.crosswalk.c.object == batch.object)
            for o in landed:
                where = schema.crosswalk.c.source_id == o.source_id
                values = {"link_digest": o.digest, "modified_time": o.modified_time, "at": instant}
                connection.execute(statement.where(where).values(values))
            return
        if batch.call is Call.FILE:
            file_history.supersede(
                connection, batch.object, [intended[o.source_id] for o in landed]
            )
        rows = [
            {"object": batch.object, "source_id": o.source_id, "module": batch.module,
             "zoho_id": o.zoho_id, "state": _state(batch, o), "payload_digest": o.digest,
             "modified_time": o.modified_time, "run_id": batch.run_id, "at": instant}
            for o in landed
        ]  # fmt: skip
        # A record we once created stays "created" when a later run updates it.
        self._upsert(connection, schema.crosswalk, rows, keep=("state", "run_id"))
        marks = [_mark_row(batch, intended[o.source_id]) for o in landed
                 if intended[o.source_id].parent_id]  # fmt: skip
        self._upsert(connection, schema.mark, marks)

    def _uncross(self, connection: Connection, object_name: str, source_ids: list[str]) -> None:
        for table in (schema.crosswalk, schema.mark):
            for start in range(0, len(source_ids), 500):
                chunk = source_ids[start : start + 500]
                connection.execute(
                    delete(table).where(table.c.object == object_name, table.c.source_id.in_(chunk))
                )

    def _take_back(
        self, connection: Connection, object_name: str, restored: list[Outcome], instant: str
    ) -> None:
        """Know restored records by what they were known by before; forget those we did not know."""
        unknown = [o.source_id for o in restored if o.digest is None and o.link_digest is None]
        self._uncross(connection, object_name, unknown)
        statement = update(schema.crosswalk).where(schema.crosswalk.c.object == object_name)
        for o in restored:
            where = schema.crosswalk.c.source_id == o.source_id
            values = {"payload_digest": o.digest, "link_digest": o.link_digest,
                      "modified_time": o.modified_time, "at": instant}  # fmt: skip
            connection.execute(statement.where(where).values(values))

    def record_decision(self, action: str, by: str, digest: str) -> None:
        """Name a person's decision in the audit log, with the digest of what it was about."""
        with self._transaction() as connection:
            entry = Entry(_now(), self.run_id, action, None, by, None, None, digest)
            self._audit(connection, [entry])

    def record_state(self, moment: str, digest: str) -> None:
        """Keep a digest of the org at a moment of this run."""
        row = {"run_id": self.run_id, "moment": moment, "digest": digest, "at": _now()}
        with self._transaction() as connection:
            self._upsert(connection, schema.org_state, [row])

    def forget_fields(self, module: str, labels: Sequence[str]) -> None:
        """Note that custom fields of ours are gone from the org again."""
        table, instant = schema.field_name, _now()
        with self._transaction() as connection:
            connection.execute(
                delete(table).where(table.c.module == module, table.c.label.in_(labels))
            )
            rows = [
                {"seq": number, "run_id": self.run_id, "kind": "field removed", "module": module,
                 "label": label, "value": None, "field_id": None, "at": instant}
                for number, label in enumerate(labels, self._numbers.provisioning + 1)
            ]  # fmt: skip
            self._append(connection, schema.provisioning, rows)
            self._numbers.provisioning += len(rows)
            self._audit(connection, [_provisioned(row) for row in rows])

    def _outcome_row(self, run_id: str, object_name: str, o: Outcome, instant: str) -> Row:
        self._numbers.outcome += 1
        return {
            "seq": self._numbers.outcome, "run_id": run_id, "object": object_name,
            "source_id": o.source_id, "status": o.status, "reason": o.reason, "code": o.code,
            "field": o.field, "payload_digest": o.digest, "at": instant,
        }  # fmt: skip

    def _audit(self, connection: Connection, entries: list[Entry]) -> None:
        if not entries:
            return
        rows, head = chained(entries, self._numbers.audit, self._numbers.head)
        self._append(connection, schema.audit, rows)
        self._numbers.audit, self._numbers.head = self._numbers.audit + len(rows), head

    def _append(self, connection: Connection, table: Table, rows: list[Row]) -> None:
        if rows:
            self._many(connection, table, rows, lambda: table.insert().values(_nothing(rows[0])))

    def _upsert(
        self, connection: Connection, table: Table, rows: list[Row], keep: tuple[str, ...] = ()
    ) -> None:
        """Insert rows or overwrite those with the same key, except the columns to `keep`."""
        if rows:
            self._many(connection, table, rows, lambda: self._overwriting(table, rows[0], keep))

    def _overwriting(self, table: Table, row: Row, keep: tuple[str, ...]) -> Insert:
        statement = self._insert(table).values(_nothing(row))
        keys = [column.name for column in table.primary_key]
        overwritten = {
            name: statement.excluded[name] for name in row if name not in keys and name not in keep
        }
        return statement.on_conflict_do_update(index_elements=keys, set_=overwritten)

    def _many(
        self, connection: Connection, table: Table, rows: list[Row], made: Callable[[], Insert]
    ) -> None:
        """Hand rows to the driver in one go.

        SQLAlchemy writes the statement, once for each table; its handling of each parameter would
        take half of the ledger's time.
        """
        known = (table.name, *rows[0])
        if known not in self._statements:
            compiled = made().compile(dialect=self._engine.dialect)
            order = compiled.positiontup if compiled.positional else None
            self._statements[known] = (str(compiled), itemgetter(*order) if order else None)
        statement, in_order = self._statements[known]
        connection.exec_driver_sql(statement, [in_order(row) for row in rows] if in_order else rows)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        started, before = time.perf_counter(), replace(self._numbers)
        try:
            with ledger_errors(), self._engine.begin() as connection:
                yield connection
        except BaseException:
            # What a rolled-back transaction had given out is free again.
            self._numbers = before
            raise
        finally:
            self.seconds += time.perf_counter() - started


def _state(batch: Batch, o: Outcome) -> Status:
    """Return how a record stands. A newer version of a file is an attachment that we created."""
    newer = batch.call is Call.FILE and o.status is Status.UPDATED
    return Status.CREATED if newer else o.status


def _nothing(row: Row) -> dict[str, None]:
    """Return the row's columns for a statement whose values come later."""
    return dict.fromkeys(row)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _last(connection: Connection, column: Any) -> int:
    return int(connection.execute(select(func.max(column))).scalar() or 0)


def _batch_row(batch: Batch, instant: str) -> Row:
    return {
        "batch_id": batch.batch_id, "run_id": batch.run_id, "object": batch.object,
        "module": batch.module, "call": batch.call, "state": BatchState.INTENT,
        "opened_at": instant, "rows": len(batch.rows),
    }  # fmt: skip


def _intent_rows(batch: Batch) -> list[Row]:
    return [
        {"batch_id": batch.batch_id, "position": position, "source_id": row.source_id,
         "intended": row.action, "key_value": row.key, "zoho_id": row.zoho_id,
         "payload_digest": row.digest,
         "parent_module": row.parent_module, "parent_id": row.parent_id,
         "content_digest": row.content_digest, "size": row.size}
        for position, row in enumerate(batch.rows)
    ]  # fmt: skip


def _mark_row(batch: Batch, row: Intended) -> Row:
    return {
        "object": batch.object, "source_id": row.source_id, "parent_module": row.parent_module,
        "parent_id": row.parent_id, "content_digest": row.content_digest, "size": row.size,
        "modified_ns": row.modified_ns,
    }  # fmt: skip


def _entry(batch: Batch, o: Outcome, intended: dict[str, Intended], instant: str) -> Entry:
    row = intended[o.source_id]
    undone = o.status in (Status.ROLLED_BACK, Status.RESTORED)
    action = batch.call if undone or batch.call is Call.LINK else o.status
    before = row.digest if undone else row.before_digest
    return Entry(
        instant, batch.run_id, str(action), batch.module, o.source_id, o.zoho_id, before, o.digest
    )


def _provisioned(row: Row) -> Entry:
    return Entry(
        row["at"], row["run_id"], f"provision {row['kind']}", row["module"], row["label"],
        row["field_id"], None, None,
    )  # fmt: skip
