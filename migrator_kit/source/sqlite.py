"""A SQLite file as a source: opened read-only, types found from what the columns really hold.

SQLite columns have an affinity, not a type: any value may stand anywhere. A column gets a number
type only where the whole column bears it out; dates stay text, so impossible ones survive.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import json as arrow_json

from migrator_kit.compute import worked_ahead
from migrator_kit.errors import SourceError
from migrator_kit.source.encoding import repaired
from migrator_kit.source.model import Closing, ForeignKey, SourceTable, quoted
from migrator_kit.source.parts import chunks, in_parts
from migrator_kit.source.since import Since, Sum
from migrator_kit.source.sqlite_columns import Column, column_of, is_text, term

MAGIC = b"SQLite format 3\x00"
_COLUMNS_AT_ONCE = 50
"""SQLite functions take at most 100 arguments by default; JSON needs two for each column."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which rows of a table are read."""

    condition: str
    values: tuple[Any, ...]


_COMBINATIONS = 2_000
Row = tuple[Any, ...]


class SqliteSource(Closing):
    """Tables of a SQLite file, all read in one transaction, through a read-only connection."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.location = f"sqlite:{path.name}"
        self._path = path
        self._connection = _connect(path)
        self._tables: dict[str, SourceTable] | None = None
        self._notes: dict[str, dict[str, str]] = {}
        self._read_as: dict[str, list[Column]] = {}

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables by name. Raises SourceError where the file holds none."""
        if self._tables is None:
            rows = self._all(
                "SELECT name FROM sqlite_master WHERE type = 'table' "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            )
            self._tables = {row[0].decode(): self._table(row[0].decode()) for row in rows}
        if not self._tables:
            raise SourceError(
                f"{self._path.name} is a database without tables.",
                hint="Is it the right file? An empty file is a valid SQLite database too.",
            )
        return tuple(self._tables.values())

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a table in parts, in the file's own order."""
        tables = {known.name: known for known in self.describe()}
        if table not in tables:
            raise SourceError(
                f"{self._path.name} holds no table {table}.",
                hint=f"Tables found: {', '.join(tables)}",
            )
        return self._selected(table, self._columns(tables[table]), part_rows)

    def types(self, table: str) -> dict[str, str]:
        """Return the Arrow type of each column, as `read` would give it."""
        return {column.name: str(column.type) for column in self._known(table)}

    def read_since(self, table: str, part_rows: int, since: Since) -> Iterator[pa.Table]:
        """Yield the rows of a table that are not older than a mark, or have none."""
        mark = quoted(since.column)
        where = Where(f"{mark} >= ? OR {mark} IS NULL", (since.value,))
        return self._selected(table, self._known(table), part_rows, where)

    def read_keys(self, table: str, columns: list[str], part_rows: int) -> Iterator[pa.Table]:
        """Yield some columns of all rows."""
        known = {column.name: column for column in self._known(table)}
        return self._selected(table, [known[name] for name in columns], part_rows)

    def read_rows(self, table: str, key: str, values: list[Any]) -> Iterator[pa.Table]:
        """Yield the rows with the given keys."""
        marks = ", ".join("?" * len(values))
        where = Where(f"{quoted(key)} IN ({marks})", tuple(values))
        return self._selected(table, self._known(table), max(len(values), 1), where)

    def sums(self, table: str) -> dict[str, Sum]:
        """Return what the values of each column add up to."""
        columns = self._known(table)
        terms = [term(column) for column in columns]
        totals = [f"total({term})" if term else "NULL" for term in terms]
        pairs = zip(columns, totals, strict=True)
        wanted = ", ".join(f"count({quoted(c.name)}), {total}" for c, total in pairs)
        (row,) = self._all(f"SELECT {wanted} FROM {quoted(table)}")
        return {
            column.name: Sum(row[2 * n], int(row[2 * n + 1]) if term else None, term)
            for n, (column, term) in enumerate(zip(columns, terms, strict=True))
        }

    def _known(self, table: str) -> list[Column]:
        """Return how the columns of a table are read; looked into once."""
        if table not in self._read_as:
            tables = {known.name: known for known in self.describe()}
            self._read_as[table] = self._columns(tables[table])
        return self._read_as[table]

    def _selected(
        self, table: str, columns: list[Column], part_rows: int, where: Where | None = None
    ) -> Iterator[pa.Table]:
        schema = pa.schema([(column.name, column.type) for column in columns])
        return in_parts(self._batches(table, columns, schema, where), part_rows, schema)

    def notes(self, table: str) -> dict[str, str]:
        """Return what reading the table brought to light."""
        return self._notes.get(table, {})

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _all(self, sql: str) -> list[Row]:
        try:
            return self._connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(self._path, error) from None

    def _table(self, name: str) -> SourceTable:
        info = self._all(f"PRAGMA table_xinfo({quoted(name)})")
        visible = [row for row in info if row[6] != 1]
        names = [row[1].decode() for row in visible]
        types = [(row[2] or b"").decode() for row in visible]
        keyed = sorted((row[5], row[1].decode()) for row in visible if row[5])
        return SourceTable(
            name=name,
            columns=dict(zip(names, types, strict=True)),
            primary_key=tuple(column for _, column in keyed),
            foreign_keys=tuple(self._foreign_keys(name)),
        )

    def _foreign_keys(self, table: str) -> Iterator[ForeignKey]:
        keys: dict[int, list[Row]] = {}
        for row in self._all(f"PRAGMA foreign_key_list({quoted(table)})"):
            keys.setdefault(row[0], []).append(row)
        for rows in keys.values():
            to_table = rows[0][2].decode()
            to = tuple(row[4].decode() for row in rows if row[4] is not None)
            to = to or self._primary_key(to_table)
            yield ForeignKey(tuple(row[3].decode() for row in rows), to_table, to)

    def _primary_key(self, table: str) -> tuple[str, ...]:
        info = self._all(f"PRAGMA table_xinfo({quoted(table)})")
        return tuple(
            name for _, name in sorted((row[5], row[1].decode()) for row in info if row[5])
        )

    def _columns(self, table: SourceTable) -> list[Column]:
        """Decide each column's type from its declaration and the storage classes it holds."""
        held = self._classes(table)
        return [column_of(name, declared, held[name]) for name, declared in table.columns.items()]

    def _classes(self, table: SourceTable) -> dict[str, set[str]]:
        """Return the storage classes that each column holds over all rows, null left out.

        Text columns can hold nothing but text and blobs, and SQLite sorts blobs after all text.
        """
        place = f"FROM {quoted(table.name)}"
        texts = [name for name, declared in table.columns.items() if is_text(declared.upper())]
        held = {name: {"text"} for name in texts}
        blobs = [f"{quoted(name)} >= x''" for name in texts]
        if texts and self._all(f"SELECT 1 {place} WHERE {' OR '.join(blobs)} LIMIT 1"):
            (found,) = self._all(f"SELECT {', '.join(f'max({each})' for each in blobs)} {place}")
            held |= {n: {"text", "blob"} for n, blob in zip(texts, found, strict=True) if blob}
        others = [name for name in table.columns if name not in held]
        return held | self._typeof(others, place)

    def _typeof(self, names: list[str], place: str) -> dict[str, set[str]]:
        """Return classes of columns by `typeof`: all combinations at once, where they are few."""
        if not names:
            return {}
        each = ", ".join(f"typeof({quoted(name)})" for name in names)
        found = self._all(f"SELECT DISTINCT {each} {place} LIMIT {_COMBINATIONS}")
        if len(found) == _COMBINATIONS:
            classes = [f"nullif(typeof({quoted(name)}), 'null')" for name in names]
            ends = [f"{end}({each})" for end in ("min", "max") for each in classes]
            (row,) = self._all(f"SELECT {', '.join(ends)} {place}")
            found = [row[: len(names)], row[len(names) :]]
        columns = zip(*found, strict=True) if found else [()] * len(names)
        return {
            name: {held.decode() for held in values if held} - {"null"}
            for name, values in zip(names, columns, strict=True)
        }

    def _batches(
        self, table: str, columns: list[Column], schema: pa.Schema, where: Where | None
    ) -> Iterator[pa.Table]:
        """Yield small tables: SQLite writes plain columns as JSON, Arrow reads it in a thread."""
        plain = [column for column in columns if column.plain]
        cells = [column for column in columns if not column.plain]
        step = _COLUMNS_AT_ONCE
        groups = [plain[i : i + step] for i in range(0, len(plain), step)]
        wanted = [_as_json(group) for group in groups] + [quoted(c.name) for c in cells]
        asked = f"SELECT {', '.join(wanted)} FROM {quoted(table)}"
        asked += f" WHERE {where.condition}" if where else ""
        cursor = self._connection.execute(asked, where.values if where else ())

        def build(rows: list[Row]) -> pa.Table:
            values = list(zip(*rows, strict=True))
            arrays: dict[str, pa.ChunkedArray | pa.Array] = {}
            for group, lines in zip(groups, values, strict=False):
                arrays |= self._from_json(table, group, lines)
            for column, found in zip(cells, values[len(groups) :], strict=True):
                arrays[column.name] = self._from_cells(table, column, found)
            return pa.table([arrays[column.name] for column in columns], schema=schema)

        held = [n for n, cell in enumerate(cells, len(groups)) if cell.type != pa.float64()]

        def size_of(rows: list[Row]) -> int:
            lines = (map(itemgetter(place), rows) for place in range(len(groups)))
            given = (map(itemgetter(place), rows) for place in held)
            return sum(sum(map(len, group)) for group in lines) + sum(
                len(value) for column in given for value in column if isinstance(value, bytes)
            )

        try:
            yield from worked_ahead(chunks(cursor.fetchmany, size_of), build)
        except sqlite3.Error as error:
            raise _unreadable(self._path, error, table) from None

    def _from_json(
        self, table: str, group: list[Column], lines: tuple[bytes, ...]
    ) -> dict[str, pa.ChunkedArray]:
        """Return one column each from lines of JSON. Bytes that are not UTF-8 are repaired."""
        text = b"\n".join(lines)
        schema = pa.schema([(str(i), column.type) for i, column in enumerate(group)])
        if not _is_utf8(text):
            text = self._repaired(table, lines)
        read = _read_json(text, schema)
        return {column.name: read.column(i) for i, column in enumerate(group)}

    def _repaired(self, table: str, lines: tuple[bytes, ...]) -> bytes:
        texts, page = repaired(lines)
        if page:
            self._notes.setdefault(table, {})["not UTF-8, read in part as"] = page
        return "\n".join(texts).encode()

    def _from_cells(self, table: str, column: Column, found: tuple[Any, ...]) -> pa.Array:
        """Return a column of Python values; mixed ones become text that loses nothing."""
        if column.type == pa.float64():
            return _floats(found)
        if column.type == pa.binary():
            return pa.array(found, column.type)
        texts, page = repaired(v if isinstance(v, bytes) else str(v).encode() for v in found)
        if page:
            self._notes.setdefault(table, {})["not UTF-8, read in part as"] = page
        return pa.array(
            [None if v is None else text for v, text in zip(found, texts, strict=True)],
            pa.string(),
        )


