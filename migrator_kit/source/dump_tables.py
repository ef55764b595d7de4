"""The tables a dump defines: columns, types, keys and foreign keys, read by sqlglot."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from migrator_kit.source.dump_text import Dialect
from migrator_kit.source.model import ForeignKey, distinct_names

# It warns of what it does not know with the whole statement, which may hold values.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_NAME = r'(?:`[^`]+`|"[^"]+"|\[[^\]]+\]|[\w$]+)'
TABLE_NAME = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_CREATE = re.compile(
    rf"CREATE\s+(?:GLOBAL\s+|LOCAL\s+|TEMPORARY\s+|TEMP\s+|UNLOGGED\s+|FOREIGN\s+)*TABLE\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{TABLE_NAME})\s*(?=\()",
    re.IGNORECASE,
)
_ALTER = re.compile(
    rf"ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?(?P<name>{TABLE_NAME})", re.IGNORECASE
)
_TOKENS = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[(),]|[^'\"`\[(),/-]+|.",
    re.DOTALL,
)
_ITEM = re.compile(rf"\s*(?P<name>{_NAME})\s+(?P<type>(?:\w+|\[\w+\])(?:\s*\([^)]*\))?)")
_PRIMARY = re.compile(r"\bPRIMARY\s+KEY\b[^()]*\((?P<columns>[^()]*)\)", re.IGNORECASE)
_FOREIGN = re.compile(
    rf"\bFOREIGN\s+KEY\b[^()]*\((?P<columns>[^()]*)\)\s*REFERENCES\s+(?P<to>{TABLE_NAME})"
    r"\s*(?:\((?P<to_columns>[^()]*)\))?",
    re.IGNORECASE,
)
_NO_COLUMN = re.compile(
    r"\s*(PRIMARY|UNIQUE|FOREIGN|CONSTRAINT|KEY|INDEX|FULLTEXT|SPATIAL|CHECK|EXCLUDE|PERIOD)\b",
    re.IGNORECASE,
)
_INTEGERS = {
    exp.DType.BIT, exp.DType.BOOLEAN, exp.DType.TINYINT, exp.DType.UTINYINT, exp.DType.SMALLINT,
    exp.DType.USMALLINT, exp.DType.MEDIUMINT, exp.DType.UMEDIUMINT, exp.DType.INT, exp.DType.UINT,
    exp.DType.BIGINT, exp.DType.SERIAL, exp.DType.BIGSERIAL, exp.DType.SMALLSERIAL, exp.DType.YEAR,
}  # fmt: skip
_FRACTIONS = {
    exp.DType.FLOAT, exp.DType.DOUBLE, exp.DType.DECIMAL, exp.DType.UDECIMAL, exp.DType.MONEY,
    exp.DType.SMALLMONEY, exp.DType.UDOUBLE,
}  # fmt: skip
_BYTES = {
    exp.DType.BINARY, exp.DType.VARBINARY, exp.DType.BLOB, exp.DType.TINYBLOB,
    exp.DType.MEDIUMBLOB, exp.DType.LONGBLOB, exp.DType.IMAGE, exp.DType.ROWVERSION,
}  # fmt: skip
Parts = tuple[str, ...]


@dataclass(slots=True)
class DumpTable:
    """One table of a dump. `storage` says how SQLite keeps each column."""

    parts: Parts
    columns: dict[str, str]
    storage: dict[str, str]
    number: int
    primary_key: tuple[str, ...] = ()
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)

    def column(self, name: str) -> str:
        """Return a column's name as the table spells it."""
        return next((c for c in self.columns if c.casefold() == name.casefold()), name)


def parts_of(name: str) -> Parts:
    """Return a table's name in parts, without quotes: `[dbo].[x]` is dbo, x."""
    return tuple(part.strip('`"[]') for part in re.findall(_NAME, name))


