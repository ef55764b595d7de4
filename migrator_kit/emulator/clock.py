"""Time: one clock that tests can move, and the two spellings of an instant.

Instants are stored in UTC with a fixed width, so that text order is time order; they are
answered in the time zone of the calling user (fact sheet 2.5).
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")


class Clock:
    """The emulator's clock. `offset` seconds move it ahead, to let things expire."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset

    def seconds(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def now(self) -> datetime:
        """The present instant in UTC, to the second."""
        return datetime.fromtimestamp(int(self.seconds()), UTC)

    def stamp(self) -> str:
        """The present instant in stored form."""
        return stored(self.now())


def stored(moment: datetime) -> str:
    """An aware instant in stored form (UTC, to the second)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def parse_instant(text: str) -> str:
    """`yyyy-MM-ddTHH:mm:ss+HH:mm` in stored form. Raises ValueError for any other spelling."""
    if not _INSTANT.match(text):
        raise ValueError(text)
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.isoformat()


def parse_date(text: str) -> str:
    """`yyyy-MM-dd` unchanged. Raises ValueError when it is no date."""
    if not _DATE.match(text):
        raise ValueError(text)
    date.fromisoformat(text)
    return text


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises KeyError (ZoneInfoNotFoundError) when unknown."""
    return ZoneInfo(name)


@lru_cache(maxsize=8192)
def local(text: str, tz: ZoneInfo) -> str:
    """A stored instant as its reader sees it."""
    return datetime.fromisoformat(text).astimezone(tz).isoformat()


def later(text: str, **span: float) -> str:
    """A stored instant moved ahead by a timedelta's arguments."""
    return stored(datetime.fromisoformat(text) + timedelta(**span))
