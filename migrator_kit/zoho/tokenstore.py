"""Where the access token and the times of its refreshes are kept: in memory or in a shared file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from migrator_kit.zoho import limits
from migrator_kit.zoho.statefile import StateFile


@dataclass(slots=True)
class Refreshes:
    """What a store holds while it is locked: the token and when tokens were asked for."""

    value: str | None = field(default=None, repr=False)
    api_domain: str = ""
    expires_at: float = 0.0
    scope: str = ""
    times: list[float] = field(default_factory=list)

    def note(self, now: float) -> None:
        """Count one refresh against the quota."""
        self.times = [at for at in self.times if at > now - limits.TOKEN_WINDOW_SECONDS]
        self.times.append(now)

    def exhaust(self, now: float) -> None:
        """Count the whole quota as used: other machines took what we did not see."""
        self.times = [now] * limits.TOKENS_PER_WINDOW

    def wait_for_quota(self, now: float) -> float:
        """Return the seconds until one more refresh is within ten in ten minutes, 0 for now."""
        recent = sorted(at for at in self.times if at > now - limits.TOKEN_WINDOW_SECONDS)
        if len(recent) < limits.TOKENS_PER_WINDOW:
            return 0.0
        opens = recent[-limits.TOKENS_PER_WINDOW] + limits.TOKEN_WINDOW_SECONDS
        return max(opens - now, 0.0)


class TokenStore(Protocol):
    """Keeps one token and lets one worker at a time renew it."""

    def exclusive(self) -> AbstractContextManager[Refreshes]:
        """Lock the store and give what it holds; changes to it are kept."""


class MemoryStore:
    """Keeps the token for one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = Refreshes()

    @contextmanager
    def exclusive(self) -> Iterator[Refreshes]:
        """Lock the store and give what it holds."""
        with self._lock:
            yield self._held


class FileStore:
    """Keeps the token for all processes that name the same file."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile(path)

    @contextmanager
    def exclusive(self) -> Iterator[Refreshes]:
        """Lock the file and give what it holds. A refused refresh is counted as well."""
        with self._file.exclusive() as connection:
            found = connection.execute("select value, api_domain, expires_at, scope from token")
            value, domain, expires_at, scope = found.fetchone() or (None, "", 0.0, "")
            times = [at for (at,) in connection.execute("select at from refresh order by at")]
            held = Refreshes(value, domain, expires_at, scope, times)
            failure: BaseException | None = None
            try:
                yield held
            except BaseException as error:  # noqa: BLE001 - kept until the count is written
                failure = error
            connection.execute(
                "insert or replace into token values (1, ?, ?, ?, ?)",
                (held.value, held.api_domain, held.expires_at, held.scope),
            )
            connection.execute("delete from refresh")
            connection.executemany("insert into refresh values (?)", [(at,) for at in held.times])
        if failure is not None:
            raise failure
