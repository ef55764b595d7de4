"""The vault: what we wrote to each record, and what stood there before. Encrypted, in a file apart.

The ledger holds digests alone and can go into the evidence; the values that undo and delta need
stay here, in the engagement's private folder. Images are sealed with AES-GCM under a key made from
the engagement's key, and bound to their place: an image moved to another record does not open. What
we wrote lies in sheets of some hundred records, sealed as one: smaller, and much faster to keep.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from migrator_kit.engagement import Engagement
from migrator_kit.errors import LedgerError
from migrator_kit.load.ledger_errors import explained

Row = dict[str, Any]

FILE_NAME = "images.db"
_SHEET_PLACE = "sheet"
_PURPOSE = b"migrator images of records, version 1"
_NONCE = 12
_SHEET = 200
"""Images in one sheet: reading one of them opens all of its sheet."""

_ASKED = 500
"""Values of one `IN`."""

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS sheet (number INTEGER PRIMARY KEY, sealed BLOB)",
    "CREATE TABLE IF NOT EXISTS written_on (object TEXT, source_id TEXT, digest TEXT,"
    " sheet INTEGER, PRIMARY KEY (object, source_id, digest)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS before (seq INTEGER PRIMARY KEY, object TEXT, source_id TEXT,"
    " run_id TEXT, sealed BLOB, UNIQUE (object, source_id, run_id))",
)


@dataclass(frozen=True, slots=True)
class Written:
    """What the source said of a record when we wrote it last.

    `fields` are by API name, empty ones left out. `theirs` names the fields that held something
    else in Zoho CRM at that time, because somebody there had changed them.
    """

    fields: Mapping[str, Any] = field(repr=False)
    theirs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Before:
    """What stood in the fields that a run then overwrote. `digest` and `link_digest` are what the
    ledger knew the record by until then, None where it did not know it."""

    source_id: str
    run_id: str
    fields: Mapping[str, Any] = field(repr=False)
    digest: str | None = None
    link_digest: str | None = None
    seq: int = 0


class Vault:
    """An open vault. Used by one thread, the loader's."""

    def __init__(self, path: Path | str, key: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(key)
        self._cipher = AESGCM(derived)
        self.seconds = 0.0
        """Time spent writing so far."""
        with _errors():
            new = str(path) != ":memory:" and not Path(path).exists()
            if new:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            for statement in _SCHEMA:
                self._connection.execute(statement)
        self._take_over()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def keep_written(self, name: str, images: Iterable[tuple[str, str, Written]]) -> None:
        """Keep images by source id and digest, before they are sent. Raises LedgerError."""
        rows = list(images)
        with self._writing() as connection:
            (last,) = connection.execute("SELECT max(number) FROM sheet").fetchone()
            starts = range(0, len(rows), _SHEET)
            for number, start in enumerate(starts, int(last or 0) + 1):
                some = rows[start : start + _SHEET]
                sheet = {
                    source_id: [digest, dict(one.fields), sorted(one.theirs)]
                    for source_id, digest, one in some
                }
                sealed = self._seal((name, _SHEET_PLACE, str(number)), sheet)
                connection.execute("INSERT INTO sheet VALUES (?, ?)", (number, sealed))
                connection.executemany(
                    "INSERT OR REPLACE INTO written_on VALUES (?, ?, ?, ?)",
                    [(name, source_id, digest, number) for source_id, digest, _ in some],
                )

    def written(self, name: str, digests: Mapping[str, str | None]) -> dict[str, Written]:
        """Return the images of some records by source id, those with a known digest."""
        asked, sheets = list(digests), dict[int, list[str]]()
        with _errors():
            for start in range(0, len(asked), _ASKED):
                some = asked[start : start + _ASKED]
                marks = ", ".join("?" * len(some))
                rows = self._connection.execute(
                    "SELECT source_id, digest, sheet FROM written_on"
                    f" WHERE object = ? AND source_id IN ({marks})", (name, *some),
                )  # fmt: skip
                for source_id, digest, number in rows:
                    if digests[source_id] == digest:
                        sheets.setdefault(number, []).append(source_id)
            found: dict[str, Written] = {}
            for number, source_ids in sheets.items():
                sheet = self._sheet(name, number)
                for source_id in source_ids:
                    digest, fields, theirs = sheet.get(source_id, (None, {}, ()))
                    if digest != digests[source_id]:
                        raise _foreign(name, source_id)
                    found[source_id] = Written(fields, frozenset(theirs))
        return found

    def _take_over(self) -> None:
        """Move images that lie one by one, as they did before there were sheets, into sheets."""
        with _errors():
            tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'written'"
            if self._connection.execute(tables).fetchone() is None:
                return
            names = self._connection.execute("SELECT DISTINCT object FROM written").fetchall()
            query = "SELECT source_id, digest, sealed FROM written WHERE object = ?"
            for (name,) in names:
                rows = self._connection.execute(query, (name,))
                while some := rows.fetchmany(_SHEET):
                    images = []
                    for source_id, digest, sealed in some:
                        fields, theirs = self._open((name, source_id, digest), sealed)
                        images.append((source_id, digest, Written(fields, frozenset(theirs))))
                    self.keep_written(name, images)
            self._connection.execute("DROP TABLE written")

    def _sheet(self, name: str, number: int) -> dict[str, Any]:
        query = "SELECT sealed FROM sheet WHERE number = ?"
        row = self._connection.execute(query, (number,)).fetchone()
        if row is None:
            raise _foreign(name, f"sheet {number}")
        opened: dict[str, Any] = self._open((name, _SHEET_PLACE, str(number)), row[0])
        return opened

    def keep_before(self, name: str, run_id: str, images: Iterable[Before]) -> None:
        """Keep what stands now, before a run overwrites it; what the same run kept already stays.

        Raises LedgerError.
        """
        with self._writing() as connection:
            for image in images:
                kept, digests = dict(image.fields), (image.digest, image.link_digest)
                mine = self._before_of(name, image.source_id, run_id)
                if mine is not None:
                    kept |= mine.fields
                    digests = (mine.digest, mine.link_digest)
                if image.digest is None and image.link_digest is None:
                    self._forget(connection, name, [image.source_id], keep_run=run_id)
                sealed = self._seal((name, image.source_id, run_id), [kept, *digests])
                connection.execute(
                    "INSERT INTO before (object, source_id, run_id, sealed)"
                    " VALUES (?, ?, ?, ?) ON CONFLICT (object, source_id, run_id)"
                    " DO UPDATE SET sealed = excluded.sealed",
                    (name, image.source_id, run_id, sealed),
                )

    def before(self, name: str, run_id: str | None = None) -> dict[str, list[Before]]:
        """Return what stood before, by source id, oldest first; of one run or of all."""
        query = "SELECT seq, source_id, run_id, sealed FROM before WHERE object = ?"
        rows = self._connection.execute(f"{query} ORDER BY seq", (name,))
        found: dict[str, list[Before]] = {}
        with _errors():
            for seq, source_id, run, sealed in rows:
                if run_id in (None, run):
                    image = self._image(name, source_id, run, sealed, seq)
                    found.setdefault(source_id, []).append(image)
        return found

    def forget_before(
        self, name: str, source_ids: Collection[str], run_id: str | None = None
    ) -> None:
        """Forget what stood before, once it stands again: of one run or of all."""
        with self._writing() as connection:
            self._forget(connection, name, source_ids, only_run=run_id)

    def _forget(
        self, connection: sqlite3.Connection, name: str, source_ids: Collection[str], *,
        only_run: str | None = None, keep_run: str | None = None,
    ) -> None:  # fmt: skip
        connection.executemany(
            "DELETE FROM before WHERE object = ? AND source_id = ?"
            " AND run_id = coalesce(?, run_id) AND run_id IS NOT ?",
            [(name, one, only_run, keep_run) for one in source_ids],
        )

    def _before_of(self, name: str, source_id: str, run_id: str) -> Before | None:
        row = self._connection.execute(
            "SELECT seq, sealed FROM before WHERE object = ? AND source_id = ? AND run_id = ?",
            (name, source_id, run_id),
        ).fetchone()
        return None if row is None else self._image(name, source_id, run_id, row[1], row[0])

    def _image(self, name: str, source_id: str, run_id: str, sealed: bytes, seq: int) -> Before:
        fields, digest, link_digest = self._open((name, source_id, run_id), sealed)
        return Before(source_id, run_id, fields, digest, link_digest, seq)

    def _seal(self, place: tuple[str, ...], content: Any) -> bytes:
        nonce = os.urandom(_NONCE)
        plain = zlib.compress(orjson.dumps(content), 1)
        return nonce + self._cipher.encrypt(nonce, plain, orjson.dumps(place))

    def _open(self, place: tuple[str, ...], sealed: bytes) -> Any:
        try:
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], orjson.dumps(place))
        except InvalidTag:
            raise _foreign(place[0], " ".join(place[1:])) from None
        return orjson.loads(zlib.decompress(plain))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        started = time.perf_counter()
        with _errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.execute("COMMIT")
        self.seconds += time.perf_counter() - started


def _foreign(name: str, place: str) -> LedgerError:
    return LedgerError(
        f"{name} {place}: its image in private/{FILE_NAME} does not open.",
        hint="It or private/key is not this engagement's: restore both from a backup.",
    )


def open_vault(engagement: Engagement) -> Vault:
    """Open the engagement's vault, made on first use. Raises LedgerError."""
    return Vault(engagement.private / FILE_NAME, engagement.key())


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explained(str(error).lower()) from None
