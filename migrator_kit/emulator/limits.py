"""The credit meter of a rolling day and the gauges of simultaneous calls (fact sheet 11)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from migrator_kit.emulator.clock import Clock
from migrator_kit.emulator.editions import SUB_CONCURRENCY, Edition

DAY_MINUTES = 24 * 60


class Meter:
    """Credits by the minute, and calls in flight."""

    def __init__(self, edition: Edition, clock: Clock) -> None:
        self.edition = edition
        self.budget = edition.credits(0)
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: dict[int, float] = {}
        self._changed: set[int] = set()
        self._calls = 0
        self._sub_calls = 0

    def load(self, db: sqlite3.Connection) -> None:
        """Take up what an earlier process used."""
        self._minutes = dict(db.execute("SELECT minute, used FROM credit"))

    def save(self, db: sqlite3.Connection) -> None:
        """Store what changed since the last call; runs inside a write transaction."""
        with self._lock:
            rows = [(minute, self._minutes[minute]) for minute in self._changed]
            self._changed.clear()
        db.executemany("INSERT OR REPLACE INTO credit VALUES (?, ?)", rows)

    @property
    def dirty(self) -> bool:
        """Whether there is something to save."""
        return bool(self._changed)

    def used(self) -> float:
        """Credits used in the last 24 hours."""
        with self._lock:
            return self._used()

    def remaining(self) -> float:
        """Credits left now."""
        return max(0.0, self.budget - self.used())

    def spend(self, credits: float) -> bool:
        """Take credits; False when there are not enough, and then nothing is taken."""
        minute = int(self._clock.seconds() // 60)
        with self._lock:
            if credits > self.budget - self._used():
                return False
            self._minutes[minute] = self._minutes.get(minute, 0.0) + credits
            self._changed.add(minute)
        return True

    def drain(self, remaining: float) -> None:
        """Use up credits until only `remaining` are left (a fault)."""
        self.spend(max(0.0, self.remaining() - remaining))

    def header(self) -> dict[str, str]:
        """X-API-CREDITS-REMAINING, which appears once half of the budget is used."""
        left = self.remaining()
        if left > self.budget / 2:
            return {}
        return {"X-API-CREDITS-REMAINING": str(int(left))}

    def enter(self) -> Callable[[], None] | None:
        """Take a slot for a call; None when the edition allows no more at a time."""
        with self._lock:
            if self._calls >= self.edition.concurrency:
                return None
            self._calls += 1
        return self._leave

    def enter_sub(self) -> Callable[[], None] | None:
        """Take one of the slots shared by heavy calls."""
        with self._lock:
            if self._sub_calls >= SUB_CONCURRENCY:
                return None
            self._sub_calls += 1
        return self._leave_sub

    def _used(self) -> float:
        oldest = int(self._clock.seconds() // 60) - DAY_MINUTES
        return sum(used for minute, used in self._minutes.items() if minute > oldest)

    def _leave(self) -> None:
        with self._lock:
            self._calls -= 1

    def _leave_sub(self) -> None:
        with self._lock:
            self._sub_calls -= 1