def _floats(values: tuple[Any, ...]) -> pa.Array:
    """Return numbers as fractions; whole numbers beyond 2^53 are rounded, as SQLite does."""
    try:
        return pa.array(values, pa.float64())
    except pa.ArrowInvalid:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())


def _as_json(columns: list[Column]) -> str:
    pairs = ", ".join(f"'{i}', {quoted(column.name)}" for i, column in enumerate(columns))
    return f"json_object({pairs})"


def _is_utf8(text: bytes) -> bool:
    """Whether bytes are UTF-8: Arrow's JSON reader takes them unseen."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_json(text: bytes, schema: pa.Schema) -> pa.Table:
    return arrow_json.read_json(
        pa.BufferReader(text),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=arrow_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="error"
        ),
    )


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file read-only; where it lies on read-only media, as one that cannot change."""
    if not path.is_file():
        raise SourceError(f"{path} does not exist.", hint="Check the path of the database file.")
    with path.open("rb") as stream:
        start = stream.read(len(MAGIC))
    if start and start != MAGIC:
        raise SourceError(
            f"{path.name} is not a SQLite database.",
            hint="Give a SQLite file, a folder or zip of CSV files, or a database URL.",
        )
    for options in ("mode=ro", "mode=ro&immutable=1"):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?{options}", uri=True, check_same_thread=False
        )
        connection.text_factory = bytes
        connection.isolation_level = None
        try:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            connection.close()
            failure = error
        else:
            return connection
    raise _unreadable(path, failure) from None


def _unreadable(path: Path, error: sqlite3.Error, table: str | None = None) -> SourceError:
    place = f"{path.name}, table {table}" if table else path.name
    reason = error.sqlite_errorname if hasattr(error, "sqlite_errorname") else "unreadable"
    return SourceError(
        f"{place}: SQLite cannot read it ({reason}).",
        hint="Check it with `PRAGMA integrity_check`, or take a fresh copy while the practice's "
        "program is closed.",
    )
