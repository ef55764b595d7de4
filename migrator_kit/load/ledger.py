"""The engagement's ledger: opened, migrated, read. Writing needs the one `Writer` (see `writer`).

SQLite in WAL mode by default, PostgreSQL by URL. The ledger holds keys and keyed digests, never a
field value, so it can go into the evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import (
    Connection,
    Engine,
    Select,
    and_,
    create_engine,
    event,
    func,
    inspect,
    select,
    text,
)  # fmt: skip
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError, LedgerError
from migrator_kit.load import audit_log
from migrator_kit.load import ledger_schema as schema
from migrator_kit.load.audit_log import ChainCheck
from migrator_kit.load.batch_times import seconds_by_call
from migrator_kit.load.batches import Batch, intents_of
from migrator_kit.load.ledger_errors import ledger_errors
from migrator_kit.load.ledger_frames import frame_of
from migrator_kit.load.loader_lock import loader_lock
from migrator_kit.load.states import LANDED, BatchState, Call, Status
from migrator_kit.load.writer import Writer

LOCK_SECONDS = 10
"""How long a write waits for another program that holds the database."""

CROSSWALK = (
    "source_id", "module", "zoho_id", "state", "payload_digest", "link_digest", "modified_time",
    "run_id", "at",
)  # fmt: skip
STANDING = (
    "object", "source_id", "module", "zoho_id", "state", "payload_digest", "modified_time",
    "run_id",
)  # fmt: skip
_SETTLED = (BatchState.SETTLED, BatchState.READ_BACK)
CURES = (
    "object", "source_id", "reason", "code", "field", "failure", "failed_run", "cure", "cured_run",
    "cured_as",
)  # fmt: skip
LATEST = (
    "object", "source_id", "status", "reason", "code", "field", "payload_digest", "run_id", "at",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What the ledger holds of one record: crosswalk row, outcomes of runs, audited writes."""

    crosswalk: pd.DataFrame
    outcomes: pd.DataFrame
    writes: pd.DataFrame
    parent: tuple[str, str] | None
    """Module and id of the record that a note or file hangs on."""