class Definitions:
    """What the statements of a dump said about its tables so far."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.tables: list[DumpTable] = []

    def find(self, parts: Parts) -> DumpTable | None:
        """Return a table by its name, with or without schema, in any case if need be."""
        for fold in (str, str.casefold):
            wanted = tuple(map(fold, parts))
            for length in (len(wanted), 1):
                for table in self.tables:
                    own = tuple(map(fold, table.parts))
                    if own[-length:] == wanted[-length:] and (length > 1 or len(wanted) == 1):
                        return table
        same = [t for t in self.tables if t.parts[-1].casefold() == parts[-1].casefold()]
        return same[0] if len(same) == 1 and 1 in (len(parts), len(same[0].parts)) else None

    def take(self, statement: str) -> bool | None:
        """Take note of a definition. None: it defines no table; False: it cannot be understood."""
        if found := _CREATE.match(statement):
            return self._create(found, statement)
        if (found := _ALTER.match(statement)) and re.search(r"\bKEY\b", statement, re.IGNORECASE):
            return self._alter(found, statement)
        return None

    def from_rows(self, parts: Parts, columns: list[str]) -> DumpTable:
        """Define a table that only its rows speak of: columns without a type."""
        names = distinct_names(columns)
        table = DumpTable(
            parts, dict.fromkeys(names, ""), dict.fromkeys(names, ""), len(self.tables)
        )
        self.tables.append(table)
        return table

    def _create(self, found: re.Match[str], statement: str) -> bool:
        parts = parts_of(found["name"])
        if self.find(parts) is not None:
            return True
        table = DumpTable(parts, {}, {}, len(self.tables))
        for item in _items(statement[found.end() :]):
            if not self._item(table, item):
                return False
        if table.columns:
            self.tables.append(table)
        return bool(table.columns)

    def _item(self, table: DumpTable, item: str) -> bool:
        """Take note of one column or key. What sqlglot does not know is read by name and type."""
        schema = self._parsed(f"CREATE TABLE t ({item})")
        if isinstance(schema, exp.Create) and isinstance(schema.this, exp.Schema):
            for each in schema.this.expressions:
                if not self._take_item(table, each):
                    self._read_keys(table, item)
            return True
        if _NO_COLUMN.match(item):
            self._read_keys(table, item)
            return True
        plain = _ITEM.match(item)
        if plain is None:
            return False
        name = parts_of(plain["name"])[-1]
        typed = self._parsed(f"CREATE TABLE t (c {plain['type']})")
        column = typed.find(exp.ColumnDef) if isinstance(typed, exp.Create) else None
        self._add_column(table, name, column.kind if column else None, plain["type"])
        if re.search(r"\bPRIMARY\s+KEY\b", item, re.IGNORECASE):
            table.primary_key = (name,)
        return True

    def _take_item(self, table: DumpTable, item: exp.Expression) -> bool:
        """Take note of a column or key. False: no key was seen in what is no column."""
        if isinstance(item, exp.ColumnDef):
            constraints = [c.args.get("kind") for c in item.args.get("constraints") or ()]
            name = item.name
            if any(isinstance(c, exp.ComputedColumnConstraint) for c in constraints):
                table.computed.append(name)
                return True
            kind = item.kind
            self._add_column(table, name, kind, kind.sql(self._dialect) if kind else "")
            for constraint in constraints:
                if isinstance(constraint, exp.PrimaryKeyColumnConstraint):
                    table.primary_key = (name,)
                elif isinstance(constraint, exp.Reference):
                    table.foreign_keys.append(_reference((name,), constraint))
            return True
        return self._take_keys(table, item)

    def _take_keys(self, table: DumpTable, item: exp.Expression) -> bool:
        keys = list(item.find_all(exp.PrimaryKey))
        for key in keys:
            table.primary_key = tuple(table.column(each.name) for each in key.expressions)
        before = len(table.foreign_keys)
        for foreign in item.find_all(exp.ForeignKey):
            columns = tuple(table.column(each.name) for each in foreign.expressions)
            reference = foreign.args.get("reference")
            if isinstance(reference, exp.Reference):
                table.foreign_keys.append(_reference(columns, reference))
        return bool(keys) or len(table.foreign_keys) > before

    def _add_column(
        self, table: DumpTable, name: str, kind: exp.Expression | None, declared: str
    ) -> None:
        own = distinct_names([*table.columns, name])[-1]
        table.columns[own] = declared
        table.storage[own] = _storage(kind)

    def _alter(self, found: re.Match[str], statement: str) -> bool:
        table = self.find(parts_of(found["name"]))
        tree = self._parsed(re.sub(r"\bWITH\s+(NO)?CHECK\s+ADD\b", "ADD", statement))
        if table is None:
            return False
        if tree is None or not self._take_keys(table, tree):
            self._read_keys(table, statement)
        return True

    def _read_keys(self, table: DumpTable, text: str) -> None:
        """Take note of keys in the words that all dialects share, where sqlglot gives up."""
        for found in _PRIMARY.finditer(text):
            table.primary_key = tuple(map(table.column, _listed(found["columns"])))
        for found in _FOREIGN.finditer(text):
            columns = tuple(map(table.column, _listed(found["columns"])))
            to = ".".join(parts_of(found["to"]))
            key = ForeignKey(columns, to, tuple(_listed(found["to_columns"] or "")))
            table.foreign_keys.append(key)

    def _parsed(self, sql: str) -> exp.Expression | None:
        try:
            tree = sqlglot.parse_one(sql, dialect=self._dialect.value)
        except (SqlglotError, RecursionError):
            return None
        return tree if isinstance(tree, exp.Create | exp.Alter) else None


def _reference(columns: tuple[str, ...], reference: exp.Reference) -> ForeignKey:
    """Return a foreign key whose target is named with its schema, for the moment."""
    to = reference.find(exp.Table)
    schema = reference.this
    to_columns = schema.expressions if isinstance(schema, exp.Schema) else []
    path = ".".join(part.name for part in to.parts) if to is not None else ""
    return ForeignKey(columns, path, tuple(each.name for each in to_columns))


def _listed(columns: str) -> list[str]:
    """Return the names in a list of key columns, without order or length of prefix."""
    return [parts_of(each)[0] for each in columns.split(",") if each.strip()]


def _storage(kind: exp.Expression | None) -> str:
    """Return how SQLite keeps a column: dates as text, unsigned 64-bit numbers as they come."""
    if not isinstance(kind, exp.DataType) or kind.this is exp.DType.UBIGINT:
        return ""
    if kind.this in _INTEGERS:
        return "INTEGER"
    if kind.this in _FRACTIONS:
        return "REAL"
    return "BLOB" if kind.this in _BYTES else "TEXT"


def _items(text: str) -> Iterator[str]:
    """Yield the items between the outer brackets of a definition, split at its commas."""
    depth, item = 0, ""
    for piece in _TOKENS.findall(text):
        if piece == ")":
            depth -= 1
            if depth == 0:
                break
        if piece == "," and depth == 1:
            yield item
            item = ""
        elif depth and not piece.startswith(("--", "/*")):
            item += piece
        depth += piece == "("
    if item.strip():
        yield item
