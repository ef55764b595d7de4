"""A SQL dump as a source: MySQL and MariaDB, SQL Server, PostgreSQL, SQLite, without a server.

The definitions are read first, by sqlglot. The rows are put into a scratch SQLite database when
the first table is read; from there on the dump is read like any SQLite file, with the types and
keys that it declares. Nothing of the dump is executed but its rows.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.dump_rows import Rows
from migrator_kit.source.dump_tables import Definitions, DumpTable
from migrator_kit.source.dump_text import CopiedRows, Dialect, DumpText, Statement, dialect_of
from migrator_kit.source.encoding import survey
from migrator_kit.source.faults import TextFile
from migrator_kit.source.files import checked_encoding
from migrator_kit.source.model import Closing, ForeignKey, HoldsNoTable, SourceTable
from migrator_kit.source.sqlite import SqliteSource

_HEAD = 256 * 1024
_SAYS_ENCODING = re.compile(rb"(?:^|[*\d] )SET (?:NAMES |client_encoding = ')(\w+)", re.MULTILINE)
_ENCODINGS = {
    "utf8": "utf-8",
    "utf8mb3": "utf-8",
    "utf8mb4": "utf-8",
    "latin1": "cp1252",
    "latin2": "iso8859_2",
    "latin5": "iso8859_9",
    "greek": "iso8859_7",
    "hebrew": "iso8859_8",
} | {f"{name}{page}": f"cp{page}" for name in ("cp", "win") for page in range(1250, 1259)}
"""Encodings that dumps name, MySQL's and PostgreSQL's words; MySQL's latin1 is Windows-1252."""
_USUAL_SCHEMAS = ((), ("public",), ("dbo",))
_KINDS = {
    Dialect.MYSQL: "MySQL dump",
    Dialect.SQL_SERVER: "SQL Server script",
    Dialect.POSTGRESQL: "PostgreSQL dump",
    Dialect.SQLITE: "SQLite dump",
}


class DumpSource(Closing):
    """The tables of one dump. `work` is where the scratch database goes: it holds patient data.

    Raises SourceError naming file and line.
    """

    def __init__(
        self, file: TextFile, location: str, settings: SourceSettings, work: Path | None = None
    ) -> None:
        self.location = location
        self._file = file
        self._work = work
        self._encoding = _encoding(file, settings)
        with file.text(self._encoding) as text:
            self._dialect = dialect_of(text.read(_HEAD))
        self.kind = _KINDS[self._dialect]
        self._definitions: Definitions | None = None
        self._left_out: Counter[str] = Counter()
        self._notes: dict[str, dict[str, str]] = {}
        self._scratch: Path | None = None
        self._loaded: SqliteSource | None = None

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables by name. Raises SourceError where the dump defines none."""
        definitions = self._known()
        reading = {
            "file": self._file.name,
            "encoding": self._encoding,
            "dialect": self.kind,
        }
        found = [
            SourceTable(
                name,
                table.columns,
                table.primary_key,
                tuple(_resolved(key, definitions) for key in table.foreign_keys),
                reading=reading
                | ({"computed columns": ", ".join(table.computed)} if table.computed else {}),
            )
            for name, table in _by_name(definitions).items()
        ]
        return tuple(sorted(found, key=lambda table: table.name))

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a table in parts, in the dump's order."""
        known = _by_name(self._known())
        if table not in known:
            raise SourceError(
                f"{self._file.name} defines no table {table}.",
                hint=f"Tables found: {', '.join(known)}",
            )
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded.read(scratch_name(known[table]), part_rows)

    def notes(self, table: str) -> dict[str, str]:
        """Return what reading brought to light: text repaired, statements of the dump left out."""
        known = _by_name(self._known()).get(table)
        own = self._loaded.notes(scratch_name(known)) if self._loaded and known else {}
        if not self._left_out:
            return own
        most = ", ".join(f"{count} {kind}" for kind, count in self._left_out.most_common(6))
        return own | {"statements left out": f"{self._left_out.total()} ({most})"}

    def close(self) -> None:
        """Remove the scratch database."""
        if self._loaded is not None:
            self._loaded.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _known(self) -> Definitions:
        """Pass over the dump once for its definitions, counting what is left out."""
        if self._definitions is None:
            definitions = Definitions(self._dialect)
            rows = Rows(self._file.name, self._dialect, definitions, self._encoding)
            with self._text() as text:
                for piece in text.pieces():
                    if isinstance(piece, Statement):
                        self._define(piece, definitions, rows)
            if not definitions.tables:
                raise HoldsNoTable(
                    f"{self._file.name} holds no table: no CREATE TABLE was found in it.",
                    hint="Make the dump with its table definitions, for example with mysqldump, "
                    "pg_dump, or Generate Scripts in SQL Server (schema and data).",
                )
            self._refuse_undecodable(definitions)
            self._definitions = definitions
        return self._definitions

    def _refuse_undecodable(self, definitions: Definitions) -> None:
        """Raise SourceError where the name of a table or column is no text of the encoding."""
        for number, table in enumerate(definitions.tables, start=1):
            names = "".join((*table.parts, *table.columns))
            if any("\udc80" <= letter <= "\udcff" for letter in names):  # as surrogateescape marks
                raise SourceError(
                    f"{self._file.name}: table {number} or a column of it has a name that is not "
                    f"{self._encoding} text.",
                    hint="Give the right code page as `encoding:` under `source:` in "
                    "engagement.yml.",
                )

    def _define(self, statement: Statement, definitions: Definitions, rows: Rows) -> None:
        if rows.announce(statement):
            return
        understood = definitions.take(statement.text)
        if understood is False and re.match(r"CREATE\b", statement.text, re.IGNORECASE):
            raise SourceError(
                f"{self._file.name}:{statement.line}: this table definition cannot be understood.",
                hint="Export its table as CSV and take the definition out of the dump.",
            )
        if not understood:
            self._left_out[_kind_of(statement.text)] += 1

    def _load(self) -> SqliteSource:
        """Put all rows into the scratch database. Raises SourceError naming the line."""
        definitions = self._known()
        if self._work is not None:
            self._work.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=".dump-", dir=self._work))
        path = self._scratch / "rows.db"
        rows = Rows(self._file.name, self._dialect, definitions, self._encoding)
        with rows.into(path), self._text() as text:
            copying: Statement | None = None
            for piece in text.pieces():
                if isinstance(piece, CopiedRows):
                    rows.copy(copying, piece)
                else:
                    copying = piece
                    rows.insert(piece)
        return SqliteSource(path)

    @contextmanager
    def _text(self) -> Iterator[DumpText]:
        with self._file.text(self._encoding, "surrogateescape") as text:
            yield DumpText(self._file.name, text, self._dialect)


