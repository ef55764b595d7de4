"""How dates and amounts are written in columns of text, and the SQL that reads them so.

A folder of exports has 03/04/2020 and 1.234,50 where a database has dates and numbers. Which it is
follows from the values of each column; where they tell nothing, from the other columns that the
same program wrote. What a person says in `engagement.yml` goes before both. The snapshot keeps
the text as it was written; who reads it gets dates of ISO 8601, and transforms of numbers are
told which columns have a decimal comma.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.engagement import TableSettings
from migrator_kit.source.contents import Amounts, Content, DateOrder, Look, date_of, look_at
from migrator_kit.source.model import quoted

_SAMPLE = 2_000
"""Values of a column looked at in each part."""
_MOST = 20_000


class Notation(StrEnum):
    """How the dates or the amounts of a column are written."""

    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"
    UNCLEAR_DATE = "day or month first"
    DECIMAL_COMMA = "decimal comma"
    DECIMAL_POINT = "decimal point"
    UNCLEAR_AMOUNT = "decimal or thousands mark"


_OF_DATES = {
    DateOrder.DAY_FIRST: Notation.DAY_FIRST,
    DateOrder.MONTH_FIRST: Notation.MONTH_FIRST,
    DateOrder.UNCLEAR: Notation.UNCLEAR_DATE,
}
_OF_AMOUNTS = {
    Amounts.COMMA: Notation.DECIMAL_COMMA,
    Amounts.POINT: Notation.DECIMAL_POINT,
    Amounts.UNCLEAR: Notation.UNCLEAR_AMOUNT,
}
_DATES = frozenset(_OF_DATES.values())
_CLEAR_DATES = _DATES - {Notation.UNCLEAR_DATE}
_CLEAR_AMOUNTS = frozenset(_OF_AMOUNTS.values()) - {Notation.UNCLEAR_AMOUNT}

Found = Mapping[str, Mapping[str, Notation]]
"""Notation by table and column, for the columns of text that hold dates or amounts."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How a column is read, and why: `found`, `said`, or told by other columns."""

    notation: Notation
    why: str


Notations = Mapping[str, Mapping[str, Settled]]


class Samples:
    """Values of a table's columns of text, collected while its parts are written."""

    def __init__(self) -> None:
        self._values: dict[str, list[pa.Array]] = {}

    def add(self, values: Mapping[str, pa.Array]) -> None:
        """Take the values of one part, as `sampled` gives them."""
        for name, array in values.items():
            held = self._values.setdefault(name, [])
            if sum(map(len, held)) < _MOST:
                held.append(array)

    def notations(self) -> dict[str, Notation]:
        """Return how the columns are written that hold dates or amounts."""
        found = {name: _notation(pa.concat_arrays(held)) for name, held in self._values.items()}
        return {name: notation for name, notation in found.items() if notation is not None}


def sampled(part: pa.Table) -> dict[str, pa.Array]:
    """Return values of each column of text, spread over the part, blanks left out."""
    values = {}
    for field in part.schema:
        if field.type == pa.string():
            held = part[field.name].drop_null()
            step = -(-len(held) // _SAMPLE) or 1
            array = held.take(pa.array(range(0, len(held), step), pa.int64())).combine_chunks()
            trimmed = pc.utf8_trim_whitespace(array)
            values[field.name] = trimmed.filter(pc.not_equal(trimmed, ""))
    return values


def _notation(values: pa.Array) -> Notation | None:
    look = look_at(values, "string")
    if look.content in (Content.DATE, Content.DATETIME) and look.date_order is not None:
        return _OF_DATES.get(look.date_order)
    return _OF_AMOUNTS[look.amounts] if look.amounts is not None else None


def as_settled(look: Look, notation: Notation) -> Look:
    """Return a look with its dates and amounts written as was settled."""
    if look.date_order is not None and look.date_order in _OF_DATES:
        order = next((o for o, known in _OF_DATES.items() if known is notation), look.date_order)
        return replace(look, date_order=order)
    if look.amounts is not None:
        mark = next((a for a, known in _OF_AMOUNTS.items() if known is notation), look.amounts)
        return replace(look, amounts=mark)
    return look


def settle(
    found: Found, said: Mapping[str, TableSettings], *, day_first: bool = False
) -> Notations:
    """Return how each column is read: as said, as found, or as the columns beside it are.

    Columns beside it are those of its table, then those of all tables, where they agree. What
    nothing tells stays unclear; dates are read with the `day_first` then, where that is said.
    """
    everything = [notation for columns in found.values() for notation in columns.values()]
    return {
        table: {
            name: _last_resort(
                _settled(name, notation, said.get(table), columns.values(), everything), day_first
            )
            for name, notation in columns.items()
        }
        for table, columns in found.items()
    }


def _settled(
    column: str,
    notation: Notation,
    said: TableSettings | None,
    table: Iterable[Notation],
    source: Iterable[Notation],
) -> Settled:
    told = said.column(column) if said else None
    is_date = notation in _DATES
    if told and is_date and told.day_first is not None:
        return Settled(Notation.DAY_FIRST if told.day_first else Notation.MONTH_FIRST, "said")
    if told and not is_date and told.decimal_comma is not None:
        comma = told.decimal_comma
        return Settled(Notation.DECIMAL_COMMA if comma else Notation.DECIMAL_POINT, "said")
    clear = _CLEAR_DATES if is_date else _CLEAR_AMOUNTS
    if notation in clear:
        return Settled(notation, "found")
    for others, why in ((table, "as its table"), (source, "as the other tables")):
        agreed = clear & set(others)
        if len(agreed) == 1:
            return Settled(next(iter(agreed)), why)
    return Settled(notation, "found")


def _last_resort(settled: Settled, day_first: bool) -> Settled:
    if day_first and settled.notation is Notation.UNCLEAR_DATE:
        return Settled(Notation.DAY_FIRST, "said for all tables")
    return settled


def readable(notations: Mapping[str, Settled], raw: Iterable[str] = ()) -> Iterator[str]:
    """Yield `<SQL> AS <column>` for the columns whose dates are not read as they are written.

    Columns of `raw` (small letters) are left as they are, and so is a value that is no such date.
    Amounts are left to those who read numbers: 11,12 may be two teeth.
    """
    left = set(raw)
    for name, settled in notations.items():
        if name.casefold() in left:
            continue
        if settled.notation in _CLEAR_DATES:
            yield f"{_iso(quoted(name), settled.notation)} AS {quoted(name)}"


def _iso(value: str, notation: Notation) -> str:
    """Return SQL for a date in ISO form, what follows it (a time of day) as it was."""
    order = next(order for order, known in _OF_DATES.items() if known is notation)
    day, rest = date_of(f"trim({value})", order), f"regexp_replace(trim({value}), '^[0-9./-]+', '')"
    return f"coalesce(strftime({day}, '%Y-%m-%d') || {rest}, {value})"
