"""Making rows fit for Great Expectations: only the columns a suite reads, in types it can judge.

Source rows are judged as text, because the type of a column depends on the kind of source (a CSV
export has none), and a blank text counts as empty. Shaped and target rows are judged as typed.
Great Expectations compares neither dates held as Python objects nor instants with a zone against
the bounds of a rule, so both become instants without one (UTC).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from migrator_kit.quality.model import Rule, Stage, Suite

_TEXT_CHECKS = ("regex", "value_lengths")
_ISO_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$")


def parquet_frames(paths: Iterable[Path], suite: Suite) -> Iterator[pd.DataFrame]:
    """Yield one frame for each Parquet part, with the columns that the suite reads."""
    for path in paths:
        with pq.ParquetFile(path) as part:
            columns = [name for name in suite.columns if name in part.schema_arrow.names]
            yield part.read(columns).to_pandas(date_as_object=False)


def view(frame: pd.DataFrame, suite: Suite, stage: Stage) -> pd.DataFrame:
    """Return the suite's columns of `frame` in types that its rules can judge."""
    textual = {c for rule in suite.expectations if _judges_text(rule) for c in rule.columns}
    everything_is_text = stage is Stage.SOURCE
    columns = {
        name: as_text(frame[name]) if everything_is_text or name in textual else typed(frame[name])
        for name in suite.columns
        if name in frame.columns
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))


def as_text(values: pd.Series) -> pd.Series:
    """Return a column as text, blank as missing, whole numbers without a decimal point."""
    text = values.reset_index(drop=True)
    if pd.api.types.is_float_dtype(text.dtype):
        text = text.astype("str").str.removesuffix(".0")
    elif not isinstance(text.dtype, pd.StringDtype):
        text = text.map(str, na_action="ignore").astype("str")
    return text.where(text.str.strip() != "")


def typed(values: pd.Series) -> pd.Series:
    """Return a column unchanged but for dates and instants, which become instants in UTC."""
    column = values.reset_index(drop=True)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    elif column.dtype == object:
        first = column.first_valid_index()
        if first is not None and isinstance(column[first], date):
            column = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    return column


def as_numbers(frame: pd.DataFrame, rules: Iterable[Rule]) -> pd.DataFrame:
    """Return a frame with numbers for values of which rules ask only whether they repeat.

    Equal values have the same number and no others have it. Millions of texts that the library
    would hold as Python objects take a tenth of the memory that way.
    """
    asked = {(column, "unique" in rule.type) for rule in rules for column in rule.columns}
    only_compared = [c for c, compared in asked if compared and (c, False) not in asked]
    return frame.assign(**{name: _numbered(frame[name]) for name in only_compared if name in frame})


def _numbered(values: pd.Series) -> pd.Series:
    numbers, _ = pd.factorize(values)
    return pd.Series(pd.arrays.IntegerArray(numbers.astype("int64"), numbers < 0))


def bounded(kwargs: dict[str, Any], as_of: date) -> dict[str, Any]:
    """Return a rule's kwargs with ISO dates, and `{"$PARAMETER": "today"}`, as instants."""
    return {name: _instant(value, as_of) if name in _BOUNDS else value
            for name, value in kwargs.items()}  # fmt: skip


_BOUNDS = ("min_value", "max_value")


def _instant(value: Any, as_of: date) -> Any:
    if value == {"$PARAMETER": "today"}:
        return datetime(as_of.year, as_of.month, as_of.day, 23, 59, 59)
    if isinstance(value, str) and _ISO_DATE.match(value):
        instant = datetime.fromisoformat(value)
        return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
    return value


def _judges_text(rule: Rule) -> bool:
    return any(word in rule.type for word in _TEXT_CHECKS)
