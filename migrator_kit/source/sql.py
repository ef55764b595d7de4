"""A database server as a source, by SQLAlchemy URL: read-only, server cursors, one moment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    Column,
    ColumnElement,
    MetaData,
    Select,
    Table,
    create_engine,
    event,
    func,
    inspect,
    or_,
    select,
)
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from migrator_kit.compute import worked_ahead
from migrator_kit.errors import SourceError
from migrator_kit.source import dialects
from migrator_kit.source.model import Closing, ForeignKey, SourceTable, distinct_names
from migrator_kit.source.parts import chunks, in_parts
from migrator_kit.source.rights import may_write, read_only_user
from migrator_kit.source.since import Since, Sum

_WRITES = re.compile(
    r"^\W*(insert|update|delete|merge|replace|create|drop|alter|truncate|grant|revoke|exec|call)\b",
    re.IGNORECASE,
)


class SqlSource(Closing):
    """Tables of a database server's default schema. Raises SourceError without credentials."""

    def __init__(self, address: str) -> None:
        self._url = _parsed(address)
        self.location = dialects.without_credentials(self._url)
        self.kind = self._url.get_backend_name()
        self._engine = _engine(self._url)
        self._connection = self._connect()
        self._shared = self._share()
        self.tables_at_once = 4 if self._shared else 1
        self._metadata = MetaData()
        self._tables: dict[str, SourceTable] | None = None

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables by name. Raises SourceError where the database holds none."""
        if self._tables is None:
            with _no_leak(self._url, "its tables cannot be listed"):
                names = sorted(inspect(self._connection).get_table_names())
                self._tables = {name: self._table(name) for name in names}
        if not self._tables:
            raise SourceError(
                f"{self.location} has no tables in its default schema.",
                hint="Check the database's name, and that the user may see its tables.",
            )
        return tuple(self._tables.values())

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a table in parts, by its primary key where it has one."""
        known = {found.name for found in self.describe()}
        if table not in known:
            raise SourceError(
                f"{self.location} has no table {table}.",
                hint=f"Tables found: {', '.join(sorted(known))}",
            )
        return self._selected(table, part_rows)

    def types(self, table: str) -> dict[str, str]:
        """Return the Arrow type of each column, as `read` would give it."""
        return {field.name: str(field.type) for field in _schema(self._columns(table))}

    def read_since(self, table: str, part_rows: int, since: Since) -> Iterator[pa.Table]:
        """Yield the rows of a table that are not older than a mark, or have none."""
        mark = self._columns(table)[since.column]
        newer = or_(mark >= dialects.mark_of(mark, since.value), mark.is_(None))
        return self._selected(table, part_rows, where=newer)

    def read_keys(self, table: str, columns: list[str], part_rows: int) -> Iterator[pa.Table]:
        """Yield some columns of all rows."""
        return self._selected(table, part_rows, columns=columns)

    def read_rows(self, table: str, key: str, values: list[Any]) -> Iterator[pa.Table]:
        """Yield the rows with the given keys."""
        chosen = self._columns(table)[key].in_(values)
        return self._selected(table, max(len(values), 1), where=chosen)

    def sums(self, table: str) -> dict[str, Sum]:
        """Return what the values of each column add up to."""
        columns = self._columns(table)
        terms = {name: dialects.term(column, self.kind) for name, column in columns.items()}
        wanted = [
            one
            for name, column in columns.items()
            for one in (func.count(column), func.sum(terms[name].value))
        ]
        refused = f"table {table} cannot be read"
        with _no_leak(self._url, refused, reading=True), self._reader() as connection:
            row = connection.execute(select(*wanted)).one()
        return {
            name: Sum(filled, int(total or 0) if term.in_duckdb else None, term.in_duckdb)
            for (name, term), filled, total in zip(terms.items(), row[::2], row[1::2], strict=True)
        }

    def _columns(self, table: str) -> dict[str, Column[Any]]:
        """Return the columns of a table under the names they have in a snapshot."""
        reflected = self._metadata.tables[table].columns
        return dict(zip(distinct_names(c.name for c in reflected), reflected, strict=True))

    def _selected(
        self,
        table: str,
        part_rows: int,
        *,
        columns: Sequence[str] | None = None,
        where: ColumnElement[bool] | None = None,
    ) -> Iterator[pa.Table]:
        known = self._columns(table)
        chosen = known if columns is None else {name: known[name] for name in columns}
        schema = _schema(chosen)
        wanted = select(*(dialects.selected(column) for column in chosen.values()))
        wanted = wanted.order_by(*self._metadata.tables[table].primary_key)
        wanted = wanted if where is None else wanted.where(where)
        return in_parts(self._batches(table, wanted, schema), part_rows, schema)

    def notes(self, table: str) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: a server says how its text is encoded."""
        return {}

    def too_many_rights(self) -> str | None:
        """Return how to make a user for reading alone where this one may write; None elsewhere."""
        with _no_leak(self._url, "the rights of its user cannot be looked up"):
            return read_only_user(self._connection) if may_write(self._connection) else None

    def close(self) -> None:
        """Give up the transaction and the connection."""
        self._connection.rollback()
        self._connection.close()
        self._engine.dispose()

    def _connect(self) -> Connection:
        with _no_leak(self._url, "no connection"):
            connection = self._engine.connect()
            dialects.begin_snapshot(connection)
        return connection

    def _share(self) -> str | None:
        """Return the name under which other connections can see what this one sees.

        Only PostgreSQL offers that (`pg_export_snapshot`, not on every standby). Elsewhere one
        connection reads all tables: a second one would see a later state.
        """
        if self.kind != "postgresql":
            return None
        try:
            return str(self._connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar())
        except SQLAlchemyError:
            self._connection.rollback()
            return None

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        """Lend a connection to read one table with, at the moment all tables are read at."""
        if self._shared is None:
            yield self._connection
            return
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{self._shared}'")
            yield connection
            connection.rollback()

    def _table(self, name: str) -> SourceTable:
        reflected = Table(name, self._metadata, autoload_with=self._connection, resolve_fks=False)
        names = distinct_names(column.name for column in reflected.columns)
        declared = [str(column.type.compile(self._engine.dialect)) for column in reflected.columns]
        return SourceTable(
            name=name,
            columns=dict(zip(names, declared, strict=True)),
            primary_key=tuple(column.name for column in reflected.primary_key),
            foreign_keys=tuple(_foreign_keys(self._connection, name)),
        )

    def _batches(self, table: str, wanted: Select[Any], schema: pa.Schema) -> Iterator[pa.Table]:
        def build(rows: list[tuple[Any, ...]]) -> pa.Table:
            columns = zip(*rows, strict=True)
            arrays = [_array(v, field, table) for v, field in zip(columns, schema, strict=True)]
            return pa.table(arrays, schema=schema)

        with (
            _no_leak(self._url, f"table {table} cannot be read", reading=True),
            self._reader() as connection,
        ):
            result = connection.execute(
                wanted, execution_options={"stream_results": True, "max_row_buffer": 1_000}
            )

            def fetch(count: int) -> list[tuple[Any, ...]]:
                return [tuple(row) for row in result.fetchmany(count)]

            yield from worked_ahead(chunks(fetch, _size_of), build)
            result.close()


def _schema(columns: Mapping[str, Column[Any]]) -> pa.Schema:
    fields = [(name, dialects.arrow_type(c) or pa.string()) for name, c in columns.items()]
    return pa.schema(fields)


class _no_leak:  # noqa: N801
    """Turns a driver's error into a SourceError that holds no credentials and no values.

    While rows are read the driver's words are left out: they may quote a value.
    """

    def __init__(self, url: URL, what: str, *, reading: bool = False) -> None:
        self._url, self._what, self._reading = url, what, reading

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, SQLAlchemyError | OSError):
            place = dialects.without_credentials(self._url)
            reason = dialects.reason_without_credentials(error, self._url)
            if self._reading:
                reason = type(getattr(error, "orig", None) or error).__name__
            raise SourceError(
                f"{place}: {self._what} ({reason}).",
                hint="Check host, port, database name, user and password of the source's URL."
                if not self._reading
                else "Check that the server is up and the user may read the table; then run again.",
            ) from None


def _parsed(address: str) -> URL:
    try:
        return dialects.completed(make_url(address))
    except (ArgumentError, ValueError):
        raise SourceError(
            "The source's URL cannot be understood.",
            hint=f"Expected for example {dialects.DRIVERS['postgresql'][1]}, a path to a SQLite "
            "file, or a folder of CSV files.",
        ) from None


def _engine(url: URL) -> Engine:
    """Return an engine whose sessions cannot write. Raises SourceError naming a missing driver."""
    dialect = url.get_backend_name()
    package, form = dialects.DRIVERS.get(dialect, (None, None))
    try:
        engine = create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError, ImportError):
        known = ", ".join(sorted([*dialects.DRIVERS, "sqlite"]))
        hint = f"Install it with: pip install '{package}' (URL: {form})" if package else None
        raise SourceError(
            f"There is no driver for {url.drivername} databases here.",
            hint=hint or f"Known kinds of database: {known}",
        ) from None
    statements = dialects.session_statements(dialect)

    @event.listens_for(engine, "connect")
    def make_read_only(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()

    @event.listens_for(engine, "before_cursor_execute")
    def refuse_writes(*arguments: Any) -> None:
        if _WRITES.match(arguments[2]):
            raise SourceError("A source is read-only: the statement was not sent.")

    return engine


def _foreign_keys(connection: Connection, table: str) -> Iterator[ForeignKey]:
    for key in inspect(connection).get_foreign_keys(table):
        yield ForeignKey(
            tuple(key["constrained_columns"]),
            key["referred_table"],
            tuple(key["referred_columns"]),
        )


def _array(values: tuple[Any, ...], field: pa.Field, table: str) -> pa.Array:
    """Return a column of driver values. Raises SourceError where its declared type is broken."""
    if field.type == pa.string():
        texts = [v if v is None or isinstance(v, str) else _text(v) for v in values]
        return pa.array(texts, field.type)
    try:
        if field.type == pa.float64():
            return pa.array([None if v is None else float(v) for v in values], field.type)
        return pa.array(values, field.type)
    except (pa.ArrowException, TypeError, ValueError):
        raise SourceError(
            f"Table {table}, column {field.name}: a value does not fit the declared type.",
            hint="Correct the value in the source, or read the table from a CSV export.",
        ) from None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _size_of(rows: list[tuple[Any, ...]]) -> int:
    return sum(len(v) if isinstance(v, str | bytes) else 8 for row in rows for v in row)
