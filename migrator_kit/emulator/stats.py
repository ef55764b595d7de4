"""Counters since the process started, for tests and for planned-against-actual reports."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any


class Stats:
    """Thread-safe counters."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.writes: dict[str, Counter[str]] = {}
        self.ignored_fields: Counter[str] = Counter()
        self.in_flight = 0
        self.peak = 0

    def request(self, endpoint: str) -> None:
        """Count a request that arrived at an endpoint."""
        with self._lock:
            self.requests[endpoint] += 1

    def answered(self, status: int) -> None:
        """Count an answer by its HTTP status."""
        with self._lock:
            self.answers[str(status)] += 1

    def wrote(self, module: str, outcome: str, count: int = 1) -> None:
        """Count records written: outcome is created, updated, deleted, refused or restored."""
        if count:
            with self._lock:
                self.writes.setdefault(module, Counter())[outcome] += count

    def ignored(self, names: list[str]) -> None:
        """Count values that were sent for fields which do not exist."""
        if names:
            with self._lock:
                self.ignored_fields.update(names)

    def enter(self) -> int:
        """A call is being served; returns how many are in flight with it."""
        with self._lock:
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
            return self.in_flight

    def leave(self) -> None:
        """A call has been served."""
        with self._lock:
            self.in_flight -= 1

    def document(self) -> dict[str, Any]:
        """The counters as JSON."""
        with self._lock:
            return {
                "requests": dict(sorted(self.requests.items())),
                "requests_total": self.requests.total(),
                "answers": dict(sorted(self.answers.items())),
                "writes": {name: dict(count) for name, count in sorted(self.writes.items())},
                "ignored_fields": dict(sorted(self.ignored_fields.items())),
                "peak_concurrency": self.peak,
            }
