"""Snapshots: an immutable extract of the source as Parquet, read by every later step.

A snapshot is written into a hidden folder and gets its name only when it is whole. A broken run is
taken up again: tables that were finished are not read twice.
"""

from __future__ import annotations

import errno
import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa
from pyarrow import parquet
from pydantic import ValidationError

from migrator_kit.engagement import BlobSettings, Engagement, digest_file, digest_text
from migrator_kit.errors import GateClosed, MigratorError, SnapshotChanged, SourceError
from migrator_kit.progress import SILENT, Progress, Step
from migrator_kit.source.carried import CarriedSource
from migrator_kit.source.connect import open_source
from migrator_kit.source.document_files import BLOBS, write_out
from migrator_kit.source.documents import documents_root
from migrator_kit.source.manifest import (
    FILE_NAME,
    Manifest,
    Origin,
    PartFile,
    TableManifest,
    content_digest,
    read_manifest,
)
from migrator_kit.source.model import Source, SourceTable, quoted
from migrator_kit.source.parts import worked_ahead

_UNFINISHED = ".unfinished-"
_RESUMABLE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An opened snapshot. Its parts are checked by size on `connect`, in full by `verify`."""

    folder: Path
    manifest: Manifest
    snapshot_id: str
    digest: str

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables, as the source spells them."""
        return tuple(self.manifest.tables)

    def connect(
        self, *, memory_limit: str = "1500MB", threads: int = 2
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with every table as a view. Raises SnapshotChanged.

        Large operations spill into a hidden folder beside the snapshots. Nothing is downloaded.
        """
        self._check_sizes()
        connection = duckdb.connect(
            config={
                "memory_limit": memory_limit,
                "threads": threads,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": str(self.folder.parent / ".spill"),
            }
        )
        for name, table in self.manifest.tables.items():
            paths = ", ".join(_literal(self.folder / part.path) for part in table.parts)
            view = f"CREATE VIEW {quoted(name)} AS SELECT * FROM read_parquet([{paths}])"
            connection.execute(view)
        return connection

    def files_root(self) -> Path | None:
        """Return the folder of the practice's documents; None where there is none."""
        folder = self.manifest.source.documents
        return folder if folder is not None and folder.is_dir() else None

    def verify(self) -> None:
        """Hash every part again. Raises SnapshotChanged naming the parts that differ."""
        self._check_sizes()
        changed = [
            part.path
            for table in self.manifest.tables.values()
            for part in table.parts
            if digest_file(self.folder / part.path) != part.sha256
        ]
        if changed:
            raise _changed(self, changed)

    def _check_sizes(self) -> None:
        changed = [
            part.path
            for table in self.manifest.tables.values()
            for part in table.parts
            if _size(self.folder / part.path) != part.bytes
        ]
        if changed:
            raise _changed(self, changed)


def open_snapshot(folder: Path) -> Snapshot:
    """Return the snapshot in `folder`. Raises SnapshotChanged where its manifest was altered."""
    manifest = read_manifest(folder)
    return Snapshot(folder, manifest, manifest.snapshot_id, manifest.digest)


def latest_snapshot(engagement: Engagement) -> Snapshot:
    """Return the newest snapshot. Raises GateClosed where there is none."""
    found = sorted(path.parent for path in engagement.snapshots.glob(f"[!.]*/{FILE_NAME}"))
    if not found:
        raise GateClosed(
            "There is no snapshot of the source yet.",
            gate="snapshot",
            opens_with=f"migrator snapshot {engagement.folder}",
        )
    return open_snapshot(found[-1])


def take_snapshot(engagement: Engagement, *, progress: Progress = SILENT) -> Snapshot:
    """Read the whole source and return the new snapshot. Memory is bounded by the part.

    A run that broke off within the last day is taken up again. Raises SourceError where the source
    cannot be read, MigratorError where the disk is full.
    """
    settings = engagement.settings.source
    documents = documents_root(settings, base=engagement.folder)
    with open_source(settings, base=engagement.folder, work=engagement.snapshots) as source:
        described = source.describe()
        folder, began = _work_folder(engagement, source)
        rows = [table.rows_estimate for table in described]
        total = sum(n or 0 for n in rows) if None not in rows else None
        try:
            with progress("Reading the source", total) as step:
                write = partial(_table, source, folder, settings.part_rows, _Shared(step))
                at_once = min(source.tables_at_once, engagement.settings.compute.workers)
                tables = _tables(described, write, at_once)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise MigratorError(
                f"The disk of {engagement.snapshots} is full.",
                hint="Make room and run the same command again: it goes on where it stopped.",
            ) from None
        if isinstance(source, CarriedSource):
            documents = source.documents or documents
        if settings.blobs is not None:
            documents = _blobs(settings.blobs, tables, folder, engagement)
        origin = Origin(kind=source.kind, location=source.location, documents=documents)
    return _finish(engagement, folder, began, origin, tables)


def _work_folder(engagement: Engagement, source: Source) -> tuple[Path, datetime]:
    """Return the folder to write in, and when its run began: a fresh one or one to go on with."""
    address = digest_text(engagement.settings.source.url, source.kind)[:16]
    folder = engagement.snapshots / f"{_UNFINISHED}{address}"
    now = datetime.now(UTC)
    mark = folder / "began.json"
    if mark.is_file():
        began = datetime.fromisoformat(json.loads(mark.read_text())["at"])
        if now - began < _RESUMABLE:
            return folder, began
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tables").mkdir(parents=True)
    mark.write_text(json.dumps({"at": now.isoformat()}))
    return folder, now


def _blobs(
    blobs: BlobSettings, tables: dict[str, TableManifest], folder: Path, engagement: Engagement
) -> Path:
    """Write out the files that lie in a column, in place of those of the snapshot before."""
    if blobs.table not in tables:
        raise SourceError(
            f"The source holds no table {blobs.table}.",
            hint="Correct `blobs:` under `source:` in engagement.yml.",
        )
    parts = [folder / part.path for part in tables[blobs.table].parts]
    target = engagement.folder / BLOBS
    shutil.rmtree(target, ignore_errors=True)
    write_out(parts, blobs, target)
    return target


class _Shared:
    """A step of progress that several tables advance."""

    def __init__(self, step: Step) -> None:
        self._step, self._lock = step, threading.Lock()

    def advance(self, count: int = 1) -> None:
        """Say that `count` more rows are read."""
        with self._lock:
            self._step.advance(count)


def _tables(
    described: tuple[SourceTable, ...], write: Callable[[SourceTable], TableManifest], at_once: int
) -> dict[str, TableManifest]:
    """Write all tables, some side by side. After a failure no further table is begun."""
    if at_once == 1:
        return {table.name: write(table) for table in described}
    with ThreadPoolExecutor(at_once, thread_name_prefix="tables") as pool:
        futures = {table.name: pool.submit(write, table) for table in described}
        try:
            return {name: future.result() for name, future in futures.items()}
        finally:
            for future in futures.values():
                future.cancel()


def _table(
    source: Source, folder: Path, part_rows: int, step: Step, table: SourceTable
) -> TableManifest:
    """Write one table, or return what an earlier run finished."""
    target = folder / "tables" / quote(table.name, safe=" ")
    record = target / "table.json"
    finished = _finished(record, table, folder)
    if finished is not None:
        step.advance(finished.rows)
        return finished
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    taken_at = datetime.now(UTC)
    columns: dict[str, str] = {}
    parts = []
    numbered = enumerate(source.read(table.name, part_rows))
    for part, schema in worked_ahead(numbered, partial(_write, target, folder), ahead=1):
        columns = {field.name: str(field.type) for field in schema}
        parts.append(part)
        step.advance(part.rows)
    notes = source.notes(table.name)
    manifest = TableManifest.of(table, columns, tuple(parts), notes, taken_at)
    record.write_text(manifest.model_dump_json())
    return manifest


def _finished(record: Path, table: SourceTable, folder: Path) -> TableManifest | None:
    """Return what an earlier run wrote of a table, where it is whole and the table is the same."""
    try:
        manifest = TableManifest.model_validate_json(record.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    whole = all(_size(folder / part.path) == part.bytes for part in manifest.parts)
    return manifest if whole and manifest.declared == table.columns else None


def _write(
    target: Path, folder: Path, numbered: tuple[int, pa.Table]
) -> tuple[PartFile, pa.Schema]:
    number, rows = numbered
    path = target / f"part-{number:05d}.parquet"
    parquet.write_table(rows, path, compression="zstd")
    part = PartFile(
        path=path.relative_to(folder).as_posix(),
        rows=rows.num_rows,
        bytes=path.stat().st_size,
        sha256=digest_file(path),
    )
    return part, rows.schema


def _finish(
    engagement: Engagement,
    folder: Path,
    began: datetime,
    origin: Origin,
    tables: dict[str, TableManifest],
) -> Snapshot:
    """Write the manifest and give the folder its name, in that order."""
    digest = content_digest(tables)
    snapshot_id = f"{began:%Y%m%d-%H%M%S}{began.microsecond // 1000:03d}-{digest[:8]}"
    manifest = Manifest(
        snapshot_id=snapshot_id,
        digest=digest,
        taken_at=began,
        watermark=min((table.taken_at for table in tables.values()), default=began),
        source=origin,
        tables=tables,
    )
    for stray in set((folder / "tables").iterdir()) - _folders(folder, tables):
        shutil.rmtree(stray)
    for record in folder.glob("tables/*/table.json"):
        record.unlink()
    (folder / "began.json").unlink()
    (folder / FILE_NAME).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    final = engagement.snapshots / snapshot_id
    folder.replace(final)
    return open_snapshot(final)


def _folders(folder: Path, tables: dict[str, TableManifest]) -> set[Path]:
    return {(folder / part.path).parent for table in tables.values() for part in table.parts}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _changed(snapshot: Snapshot, paths: list[str]) -> SnapshotChanged:
    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return SnapshotChanged(
        f"Snapshot {snapshot.snapshot_id} was altered: {shown}.",
        hint="Restore it from a copy, or take a new snapshot: migrator snapshot DIR",
    )