class Ledger:
    """An open ledger. Reading is free; writing goes through `writing`, one loader at a time."""

    def __init__(self, url: str, owner: str) -> None:
        self._engine = _engine(url)
        with ledger_errors():
            _migrate(self._engine)
            self._claim(owner)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def writing(self, purpose: str, run_id: str) -> Iterator[Writer]:
        """Hold the ledger as its only writer. Raises LedgerError naming another holder."""
        with loader_lock(self._engine, purpose):
            yield Writer(self._engine, run_id)

    def crosswalk(self, object_name: str) -> pd.DataFrame:
        """Return what landed of an object: `CROSSWALK` columns, one row for each source id."""
        return self.landed(*CROSSWALK, of=object_name)

    def landed(
        self, *columns: str, of: str | None = None, but: Status | None = None
    ) -> pd.DataFrame:
        """Return what landed, of all objects or one, but for one state: `STANDING` or `columns`.

        All columns of millions of records take hundreds of megabytes: name those you need.
        """
        table = schema.crosswalk
        query = select(*(table.c[name] for name in columns or STANDING))
        query = query if of is None else query.where(table.c.object == of)
        return self._frame(query if but is None else query.where(table.c.state != but))

    def anything_landed(self) -> bool:
        """Whether one record at least is known to stand in the target."""
        with ledger_errors(), self._engine.connect() as connection:
            return (
                connection.execute(select(schema.crosswalk.c.object).limit(1)).first() is not None
            )

    def latest_outcomes(
        self, object_name: str | None = None, statuses: Collection[Status] = tuple(Status)
    ) -> pd.DataFrame:
        """Return the newest outcome of each record where it is one of `statuses`: `LATEST`."""
        table = schema.outcome
        newest = select(func.max(table.c.seq)).group_by(table.c.object, table.c.source_id)
        query = select(*(table.c[name] for name in LATEST)).where(table.c.status.in_(statuses))
        if object_name is not None:
            newest = newest.where(table.c.object == object_name)
            query = query.where(table.c.object == object_name)
        return self._frame(query.where(table.c.seq.in_(newest)))

    def open_failures(self, object_name: str | None = None) -> pd.DataFrame:
        """Return the newest outcome of each record that has not landed, or not as planned."""
        return self.latest_outcomes(object_name, (Status.FAILED, Status.HELD))

    def cures(self) -> pd.DataFrame:
        """Return which failure was cured by what, one row for each: columns `CURES`.

        A failure is cured by the next outcome of the same record that landed.
        """
        failed, cured = schema.outcome.alias("failed"), schema.outcome.alias("cured")
        same = and_(cured.c.object == failed.c.object, cured.c.source_id == failed.c.source_id)
        after = schema.outcome.alias("after")
        nearest = (
            select(func.min(after.c.seq))
            .where(after.c.object == failed.c.object, after.c.source_id == failed.c.source_id,
                   after.c.seq > failed.c.seq)
            .scalar_subquery()
        )  # fmt: skip
        return self._frame(
            select(
                failed.c.object, failed.c.source_id, failed.c.reason, failed.c.code,
                failed.c.field, failed.c.seq.label("failure"), failed.c.run_id.label("failed_run"),
                cured.c.seq.label("cure"), cured.c.run_id.label("cured_run"),
                cured.c.status.label("cured_as"),
            )
            .select_from(failed.join(cured, same))
            .where(cured.c.seq == nearest)
            .where(failed.c.status.in_((Status.FAILED, Status.HELD)))
            .where(cured.c.status.in_(LANDED))
            .order_by(failed.c.seq)
        )  # fmt: skip

    def history(self, object_name: str, source_id: str, module: str) -> History:
        """Return all that was written down of one record, oldest first."""
        cross, outcome, audit = schema.crosswalk, schema.outcome, schema.audit
        marks = self.marks(object_name)
        mark = marks[marks["source_id"] == source_id].head(1)
        parents = list(zip(mark["parent_module"], mark["parent_id"], strict=True))
        return History(
            self._frame(
                select(cross).where(cross.c.object == object_name, cross.c.source_id == source_id)
            ),
            self._frame(
                select(outcome)
                .where(outcome.c.object == object_name, outcome.c.source_id == source_id)
                .order_by(outcome.c.seq)
            ),
            self._frame(
                select(audit)
                .where(audit.c.module == module, audit.c.source_id == source_id)
                .order_by(audit.c.seq)
            ),
            parents[0] if parents else None,
        )

    def marks(self, object_name: str) -> pd.DataFrame:
        """Return the read-back marks of an object's notes or files, one row for each source id."""
        table = schema.mark
        return self._frame(select(table).where(table.c.object == object_name))

    def runs(self) -> pd.DataFrame:
        """Return every run in the order in which they began."""
        return self._frame(select(schema.run).order_by(schema.run.c.started_at))

    def calls(self) -> pd.DataFrame:
        """Return number, rows and seconds of the batches that were answered: `seconds_by_call`."""
        table = schema.batch
        frame = self._frame(
            select(table.c.module, table.c.call, table.c.rows, table.c.opened_at,
                   table.c.settled_at)
            .where(table.c.state == BatchState.SETTLED)
        )  # fmt: skip
        return seconds_by_call(frame)

    def unsettled(self) -> list[Batch]:
        """Return the batches whose fate is not known: what a killed run left behind."""
        table = schema.batch
        query = select(table).where(table.c.state.not_in(_SETTLED)).order_by(table.c.batch_id)
        with ledger_errors(), self._engine.connect() as connection:
            return [
                Batch(
                    one.batch_id, one.run_id, one.object, one.module, Call(one.call),
                    intents_of(one.intents), one.job_id,
                )
                for one in connection.execute(query)
            ]  # fmt: skip

    def last_opened(self) -> datetime | None:
        """Return when the newest batch was opened whose fate is not known."""
        table = schema.batch
        query = select(func.max(table.c.opened_at)).where(table.c.state.not_in(_SETTLED))
        with ledger_errors(), self._engine.connect() as connection:
            opened = connection.execute(query).scalar()
        return None if opened is None else datetime.fromisoformat(opened)

    def read_back(self, object_name: str) -> dict[str, datetime]:
        """Return when each record was read back last because the answer to its call was lost."""
        table = schema.batch
        query = (
            select(table.c.intents, table.c.settled_at)
            .where(table.c.object == object_name, table.c.state == BatchState.READ_BACK)
            .order_by(table.c.batch_id)
        )
        with ledger_errors(), self._engine.connect() as connection:
            return {
                row.source_id: datetime.fromisoformat(one.settled_at)
                for one in connection.execute(query)
                for row in intents_of(one.intents)
            }

    def org_states(self, run_id: str) -> dict[str, str]:
        """Return the digests of the org that a run kept, by moment: `before`, `after`."""
        table = schema.org_state
        query = select(table.c.moment, table.c.digest).where(table.c.run_id == run_id)
        with ledger_errors(), self._engine.connect() as connection:
            return {str(row.moment): str(row.digest) for row in connection.execute(query)}

    def field_names(self) -> pd.DataFrame:
        """Return logical name → label → API name of every provisioned or found field."""
        table = schema.field_name
        return self._frame(select(table).order_by(table.c.module, table.c.logical))

    def provisioned(self) -> pd.DataFrame:
        """Return what provisioning made in the org, in order."""
        return self._frame(select(schema.provisioning).order_by(schema.provisioning.c.seq))

    def audit(self, limit: int | None = None) -> pd.DataFrame:
        """Return the audit log, newest first when a limit is given."""
        order = schema.audit.c.seq.desc() if limit else schema.audit.c.seq
        return self._frame(select(schema.audit).order_by(order).limit(limit))

    def audit_parts(self, rows: int = 50_000) -> Iterator[pd.DataFrame]:
        """Yield the audit log in order, at most `rows` at once; of an empty one its headings."""
        last = 0
        while True:
            newer = select(schema.audit).where(schema.audit.c.seq > last)
            part = self._frame(newer.order_by(schema.audit.c.seq).limit(rows))
            if len(part) or not last:
                yield part
            if len(part) < rows:
                return
            last = int(part["seq"].iloc[-1])

    def verify_audit(self) -> ChainCheck:
        """Walk the audit log's chain of hashes."""
        with ledger_errors(), self._engine.connect() as connection:
            return audit_log.verify(connection)

    def setting(self, name: str) -> str | None:
        """Return a stored setting."""
        query = select(schema.setting.c.value).where(schema.setting.c.name == name)
        with ledger_errors(), self._engine.connect() as connection:
            value = connection.execute(query).scalar()
        return None if value is None else str(value)

    def _frame(self, query: Select[Any]) -> pd.DataFrame:
        with ledger_errors(), self._engine.connect() as connection:
            return frame_of(connection, query)

    def _claim(self, owner: str) -> None:
        """Note whose ledger this is. Raises LedgerError where it is another engagement's."""
        stored = self.setting("owner")
        if stored is None:
            with _writing(self._engine).begin() as connection:
                row = {"name": "owner", "value": owner}
                connection.execute(schema.setting.insert(), row)
        elif stored != owner:
            raise LedgerError(
                "This ledger belongs to another engagement.",
                hint="Each engagement has a ledger of its own: correct `ledger:` in engagement.yml",
            )


