"""The rows of a dump on their way into a scratch SQLite database, which parses them itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from migrator_kit.errors import SourceError
from migrator_kit.source.dump_tables import TABLE_NAME, Definitions, DumpTable, parts_of
from migrator_kit.source.dump_text import CopiedRows, Dialect, Statement
from migrator_kit.source.dump_values import Rewriter, copied
from migrator_kit.source.model import quoted

_HEAD = 64 * 1024
_TOGETHER = 256 * 1024
_WIDE = re.compile(r"\d{19}")
_COLUMNS = r"""\((?P<columns>(?:[^()'`"\[]++|`[^`]*+`|"[^"]*+"|\[[^\]]*+\])*)\)"""
_INSERT = re.compile(
    rf"(?:INSERT|REPLACE)\s+(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|OR\s+\w+)\s+)*"
    rf"(?:INTO\s+)?(?P<name>{TABLE_NAME})\s*(?:{_COLUMNS}\s*)?"
    r"(?:OVERRIDING\s+\w+\s+VALUE\s+)?VALUES?\s*(?=\()",
    re.IGNORECASE,
)
_COPY = re.compile(
    rf"COPY\s+(?P<name>{TABLE_NAME})\s*(?:{_COLUMNS}\s*)?FROM\s+stdin\b", re.IGNORECASE
)
_TAIL = re.compile(
    r"\)\s*(?:AS\s+\w+\s+)?ON\s+(?:DUPLICATE\s+KEY|CONFLICT)\b[^']*\Z", re.IGNORECASE
)
_BOOLEANS = re.compile(r"bool", re.IGNORECASE)
_ALLOWED = {
    sqlite3.SQLITE_INSERT, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION,
}  # fmt: skip


class Rows:
    """Takes the statements of a dump that hold rows."""

    def __init__(
        self, name: str, dialect: Dialect, definitions: Definitions, encoding: str = "utf-8"
    ) -> None:
        self._name, self._dialect, self._definitions = name, dialect, definitions
        self._encoding = encoding
        self._rewritten = Rewriter(dialect, encoding)
        self._connection: sqlite3.Connection | None = None
        self._head_of_waiting = ""
        self._waiting: list[tuple[str, int]] = []
        self._waiting_size = 0

    def announce(self, statement: Statement) -> bool:
        """Whether a statement holds rows, without reading them.

        A table that nothing defined gets its columns from the list the rows come with. Raises
        SourceError where there is no such list.
        """
        found = self._head(statement)
        if found is None:
            return False
        parts = parts_of(found["name"])
        if self._definitions.find(parts) is None:
            if not found["columns"]:
                raise SourceError(
                    f"{self._name}:{statement.line}: rows for table {parts[-1]}, which the dump "
                    "does not define.",
                    hint="Make the dump again with its table definitions.",
                )
            self._definitions.from_rows(parts, _names(found["columns"]))
        return True

    @contextmanager
    def into(self, path: Path) -> Iterator[None]:
        """Make the scratch database at `path`, open for rows in this block."""
        with closing(_database(path)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            for table in self._definitions.tables:
                columns = ", ".join(f"{quoted(n)} {kind}" for n, kind in table.storage.items())
                connection.execute(f"CREATE TABLE t{table.number} ({columns})")
            connection.execute("BEGIN")
            connection.set_authorizer(_only_rows)
            self._connection = connection
            yield
            self.flush()
            connection.set_authorizer(None)
            connection.create_function("unhexed", 1, _unhexed, deterministic=True)
            connection.create_function("number_of", 1, _number_of, deterministic=True)
            connection.create_function("encoded", 1, self._encoded, deterministic=True)
            for table in self._definitions.tables:
                self._settle(connection, table)
            connection.execute("COMMIT")
            self._connection = None

    def insert(self, statement: Statement) -> None:
        """Take the rows of a statement; others are passed over.

        Scripts write one row a statement: rows of one table that follow each other go together.
        """
        found = _INSERT.match(statement.text, 0, _HEAD)
        if found is None:
            return
        if self._waiting and found[0] != self._head_of_waiting:
            self.flush()
        self._head_of_waiting = found[0]
        values = statement.text[found.end() :]
        if (tail := _TAIL.search(values, max(0, len(values) - 4_096))) is not None:
            values = values[: tail.start() + 1]
        self._waiting.append((values, statement.line))
        self._waiting_size += len(values)
        if self._waiting_size > _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Insert the rows that wait. Raises SourceError naming the line that is broken."""
        waiting, self._waiting, self._waiting_size = self._waiting, [], 0
        if not waiting:
            return
        found = _INSERT.match(self._head_of_waiting + "(")
        if found is None:
            return
        table = self._table(found)
        target = self._target(table, found["columns"])
        try:
            self._insert(table, target, ",".join(values for values, _ in waiting))
        except (sqlite3.Error, ValueError):
            for values, line in waiting:
                try:
                    self._insert(table, target, values)
                except (sqlite3.Error, ValueError):
                    raise self._broken(table, line) from None

    def _insert(self, table: DumpTable, target: str, values: str) -> None:
        if self._connection is None:
            return
        wide = "" in table.storage.values() and _WIDE.search(values) is not None
        try:
            rewritten = self._rewritten(values, thorough=wide)
            self._connection.execute(target + rewritten)
        except UnicodeEncodeError:
            self._connection.execute(target + self._rewritten(values, thorough=True))

    def copy(self, statement: Statement | None, rows: CopiedRows) -> None:
        """Insert the lines of a COPY block. Raises SourceError naming the line that is broken."""
        found = _COPY.match(statement.text) if statement else None
        if found is None or self._connection is None:
            return
        self.flush()
        table = self._table(found)
        columns = self._columns(table, found["columns"])
        fields: list[list[str | None]]
        if any("\\" in line for line in rows.lines):
            fields = [[copied(field) for field in line.split("\t")] for line in rows.lines]
        else:
            fields = [[*line.split("\t")] for line in rows.lines]
        wrong = next((n for n, row in enumerate(fields) if len(row) != len(columns)), None)
        if wrong is not None:
            raise self._broken(table, rows.line + wrong)
        marks = ", ".join("?" * len(columns))
        try:
            self._connection.executemany(
                f"{self._target(table, found['columns'])}({marks})", fields
            )
        except (sqlite3.Error, UnicodeEncodeError):
            raise self._broken(table, rows.line) from None

    def _head(self, statement: Statement) -> re.Match[str] | None:
        found = _INSERT.match(statement.text, 0, _HEAD)
        if found is None and self._dialect is Dialect.POSTGRESQL:
            found = _COPY.match(statement.text)
        return found

    def _table(self, found: re.Match[str]) -> DumpTable:
        parts = parts_of(found["name"])
        table = self._definitions.find(parts)
        if table is None:
            raise SourceError(f"{self._name} defines no table {parts[-1]}.")
        return table

    def _columns(self, table: DumpTable, listed: str | None) -> list[str]:
        names = _names(listed) if listed else list(table.columns)
        return [table.column(name) for name in names]

    def _target(self, table: DumpTable, listed: str | None) -> str:
        columns = ", ".join(map(quoted, self._columns(table, listed)))
        return f"INSERT INTO t{table.number} ({columns}) VALUES "

    def _broken(self, table: DumpTable, line: int) -> SourceError:
        return SourceError(
            f"{self._name}:{line}: the rows for table {table.parts[-1]} cannot be read: they do "
            f"not fit its {len(table.columns)} columns, or are not values alone.",
            hint="Was the dump edited, or cut off? Make it again with plain values in INSERT.",
        )

    def _encoded(self, text: str) -> bytes:
        """Return the bytes that a binary value written as text had in the dump."""
        return text.encode(self._encoding, "surrogateescape")

    def _settle(self, connection: sqlite3.Connection, table: DumpTable) -> None:
        """Give values the form their column needs where the dump writes them as text."""
        name = f"t{table.number}"
        for column, storage in table.storage.items():
            here = quoted(column)
            text = f"typeof({here}) = 'text'"
            if storage == "BLOB" and self._dialect is Dialect.POSTGRESQL:
                connection.execute(f"UPDATE {name} SET {here} = unhexed({here}) WHERE {text}")
            elif self._dialect is Dialect.MYSQL and table.columns[column].startswith("BIT"):
                bits = f"typeof({here}) IN ('text', 'blob')"
                connection.execute(f"UPDATE {name} SET {here} = number_of({here}) WHERE {bits}")
            elif storage == "BLOB":
                connection.execute(f"UPDATE {name} SET {here} = encoded({here}) WHERE {text}")
            elif _BOOLEANS.search(table.columns[column]):
                connection.execute(
                    f"UPDATE {name} SET {here} = {here} IN ('t', 'true') WHERE {text}"
                )


def _database(path: Path) -> sqlite3.Connection:
    """Open a database. No statement is kept for reuse: each is as large as its rows."""
    return sqlite3.connect(path, isolation_level=None, cached_statements=0)


def _names(listed: str) -> list[str]:
    return [parts_of(name[0])[-1] for name in re.finditer(TABLE_NAME, listed)]


def _unhexed(text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("\\x") else text.encode()


def _number_of(bits: str | bytes) -> int:
    """Return the number that mysqldump writes as the bytes of its bits."""
    return int.from_bytes(bits.encode("latin-1") if isinstance(bits, str) else bits, "big")


def _only_rows(
    action: int, table: str | None, _: str | None, __: str | None, ___: str | None
) -> int:
    """Let nothing through but rows into tables: no function, no other table, no other file."""
    allowed = action in _ALLOWED and not (table or "").startswith("sqlite_")
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
