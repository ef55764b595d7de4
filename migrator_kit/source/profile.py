"""The profile of every column of a table, by DuckDB over the snapshot: counts, spread, shapes.

Counts are exact over the whole table. What the values look like is judged on at most SAMPLE_ROWS
rows, spread evenly over it. Values that fewer than SMALL_CELL rows share are counted, never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from migrator_kit.privacy import DataClass
from migrator_kit.source.classify import propose
from migrator_kit.source.contents import (
    Content,
    DateOrder,
    Look,
    date_of,
    look_at,
    number_of,
    shapes,
)
from migrator_kit.source.model import quoted
from migrator_kit.source.notation import Settled, as_settled

SMALL_CELL = 5
"""Rows that must share a value before it may be shown: fewer could tell a person."""
SAMPLE_ROWS = 20_000
EXACT_DISTINCT_ROWS = 2_000_000
MOST_PICKLIST_VALUES = 60
MOST_SHAPES = 8
_QUARTERS = "[0.25, 0.5, 0.75]"
_SHAPED = (Content.TEXT, Content.CODE, Content.PHONE, Content.EMAIL, Content.DATE)
_DATES = (Content.DATE, Content.DATETIME)
_NUMBERS = (Content.INTEGER, Content.DECIMAL)
_NO_PICKLIST = (
    Content.EMPTY, Content.DATE, Content.DATETIME, Content.DECIMAL, Content.EMAIL, Content.PHONE,
    Content.PATH, Content.RTF, Content.HTML, Content.LONG_TEXT, Content.BINARY,
)  # fmt: skip
_NO_VALUES = frozenset(
    {DataClass.IDENTIFIER, DataClass.CONTACT, DataClass.FREE_TEXT, DataClass.TECHNICAL}
)


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What one column holds. Patient data appears as counts, years and shapes alone."""

    table: str
    name: str
    type: str
    rows: int
    nulls: int
    blank: int
    """Values that are empty or all spaces: for a person the same as null."""
    distinct: int
    distinct_exact: bool
    min_length: int | None
    max_length: int | None
    look: Look
    data_class: DataClass = DataClass.OPERATIONAL
    class_confidence: float = 0.0
    class_reason: str = ""
    minimum: float | None = None
    maximum: float | None = None
    quartiles: tuple[float, float, float] | None = None
    first: str | None = None
    last: str | None = None
    """First and last date; the years alone in columns of patient data."""
    impossible_dates: int = 0
    shapes: tuple[tuple[str, int], ...] = ()
    picklist: tuple[tuple[str, int], ...] | None = None
    """Values with their counts, most frequent first; None where this is no closed list."""
    picklist_hidden: int = 0
    """Values of the closed list that too few rows share to be shown."""
    notation: Settled | None = None
    """How dates or amounts of a column of text are read, and why so."""
    custom: bool | None = None
    """Whether the profile does not know this column; None where no profile was given."""

    @property
    def filled(self) -> int:
        """Rows with a value a person can see."""
        return self.rows - self.nulls - self.blank

    @property
    def content(self) -> Content:
        """What the values look like."""
        return self.look.content

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.distinct_exact and self.rows > 0 and self.distinct == self.filled == self.rows


def profile_table(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: dict[str, str],
    notations: Mapping[str, Settled] | None = None,
) -> tuple[ColumnProfile, ...]:
    """Return the profiles of a table's columns (`columns`: name to Arrow type), in their order.

    `notations` say how dates and amounts of columns are written; else it is judged by their looks.
    """
    counted = _count(connection, table, columns)
    sample = _sample(connection, table, counted)
    settled = notations or {}
    looked = [_looked_at(c, sample[c.name], settled.get(c.name)) for c in counted]
    return tuple(_picklists(connection, table, _spread(connection, table, looked)))


def _sample(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnProfile]
) -> dict[str, pa.Array]:
    """Return values of each column, trimmed, without blanks: every n-th row, always the same."""
    wanted = [column.name for column in columns if column.type != "binary" and column.filled]
    values = dict.fromkeys((column.name for column in columns), pa.array([], pa.string()))
    if wanted:
        step = -(-columns[0].rows // SAMPLE_ROWS)
        picked = ", ".join(f"{_filled(name)} AS {quoted(name)}" for name in wanted)
        chosen = quoted(table)
        if step > 1:
            chosen = f"(SELECT *, row_number() OVER () AS row_of_table FROM {chosen})"
            chosen += f" WHERE row_of_table % {step} = 1"
        rows = connection.sql(f"SELECT {picked} FROM {chosen}").to_arrow_table()
        values |= {n: rows[n].combine_chunks().cast(pa.string()).drop_null() for n in wanted}
    return values


def _looked_at(column: ColumnProfile, values: pa.Array, settled: Settled | None) -> ColumnProfile:
    """Add what the values look like: content, data class, quartiles, shapes, broken dates."""
    look = look_at(values, column.type)
    if settled is not None:
        look = as_settled(look, settled.notation)
    proposed = propose(column.table, column.name, look)
    shaped: tuple[tuple[str, int], ...] = ()
    if look.content in _SHAPED:
        common = shapes(values).most_common(MOST_SHAPES)
        shaped = tuple((each, rows) for each, rows in common if rows >= SMALL_CELL)
    return replace(
        column,
        look=look,
        data_class=proposed.data_class,
        class_confidence=proposed.confidence,
        class_reason=proposed.reason,
        shapes=shaped,
        notation=settled,
    )


def plain_text(column: str) -> str:
    """Return the SQL of a column's values as text, such as are one value to a reader.

    Spaces around them do not matter. Where values are counted, they are counted so.
    """
    return f"trim(CAST({quoted(column)} AS VARCHAR))"


def _filled(column: str) -> str:
    return f"nullif({plain_text(column)}, '')"


def _count(
    connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]
) -> list[ColumnProfile]:
    """Count rows and nulls of all columns; blanks, distinct values and lengths of filled ones."""
    name = quoted(table)
    counts = ", ".join(f"count({quoted(column)})" for column in columns)
    rows, *present = _one(connection, f"SELECT count(*), {counts} FROM {name}")
    filled = [column for column, count in zip(columns, present, strict=True) if count]
    exact = rows <= EXACT_DISTINCT_ROWS
    wanted = [sql for column in filled for sql in _measures(column, columns[column], exact=exact)]
    found = _one(connection, f"SELECT {', '.join(wanted)} FROM {name}") if wanted else ()
    measured = {column: found[4 * n : 4 * n + 4] for n, column in enumerate(filled)}
    profiles = []
    for (column, kind), count in zip(columns.items(), present, strict=True):
        blank, distinct, shortest, longest = measured.get(column, (0, 0, None, None))
        distinct = min(distinct, count) - bool(blank)
        look = Look(Content.BINARY if kind == "binary" and count else Content.EMPTY)
        profiles.append(
            ColumnProfile(
                table, column, kind, rows, rows - count, blank, distinct, exact, shortest, longest,
                look,
            )
        )  # fmt: skip
    return profiles


