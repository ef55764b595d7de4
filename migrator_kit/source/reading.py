"""Tables of a source as parts on disk: whole or by watermark, side by side, resumable."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
from pydantic import ValidationError

from migrator_kit.compute import worked_ahead
from migrator_kit.engagement import SourceSettings
from migrator_kit.progress import Step
from migrator_kit.source.manifest import Extraction, PartFile, TableManifest, size_of
from migrator_kit.source.model import Source, SourceTable
from migrator_kit.source.notation import Samples, sampled
from migrator_kit.source.part_files import PartFolder
from migrator_kit.source.since import ReadsSince
from migrator_kit.source.watermark import Before, Unfit, extract


class SharedStep:
    """A step of progress that several tables advance."""

    def __init__(self, step: Step) -> None:
        self._step, self._lock = step, threading.Lock()

    def advance(self, count: int = 1) -> None:
        """Say that `count` more rows are read."""
        with self._lock:
            self._step.advance(count)


def write_tables(
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


@dataclass(frozen=True, slots=True)
class Reading:
    """A snapshot that is being taken: from where, into what, and what was there before."""

    source: Source
    settings: SourceSettings
    folder: Path
    earlier: dict[str, Before]
    step: SharedStep


def write_table(reading: Reading, table: SourceTable) -> TableManifest:
    """Write one table, or return what an earlier run finished."""
    target = reading.folder / "tables" / quote(table.name, safe=" ")
    record = target / "table.json"
    finished = _finished(record, table, reading.folder)
    if finished is not None:
        reading.step.advance(finished.rows)
        return finished
    taken_at = datetime.now(UTC)
    written = _by_watermark(reading, table, target, taken_at)
    manifest = written if isinstance(written, TableManifest) else None
    if manifest is None:
        manifest = _whole(reading, table, target, taken_at, str(written or ""))
    record.write_text(manifest.model_dump_json())
    return manifest


def _by_watermark(
    reading: Reading, table: SourceTable, target: Path, taken_at: datetime
) -> TableManifest | Unfit | None:
    """Write a table from the snapshot before and what is newer, or say why that cannot be."""
    before, source = reading.earlier.get(table.name), reading.source
    if before is None or not isinstance(source, ReadsSince):
        return None
    work = target / "watermark"
    shutil.rmtree(target, ignore_errors=True)
    work.mkdir(parents=True)
    parts = PartFolder(reading.folder, target)
    said, part_rows = reading.settings.table(table.name), reading.settings.part_rows
    try:
        files, how = extract(
            source, table, before, said, work=work, part_rows=part_rows, target=parts
        )
    except Unfit as reason:
        return reason
    finally:
        shutil.rmtree(work, ignore_errors=True)
    manifest = TableManifest.of(
        table, before.table.columns, tuple(files), source.notes(table.name), before.table.written,
        how, taken_at,
    )  # fmt: skip
    reading.step.advance(manifest.rows)
    return manifest


def _whole(
    reading: Reading, table: SourceTable, target: Path, taken_at: datetime, why: str
) -> TableManifest:
    """Write all rows of a table."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    columns: dict[str, str] = {}
    parts, samples = [], Samples()
    numbered = enumerate(reading.source.read(table.name, reading.settings.part_rows))
    folder = PartFolder(reading.folder, target)
    for written in worked_ahead(numbered, partial(_write, folder), ahead=1):
        columns = {field.name: str(field.type) for field in written.schema}
        parts.append(written.part)
        samples.add(written.sample)
        reading.step.advance(written.part.rows)
    notes, how = reading.source.notes(table.name), Extraction(why=why)
    return TableManifest.of(table, columns, tuple(parts), notes, samples.notations(), how, taken_at)


def _finished(record: Path, table: SourceTable, folder: Path) -> TableManifest | None:
    """Return what an earlier run wrote of a table, where it is whole and the table is the same."""
    try:
        manifest = TableManifest.model_validate_json(record.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    whole = all(size_of(folder / part.path) == part.bytes for part in manifest.parts)
    return manifest if whole and manifest.declared == table.columns else None


@dataclass(frozen=True, slots=True)
class _Written:
    """A part on disk, with some values of its columns of text."""

    part: PartFile
    schema: pa.Schema
    sample: dict[str, pa.Array]


def _write(folder: PartFolder, numbered: tuple[int, pa.Table]) -> _Written:
    number, rows = numbered
    return _Written(folder.write(number, rows), rows.schema, sampled(rows))
