"""Reading dates and times of many notations, column by column.

Notations: ISO with any separator or none; day, month and year (or month, day and year) in
numbers; dates with the month's name in six languages; a time of day after any of them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.mapping.transforms.columns import to_arrow
from migrator_kit.source.contents import CENTURY_TURN

FIRST_YEAR, LAST_YEAR = 1800, 2100

_TIME = (
    r"(?:(?:[T ,]|\s)\s*(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})"
    r"(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\.?)?\s*(?P<offset>z|utc|[+-]\d{2}:?\d{2})?)?"
)
_PATTERNS = (
    r"(?i)^\s*(?P<year>\d{4})[-/. ](?P<first>\d{1,2})[-/. ](?P<last>\d{1,2})" + _TIME + r"\s*$",
    r"(?i)^\s*(?P<year>\d{4})(?P<first>\d{2})(?P<last>\d{2})"
    r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2}):?(?P<second>\d{2})?(?:[.,]\d+)?"
    r"(?P<half>)(?P<offset>z|[+-]\d{2}:?\d{2})?)?\s*$",
    r"(?i)^\s*(?P<first>\d{1,2})[-/. ](?P<last>\d{1,2})[-/. ](?P<year>\d{4}|\d{2})"
    + _TIME
    + r"\s*$",
)
_ISO_ORDER = (True, True, False)

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Moments:
    """What was read of each text: day and second of day, and an offset where the text has one."""

    read: Bools
    """The text is a date in a known notation, though maybe not one of the calendar."""
    valid: Bools
    days: npt.NDArray[np.datetime64]
    seconds: Ints
    offsets: Ints
    """Seconds east of Greenwich."""
    has_offset: Bools


def read_moments(values: pd.Series, *, day_first: bool) -> Moments:
    """Return what the texts say as dates and times."""
    texts = pc.utf8_trim_whitespace(to_arrow(values)).cast(pa.string())
    size = len(texts)
    fields = {name: np.full(size, -1, dtype=np.int64) for name in _FIELDS}
    offset = np.zeros(size, dtype=np.int64)
    has_offset = np.zeros(size, dtype=bool)
    read = np.zeros(size, dtype=bool)
    for pattern, iso in zip(_PATTERNS, _ISO_ORDER, strict=True):
        parts = pc.extract_regex(texts, pattern=pattern)
        hit = np.asarray(pc.is_valid(parts)) & ~read
        if not hit.any():
            continue
        read |= hit
        _take(parts, hit, fields, day_first=day_first, iso=iso)
        _take_offset(parts, hit, offset, has_offset)
    for position in np.flatnonzero(~read):
        _take_named(str(texts[position]), int(position), fields, read)
    return _moments(fields, read, offset, has_offset)


_FIELDS = ("year", "month", "day", "hour", "minute", "second")


def _numbers(parts: pa.Array, name: str) -> Ints:
    """Return a group of digits as numbers, -1 where it is empty."""
    column = pc.struct_field(parts, name)
    filled = pc.if_else(pc.equal(column, ""), "-1", column)
    return np.asarray(pc.fill_null(filled, "-1").cast(pa.int64()), dtype=np.int64)


def _take(
    parts: pa.Array, hit: Bools, fields: dict[str, Ints], *, day_first: bool, iso: bool
) -> None:
    year, first, last = (_numbers(parts, name) for name in ("year", "first", "last"))
    length = np.asarray(pc.fill_null(pc.utf8_length(pc.struct_field(parts, "year")), 0))
    year = np.where(length == 2, year + np.where(year <= CENTURY_TURN, 2000, 1900), year)
    if iso:
        month, day = first, last
    else:
        by_day = (first > 12) | (day_first & (last <= 12))
        month, day = np.where(by_day, last, first), np.where(by_day, first, last)
    hour, minute, second = (_numbers(parts, name) for name in ("hour", "minute", "second"))
    half = pc.utf8_lower(pc.fill_null(pc.struct_field(parts, "half"), ""))
    evening = np.asarray(pc.starts_with(half, pattern="p"))
    morning = np.asarray(pc.starts_with(half, pattern="a"))
    hour = np.where(evening & (hour < 12) & (hour >= 0), hour + 12, hour)
    hour = np.where(morning & (hour == 12), 0, hour)
    for name, column in zip(_FIELDS, (year, month, day, hour, minute, second), strict=True):
        fields[name][hit] = column[hit]


def _take_offset(parts: pa.Array, hit: Bools, offset: Ints, has_offset: Bools) -> None:
    text = pc.utf8_lower(pc.fill_null(pc.struct_field(parts, "offset"), ""))
    known = hit & np.asarray(pc.not_equal(text, ""))
    for position in np.flatnonzero(known):
        offset[position] = _offset_seconds(str(text[position]))
    has_offset |= known


def _offset_seconds(text: str) -> int:
    match = re.match(r"([+-])(\d{2}):?(\d{2})", text)
    if match is None:
        return 0
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds


_MONTHS = {
    1: "jan ιαν ene gen",
    2: "feb φεβ fev",
    3: "mar maer μαρ",
    4: "apr απρ abr avr",
    5: "may mai μαι mag",
    6: "jun ιουν giu juin",
    7: "jul ιουλ lug juil",
    8: "aug αυγ ago aou",
    9: "sep σεπ set",
    10: "oct okt οκτ ott",
    11: "nov νοε νοβ",
    12: "dec dez δεκ dic",
}
_MONTH_OF = {name: number for number, names in _MONTHS.items() for name in names.split()}
_NAMED = re.compile(
    r"^(?:[^\W\d]+\.?,?\s+)?(?:(?P<day>\d{1,2})(?:st|nd|rd|th|\.|º|η)?[\s.-]*(?:of\s+|de\s+)?)?"
    r"(?P<month>[^\W\d]{3,})\.?[\s,.-]*(?:de\s+)?(?:(?P<day2>\d{1,2})(?:st|nd|rd|th)?[\s,]+)?"
    r"(?P<rest>.*)$"
)
_YEAR_AND_TIME = re.compile(
    r"^(?:(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s+)?'?(?P<year>\d{4}|\d{2})"
    r"(?:\s+(?:ad\s+)?(?P<hour2>\d{1,2}):(?P<minute2>\d{2})(?::(?P<second2>\d{2}))?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?$"
)


def _plain(text: str) -> str:
    """Return a text in small letters without accents."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("ς", "σ")


