"""When something ended, from when it began and how long it took; how long a call was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import to_series, typed_array
from migrator_kit.mapping.transforms.dates import INSTANT, SENTINELS, DateOptions
from migrator_kit.mapping.transforms.numbers import DecimalOptions
from migrator_kit.mapping.transforms.registry import (
    LocalOptions,
    Options,
    Transformed,
    find,
    many_columns,
    no_reasons,
    run,
)

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600}


class EndOptions(LocalOptions):
    """`unit` of the second column. `default_minutes`: where nothing was recorded.

    `least_seconds`: shorter ones last this long, for Zoho CRM wants an end after the start.
    """

    unit: Literal["seconds", "minutes", "hours"] = "minutes"
    default_minutes: float = 5
    least_seconds: int = 60


@many_columns("end_time", version=1, options=EndOptions, gives=INSTANT)
def end_time(columns: Sequence[pd.Series], options: EndOptions) -> Transformed:
    """Start plus duration; with no column of durations, start plus the default."""
    begin = columns[0]
    local = DateOptions(
        zone=options.zone, region=options.region, day_first=options.day_first, sentinels=SENTINELS
    )
    start, _ = run(find("datetime"), [begin], local)
    instants = typed_array(start, INSTANT)
    missing = pd.Series(pd.NA, index=begin.index, dtype="str")
    default = options.default_minutes * 60
    if len(columns) == 1:
        seconds = np.full(len(begin), default)
        reasons = missing
    else:
        seconds, reasons = _seconds(columns[1], _SECONDS[options.unit], default)
    micros = pa.array((seconds * 1_000_000).astype(np.int64), pa.duration("us"))
    least = pa.scalar(options.least_seconds * 1_000_000, pa.duration("us"))
    micros = pc.if_else(pc.less(micros.cast(pa.int64()), least.cast(pa.int64())), least, micros)
    ends = to_series(pc.add(instants, micros)).set_axis(begin.index)
    return Transformed(ends, reasons.where(ends.notna()))


class LengthOptions(Options):
    """`unit` of the column. `default_minutes`: where nothing was recorded."""

    unit: Literal["seconds", "minutes", "hours"] = "seconds"
    default_minutes: float = 0


@many_columns("call_length", version=1, options=LengthOptions)
def call_length(columns: Sequence[pd.Series], options: LengthOptions) -> Transformed:
    """A duration as minutes and seconds, `05:30`: how Zoho CRM takes the length of a call.

    The first column tells which rows there are; a second one, where given, holds the durations.
    """
    begin = columns[0]
    default = options.default_minutes * 60
    if len(columns) == 1:
        seconds, reasons = np.full(len(begin), default), no_reasons(begin.index)
    else:
        seconds, reasons = _seconds(columns[1], _SECONDS[options.unit], default)
    whole = pd.Series(seconds.round().astype(np.int64), index=begin.index)
    minutes, rest = (part.astype("str").str.zfill(2) for part in (whole // 60, whole % 60))
    return Transformed(minutes + ":" + rest, reasons)


def _seconds(column: pd.Series, factor: int, default: float) -> tuple[np.ndarray, pd.Series]:
    """Return durations in seconds and what is wrong with them."""
    read, _ = run(find("decimal"), [column], DecimalOptions(places=3))
    amounts = typed_array(read, pa.float64()).to_numpy(zero_copy_only=False)
    known = ~np.isnan(amounts) & (amounts >= 0) & (amounts * factor <= 7 * 86_400)
    reasons = pd.Series(pd.NA, index=column.index, dtype="str")
    reasons = reasons.mask(~known, str(RejectReason.BAD_DURATION))
    reasons = reasons.mask(column.isna(), str(RejectReason.ASSUMED_DURATION))
    return np.where(known, amounts * factor, default), reasons
