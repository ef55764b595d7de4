"""Shaping: a confirmed mapping applied to a snapshot gives what should be in Zoho CRM.

Each part is shaped on its own, as a pure function; then links are settled over all objects, and
the parts are finished. Memory is bounded by the part. The same snapshot and mapping give the same
dataset, so shaping again costs nothing.
"""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from migrator_kit.compute import Part, Pool, open_pool
from migrator_kit.engagement import Engagement, digest_text, slug
from migrator_kit.errors import MigratorError
from migrator_kit.mapping.dataset import (
    MANIFEST,
    REJECTS,
    ShapedDataset,
    ShapedManifest,
    ShapedObject,
    mark_latest,
    open_database,
    open_shaped,
    read_dataset,
)
from migrator_kit.mapping.digests import mapping_digest
from migrator_kit.mapping.links import Staging
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName
from migrator_kit.mapping.objects import (
    SLOT_ORDER,
    SnapshotTables,
    count_rows,
    opened,
    read_rows,
)
from migrator_kit.mapping.parts import ShapeContext, ShapedPart, shape_part
from migrator_kit.mapping.rejects import COLUMNS as REJECT_COLUMNS
from migrator_kit.mapping.targets import target_type
from migrator_kit.mapping.transforms import Locale, code_version
from migrator_kit.mapping.transforms.own import own_text
from migrator_kit.progress import SILENT, Progress, Step

__all__ = [
    "ShapeContext",
    "ShapedDataset",
    "ShapedPart",
    "locale_of",
    "open_shaped",
    "shape",
    "shape_part",
]

_SHAPING = 1
"""Version of what this module does beside the transforms; part of every dataset's digest."""


def shape(
    engagement: Engagement,
    snapshot: SnapshotTables,
    mapping: Mapping,
    *,
    progress: Progress = SILENT,
) -> ShapedDataset:
    """Apply a mapping to a snapshot and return the dataset.

    Nothing is done where the same was shaped before. Raises MappingError where a SELECT does not
    run or a row of the mapping cannot be carried out.
    """
    digest = dataset_digest(snapshot, mapping, engagement)
    folder = engagement.shaped / digest[:16]
    if (folder / MANIFEST).is_file():
        dataset = read_dataset(folder)
        mark_latest(dataset)
        return dataset
    work = engagement.shaped / f".unfinished-{digest[:16]}"
    shape_into(work, engagement, snapshot, mapping, progress=progress)
    shutil.rmtree(folder, ignore_errors=True)
    work.replace(folder)
    dataset = read_dataset(folder)
    mark_latest(dataset)
    return dataset


def shape_into(
    folder: Path,
    engagement: Engagement,
    snapshot: SnapshotTables,
    mapping: Mapping,
    *,
    progress: Progress = SILENT,
) -> ShapedDataset:
    """Shape into a folder of the caller's, which is emptied first; errors as `shape`."""
    digest = dataset_digest(snapshot, mapping, engagement)
    try:
        manifest = _work(engagement, snapshot, mapping, folder, digest, progress)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise MigratorError(
            f"The disk of {folder.parent} is full.", hint="Make room and run it again."
        ) from None
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return read_dataset(folder)


def _work(
    engagement: Engagement,
    snapshot: SnapshotTables,
    mapping: Mapping,
    work: Path,
    digest: str,
    progress: Progress,
) -> ShapedManifest:
    """Shape everything into the folder `work` and return the manifest of what is there."""
    shutil.rmtree(work, ignore_errors=True)
    (work / "rejects").mkdir(parents=True)
    with opened(snapshot, mapping) as tables, open_pool(engagement.settings.compute) as pool:
        total = sum(count_rows(tables, one) for one in mapping.objects)
        with progress("Shaping records", total) as step:
            source_rows = {
                one.object: _stage_object(engagement, snapshot, work, one, tables, pool, step)
                for one in mapping.objects
            }
    objects = _finish(work, mapping, source_rows)
    locale = locale_of(engagement)
    return ShapedManifest(
        digest=digest,
        snapshot_id=snapshot.snapshot_id,
        snapshot_digest=snapshot.digest,
        mapping_digest=mapping_digest(mapping),
        code_version=code_version(),
        zone=locale.zone,
        region=locale.region,
        day_first=locale.day_first,
        objects=objects,
    )


def locale_of(engagement: Engagement, snapshot: SnapshotTables | None = None) -> Locale:
    """Return how the practice writes times, phone numbers and dates, and in a snapshot amounts."""
    source = engagement.settings.source
    commas = snapshot.decimal_commas if snapshot is not None else frozenset()
    return Locale(source.time_zone, source.region, source.day_first, commas)


def dataset_digest(snapshot: SnapshotTables, mapping: Mapping, engagement: Engagement) -> str:
    """Return the digest of everything that a shaped dataset follows from."""
    where = ""
    for practice, view in _views(engagement).items():
        locale = locale_of(view)
        where += f"{practice or ''} {locale.zone} {locale.region} {locale.day_first}".strip()
    return digest_text(
        snapshot.digest, snapshot.notation_digest, mapping_digest(mapping), code_version(),
        str(_SHAPING), where,
    )  # fmt: skip


