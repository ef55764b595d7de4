"""Keeps calls below the org's limits: calls in flight, and credits of a rolling 24 hours.

Limits are obeyed, not hit (fact sheet 11). The meter counts what this engagement spends, by the
price of each call; the header `X-API-CREDITS-REMAINING`, which Zoho sends once half of the credits
are gone, corrects it for what other applications spend.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from migrator_kit.zoho.credits import CreditMeter
from migrator_kit.zoho.faults import credits_left
from migrator_kit.zoho.limits import Limits, limits_for
from migrator_kit.zoho.settings import ZohoSettings

_RECOVERY_CALLS = 50
"""Calls without a 429 after which one more call in flight is tried."""

_ONE_MOMENT = 1.0
"""Seconds within which several calls in flight meet the same limit."""


class Gate:
    """Lets a limited number of calls through at once; halves on a 429, then recovers slowly."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._throttled_at = float("-inf")
        self._condition = threading.Condition()
        self._most = self._allowed = most
        self._calm = 0
        self.in_flight = self.peak = 0

    @property
    def allowed(self) -> int:
        """Calls let through at once for now."""
        return self._allowed

    def resize(self, most: int) -> None:
        """Set the upper bound anew, once the org's edition is known."""
        with self._condition:
            self._most = self._allowed = max(1, most)
            self._condition.notify_all()

    def throttled(self) -> None:
        """Take a 429 into account; those of one moment count as one."""
        with self._condition:
            self._calm = 0
            now = self._clock()
            if now - self._throttled_at >= _ONE_MOMENT:
                self._allowed = max(1, self._allowed // 2)
                self._throttled_at = now

    def __enter__(self) -> Gate:
        with self._condition:
            while self.in_flight >= self._allowed:
                self._condition.wait()
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._condition:
            self.in_flight -= 1
            self._calm += 1
            if self._allowed < self._most and self._calm >= _RECOVERY_CALLS:
                self._allowed, self._calm = self._allowed + 1, 0
            self._condition.notify_all()


class Charge:
    """The credits of one attempt, spent before it is sent."""

    def __init__(self, meter: CreditMeter, amount: int) -> None:
        self._meter, self._amount = meter, amount

    def refund(self) -> None:
        """Take the credits back: the call never left this machine."""
        self._meter.refund(self._amount)
        self._amount = 0

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take over what the org itself says is left."""
        remaining = credits_left(headers.get("X-API-CREDITS-REMAINING"))
        if remaining is not None:
            self._meter.observe(remaining)


UNKNOWN_BUDGET = sys.maxsize
"""Before the org has told its licences: only what its answers say is left counts."""


class Pacer:
    """One per client: the gates, and the meter (`client.credits`)."""

    def __init__(self, settings: ZohoSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self.limits = limits_for(settings.edition)
        self.calls = Gate(1)
        self.writers = Gate(1)
        state = settings.state_folder
        path = state / f"zoho-credits-{settings.fingerprint()}.db" if state else None
        self.meter = CreditMeter(path=path, clock=clock)
        self.adopt(self.limits, settings.users or 1)
        if settings.users is None:
            # How many licences the org has, it says itself. What they bring may be spent already:
            # a budget guessed here would keep a later process from asking.
            self.meter.set_budget(settings.credit_budget or UNKNOWN_BUDGET)

    def adopt(self, limits: Limits, users: int) -> None:
        """Take over the limits of the org's edition and number of users."""
        self.limits = limits
        workers = self._settings.workers or limits.calls_in_flight
        self.calls.resize(min(workers, limits.calls_in_flight))
        self.writers.resize(min(workers, limits.writers_in_flight))
        whole = limits.daily_credits(users)
        share = int(whole * self._settings.credit_share)
        budget = min(self._settings.credit_budget or share, share)
        self.meter.set_budget(budget, reserve=whole - share)

    @contextmanager
    def call(self, credits: int, *, sub: bool) -> Iterator[Charge]:
        """Hold a place in flight for one attempt. Raises BudgetExhausted before it is sent."""
        if sub:
            with self.writers, self.calls:
                yield self._charged(credits)
        else:
            with self.calls:
                yield self._charged(credits)

    def _charged(self, credits: int) -> Charge:
        self.meter.spend(credits)
        return Charge(self.meter, credits)

    def throttled(self) -> None:
        """Take a 429 into account."""
        self.calls.throttled()
        self.writers.throttled()

    def close(self) -> None:
        """Write down the credits counted since the last time."""
        self.meter.flush()
