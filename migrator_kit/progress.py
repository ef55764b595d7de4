"""Progress of long steps: a bar in a terminal, plain lines elsewhere, silence in tests.

Long functions take `progress: Progress = SILENT` and report with

    with progress("Reading patients", total) as step:
        step.advance(n)
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

_TELLING_SHARE = 0.01
"""Share of the work after which its pace says how long the rest will take."""


class Step(Protocol):
    """One long step that is under way."""

    def advance(self, count: int = 1) -> None:
        """Say that `count` more units are done."""


class Progress(Protocol):
    """Opens a step with a title and, where known, the number of units it will take."""

    def __call__(self, title: str, total: int | None = None) -> AbstractContextManager[Step]: ...


class _Silent:
    def advance(self, count: int = 1) -> None:
        """Say nothing."""


@contextmanager
def SILENT(title: str, total: int | None = None) -> Iterator[Step]:  # noqa: N802, ARG001
    """Report nothing."""
    yield _Silent()


class _Line:
    """Counts units and prints one line at most every `interval` seconds."""

    def __init__(self, title: str, total: int | None, interval: float) -> None:
        self.title, self.total, self.interval = title, total, interval
        self.done = 0
        self.started = self.printed = time.monotonic()

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.printed >= self.interval:
            self.printed = now
            print(self._text(now), flush=True)

    def _text(self, now: float) -> str:
        if not self.total:
            return f"{self.title}: {self.done:,}"
        left = time_left(self.done, self.total, now - self.started)
        return f"{self.title}: {self.done:,} of {self.total:,}{left}"


def time_left(done: int, total: int, seconds: float) -> str:
    """Return `, about 12 min left` for work of which `done` took `seconds`; nothing at its begin.

    The first record tells no pace: what prepares the others counts with it.
    """
    if not done or done < total * _TELLING_SHARE:
        return ""
    return f", about {_duration(seconds / done * max(total - done, 0))} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def lines(title: str, total: int | None = None, *, interval: float = 5.0) -> Iterator[Step]:
    """Report as plain text, one line every few seconds: fit for logs and unattended notebooks."""
    yield _Line(title, total, interval)


class _Bar:
    def __init__(self, bar: tqdm[Any]) -> None:
        self._bar = bar

    def advance(self, count: int = 1) -> None:
        self._bar.update(count)


@contextmanager
def bars(title: str, total: int | None = None) -> Iterator[Step]:
    """Report as a progress bar with the time left, on standard error."""
    with tqdm(desc=title, total=total, unit="", leave=False, file=sys.stderr) as bar:
        yield _Bar(bar)


PLACE_VARIABLE = "MIGRATOR_PROGRESS"
"""Environment variable that names the file in which a step started by a page reports."""

_NOTE_SECONDS = 0.25


class _Noted:
    """Counts units and writes the count down, not too often."""

    def __init__(self, place: Path, title: str, total: int | None) -> None:
        self.place, self.title, self.total = place, title, total
        self.done, self.written = 0, 0.0
        self.advance(0)

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.written >= _NOTE_SECONDS:
            self.written = now
            self._write()

    def _write(self) -> None:
        told = json.dumps({"title": self.title, "done": self.done, "total": self.total})
        fresh = self.place.with_suffix(".new")
        fresh.write_text(told, encoding="utf-8")
        fresh.replace(self.place)


@contextmanager
def noted(title: str, total: int | None = None) -> Iterator[Step]:
    """Report into the file that `PLACE_VARIABLE` names: fit for a page that watches a process."""
    yield _Noted(Path(os.environ[PLACE_VARIABLE]), title, total)


def for_terminal() -> Callable[..., AbstractContextManager[Step]]:
    """Return bars where a person watches, notes where a page does, plain lines otherwise."""
    return for_answer(otherwise=lines)


def for_answer(
    otherwise: Callable[..., AbstractContextManager[Step]] = SILENT,
) -> Callable[..., AbstractContextManager[Step]]:
    """Return the same for a command whose standard output is its answer alone."""
    if PLACE_VARIABLE in os.environ:
        return noted
    return bars if sys.stderr.isatty() else otherwise