def _stage_object(
    engagement: Engagement,
    snapshot: SnapshotTables,
    work: Path,
    mapping: ObjectMapping,
    tables: duckdb.DuckDBPyConnection,
    pool: Pool,
    step: Step,
) -> dict[str | None, int]:
    """Shape the parts of an object, a few at a time, and write them.

    Returns the rows read of each practice of a group, or under None those of the one there is.
    """
    rows: dict[str | None, int] = {}
    number = 0
    written = own_text(engagement.folder)
    for practice, view in _views(engagement).items():
        own = snapshot.of(practice) if practice else snapshot
        context = ShapeContext(locale_of(view, own), None, practice, written)
        frames = read_rows(tables, mapping, view.settings.source.part_rows, practice)
        name = f"{mapping.object} of {practice}" if practice else str(mapping.object)
        parts = (
            Part(f"{name}, part {count}", (frame, mapping, context))
            for count, frame in enumerate(frames, 1)
        )
        for read, part in pool.run(_counted, parts):
            _stage_part(work, mapping, number, part)
            number += 1
            rows[practice] = rows.get(practice, 0) + read
            step.advance(read)
    return rows


def _views(engagement: Engagement) -> dict[str | None, Engagement]:
    """Return the engagement as each practice of a group sees it, or as it is."""
    if not engagement.practices:
        return {None: engagement}
    return {name: engagement.of(name) for name in engagement.practices}


def _counted(
    frame: pd.DataFrame, mapping: ObjectMapping, context: ShapeContext
) -> tuple[int, ShapedPart]:
    """Return the rows of a part and the shaped part."""
    return len(frame), shape_part(frame, mapping, context)


def _stage_part(work: Path, mapping: ObjectMapping, number: int, part: ShapedPart) -> None:
    folder = work / "staged" / slug(mapping.object)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"part-{number:05d}.parquet"
    pq.write_table(_typed(part.frame, mapping), folder / name, compression="zstd")
    rejects = pa.table({column: _text(part.rejects[column]) for column in REJECT_COLUMNS})
    pq.write_table(rejects, work / "rejects" / f"{slug(mapping.object)}-{name}", compression="zstd")


def _typed(frame: pd.DataFrame, mapping: ObjectMapping) -> pa.Table:
    """Return shaped rows as Arrow, each target with the type that the contract gives it."""
    types: dict[str, pa.DataType] = {SLOT_ORDER: pa.int64()}
    for row in mapping.fields:
        target = target_type(mapping, row)
        types[row.target] = target.arrow if target else pa.string()
    columns = {}
    for name in frame.columns:
        known = types.get(str(name), pa.string())
        if mapping.landing is Landing.REFERENCE and name != "source_id":
            columns[str(name)] = pa.array(frame[name], from_pandas=True)
        else:
            columns[str(name)] = pa.array(frame[name], type=known, from_pandas=True)
    return pa.table(columns)


def _text(column: pd.Series) -> pa.Array:
    return pa.array(column, type=pa.string(), from_pandas=True)


def _finish(
    work: Path, mapping: Mapping, source_rows: dict[ObjectName, dict[str | None, int]]
) -> dict[ObjectName, ShapedObject]:
    """Settle the links, write the finished parts and the rejects, and account for every row."""
    connection = open_database(work)
    try:
        staging = Staging(connection, work / "staged", mapping)
        staging.settle()
        for one in mapping.objects:
            if one.landing is Landing.FIELDS:
                staging.carry(one)
        rows = {one.object: _finish_parts(work, staging, one) for one in mapping.objects}
        rejects = _query(connection, staging.rejects_sql(work / "rejects" / "*.parquet"))
        named = rejects.rename_columns(list(REJECT_COLUMNS))
        pq.write_table(named, work / REJECTS, compression="zstd")
        excluded = dict(connection.execute(
            f"SELECT object, count(DISTINCT source_id) FROM read_parquet('{work / REJECTS}') "
            "WHERE action = 'excluded' GROUP BY object"
        ).fetchall())  # fmt: skip
    finally:
        connection.close()
    objects = {}
    for one in mapping.objects:
        moved, gone = sum(rows[one.object].values()), int(excluded.get(str(one.object), 0))
        read = sum(source_rows[one.object].values())
        if moved + gone != read:
            raise MigratorError(
                f"{one.object}: {read} rows were read, but {moved} shaped and {gone} excluded.",
                hint="This must not happen. Nothing was loaded. Please report it.",
            )
        objects[one.object] = ShapedObject(
            landing=one.landing,
            module=one.module,
            source_rows=read,
            rows=moved,
            excluded=gone,
            parts=tuple(rows[one.object]),
            practices={name: n for name, n in source_rows[one.object].items() if name},
        )
    for name in ("staged", "rejects", ".spill"):
        shutil.rmtree(work / name, ignore_errors=True)
    return objects


def _finish_parts(work: Path, staging: Staging, mapping: ObjectMapping) -> dict[str, int]:
    """Write the finished parts of an object and return their rows by path."""
    name = slug(mapping.object)
    (work / name).mkdir()
    found = {}
    for path in sorted((work / "staged" / name).glob("part-*.parquet")):
        table = _query(staging.connection, staging.final_sql(mapping, path))
        pq.write_table(table, work / name / path.name, compression="zstd")
        found[f"{name}/{path.name}"] = table.num_rows
    return found


def _query(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """Return a result as Arrow; text has one type, whatever the database gave it."""
    table: pa.Table = connection.sql(query).to_arrow_table()
    fields = [
        field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
