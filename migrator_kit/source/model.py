"""What every source gives, whatever stands behind it: tables, keys, and parts of rows as Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from migrator_kit.errors import SourceError


class HoldsNoTable(SourceError):
    """A source was opened and there is no table in it."""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of one table that point to the key of another, as the source declares it."""

    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceTable:
    """One table of a source: `columns` maps each name to the type the source declares."""

    name: str
    columns: dict[str, str]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    rows_estimate: int | None = None
    reading: dict[str, str] = field(default_factory=dict)
    """How the table is read, where that had to be found out: encoding, delimiter, and so on."""


class Source(Protocol):
    """A place to extract from. It offers no way to write."""

    kind: str
    """`sqlite`, `postgresql`, `mysql`, `text files` and so on."""
    location: str
    """Where it is, without credentials."""
    tables_at_once: int
    """Tables that may be read side by side, and still as they were at one moment."""

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables by name. Raises SourceError where there are none."""

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a table in parts, at least one part even where it is empty."""

    def notes(self, table: str) -> dict[str, str]:
        """Return what reading the table brought to light: encoding repaired, trailer left out."""

    def close(self) -> None:
        """Let go of files and connections."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Closing:
    """Makes a source usable in a `with` block."""

    tables_at_once: int = 1

    def close(self) -> None:
        """Let go of files and connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def distinct_names(names: Iterable[str]) -> list[str]:
    """Return column names that differ even without regard to case, as DuckDB needs them.

    The source's spelling is kept; an empty name becomes `column_<n>`, a repeated one gets `_2`.
    """
    seen: set[str] = set()
    result = []
    for position, raw in enumerate(names, start=1):
        base = raw.strip() or f"column_{position}"
        name, number = base, 1
        while name.casefold() in seen:
            number += 1
            name = f"{base}_{number}"
        seen.add(name.casefold())
        result.append(name)
    return result


def quoted(identifier: str) -> str:
    """Return an SQL identifier in double quotes (SQLite, DuckDB, PostgreSQL)."""
    return '"' + identifier.replace('"', '""') + '"'