def _measures(column: str, kind: str, *, exact: bool) -> tuple[str, str, str, str]:
    """Return SQL for blanks, distinct values, least and greatest length of a column."""
    plain = quoted(column)
    distinct = f"count(DISTINCT {plain})" if exact else f"approx_count_distinct({plain})"
    if kind == "binary":
        return "0", distinct, f"min(octet_length({plain}))", f"max(octet_length({plain}))"
    if kind != "string":
        text = f"CAST({plain} AS VARCHAR)"
        return "0", distinct, f"min(length({text}))", f"max(length({text}))"
    blank = f"count(*) FILTER (WHERE trim({plain}) = '')"
    return blank, distinct, f"min(length(trim({plain})))", f"max(length(trim({plain})))"


def _spread(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnProfile]
) -> list[ColumnProfile]:
    """Find least and greatest numbers, quartiles, first and last dates, in one query."""
    wanted = []
    for column in columns:
        value = _filled(column.name)
        if column.content in _NUMBERS and not column.data_class.is_phi:
            number = number_of(value, comma=column.look.decimal_comma)
            if column.type != "string":
                number = f"CAST({quoted(column.name)} AS DOUBLE)"
            middle = "quantile_cont" if column.distinct_exact else "approx_quantile"
            wanted += [f"min({number})", f"max({number})", f"{middle}({number}, {_QUARTERS})"]
        elif column.content in _DATES:
            day = date_of(value, column.look.date_order or DateOrder.YEAR_FIRST)
            wanted += [f"min({day})", f"max({day})", f"count({value}) - count({day})"]
    if not wanted:
        return list(columns)
    found = iter(_one(connection, f"SELECT {', '.join(wanted)} FROM {quoted(table)}"))
    result = []
    for column in columns:
        if column.content in _NUMBERS and not column.data_class.is_phi:
            low, high, middle = next(found), next(found), next(found)
            quarters = (middle[0], middle[1], middle[2]) if middle else None
            result.append(replace(column, minimum=low, maximum=high, quartiles=quarters))
        elif column.content in _DATES:
            result.append(_with_dates(column, next(found), next(found), next(found)))
        else:
            result.append(column)
    return result


def _with_dates(column: ColumnProfile, first: Any, last: Any, impossible: int) -> ColumnProfile:
    """Show first and last dates; of patient data the years alone."""
    shown = [None if day is None else day.isoformat() for day in (first, last)]
    if column.data_class.is_phi:
        shown = [day and day[:4] for day in shown]
    return replace(column, first=shown[0], last=shown[1], impossible_dates=impossible)


def _picklists(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[ColumnProfile]
) -> list[ColumnProfile]:
    """List the values of closed lists; names, addresses, free text and keys are none."""
    wanted = [c for c in columns if _is_closed_list(c)]
    lists: dict[str, list[tuple[str, int]]] = {c.name: [] for c in wanted}
    if wanted:
        queries = [
            f"SELECT {n} AS number, {_filled(c.name)} AS value, count(*) AS rows "
            f"FROM {quoted(table)} WHERE {_filled(c.name)} IS NOT NULL GROUP BY ALL"
            for n, c in enumerate(wanted)
        ]
        answer = connection.execute(f"{' UNION ALL '.join(queries)} ORDER BY 1, 3 DESC, 2")
        for number, value, rows in answer.fetchall():
            lists[wanted[number].name].append((value, int(rows)))
    return [_with_picklist(c, lists[c.name]) if c.name in lists else c for c in columns]


def _is_closed_list(column: ColumnProfile) -> bool:
    repeated = column.filled >= 2 * max(column.distinct, 1)
    few = 0 < column.distinct <= MOST_PICKLIST_VALUES
    listed = column.content not in _NO_PICKLIST and column.data_class not in _NO_VALUES
    return few and repeated and listed


def _with_picklist(column: ColumnProfile, values: list[tuple[str, int]]) -> ColumnProfile:
    """Keep the values that enough rows share."""
    shown = tuple((value, rows) for value, rows in values if rows >= SMALL_CELL)
    return replace(column, picklist=shown, picklist_hidden=len(values) - len(shown))


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """Return the only row of an answer, fetched to its end: DuckDB refuses new work before that."""
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return rows[0]
