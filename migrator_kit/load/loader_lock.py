"""One loader at a time: a lock that the operating system or the database frees when we die.

A SQLite ledger is guarded by a lock on a file beside it, a PostgreSQL ledger by an advisory lock
of a session of its own. Neither outlives its process, so a killed loader leaves nothing to clean.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from migrator_kit.errors import LedgerError
from migrator_kit.load.ledger_errors import ledger_errors

_HOLDER_ROW = "loader"


def holder_name(purpose: str) -> str:
    """Return how this process names itself to the next one that comes."""
    instant = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{purpose}, process {os.getpid()} on {socket.gethostname()}, since {instant}"


@contextmanager
def loader_lock(engine: Engine, purpose: str) -> Iterator[None]:
    """Hold the ledger for writing. Raises LedgerError naming who holds it already."""
    database = engine.url.database
    if engine.dialect.name == "sqlite" and database and database != ":memory:":
        with _file_lock(Path(f"{database}.lock"), holder_name(purpose)):
            yield
    elif engine.dialect.name == "postgresql":
        with _advisory_lock(engine, holder_name(purpose)):
            yield
    else:
        yield


def _held(holder: str) -> LedgerError:
    return LedgerError(
        f"Another loader works on this engagement: {holder or 'it did not leave its name'}.",
        hint="Wait until it is done, or stop it; the work goes on from where it stopped.",
    )


@contextmanager
def _file_lock(path: Path, holder: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as stream:
        if not try_lock(stream.fileno()):
            raise _held(stream.read().strip())
        stream.truncate(0)
        stream.write(holder)
        stream.flush()
        try:
            yield
        finally:
            stream.seek(0)
            stream.truncate(0)


if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock one byte far behind the holder's name, which stays readable."""
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file; the kernel frees it when the process ends, however it ends."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def _advisory_lock(engine: Engine, holder: str) -> Iterator[None]:
    key = {"key": int.from_bytes(hashlib.sha256(b"migrator ledger").digest()[:7], "big")}
    with ledger_errors():
        connection = engine.connect()
    try:
        with ledger_errors():
            got = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar()
            if not got:
                raise _held(_named_holder(connection))
            _name_holder(connection, holder)
        yield
        with suppress(SQLAlchemyError):
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
    finally:
        # Closing the session frees the lock too, a moment later: the server has to notice.
        connection.invalidate()
        connection.close()


def _named_holder(connection: Connection) -> str:
    query = text("SELECT value FROM setting WHERE name = :name")
    return str(connection.execute(query, {"name": _HOLDER_ROW}).scalar() or "")


def _name_holder(connection: Connection, holder: str) -> None:
    statement = text(
        "INSERT INTO setting (name, value) VALUES (:name, :value)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    connection.execute(statement, {"name": _HOLDER_ROW, "value": holder})
    connection.commit()