def scratch_name(table: DumpTable) -> str:
    """Return the name of a dump's table in the scratch database."""
    return f"t{table.number}"


def _encoding(file: TextFile, settings: SourceSettings) -> str:
    """Return a dump's encoding. What it says itself counts: its binary values are no text."""
    if settings.encoding:
        return checked_encoding(settings.encoding)
    with file.open() as stream:
        head = stream.read(_HEAD)
    said = [name.decode().lower() for name in _SAYS_ENCODING.findall(head)]
    known = [_ENCODINGS[name] for name in said if name in _ENCODINGS]
    if known:
        return known[0]
    with file.open() as stream:
        return survey(stream).encoding


def _by_name(definitions: Definitions) -> dict[str, DumpTable]:
    """Return tables by the name people know: with the schema only where two are alike."""
    plain = Counter(
        table.parts[-1].casefold()
        for table in definitions.tables
        if table.parts[:-1] in _USUAL_SCHEMAS
    )
    counts = Counter(table.parts[-1].casefold() for table in definitions.tables)
    named = {}
    for table in definitions.tables:
        name = table.parts[-1]
        usual = table.parts[:-1] in _USUAL_SCHEMAS and plain[name.casefold()] == 1
        named[name if usual or counts[name.casefold()] == 1 else ".".join(table.parts)] = table
    return named


def _resolved(key: ForeignKey, definitions: Definitions) -> ForeignKey:
    """Return a foreign key with its target named as the tables are, with the target's columns."""
    target = definitions.find(tuple(key.to_table.split(".")))
    if target is None:
        return replace(key, to_table=key.to_table.rpartition(".")[2])
    name = next(n for n, table in _by_name(definitions).items() if table is target)
    to = tuple(target.column(column) for column in key.to_columns) or target.primary_key
    return ForeignKey(key.columns, name, to)


def _kind_of(statement: str) -> str:
    """Return the first words of a statement that say what it is: `DROP TABLE`, `SET`."""
    words = re.findall(r"[A-Za-z]+", statement[:60])[:2]
    first = words[0].upper() if words else "other"
    two = first in ("CREATE", "DROP", "ALTER", "LOCK", "UNLOCK", "INSERT", "DELETE", "UPDATE")
    return " ".join(words).upper() if two else first
