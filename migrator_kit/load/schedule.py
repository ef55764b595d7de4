"""A load that costs more credits than are left, spread over the rolling 24 hours. Pure.

Credits are counted over the last 24 hours (fact sheet 11.1): what is spent now is free again a day
later. So the load goes on in windows, each with the credits that are free by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

SCHEDULE = ("window", "begins_at", "module", "records", "credits")
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Credits that may be spent: `left` of `budget` now, the others from `free_again` on."""

    budget: int
    left: int
    now: datetime
    free_again: datetime

    def windows(self) -> Iterator[tuple[datetime, int]]:
        """Yield when credits are free and how many, without end: each comes back a day later."""
        first = max(self.left, 0)
        later = max(self.budget - first, 0)
        day = timedelta()
        while first + later > 0:
            if first:
                yield self.now + day, first
            if later:
                yield self.free_again + day, later
            day += DAY


def schedule(costs: Sequence[tuple[str, int, int]], allowance: Allowance) -> pd.DataFrame:
    """Return what of each module goes in which window: columns `SCHEDULE`.

    `costs` has module, records and credits in the order of the load. Empty where the org's budget
    is none, or where nothing costs anything.
    """
    rows: list[tuple[int, datetime, str, int, int]] = []
    windows = enumerate(allowance.windows(), 1)
    number, (begins, room) = next(windows, (0, (allowance.now, 0)))
    for module, records, credits in costs:
        paid = sent = 0
        while number and paid < credits:
            if room == 0:
                number, (begins, room) = next(windows)
            part = min(room, credits - paid)
            room, paid = room - part, paid + part
            whole = records * paid // credits
            rows.append((number, begins, module, whole - sent, part))
            sent = whole
    return pd.DataFrame(rows, columns=list(SCHEDULE))
