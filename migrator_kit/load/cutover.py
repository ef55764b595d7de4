"""The cutover clock: how long the practice must not write in the old program.

The freeze begins with the last snapshot and ends when the last delta has arrived and was checked.
What the last delta has to carry follows from the measured rate of change, how long it takes from
the measured speed of earlier calls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from migrator_kit.load.job import IN_FLIGHT
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.states import Call
from migrator_kit.zoho import limits

CLOCK_FILE = "cutover_clock.json"
"""Beside the page of a delta: the clock as it stood then, for `status`."""

PROMISED_MINUTES = 120.0
"""The practice was promised one to two hours."""

ASSUMED_ROWS_PER_SECOND = IN_FLIGHT * limits.RECORDS_PER_CALL / 1.2
"""Until a call was measured: the planner's assumption for a full call."""


@dataclass(frozen=True, slots=True)
class CutoverClock:
    """The freeze as it is expected. `steps` has step, minutes and what the number rests on."""

    changes_per_hour: float
    expected_changes: int
    rows_per_second: float
    measured: bool
    steps: pd.DataFrame
    promised_minutes: float

    @property
    def freeze_minutes(self) -> float:
        """Length of the freeze."""
        return float(self.steps["minutes"].sum())

    @property
    def fits(self) -> bool:
        """Whether the freeze stays within what was promised."""
        return self.freeze_minutes <= self.promised_minutes

    @property
    def longest_gap_hours(self) -> float:
        """How long before the freeze the last delta may have run for the promise to hold."""
        load = float(self.steps.loc[self.steps["step"] == _LOAD, "minutes"].sum())
        room = self.promised_minutes - (self.freeze_minutes - load)
        per_hour = self.changes_per_hour / self.rows_per_second / 60
        return math.inf if per_hour == 0 else max(room, 0.0) / per_hour

    def to_json(self) -> dict[str, Any]:
        """Return the clock as plain values."""
        gap = self.longest_gap_hours
        return {
            "changes_per_hour": round(self.changes_per_hour, 2),
            "expected_changes": self.expected_changes,
            "rows_per_second": round(self.rows_per_second, 2), "measured": self.measured,
            "freeze_minutes": round(self.freeze_minutes, 1),
            "promised_minutes": self.promised_minutes, "fits": self.fits,
            "longest_gap_hours": None if math.isinf(gap) else round(gap, 1),
            "steps": self.steps.to_dict("records"),
        }  # fmt: skip


_LOAD = "load the last delta"


def cutover_clock(
    ledger: Ledger,
    *,
    changes: int,
    hours: float,
    gap_hours: float,
    other_minutes: Mapping[str, float],
    promised_minutes: float = PROMISED_MINUTES,
) -> CutoverClock:
    """Return how long the freeze has to be.

    `changes` records changed in the source within `hours` (`DeltaPlan.writes`, between two
    snapshots); the last delta before the freeze runs `gap_hours` before it. `other_minutes` are
    the measured minutes of what else happens in the freeze: snapshot, shaping, reconciliation.
    """
    per_hour = changes / hours if hours > 0 else float(changes)
    expected = math.ceil(per_hour * gap_hours)
    speed, measured = _speed(ledger)
    rows = [(step, minutes, "measured") for step, minutes in other_minutes.items()]
    basis = "measured" if measured else "assumed: no call was made yet"
    rows.append((_LOAD, expected / speed / 60, basis))
    steps = pd.DataFrame(rows, columns=["step", "minutes", "basis"])
    return CutoverClock(per_hour, expected, speed, measured, steps, promised_minutes)


def _speed(ledger: Ledger) -> tuple[float, bool]:
    """Return records a second over all calls of this ledger, and whether any was measured."""
    calls = ledger.calls()
    # A delta goes by record calls: the speed of bulk writes would promise too much.
    calls = calls[calls["call"] != Call.BULK]
    busy = float((calls["calls"] * calls["seconds"]).sum())
    rows = int(calls["rows"].sum())
    if rows == 0 or busy <= 0:
        return ASSUMED_ROWS_PER_SECOND, False
    return rows / busy, True
