"""One digest of everything the engagement holds in Zoho CRM, independent of ids and order.

Two loads of the same data into two empty orgs give the same digest; a rolled-back org has the
digest it had before. Left out: record ids, system times, and the order of anything. Lookups enter
as the parent's object and source key, owners as persons, files as the SHA-256 of their bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from migrator_kit.compare.datasets import Landed, columns_of, database, files_sql, literal, quoted

_LEFT_OUT = ("zoho_id", "known", "named")
_BATCH = 100_000


def target_digest(landed: Landed, spill: Path) -> str:
    """Return the digest, as hex, of what was read back. `spill` takes DuckDB's temporary files.

    Each row is written as its filled columns in the order of their names and hashed; the digest is
    the SHA-256 over the sorted hashes of all objects, each with its name.
    """
    whole = hashlib.sha256()
    with database(spill) as connection:
        # By folder, not by object: reference notes of files too large to move count as well.
        for folder in sorted(path for path in landed.folder.iterdir() if path.is_dir()):
            parts = sorted(folder.glob("part-*.parquet"))
            if parts:
                for chunk in _sorted_hashes(connection, _row_hashes(folder.name, parts)):
                    whole.update(chunk)
    return whole.hexdigest()


def _row_hashes(name: str, parts: list[Path]) -> str:
    """Return the SELECT of one hash for each row that carries our source key."""
    columns = columns_of(parts)
    texts = []
    for column in sorted(set(columns) - set(_LEFT_OUT)):
        text = _as_text(column, columns[column])
        # The length bounds the value, so that two values cannot run together into a third.
        texts.append(f"coalesce({literal(column)} || length({text}) || ':' || {text}, '')")
    row = " || ".join([literal(f"{name}\x1e"), *texts])
    return f"select sha256({row}) as hash from {files_sql(parts)} where named"


def _as_text(column: str, kind: pa.DataType) -> str:
    """Return the SQL of a value as one text; null stays null, and so is left out of the row."""
    name = quoted(column)
    if pa.types.is_list(kind):
        return f"nullif(array_to_string(list_sort({name}), chr(31)), '')"
    if pa.types.is_floating(kind):
        return f"cast({name} + 0.0 as varchar)"
    if pa.types.is_string(kind):
        return f"nullif({name}, '')"
    return f"cast({name} as varchar)"


def _sorted_hashes(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[bytes]:
    reader = connection.execute(f"select hash from ({sql}) order by hash")
    while rows := reader.fetchmany(_BATCH):
        yield "".join(row[0] for row in rows).encode()
