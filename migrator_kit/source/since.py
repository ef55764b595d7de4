"""What a source has to offer for a snapshot by watermark: rows from a mark on, keys, sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Since:
    """Rows to read: those whose `column` is not below `value`, or empty."""

    column: str
    value: str | int


@dataclass(frozen=True, slots=True)
class Sum:
    """What a column adds up to: a change of its values changes this too, but for a rare chance."""

    filled: int
    total: int | None
    """None where the column cannot be summed up exactly."""
    in_duckdb: str
    """SQL for the term of one value, as DuckDB has to add it up."""


@runtime_checkable
class ReadsSince(Protocol):
    """A source that can be asked for some rows or columns of a table, all at one moment."""

    def types(self, table: str) -> dict[str, str]:
        """Return the Arrow type of each column, as `read` would give it."""

    def read_since(self, table: str, part_rows: int, since: Since) -> Iterator[pa.Table]:
        """Yield the rows of a table that are not older than a mark, or have none."""

    def read_keys(self, table: str, columns: list[str], part_rows: int) -> Iterator[pa.Table]:
        """Yield some columns of all rows."""

    def read_rows(self, table: str, key: str, values: list[Any]) -> Iterator[pa.Table]:
        """Yield the rows with the given keys."""

    def sums(self, table: str) -> dict[str, Sum]:
        """Return what the values of each column add up to."""
