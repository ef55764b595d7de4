"""The practice's own files: what an attachment has to be equal to, byte for byte."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migrator_kit.compare.datasets import Parts
from migrator_kit.load.source_files import Documents
from migrator_kit.load.states import Reason
from migrator_kit.mapping.model import ObjectName
from migrator_kit.progress import SILENT, Progress

READERS = 2


def own_files(
    shaped: Parts,
    documents: Path | None,
    *,
    wanted: Collection[str] | None = None,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Return source_id, sha256 and size of the files that are there, each read once.

    Independent of the load: the files are read from the documents folder again.
    """
    finder = Documents(documents)
    rows: list[tuple[str, str]] = []
    for path in shaped.parts(ObjectName.ATTACHMENT):
        table = pq.read_table(path, columns=["source_id", "file_path"])
        if wanted is not None:
            chosen = pa.array(sorted(wanted), pa.string())
            table = table.filter(pc.is_in(table["source_id"], value_set=chosen))
        rows += zip(*(column.to_pylist() for column in table.columns), strict=True)
    frame = pd.DataFrame(rows, columns=["source_id", "file_path"], dtype="str")
    paths = frame["file_path"].dropna().drop_duplicates()
    facts: dict[str, tuple[str, int]] = {}
    title = "Reading the practice's files"
    with progress(title, len(paths)) as step, ThreadPoolExecutor(READERS) as pool:
        read = pool.map(lambda one: _facts(finder, one), paths)
        for path, fact in zip(paths, read, strict=True):
            if fact is not None:
                facts[path] = fact
            step.advance()
    frame = frame[frame["file_path"].isin(facts)]
    return pd.DataFrame(
        {
            "source_id": frame["source_id"].astype("str"),
            "sha256": frame["file_path"].map({path: sha for path, (sha, _) in facts.items()}),
            "size": frame["file_path"].map({path: size for path, (_, size) in facts.items()}),
        }
    ).reset_index(drop=True)


def _facts(finder: Documents, path: str) -> tuple[str, int] | None:
    found = finder.find(path)
    if isinstance(found, Reason):
        return None
    sha256 = found.sha256()
    return (sha256, found.size) if sha256 is not None else None
