"""Writes the practice's SQLite database, the same bytes for the same rows."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from migrator_kit.sample.columns import Table
from migrator_kit.sample.schema import TABLE_BY_NAME, TABLES

# Everything that shapes the file is set here, not left to how SQLite was built. Foreign keys are
# declared but off: a practice's database has orphans.
_PRAGMAS = (
    "PRAGMA page_size = 4096",
    "PRAGMA encoding = 'UTF-8'",
    "PRAGMA auto_vacuum = NONE",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA cache_size = -65536",
)


class PracticeDatabase:
    """A new database with the reference schema that takes whole columns."""

    def __init__(self, path: Path) -> None:
        self.rows: Counter[str] = Counter({table.name: 0 for table in TABLES})
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in _PRAGMAS:
            self._connection.execute(pragma)
        self._connection.execute("BEGIN")
        keys = {table.name: table.primary_key for table in TABLES}
        for table in TABLES:
            self._connection.execute(table.create_statement(keys))

    def insert(self, name: str, columns: Table) -> None:
        """Add rows to a table; `columns` has every column of the schema, of equal length."""
        names = TABLE_BY_NAME[name].column_names
        if set(columns) != set(names):
            raise KeyError(f"{name}: columns differ from the schema")
        marks = ", ".join("?" * len(names))
        rows = zip(*(columns[column].tolist() for column in names), strict=True)
        cursor = self._connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
        self.rows[name] += cursor.rowcount if len(columns[names[0]]) else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        self._connection.close()