def open_ledger(engagement: Engagement) -> Ledger:
    """Open the engagement's ledger, made on first use. Raises LedgerError, ConfigError."""
    owner = hashlib.sha256(b"ledger of" + engagement.key()).hexdigest()[:32]
    return Ledger(engagement.ledger_url, owner)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql" and "+" not in parsed.drivername:
            parsed = parsed.set(drivername="postgresql+psycopg")
        waits = {"options": f"-c lock_timeout={LOCK_SECONDS}s"}
        server = parsed.get_backend_name() == "postgresql"
        engine = create_engine(parsed, hide_parameters=True, connect_args=waits if server else {})
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise ConfigError(
            "`ledger:` in engagement.yml is no database URL that can be opened.",
            hint="For example: postgresql://user@host/database",
        ) from None
    if engine.dialect.name == "sqlite":
        Path(parsed.database or ".").parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Take transactions into our own hands: the driver would leave DDL outside of them."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1_000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _writing(engine: Engine) -> Engine:
    return engine.execution_options(writing=True)


def _migrate(engine: Engine) -> None:
    """Apply the migrations that this database does not have yet, each in one transaction."""
    newest = schema.MIGRATIONS[-1].number
    if _version(engine) == newest:
        return
    with _writing(engine).begin() as connection:
        connection.execute(text(schema.CREATE_SCHEMA_VERSION))
    for migration in schema.MIGRATIONS:
        with _writing(engine).begin() as connection:
            applied = connection.execute(select(func.max(schema.schema_version.c.number))).scalar()
            if (applied or 0) > newest:
                raise LedgerError(
                    "This ledger was made by a newer version of the migrator.",
                    hint="Update the package, then run again.",
                )
            if (applied or 0) >= migration.number:
                continue
            _keep_open_batches(connection, migration)
            for statement in migration.statements:
                connection.execute(text(statement))
            instant = datetime.now(UTC).isoformat(timespec="seconds")
            row = {"number": migration.number, "name": migration.name, "applied_at": instant}
            connection.execute(schema.schema_version.insert(), row)


def _keep_open_batches(connection: Connection, migration: schema.Migration) -> None:
    """Refuse a migration where a load of an earlier version stopped with calls under way."""
    left = connection.execute(text(migration.forgets)).scalar() if migration.forgets else 0
    if left:
        raise LedgerError(
            "An earlier version of the migrator stopped before it knew what became of its last "
            f"calls ({left}), and this version cannot read what they held. Nothing was changed.",
            hint="Run that load to its end with the version that began it (the column "
            "`code_version` of the ledger's table `run` names it), then with this one.",
        )


def _version(engine: Engine) -> int:
    if not inspect(engine).has_table(schema.schema_version.name):
        return 0
    with engine.connect() as connection:
        found = connection.execute(select(func.max(schema.schema_version.c.number))).scalar()
    return int(found or 0)