def _month(name: str) -> int | None:
    plain = _plain(name)
    return next((_MONTH_OF[plain[:n]] for n in (4, 3) if plain[:n] in _MONTH_OF), None)


def _take_named(text: str, position: int, fields: dict[str, Ints], read: Bools) -> None:
    """Read a date with the month's name, such as `4 Jul 1976`, `July 4, '96` or `2004 10 Apr`."""
    plain = " ".join(_plain(text).split())
    if match := re.match(r"^(\d{4})[\s.-]+(.*)$", plain):
        plain = f"{match[2]} {match[1]}"
        if clock := re.match(
            r"^(.*?)(\s(?:ad\s)?\d{1,2}:\d{2}\S*(?:\s[ap]\.?m\.?)?) (\d{4})$", plain
        ):
            plain = f"{clock[1]} {clock[3]}{clock[2]}"
    match = _NAMED.match(plain)
    month = _month(match["month"]) if match else None
    if match is None or month is None:
        return
    tail = _YEAR_AND_TIME.match(match["rest"].strip(" ,.-"))
    day = match["day"] or match["day2"]
    if tail is None or day is None:
        return
    year = int(tail["year"])
    if len(tail["year"]) == 2:
        year += 2000 if year <= CENTURY_TURN else 1900
    clock_parts = [tail[name] or tail[f"{name}2"] for name in ("hour", "minute", "second")]
    hour, minute, second = (int(part) if part else -1 for part in clock_parts)
    half = (tail["half"] or "")[:1]
    if half == "p" and 0 <= hour < 12:
        hour += 12
    if half == "a" and hour == 12:
        hour = 0
    for name, number in zip(_FIELDS, (year, month, int(day), hour, minute, second), strict=True):
        fields[name][position] = number
    read[position] = True


def _moments(fields: dict[str, Ints], read: Bools, offset: Ints, has_offset: Bools) -> Moments:
    year, month, day = fields["year"], fields["month"], fields["day"]
    in_range = read & (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12)
    in_range &= (day >= 1) & (day <= 31)
    months = (np.where(in_range, year, 2000) - 1970) * 12 + np.where(in_range, month, 1) - 1
    start = months.astype("datetime64[M]")
    days = start.astype("datetime64[D]") + (np.where(in_range, day, 1) - 1).astype("timedelta64[D]")
    valid = in_range & (days.astype("datetime64[M]") == start)
    hour, minute, second = (np.maximum(fields[name], 0) for name in ("hour", "minute", "second"))
    valid &= (hour <= 23) & (minute <= 59) & (second <= 60)
    seconds = hour * 3600 + minute * 60 + np.minimum(second, 59)
    return Moments(read, valid, days, seconds, offset, has_offset)
