"""A SQLite file as a source: opened read-only, types found from what the columns really hold.

SQLite columns have an affinity, not a type: any value may stand anywhere. A column gets a number
type only where the whole column bears it out; dates stay text, so impossible ones survive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.errors import SourceError
from migrator_kit.source.encoding import repaired
from migrator_kit.source.model import Closing, ForeignKey, SourceTable, quoted
from migrator_kit.source.parts import in_parts
from migrator_kit.source.since import Since, Sum
from migrator_kit.source.sqlite_columns import Column, column_of, is_text, term
from migrator_kit.source.sqlite_file import SqliteFile

_BATCH_BYTES = 64 * 2**20
"""A batch of rows holds no more, even where each row is as large as the largest."""

_BATCH_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Where:
    """Which rows of a table are read."""

    condition: str
    values: tuple[Any, ...]


_COMBINATIONS = 2_000
Row = tuple[Any, ...]


class SqliteSource(Closing):
    """Tables of a SQLite file, all read in one transaction."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self.location = f"sqlite:{path.name}"
        self._path = path
        self._file = SqliteFile(path)
        self._tables: dict[str, SourceTable] | None = None
        self._notes: dict[str, dict[str, str]] = {}
        self._read_as: dict[str, list[Column]] = {}
        self._rows_at_once: dict[str, int] = {}

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables by name. Raises SourceError where the file holds none."""
        if self._tables is None:
            rows = self._file.rows(
                "SELECT name FROM sqlite_master WHERE type = 'table' "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
            )
            self._tables = {name: self._table(name) for (name,) in rows}
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
        return self._selected(table, self._known(table), part_rows)

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
        (row,) = self._file.rows(f"SELECT {wanted} FROM {quoted(table)}")
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
        self._file.close()

    def _table(self, name: str) -> SourceTable:
        info = self._file.rows(f"PRAGMA table_xinfo({quoted(name)})")
        visible = [row for row in info if row[6] != 1]
        names = [row[1] for row in visible]
        types = [row[2] or "" for row in visible]
        keyed = sorted((row[5], row[1]) for row in visible if row[5])
        return SourceTable(
            name=name,
            columns=dict(zip(names, types, strict=True)),
            primary_key=tuple(column for _, column in keyed),
            foreign_keys=tuple(self._foreign_keys(name)),
        )

    def _foreign_keys(self, table: str) -> Iterator[ForeignKey]:
        keys: dict[int, list[Row]] = {}
        for row in self._file.rows(f"PRAGMA foreign_key_list({quoted(table)})"):
            keys.setdefault(row[0], []).append(row)
        for rows in keys.values():
            to_table = rows[0][2]
            to = tuple(row[4] for row in rows if row[4] is not None)
            to = to or self._primary_key(to_table)
            yield ForeignKey(tuple(row[3] for row in rows), to_table, to)

    def _primary_key(self, table: str) -> tuple[str, ...]:
        info = self._file.rows(f"PRAGMA table_xinfo({quoted(table)})")
        return tuple(name for _, name in sorted((row[5], row[1]) for row in info if row[5]))

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
        if texts and self._file.rows(f"SELECT 1 {place} WHERE {' OR '.join(blobs)} LIMIT 1"):
            (found,) = self._file.rows(
                f"SELECT {', '.join(f'max({each})' for each in blobs)} {place}"
            )
            held |= {n: {"text", "blob"} for n, blob in zip(texts, found, strict=True) if blob}
        others = [name for name in table.columns if name not in held]
        return held | self._typeof(others, place)

    def _typeof(self, names: list[str], place: str) -> dict[str, set[str]]:
        """Return classes of columns by `typeof`: all combinations at once, where they are few."""
        if not names:
            return {}
        each = ", ".join(f"typeof({quoted(name)})" for name in names)
        found = self._file.rows(f"SELECT DISTINCT {each} {place} LIMIT {_COMBINATIONS}")
        if len(found) == _COMBINATIONS:
            classes = [f"nullif(typeof({quoted(name)}), 'null')" for name in names]
            ends = [f"{end}({each})" for end in ("min", "max") for each in classes]
            (row,) = self._file.rows(f"SELECT {', '.join(ends)} {place}")
            found = [row[: len(names)], row[len(names) :]]
        columns = zip(*found, strict=True) if found else [()] * len(names)
        return {
            name: {held for held in values if held} - {"null"}
            for name, values in zip(names, columns, strict=True)
        }

    def _batches(
        self, table: str, columns: list[Column], schema: pa.Schema, where: Where | None
    ) -> Iterator[pa.Table]:
        """Yield small tables as SQLite steps through the rows.

        The query begins with a row made up to tell the types, which is dropped again.
        """
        terms = [term for n, column in enumerate(columns) for term in _terms(n, column)]
        sql = f"SELECT {', '.join(made_up for _, made_up in terms)} UNION ALL "
        sql += f"SELECT {', '.join(asked for asked, _ in terms)} FROM {quoted(table)}"
        sql += f" WHERE {where.condition}" if where else ""
        values = where.values if where else ()
        rows = self._batch_rows(table)
        for number, batch in enumerate(self._file.batches(sql, values, rows, table)):
            arrays = iter(batch.slice(0 if number else 1).columns)
            yield pa.table(
                [self._column(table, column, arrays) for column in columns], schema=schema
            )

    def _batch_rows(self, table: str) -> int:
        """Return how many rows make a batch: fewer where some are large. Looked into once."""
        if table not in self._rows_at_once:
            known = self._known(table)
            wide = [c for c in known if c.mixed or c.type in (pa.string(), pa.binary())]
            sizes = [f"ifnull(octet_length({quoted(column.name)}), 0)" for column in wide]
            size = " + ".join(sizes) or "0"
            ((largest,),) = self._file.rows(f"SELECT max({size}) FROM {quoted(table)}")
            self._rows_at_once[table] = max(1, min(_BATCH_ROWS, _BATCH_BYTES // (largest or 1)))
        return self._rows_at_once[table]

    def _column(self, table: str, column: Column, arrays: Iterator[pa.Array]) -> pa.Array:
        """Return the values of one column out of those that `_terms` asked for."""
        found = next(arrays)
        if column.type != pa.string():
            return found
        text = self._text(table, found)
        if not column.mixed:
            return text
        numbers, held = next(arrays), next(arrays)
        if numbers.null_count < len(numbers):
            # Written by Python: SQLite gives fifteen digits of a fraction.
            exact = [None if each is None else str(each) for each in numbers.to_pylist()]
            text = pc.coalesce(text, pa.array(exact, pa.string()))
        if held.null_count < len(held):
            text = pc.coalesce(text, self._text(table, held.cast(pa.string(), safe=False)))
        return text

    def _text(self, table: str, found: pa.Array) -> pa.Array:
        """Return texts as UTF-8; those that are not are repaired and noted."""
        try:
            found.validate(full=True)
        except pa.ArrowInvalid:
            values = found.cast(pa.binary()).to_pylist()
        else:
            return found
        texts, page = repaired(each or b"" for each in values)
        if page:
            self._notes.setdefault(table, {})["not UTF-8, read in part as"] = page
        pairs = zip(values, texts, strict=True)
        return pa.array([None if each is None else text for each, text in pairs], pa.string())


def _terms(number: int, column: Column) -> list[tuple[str, str]]:
    """Return SQL for a column, each with a constant of the type it gives: one, or a mixed three."""
    name = quoted(column.name)
    if column.mixed:
        return [
            (f"CASE WHEN typeof({name}) IN ('text', 'integer') THEN CAST({name} AS TEXT) END",
             f"'' AS \"{number}\""),
            (f"CASE WHEN typeof({name}) = 'real' THEN {name} END", f"0.5 AS \"{number}r\""),
            (f"CASE WHEN typeof({name}) = 'blob' THEN {name} END", f"x'' AS \"{number}b\""),
        ]  # fmt: skip
    made_up = {pa.int64(): "0", pa.float64(): "0.5", pa.string(): "''", pa.binary(): "x''"}
    return [(name, f'{made_up[column.type]} AS "{number}"')]
