"""Column operations the generator is built from: every function makes a whole column at once.

Columns that end up in the database are object arrays of `str`, `int`, `float` or None, because
SQLite takes Python values; calculations run on typed numpy arrays before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Column: TypeAlias = npt.NDArray[np.object_]
Rows: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Moments: TypeAlias = npt.NDArray[np.datetime64]
Table: TypeAlias = dict[str, Column]

ANCHOR = np.datetime64("2026-06-30T18:00:00", "s")
"""The moment the sample practice is seen at. Fixed, so that a seed always gives the same bytes."""
TIME_ZONE = "America/New_York"
"""Where the sample practice stands; its timestamps are local times without an offset."""

_DAY = np.timedelta64(86_400, "s")


def values(items: Sequence[object]) -> Column:
    """Return the items as a column, never read as a nested array."""
    column = np.empty(len(items), dtype=np.object_)
    column[:] = items
    return column


def filled(value: object, count: int) -> Column:
    """Return a column that holds one value `count` times."""
    column = np.empty(count, dtype=np.object_)
    column.fill(value)
    return column


def one_of(rng: np.random.Generator, pool: Sequence[object] | Column, count: int) -> Column:
    """Return `count` values drawn evenly from the pool."""
    source = pool if isinstance(pool, np.ndarray) else values(pool)
    return source[rng.integers(0, len(source), count)]


def weighted(rng: np.random.Generator, shares: dict[object, float], count: int) -> Column:
    """Return `count` values drawn by their shares (any positive weights)."""
    edges = np.cumsum(list(shares.values()))
    return values(list(shares))[np.searchsorted(edges / edges[-1], rng.random(count), "right")]


def numbered(prefix: str, numbers: Rows, width: int) -> Column:
    """Return keys such as `TP000045`."""
    digits = padded(numbers, width)
    return joined(prefix, digits) if prefix else digits


def padded(numbers: Rows, width: int) -> Column:
    """Return numbers as text with leading zeros."""
    if not len(numbers):  # zfill takes no empty array
        return filled("", 0)
    digits: Column = np.strings.zfill(numbers.astype(np.str_), width).astype(np.object_)
    return digits


def joined(*parts: Column | str) -> Column:
    """Return the parts joined row by row; at least one part is a column without gaps."""
    result: Column | str = parts[0]
    for part in parts[1:]:
        result = result + part
    if isinstance(result, str):
        raise TypeError("joined() needs at least one column")
    return result


def text(numbers: npt.NDArray[np.generic]) -> Column:
    """Return numbers as text."""
    return numbers.astype(np.str_).astype(np.object_)


def dates(moments: Moments) -> Column:
    """Return `YYYY-MM-DD` texts."""
    return np.datetime_as_string(moments.astype("datetime64[D]")).astype(np.object_)


def timestamps(moments: Moments) -> Column:
    """Return `YYYY-MM-DD HH:MM:SS` texts."""
    texts = np.datetime_as_string(moments.astype("datetime64[s]")).astype("U19")
    # Each text has 19 characters; the eleventh is the "T" of ISO 8601.
    texts.view("U1").reshape(len(texts), 19)[:, 10] = " "
    return texts.astype(np.object_)


def between(rng: np.random.Generator, start: Moments, end: Moments | np.datetime64) -> Moments:
    """Return one moment in opening hours for each row, even between its start and its end."""
    span = (end - start).astype("timedelta64[s]").astype(np.int64)
    past_start = (rng.random(len(start)) * np.maximum(span, 0)).astype("timedelta64[s]")
    # Opening hours may lie before the start on its own day.
    moments: Moments = np.maximum(start, in_opening_hours(rng, start + past_start, step=1))
    return moments


def in_opening_hours(rng: np.random.Generator, moments: Moments, step: int = 15) -> Moments:
    """Return the moments moved to a weekday and a time from 8:00 to before 18:00."""
    days = moments.astype("datetime64[D]")
    weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    days = days - np.maximum(weekday - 4, 0).astype("timedelta64[D]")
    minutes = 8 * 60 + rng.integers(0, 10 * 60 // step, len(days)) * step
    opened: Moments = days.astype("datetime64[s]") + (minutes * 60).astype("timedelta64[s]")
    return opened


def days_later(moments: Moments, days: Rows) -> Moments:
    """Return the moments moved by whole days."""
    return moments + days * _DAY


def keep(column: Column, kept: Flags) -> Column:
    """Return the column with None where a row is not kept."""
    result = column.copy()
    result[~kept] = None
    return result


def children(
    rng: np.random.Generator, activity: Floats, mean: float, *, most: int = 60
) -> tuple[Rows, Rows]:
    """Return for every child row its parent's position and its number among its siblings.

    `activity` is a weight around 1 for each parent, so that busy patients are busy everywhere.
    """
    counts = np.minimum(rng.poisson(activity * mean), most)
    parents = np.repeat(np.arange(len(activity)), counts)
    firsts = np.repeat(np.cumsum(counts) - counts, counts)
    return parents, np.arange(len(parents)) - firsts


def key_numbers(first: int, count: int, every: int) -> Rows:
    """Return running key numbers that leave out each `every`-th one, like deleted records do."""
    ordinals = np.arange(first, first + count)
    return ordinals + 1 + ordinals // (every - 1)


def deleted_numbers(rng: np.random.Generator, count: int, last: int, every: int) -> Rows:
    """Return key numbers that `key_numbers` left out, up to the last ordinal."""
    return every * (1 + rng.integers(0, max(last // every, 1), count))
