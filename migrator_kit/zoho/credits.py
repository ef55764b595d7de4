"""Counts API credits over a rolling 24 hours and stops before the budget (fact sheet 11.1)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from migrator_kit.errors import BudgetExhausted
from migrator_kit.zoho.limits import CREDIT_WINDOW_SECONDS
from migrator_kit.zoho.statefile import StateFile

_MINUTE = 60.0
_FLUSH_SECONDS = 5.0


class CreditMeter:
    """The credits spent in the last 24 hours, by minute, shared through a file where one is given.

    Counts are written down every few seconds and on `flush`; a killed process loses at most that.
    """

    def __init__(self, *, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._file = StateFile(path) if path else None
        self._minutes: dict[int, int] = {}
        self._unwritten: dict[int, int] = {}
        self._flushed_at = 0.0
        self._left_in_org: int | None = None
        self._reserve = 0
        self.budget = 0
        self.spent = 0
        """Credits that this process spent."""
        self.calls = 0
        """Calls that this process made."""
        with self._lock:
            self._exchange()

    def set_budget(self, budget: int, *, reserve: int = 0) -> None:
        """Set the credits that may be spent in 24 hours, and those to leave to the org."""
        with self._lock:
            self.budget, self._reserve = budget, reserve

    @property
    def used(self) -> int:
        """Credits spent in the last 24 hours, as far as this machine knows."""
        with self._lock:
            return self._used()

    @property
    def remaining(self) -> int:
        """Credits that may still be spent now."""
        with self._lock:
            return self._remaining()

    @property
    def free_again_at(self) -> datetime:
        """When everything spent so far counts no more.

        A day from now where the org says that less is left than this machine knows of.
        """
        with self._lock:
            own = self.budget - self._used()
            known = self._left_in_org is None or self._left_in_org - self._reserve >= own
            latest = (max(self._minutes, default=0) + 1) * _MINUTE if known else self._clock()
            at = max(latest + CREDIT_WINDOW_SECONDS, self._clock())
        return datetime.fromtimestamp(at, UTC)

    @property
    def left_in_org(self) -> int | None:
        """What the org last said is left, less what was spent since; None before it said so."""
        return self._left_in_org

    def spend(self, amount: int) -> None:
        """Count a call before it is sent. Raises BudgetExhausted where it would not fit."""
        with self._lock:
            stale = self._clock() - self._flushed_at >= _FLUSH_SECONDS
            if stale or self._remaining() < amount:
                self._exchange()
            if self._remaining() < amount:
                raise self._stop(amount)
            self._add(amount)
            self.calls += 1

    def refund(self, amount: int) -> None:
        """Take back the credits of a call that was never sent."""
        with self._lock:
            self._add(-amount)
            self.calls -= 1

    def observe(self, remaining: int) -> None:
        """Take over what the org says is left for all applications together."""
        with self._lock:
            self._left_in_org = remaining

    def exhausted(self) -> BudgetExhausted:
        """Return the error for an org that itself says its credits are gone."""
        with self._lock:
            self._left_in_org = 0
            return self._stop(1)

    def flush(self) -> None:
        """Write the counts down and read those of other processes."""
        with self._lock:
            self._exchange()

    def _add(self, amount: int) -> None:
        minute = int(self._clock() // _MINUTE)
        self._minutes[minute] = self._minutes.get(minute, 0) + amount
        self._unwritten[minute] = self._unwritten.get(minute, 0) + amount
        self.spent += amount
        if self._left_in_org is not None:
            self._left_in_org -= amount

    def _used(self) -> int:
        oldest = self._oldest()
        return sum(count for minute, count in self._minutes.items() if minute > oldest)

    def _remaining(self) -> int:
        own = self.budget - self._used()
        if self._left_in_org is None:
            return own
        return min(own, self._left_in_org - self._reserve)

    def _oldest(self) -> int:
        return int((self._clock() - CREDIT_WINDOW_SECONDS) // _MINUTE)

    def _stop(self, amount: int) -> BudgetExhausted:
        at = datetime.fromtimestamp(self._resumes(amount), UTC).isoformat(timespec="seconds")
        return BudgetExhausted(
            f"The credit budget is used up: {self._used():,} of {self.budget:,} credits spent in "
            f"24 hours, the next call takes {amount:,}.",
            resume_at=at,
        )

    def _resumes(self, amount: int) -> float:
        """Return when enough of the credits spent fall out of the 24 hours."""
        missing = amount - self._remaining()
        oldest = self._oldest()
        for minute in sorted(minute for minute in self._minutes if minute > oldest):
            missing -= self._minutes[minute]
            if missing <= 0:
                return (minute + 1) * _MINUTE + CREDIT_WINDOW_SECONDS
        return self._clock() + CREDIT_WINDOW_SECONDS

    def _exchange(self) -> None:
        """Add our new counts to the file and take over everybody's; drop what is too old."""
        self._flushed_at = self._clock()
        oldest = self._oldest()
        if self._file is None:
            self._minutes = {m: count for m, count in self._minutes.items() if m > oldest}
            return
        with self._file.exclusive() as connection:
            connection.executemany(
                "insert into spent values (?, ?) "
                "on conflict (minute) do update set credits = credits + excluded.credits",
                list(self._unwritten.items()),
            )
            connection.execute("delete from spent where minute <= ?", (oldest,))
            self._minutes = dict(connection.execute("select minute, credits from spent"))
        self._unwritten = {}
