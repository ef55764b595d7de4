"""Dates and times: what the calendar has, fillers as empty, local times as UTC."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.calendar import (
    FIRST_YEAR,
    LAST_YEAR,
    Bools,
    Moments,
    read_moments,
)
from migrator_kit.mapping.transforms.columns import to_series, typed_array
from migrator_kit.mapping.transforms.placeholders import is_placeholder
from migrator_kit.mapping.transforms.registry import (
    LocalOptions,
    Transformed,
    no_reasons,
    one_column,
)

DATE = pa.date32()
INSTANT = pa.timestamp("us", tz="UTC")
SENTINELS = ("0001-01-01", "1899-12-30", "1900-01-01")
_NO_DATES = frozenset(("0000-00-00", "00/00/0000", "00.00.0000", "0000-00-00 00:00:00"))


class DateOptions(LocalOptions):
    """`day_first`: how numbers alone are read. `sentinels`: fillers that mean no date."""

    sentinels: tuple[str, ...] = SENTINELS


@one_column("date", version=1, options=DateOptions, gives=DATE)
def date(values: pd.Series, options: DateOptions) -> Transformed:
    """A date of the calendar; the time of day, where there is one, is left out."""
    moments = read_moments(values, day_first=bool(options.day_first))
    reasons = _reasons(values, moments, options)
    days = np.where(reasons.isna(), moments.days, np.datetime64("NaT"))
    return Transformed(to_series(pa.array(days.astype("datetime64[D]"), DATE)), reasons)


@one_column("datetime", version=1, options=DateOptions, gives=INSTANT)
def datetime(values: pd.Series, options: DateOptions) -> Transformed:
    """An instant in UTC, to the second; times without an offset are of the practice's zone."""
    moments = read_moments(values, day_first=bool(options.day_first))
    reasons = _reasons(values, moments, options)
    good = np.asarray(reasons.isna())
    local = moments.days.astype("datetime64[s]") + moments.seconds.astype("timedelta64[s]")
    instants = np.full(len(local), np.datetime64("NaT"), dtype="datetime64[us]")
    absolute = good & moments.has_offset
    shift = moments.offsets.astype("timedelta64[s]")
    instants[absolute] = (local - shift)[absolute]
    naive = good & ~moments.has_offset
    instants[naive], gap, overlap = _as_utc(local[naive], options.zone or "UTC")
    flagged = reasons.to_numpy(dtype=object).copy()
    positions = np.flatnonzero(naive)
    flagged[positions[gap]] = str(RejectReason.DST_GAP)
    flagged[positions[overlap]] = str(RejectReason.DST_OVERLAP)
    return Transformed(
        to_series(pa.array(instants, pa.timestamp("us")).cast(INSTANT)),
        pd.Series(flagged, dtype="str"),
    )


def _reasons(values: pd.Series, moments: Moments, options: DateOptions) -> pd.Series:
    reasons = no_reasons(values.index).reset_index(drop=True)
    years = moments.days.astype("datetime64[Y]").astype(np.int64) + 1970
    good = moments.valid & (years >= FIRST_YEAR) & (years <= LAST_YEAR)
    reasons[~good] = str(RejectReason.BAD_DATE)
    fillers = np.isin(moments.days, np.array(options.sentinels, dtype="datetime64[D]"))
    written = values.str.strip().isin(_NO_DATES)
    reasons[(fillers & moments.valid) | np.asarray(written)] = str(RejectReason.SENTINEL_DATE)
    words = [int(n) for n in np.flatnonzero(~moments.read) if is_placeholder(values.iloc[int(n)])]
    reasons.iloc[words] = str(RejectReason.NOT_GIVEN)
    return reasons


def _as_utc(
    local: npt.NDArray[np.datetime64], zone: str
) -> tuple[npt.NDArray[np.datetime64], Bools, Bools]:
    """Return local times as UTC, and which of them clocks skipped or showed twice."""
    index = pd.DatetimeIndex(local.astype("datetime64[us]"))
    known = ZoneInfo(zone)
    first = index.tz_localize(
        known, ambiguous=np.ones(len(index), dtype=bool), nonexistent="shift_forward"
    )
    strict = index.tz_localize(known, ambiguous="NaT", nonexistent="NaT")
    odd = np.asarray(strict.isna())
    gap = np.zeros(len(index), dtype=bool)
    if odd.any():
        doubtful = index[odd].tz_localize(
            known, ambiguous=np.ones(int(odd.sum()), dtype=bool), nonexistent="NaT"
        )
        gap[odd] = np.asarray(doubtful.isna())
    utc = first.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
    return utc, gap, odd & ~gap


def local_stamp(instants: pd.Series, zone: str) -> pd.Series:
    """Return instants as `2021-05-04 10:30 +02:00` in a time zone, empty ones as missing."""
    array = typed_array(instants, INSTANT)
    index = pd.DatetimeIndex(array.to_numpy(zero_copy_only=False)).tz_localize("UTC")
    texts = index.tz_convert(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")
    series = pd.Series(texts, index=instants.index, dtype="str")
    return series.str.replace(r"([+-]\d{2})(\d{2})$", r"\1:\2", regex=True)
