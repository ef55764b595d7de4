"""What a change of the mapping does to records: both mappings replayed on the snapshot, compared.

Nothing is asked of Zoho CRM, and the engagement's own shaped datasets are left as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd

from migrator_kit.engagement import Engagement, slug
from migrator_kit.mapping.dataset import MANIFEST, ShapedDataset, read_dataset
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping
from migrator_kit.mapping.objects import SnapshotTables, quoted
from migrator_kit.mapping.shape import dataset_digest, shape_into
from migrator_kit.progress import SILENT, Progress

COLUMNS = ["object", "module", "field", "change", "records"]
_ARRIVES, _STAYS = "(begins to move)", "(does not move any more)"


def impact(
    engagement: Engagement,
    snapshot: SnapshotTables,
    before: Mapping,
    after: Mapping,
    *,
    progress: Progress = SILENT,
) -> pd.DataFrame:
    """Return what changes where `after` takes the place of `before`.

    Columns: object, module, field, change (in words: "312 Contacts change Phone"), records. Only
    what changes has a row. Raises MappingError where one of the two cannot be carried out.
    """
    with (
        _replayed(engagement, snapshot, before, progress) as old,
        _replayed(engagement, snapshot, after, progress) as new,
        duckdb.connect() as connection,
    ):
        for name, dataset in (("old", old), ("new", new)):
            for item in (before if name == "old" else after).objects:
                parts = [str(path) for path in dataset.parts(item.object)]
                connection.from_parquet(parts).create_view(f"{name}_{slug(item.object)}")
        known = {item.object: item for item in before.objects}
        rows = [row for item in after.objects if item.object in known
                for row in _changes(connection, known[item.object], item)]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS).astype({"records": "int64"})


@contextmanager
def _replayed(
    engagement: Engagement, snapshot: SnapshotTables, mapping: Mapping, progress: Progress
) -> Iterator[ShapedDataset]:
    """Give the dataset of a mapping: the one that stands, else one that is gone afterwards."""
    digest = dataset_digest(snapshot, mapping, engagement)
    folder = engagement.shaped / digest[:16]
    if (folder / MANIFEST).is_file():
        yield read_dataset(folder)
        return
    with TemporaryDirectory(dir=engagement.private, prefix="replay-") as name:
        yield shape_into(Path(name) / "shaped", engagement, snapshot, mapping, progress=progress)


def _changes(
    connection: duckdb.DuckDBPyConnection, before: ObjectMapping, after: ObjectMapping
) -> Iterator[tuple[str, str, str, str, int]]:
    """Give one row for each field of an object that changes, then those of records as a whole."""
    if after.landing is Landing.REFERENCE:
        return
    name = slug(after.object)
    views = f"old_{name} AS old FULL JOIN new_{name} AS new ON old.source_id = new.source_id"
    both = "old.source_id IS NOT NULL AND new.source_id IS NOT NULL"
    fields = list(dict.fromkeys(row.target for row in (*before.fields, *after.fields)))
    present = {side: _columns(connection, f"{side}_{name}") for side in ("old", "new")}
    counts = [f"count(*) FILTER ({both} AND {_differs(field, present)})" for field in fields]
    counts.append("count(*) FILTER (old.source_id IS NULL)")
    counts.append("count(*) FILTER (new.source_id IS NULL)")
    found = connection.execute(f"SELECT {', '.join(counts)} FROM {views}").fetchall()[0]
    what = after.module if after.landing is Landing.RECORDS else after.object
    for field, records in zip(fields, found, strict=False):
        if records:
            told = f"{records:,} {what} change {field}"
            yield str(after.object), after.module or "", field, told, int(records)
    for records, field, words in ((found[-2], _ARRIVES, "more"), (found[-1], _STAYS, "fewer")):
        if records:
            told = f"{records:,} {words} {what}: {field.strip('()')}"
            yield str(after.object), after.module or "", field, told, int(records)


def _differs(field: str, present: dict[str, set[str]]) -> str:
    sides = [
        f"CAST({side}.{quoted(field)} AS VARCHAR)" if field in columns else "NULL"
        for side, columns in present.items()
    ]
    return f"{sides[0]} IS DISTINCT FROM {sides[1]}"


def _columns(connection: duckdb.DuckDBPyConnection, view: str) -> set[str]:
    rows = connection.execute(f"DESCRIBE {quoted(view)}").fetchall()
    return {str(row[0]) for row in rows}
