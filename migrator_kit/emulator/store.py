"""The one SQLite file: one writer, many readers, numeric ids.

WAL with `synchronous=NORMAL`: what was committed survives a killed process. A second emulator
on the same file is refused, because ids are counted in memory.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ID_BASE = 554_023_000_000_000_000
_ID_BLOCK = 10_000

_TABLES = """
CREATE TABLE IF NOT EXISTS setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS person(id INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS module(id INTEGER PRIMARY KEY, api_name TEXT NOT NULL UNIQUE,
  data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS field(id INTEGER PRIMARY KEY, module TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS layout(id INTEGER PRIMARY KEY, module TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pipeline(id INTEGER PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bin(id INTEGER PRIMARY KEY, module TEXT NOT NULL, data TEXT,
  kind TEXT NOT NULL, display_name TEXT,
  created_by TEXT, deleted_by TEXT, deleted_time TEXT NOT NULL,
  deleted_with INTEGER);
CREATE INDEX IF NOT EXISTS bin_by_module ON bin(module, kind, id);
CREATE INDEX IF NOT EXISTS bin_by_parent ON bin(deleted_with) WHERE deleted_with IS NOT NULL;
CREATE TABLE IF NOT EXISTS fired(id INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL,
  rule TEXT NOT NULL, module TEXT NOT NULL, event TEXT NOT NULL, record_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS token(value TEXT PRIMARY KEY, refresh_token TEXT NOT NULL,
  user_id INTEGER NOT NULL,  created REAL NOT NULL, expires REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS grant_log(refresh_token TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS credit(minute INTEGER PRIMARY KEY, used REAL NOT NULL);
CREATE TABLE IF NOT EXISTS upload(id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL,
  path TEXT NOT NULL, size INTEGER NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL,
  created TEXT NOT NULL, finished TEXT, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS job_row(job INTEGER NOT NULL, resource INTEGER NOT NULL,
  line INTEGER NOT NULL, status TEXT NOT NULL, record_id TEXT, errors TEXT,
  PRIMARY KEY(job, resource, line))
  WITHOUT ROWID;
"""


class StoreInUse(Exception):
    """Another emulator has this file open."""


class Writer:
    """What a write transaction offers: its connection and fresh ids."""

    def __init__(self, db: sqlite3.Connection, first: int, reserved: int) -> None:
        self.db = db
        self.next = first
        self.reserved = reserved

    def new_ids(self, count: int) -> range:
        """`count` ids that were never used before."""
        first = self.next
        self.next += count
        if self.next > self.reserved:
            self.reserved = self.next + _ID_BLOCK
            put_setting(self.db, "next_id", self.reserved)
        return range(ID_BASE + first, ID_BASE + self.next)

    def new_id(self) -> int:
        """One fresh id."""
        return self.new_ids(1)[0]


class Store:
    """The database file and the folder of bytes beside it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.files = path.with_name(path.name + ".files")
        self.files.mkdir(exist_ok=True)
        self._guard = _claim(path)
        for left in self.files.glob("incoming-*"):
            left.unlink(missing_ok=True)
        self._lock = threading.RLock()
        self._local = threading.local()
        self._db = _connect(path)
        self._db.executescript(_TABLES)
        self.indexes = {
            name
            for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type='index'")
        }
        start = get_setting(self._db, "next_id") or 1
        self._next = self._reserved = int(start)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """One transaction of the one writer; committed on leaving, rolled back on an error."""
        with self._lock:
            writer = Writer(self._db, self._next, self._reserved)
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield writer
            except BaseException:
                self._db.execute("ROLLBACK")
                self._next = max(self._next, min(writer.next, self._reserved))
                raise
            self._db.execute("COMMIT")
            self._next, self._reserved = writer.next, writer.reserved

    def reader(self) -> sqlite3.Connection:
        """This thread's connection for reading committed data."""
        db: sqlite3.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = self._local.db = _connect(self.path)
            db.execute("PRAGMA query_only=ON")
        return db

    def close(self) -> None:
        """Fold the log into the file and let go of it."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
            self._guard.close()


def get_setting(db: sqlite3.Connection, name: str) -> Any:
    """A stored setting, or None."""
    row = db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return json.loads(row[0]) if row else None


def put_setting(db: sqlite3.Connection, name: str, value: object) -> None:
    """Store a setting inside a write transaction."""
    db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value)))


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("PRAGMA cache_size=-32000")
    db.execute("PRAGMA temp_store=MEMORY")
    return db


def _claim(path: Path) -> sqlite3.Connection:
    """A lock that the operating system drops when this process dies, however it dies."""
    place = path.with_name(path.name + ".lock")
    guard = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        guard.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        guard.close()
        raise StoreInUse(str(path)) from error
    return guard
