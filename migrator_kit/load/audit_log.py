"""The audit log: one row for each write, each chained to the one before by hash.

Whoever changes, removes or inserts a row breaks the chain from there on. The head of the chain
goes into the evidence pack, so cutting off the end shows as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, select

from migrator_kit.load import ledger_schema as schema

GENESIS = "0" * 64
"""What the first row of a chain names as the hash before it."""

HASHED = (
    "seq", "at", "run_id", "action", "module", "source_id", "zoho_id", "before_digest",
    "after_digest",
)  # fmt: skip
"""The columns a row's hash covers, besides the hash before it."""

CHAINED = (*HASHED, "previous_hash", "hash")
"""The columns of a row, in their order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One write that happened: what was done to which record, digests before and after."""

    at: str
    run_id: str
    action: str
    module: str | None
    source_id: str | None
    zoho_id: str | None
    before_digest: str | None
    after_digest: str | None


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Result of walking the chain: `broken_at` is the first sequence number that does not fit."""

    ok: bool
    rows: int
    head: str
    broken_at: int | None = None


def chained(
    entries: Iterable[Entry], seq: int, head: str
) -> tuple[list[tuple[str | int | None, ...]], str]:
    """Return the entries as rows of `CHAINED`, numbered after `seq`, and the new head."""
    rows: list[tuple[str | int | None, ...]] = []
    for number, one in enumerate(entries, seq + 1):
        values = (
            number, one.at, one.run_id, one.action, one.module, one.source_id, one.zoho_id,
            one.before_digest, one.after_digest,
        )  # fmt: skip
        own = _hash(head, values)
        rows.append((*values, head, own))
        head = own
    return rows, head


def end_of_chain(connection: Connection) -> tuple[int, str]:
    """Return the last sequence number and the head of the stored chain."""
    last = connection.execute(
        select(schema.audit.c.seq, schema.audit.c.hash).order_by(schema.audit.c.seq.desc()).limit(1)
    ).first()
    return (int(last.seq), str(last.hash)) if last else (0, GENESIS)


def verify(connection: Connection) -> ChainCheck:
    """Walk the whole chain and say whether every row still fits."""
    columns = [schema.audit.c[name] for name in CHAINED]
    result = connection.execution_options(stream_results=True, yield_per=10_000).execute(
        select(*columns).order_by(schema.audit.c.seq)
    )
    return follow((list(row[: len(HASHED)]), row.previous_hash, row.hash) for row in result)


def follow(rows: Iterable[tuple[list[str | int | None], str, str]]) -> ChainCheck:
    """Walk a chain wherever it is kept: for each row its values of `HASHED`, and its two hashes."""
    head, count = GENESIS, 0
    for values, previous, own in rows:
        if values[0] != count + 1 or previous != head or own != _hash(head, values):
            return ChainCheck(False, count, head, count + 1)
        head, count = own, count + 1
    return ChainCheck(True, count, head)


def _hash(head: str, values: Iterable[str | int | None]) -> str:
    return hashlib.sha256(orjson.dumps([head, *values])).hexdigest()
