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
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from migrator_kit.errors import LedgerError
from migrator_kit.load import file_history
from migrator_kit.load import ledger_schema as schema
from migrator_kit.load.audit_log import CHAINED, Entry, chained, end_of_chain
from migrator_kit.load.batches import Batch, Intended, Outcome, Settled, intents_text
from migrator_kit.load.ledger_errors import ledger_errors
from migrator_kit.load.states import LANDED, BatchState, Call, Status

Row = dict[str, Any]

_OUTCOME = tuple(schema.outcome.c.keys())
_CROSSED = tuple(one.name for one in schema.crosswalk.c if one.name != "link_digest")


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
        on_postgres = engine.dialect.name == "postgresql"
        self._insert = postgresql.insert if on_postgres else sqlite.insert
        # Parameters by position, whatever the driver prefers: rows are plain tuples.
        kind, style = (PGDialect, "format") if on_postgres else (SQLiteDialect, "qmark")
        self._dialect = kind(paramstyle=style)
        self._statements: dict[tuple[str, ...], str] = {}
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
            self._outcomes(connection, self.run_id, object_name, kept, instant)

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
        state = BatchState.READ_BACK if settled.read_back else BatchState.SETTLED
        connection.execute(
            update(schema.batch)
            .where(schema.batch.c.batch_id == batch.batch_id)
            .values(state=state, settled_at=instant)
        )
        intended = {row.source_id: row for row in batch.rows}
        self._outcomes(connection, batch.run_id, batch.object, settled.outcomes, instant)
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
            (batch.object, o.source_id, batch.module, o.zoho_id, _state(batch, o).value, o.digest,
             o.modified_time, batch.run_id, instant)
            for o in landed
        ]  # fmt: skip
        # A record we once created stays "created" when a later run updates it.
        keep = ("state", "run_id")
        self._many(connection, schema.crosswalk, _CROSSED, rows,
                   lambda: self._overwriting(schema.crosswalk, _CROSSED, keep))  # fmt: skip
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

    def _outcomes(
        self, connection: Connection, run_id: str, object_name: str, outcomes: Sequence[Outcome],
        instant: str,
    ) -> None:  # fmt: skip
        rows = [
            (seq, run_id, object_name, o.source_id, o.status.value, o.reason, o.code, o.field,
             o.digest, instant)
            for seq, o in enumerate(outcomes, self._numbers.outcome + 1)
        ]  # fmt: skip
        self._many(connection, schema.outcome, _OUTCOME, rows,
                   lambda: _inserting(schema.outcome, _OUTCOME))  # fmt: skip
        self._numbers.outcome += len(rows)

    def _audit(self, connection: Connection, entries: list[Entry]) -> None:
        rows, head = chained(entries, self._numbers.audit, self._numbers.head)
        self._many(connection, schema.audit, CHAINED, rows,
                   lambda: _inserting(schema.audit, CHAINED))  # fmt: skip
        self._numbers.audit, self._numbers.head = self._numbers.audit + len(rows), head

    def _append(self, connection: Connection, table: Table, rows: list[Row]) -> None:
        if rows:
            names, values = _by_name(table, rows)
            self._many(connection, table, names, values, lambda: _inserting(table, names))

    def _upsert(
        self, connection: Connection, table: Table, rows: list[Row], keep: tuple[str, ...] = ()
    ) -> None:
        """Insert rows or overwrite those with the same key, except the columns to `keep`."""
        if rows:
            names, values = _by_name(table, rows)
            made = partial(self._overwriting, table, names, keep)
            self._many(connection, table, names, values, made)

    def _overwriting(
        self, table: Table, names: tuple[str, ...], keep: tuple[str, ...] = ()
    ) -> Insert:
        statement = self._insert(table).values(dict.fromkeys(names))
        keys = [column.name for column in table.primary_key]
        overwritten = {
            name: statement.excluded[name]
            for name in names
            if name not in keys and name not in keep
        }
        return statement.on_conflict_do_update(index_elements=keys, set_=overwritten)

    def _many(
        self, connection: Connection, table: Table, names: tuple[str, ...],
        rows: list[tuple[Any, ...]], made: Callable[[], Insert],
    ) -> None:  # fmt: skip
        """Hand rows, in the order of the table's columns, to the driver in one go.

        SQLAlchemy writes the statement, once for each table; its handling of each parameter would
        take half of the ledger's time.
        """
        if not rows:
            return
        known = (table.name, *names)
        if known not in self._statements:
            self._statements[known] = str(made().compile(dialect=self._dialect))
        connection.exec_driver_sql(self._statements[known], rows)

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


def _inserting(table: Table, names: tuple[str, ...]) -> Insert:
    return table.insert().values(dict.fromkeys(names))


def _by_name(table: Table, rows: list[Row]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the columns of rows as the table orders them, and the values in that order."""
    names = tuple(one.name for one in table.c if one.name in rows[0])
    return names, [tuple(row[name] for name in names) for row in rows]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _last(connection: Connection, column: Any) -> int:
    return int(connection.execute(select(func.max(column))).scalar() or 0)


def _batch_row(batch: Batch, instant: str) -> Row:
    return {
        "batch_id": batch.batch_id, "run_id": batch.run_id, "object": batch.object,
        "module": batch.module, "call": batch.call, "state": BatchState.INTENT,
        "opened_at": instant, "rows": len(batch.rows), "intents": intents_text(batch.rows),
    }  # fmt: skip


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
