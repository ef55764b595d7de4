"""One read-only connection to a SQLite file, which gives Arrow tables without Python's rows.

Everything goes through this one copy of SQLite: two copies in one process would take each other's
locks on the file away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
from adbc_driver_manager import Error

from migrator_kit.errors import SourceError
from migrator_kit.source.model import Closing

MAGIC = b"SQLite format 3\x00"
_BATCH_ROWS = "adbc.sqlite.query.batch_rows"
_ROWS_AT_ONCE = 10_000
_REASONS = {
    "database disk image is malformed": "damaged",
    "file is not a database": "not a database, or encrypted",
    "unable to open database file": "it cannot be opened",
    "database is locked": "another program holds it locked",
    "disk I/O error": "the disk reports an error",
    "attempt to write a readonly database": "read-only",
}
"""What SQLite says and what we say of it: its other words could hold a value."""


class SqliteFile(Closing):
    """A SQLite file in one read transaction. What fails is a SourceError that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = _connect(path)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, of which there are few."""
        with self._executed(sql, values, _ROWS_AT_ONCE, None) as cursor:
            return list(cursor.fetchall())

    def batches(
        self, sql: str, values: Sequence[Any], rows: int, table: str
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query, `rows` at a time.

        The first `rows` decide the type of each column: begin a query with a row that has all.
        Texts are as they stand in the file, which may not be UTF-8.
        """
        with self._executed(sql, values, rows, table) as cursor:
            yield from cursor.fetch_record_batch()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _executed(
        self, sql: str, values: Sequence[Any], rows: int, table: str | None
    ) -> Iterator[Any]:
        settings = {_BATCH_ROWS: str(rows)}
        try:
            with self._connection.cursor(adbc_stmt_kwargs=settings) as cursor:
                cursor.execute(sql, tuple(values) or None)
                yield cursor
        except (Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _unreadable(self._path, error, table) from None


def _unreadable(path: Path, error: Exception | None, table: str | None = None) -> SourceError:
    """Return the error to raise where SQLite cannot read a file."""
    place = f"{path.name}, table {table}" if table else path.name
    said = str(error)
    reason = next((ours for theirs, ours in _REASONS.items() if theirs in said), "unreadable")
    return SourceError(
        f"{place}: SQLite cannot read it ({reason}).",
        hint="Check it with `PRAGMA integrity_check`, or take a fresh copy while the practice's "
        "program is closed.",
    )


def _connect(path: Path) -> adbc.Connection:
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
    failure: Exception | None = None
    for options in ("mode=ro", "mode=ro&immutable=1"):
        try:
            connection = adbc.connect(f"{path.resolve().as_uri()}?{options}", autocommit=False)
        except Error as error:
            failure = error
            continue
        try:
            for sql in ("PRAGMA query_only = ON", "SELECT count(*) FROM sqlite_master"):
                with connection.cursor() as cursor:
                    cursor.execute(sql)
                    cursor.fetchall()
        except (Error, OSError) as error:
            connection.close()
            failure = error
        else:
            return connection
    raise _unreadable(path, failure) from None
