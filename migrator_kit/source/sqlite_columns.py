"""How the columns of a SQLite table are read: by what they declare and by what they really hold."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from migrator_kit.source.model import quoted


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is read: its type in Arrow, and whether its values are of more classes."""

    name: str
    type: pa.DataType
    mixed: bool = False
    """Whether numbers, texts or bytes stand side by side, which all become text."""


def column_of(name: str, declared: str, held: set[str]) -> Column:
    """Return how a column is read, from its declared type and the storage classes found.

    `held` has classes among blob, integer, real, text, the first and the last by name for sure.
    """
    upper = declared.upper()
    if not held:
        return Column(name, _declared_type(upper))
    if held == {"blob"}:
        return Column(name, pa.binary())
    if held == {"text"}:
        return Column(name, pa.string())
    if "DATE" in upper or "TIME" in upper or not held <= {"integer", "real"}:
        return Column(name, pa.string(), mixed=True)
    if held == {"integer"} and not _is_fraction(upper):
        return Column(name, pa.int64())
    return Column(name, pa.float64())


def term(column: Column) -> str:
    """Return SQL, the same in DuckDB, for a number that changes with a value; empty for fractions.

    SQLite has no digest: a text stands for its length, its first, middle and last letter.
    """
    value = quoted(column.name)
    if column.type == pa.int64():
        return value
    if column.type != pa.string() or column.mixed:
        return ""
    text = f"nullif({value}, '')"
    middle = f"CAST((length({text}) - length({text}) % 2) / 2 AS INTEGER) + 1"
    letters = (text, f"substr({text}, {middle}, 1)", f"substr({text}, -1)")
    codes = [
        f"unicode({letter}) * {weight}" for letter, weight in zip(letters, (1, 5, 7), strict=True)
    ]
    return f"(length({text}) * 3 + {' + '.join(codes)})"


def is_text(declared: str) -> bool:
    """Whether SQLite turns numbers into text in a column of this declared type."""
    texts = any(word in declared for word in ("CHAR", "CLOB", "TEXT"))
    return texts and "INT" not in declared


def _is_fraction(declared: str) -> bool:
    """Whether a declared type means amounts, which are fractions even where all are whole."""
    return any(word in declared for word in ("REAL", "FLOA", "DOUB", "NUMERIC", "DECI", "MONEY"))


def _declared_type(declared: str) -> pa.DataType:
    """Return the type of a column that holds no value, by SQLite's rules of affinity."""
    if "INT" in declared:
        return pa.int64()
    if _is_fraction(declared):
        return pa.float64()
    return pa.binary() if "BLOB" in declared else pa.string()
