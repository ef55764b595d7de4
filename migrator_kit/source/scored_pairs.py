"""Likely duplicates of a snapshot, scored once: a second audit reads what the first one found.

The pairs name record ids and stay in the engagement's private folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from migrator_kit.engagement import digest_text
from migrator_kit.source.likely_duplicates import MODEL, LikelyDuplicates

_FACTS = b"likely duplicates"


def scored_once(
    folder: Path, source: str, score: Callable[[], LikelyDuplicates]
) -> LikelyDuplicates:
    """Return the pairs of a `source` (its digests), from `folder` where they were scored before.

    A damaged file counts as none. Older results of other snapshots are let go.
    """
    path = folder / f"{digest_text(source, str(MODEL))[:16]}.parquet"
    try:
        return _read(path)
    except (FileNotFoundError, pa.ArrowInvalid, KeyError, ValueError):
        found = score()
    for old in folder.glob("*.parquet"):
        old.unlink()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(found, path)
    return found


def _write(found: LikelyDuplicates, path: Path) -> None:
    facts = {
        "table": found.table,
        "columns": found.columns,
        "patients": found.patients,
        "not_compared": found.not_compared,
    }
    table = pa.Table.from_pandas(found.pairs, preserve_index=False)
    metadata = (table.schema.metadata or {}) | {_FACTS: json.dumps(facts).encode()}
    unfinished = path.with_suffix(".unfinished")
    parquet.write_table(table.replace_schema_metadata(metadata), unfinished)
    unfinished.replace(path)


def _read(path: Path) -> LikelyDuplicates:
    table = parquet.read_table(path)
    facts = json.loads((table.schema.metadata or {})[_FACTS])
    pairs: pd.DataFrame = table.to_pandas()
    return LikelyDuplicates(
        facts["table"], tuple(facts["columns"]), facts["patients"], pairs,
        tuple(facts["not_compared"]),
    )  # fmt: skip
