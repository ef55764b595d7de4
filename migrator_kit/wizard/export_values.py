"""Texts of an export as typed columns: what the org's own backup says, in the form it says it.

The form of dates and times in a backup is not documented (fact sheet section 12): ISO is tried
first, then the usual forms, and one form has to fit a whole column. Times without offset are read
in the practice's zone, as the package wrote them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.errors import ParameterError
from migrator_kit.mapping.targets import ARROW_TYPES
from migrator_kit.wizard.columns import CHOICES_JOINED_BY
from migrator_kit.wizard.guarding import unguarded

_ISO_DAY = "%Y-%m-%d"
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M %p", "%I:%M:%S %p")
_OFFSET = r"[0-9](Z|[+-][0-9]{2}:?[0-9]{2})$"
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True, slots=True)
class Writing:
    """How times and dates of an export are to be read."""

    zone: str
    day_first: bool

    @property
    def days(self) -> tuple[str, ...]:
        """Forms of a date, the likeliest first."""
        usual = "%d/%m/%Y" if self.day_first else "%m/%d/%Y"
        return (_ISO_DAY, usual, "%d.%m.%Y", "%b %d, %Y", "%d-%m-%Y")


def typed(texts: pa.Array, data_type: str, writing: Writing, place: str) -> pa.Array:
    """Return an exported column as the type of its field.

    Raises ParameterError, naming the column, where the texts are of another form.
    """
    wanted = ARROW_TYPES.get(data_type, pa.string())
    trimmed = pc.utf8_trim_whitespace(texts)
    filled = pc.if_else(pc.equal(trimmed, ""), None, texts)
    if pa.types.is_string(wanted):
        return unguarded(filled)
    values = pc.if_else(pc.is_valid(filled), trimmed, None)
    if pa.types.is_list(wanted):
        return _choices(unguarded(values))
    if pa.types.is_boolean(wanted):
        found = _answers(values)
    elif pa.types.is_date(wanted):
        found = _parsed(values, writing.days)
        found = None if found is None else found.cast(pa.date32())
    elif pa.types.is_timestamp(wanted):
        found = _instants(values, writing)
    else:
        found = _numbers(values, wanted)
    if found is None:
        raise ParameterError(
            f"{place} is not written as values of type {data_type}.",
            hint="Take the file as the backup gives it: a spreadsheet changes dates and numbers.",
        )
    return found


def _choices(values: pa.Array) -> pa.Array:
    parts = pc.split_pattern(values, CHOICES_JOINED_BY)
    flat = pc.utf8_trim_whitespace(parts.values)
    return pa.ListArray.from_arrays(parts.offsets, flat, mask=pc.is_null(parts))


def _answers(values: pa.Array) -> pa.Array | None:
    small = pc.utf8_lower(values)
    known = pc.is_in(small, value_set=pa.array([*_YES, *_NO]))
    if not _all(pc.or_(known, pc.is_null(values))):
        return None
    return pc.if_else(pc.is_valid(values), pc.is_in(small, value_set=pa.array(_YES)), None)


def _numbers(values: pa.Array, wanted: pa.DataType) -> pa.Array | None:
    """Return numbers; thousands may be marked by commas."""
    plain = pc.replace_substring_regex(values, r",([0-9]{3})", r"\1")
    try:
        return plain.cast(pa.float64()).cast(wanted)
    except pa.ArrowInvalid:
        return None


def _parsed(values: pa.Array, forms: tuple[str, ...]) -> pa.Array | None:
    """Return local times by the first form that fits every value, None where none does."""
    for form in forms:
        found = pc.strptime(values, format=form, unit="s", error_is_null=True)
        if found.null_count == values.null_count:
            return found
    return None


def _instants(values: pa.Array, writing: Writing) -> pa.Array | None:
    if pc.any(pc.match_substring_regex(values, _OFFSET)).as_py():
        read = pd.to_datetime(values.to_pandas(), utc=True, format="ISO8601", errors="coerce")
        found = pa.array(read, pa.timestamp("us", "UTC"), from_pandas=True)
        return found if found.null_count == values.null_count else None
    spaced = pc.replace_substring_regex(values, r"([0-9])T([0-9])", r"\1 \2")
    forms = tuple(f"{day} {time}" for day in writing.days for time in _TIMES)
    local = _parsed(spaced, forms)
    if local is None:
        return None
    placed = pc.assume_timezone(local, writing.zone, ambiguous="earliest", nonexistent="earliest")
    return placed.cast(pa.timestamp("us", "UTC"))


def _all(values: pa.Array) -> bool:
    return bool(pc.all(pc.fill_null(values, False)).as_py())
