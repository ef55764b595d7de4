"""How long batches took."""

from __future__ import annotations

import pandas as pd


def seconds_by_call(batches: pd.DataFrame) -> pd.DataFrame:
    """Return number, rows and seconds of batches, by module and call.

    `batches` has module, call, rows, opened_at and settled_at. `seconds` are those that one batch
    adds to a load: batches go side by side, so it is the time in which any of them was open,
    divided by their number.
    """
    opened, settled = (pd.to_datetime(batches[name]) for name in ("opened_at", "settled_at"))
    timed = batches.assign(opened=opened, settled=settled).sort_values("opened")
    kinds = timed.groupby(["module", "call"])
    before = kinds["settled"].cummax().groupby([timed["module"], timed["call"]]).shift()
    began = timed["opened"].where(before.isna() | (timed["opened"] > before), before)
    alone = (timed["settled"] - began).dt.total_seconds().clip(lower=0)
    grouped = timed.assign(seconds=alone).groupby(["module", "call"], as_index=False)
    return grouped.agg(calls=("rows", "size"), rows=("rows", "sum"), seconds=("seconds", "mean"))
