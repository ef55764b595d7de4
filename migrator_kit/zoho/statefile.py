"""A small SQLite file that processes of one machine share: access token, credits used.

Kept in the engagement's private folder, readable by its owner alone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from migrator_kit.errors import ConfigError

_SCHEMA = """
create table if not exists token (
  one integer primary key check (one = 1),
  value text, api_domain text, expires_at real, scope text
);
create table if not exists refresh (at real);
create table if not exists spent (minute integer primary key, credits integer);
"""


class StateFile:
    """One file of shared state. Each use opens its own connection: threads and processes alike."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            path.chmod(0o600)
            with closing(self._connect()) as connection:
                connection.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"The client's state cannot be kept in {path.parent}: {type(error).__name__}.",
                hint="Make the folder writable, or free space on its disk.",
            ) from None

    @contextmanager
    def exclusive(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction; other processes wait for up to two minutes."""
        with closing(self._connect()) as connection:
            connection.execute("begin immediate")
            try:
                yield connection
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=120, isolation_level=None)
