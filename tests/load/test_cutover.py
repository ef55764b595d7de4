"""How long the practice has to stand still at the end."""

from __future__ import annotations

from typing import Any

import pytest

from migrator_kit.load.cutover import ASSUMED_ROWS_PER_SECOND, cutover_clock
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.target import Target

OTHER = {"snapshot": 10.0, "reconcile": 20.0}


def test_the_freeze_follows_from_rate_and_speed(ledger: Ledger) -> None:
    clock = cutover_clock(ledger, changes=1_000, hours=10, gap_hours=24, other_minutes=OTHER)
    assert clock.changes_per_hour == 100
    assert clock.expected_changes == 2_400
    assert not clock.measured
    assert clock.freeze_minutes == pytest.approx(30 + 2_400 / ASSUMED_ROWS_PER_SECOND / 60)
    assert clock.fits
    limit = cutover_clock(
        ledger, changes=1_000, hours=10, gap_hours=clock.longest_gap_hours, other_minutes=OTHER
    )
    assert limit.freeze_minutes == pytest.approx(120, abs=0.1)
    slow = cutover_clock(ledger, changes=9_000_000, hours=10, gap_hours=24, other_minutes=OTHER)
    assert not slow.fits
    still = cutover_clock(ledger, changes=0, hours=10, gap_hours=24, other_minutes=OTHER)
    assert still.freeze_minutes == 30
    assert still.to_json()["longest_gap_hours"] is None


def test_the_speed_is_the_one_of_the_calls_that_were_made(
    target: Target, ledger: Ledger, job_of: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    clock = cutover_clock(ledger, changes=10, hours=1, gap_hours=1, other_minutes={})
    assert clock.measured
    assert clock.rows_per_second > 1
    assert clock.to_json()["steps"][0]["basis"] == "measured"
