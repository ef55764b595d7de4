"""Snapshots: an immutable extract of the source as Parquet, read by every later step.

A snapshot is written into a hidden folder and gets its name only when it is whole. A broken run is
taken up again: tables that were finished are not read twice.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb

from migrator_kit.engagement import (
    BlobSettings,
    Engagement,
    SourceSettings,
    digest_file,
    digest_text,
)
from migrator_kit.errors import GateClosed, MigratorError, SnapshotChanged, SourceError
from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.carried import CarriedSource
from migrator_kit.source.connect import open_source
from migrator_kit.source.document_files import BLOBS, write_out
from migrator_kit.source.documents import documents_root
from migrator_kit.source.group import create_group_views, group_manifest, link_documents
from migrator_kit.source.manifest import (
    FILE_NAME,
    Manifest,
    Origin,
    TableManifest,
    content_digest,
    read_manifest,
    size_of,
)
from migrator_kit.source.model import Source, quoted
from migrator_kit.source.notation import Notation, Notations, readable, settle
from migrator_kit.source.reading import Reading, SharedStep, write_table, write_tables
from migrator_kit.source.watermark import Before

_UNFINISHED = ".unfinished-"
_RESUMABLE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An opened snapshot. Its parts are checked by size on `connect`, in full by `verify`."""

    folder: Path
    manifest: Manifest
    snapshot_id: str
    digest: str
    notations: Notations
    """How columns of text with dates or amounts are read, by table."""
    practices: Mapping[str, Snapshot] = field(default_factory=dict)
    """Of a group: each practice's own snapshot, by name."""

    @property
    def notation_digest(self) -> str:
        """Return the digest of how dates and amounts in columns of text are read."""
        if self.practices:
            return digest_text(*(one.notation_digest for one in self.practices.values()))
        settled = ((t, c, s.notation) for t, own in self.notations.items() for c, s in own.items())
        return digest_text(*(text for place in sorted(settled) for text in place))

    @property
    def decimal_commas(self) -> frozenset[str]:
        """Return the columns of text (`table.column`, in small letters) with a decimal comma."""
        return frozenset(
            f"{table}.{column}".casefold()
            for table, own in self.notations.items()
            for column, settled in own.items()
            if settled.notation is Notation.DECIMAL_COMMA
        )

    def of(self, practice: str) -> Snapshot:
        """Return one practice's own snapshot."""
        return self.practices[practice]

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables, as the source spells them."""
        return tuple(self.manifest.tables)

    def connect(
        self,
        *,
        as_written: Collection[str] | None = (),
        memory_limit: str = "1500MB",
        threads: int = 2,
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with every table as a view. Raises SnapshotChanged.

        Dates in columns of text come in ISO form, but for the columns `as_written`
        (`table.column` or `*.column`, in small letters; None: all of them). Of a group each
        practice is a schema besides (see `source.group`).
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
        if self.practices:
            manifests = {name: one.manifest for name, one in self.practices.items()}
            selects = {name: one.selects(as_written) for name, one in self.practices.items()}
            create_group_views(connection, manifests, selects)
            return connection
        for name, select in self.selects(as_written).items():
            connection.execute(f"CREATE VIEW {quoted(name)} AS {select}")
        return connection

    def selects(self, as_written: Collection[str] | None = ()) -> dict[str, str]:
        """Return the SELECT over the parts of each table, dates as `connect` says."""
        found = {}
        for name, table in self.manifest.tables.items():
            paths = ", ".join(_literal(self.folder / part.path) for part in table.parts)
            read = [] if as_written is None else list(self._readable(name, as_written))
            columns = f"* REPLACE ({', '.join(read)})" if read else "*"
            found[name] = f"SELECT {columns} FROM read_parquet([{paths}])"
        return found

    def _readable(self, table: str, as_written: Collection[str]) -> Iterator[str]:
        """Yield the columns that are read in another form than they are written in."""
        places = (name.rpartition(".") for name in as_written)
        raw = {column for place, _, column in places if place in ("*", table.casefold())}
        yield from readable(self.notations.get(table, {}), raw)

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
            if size_of(self.folder / part.path) != part.bytes
        ]
        if changed:
            raise _changed(self, changed)


def open_snapshot(folder: Path, said: SourceSettings | None = None) -> Snapshot:
    """Return the snapshot in `folder`. Raises SnapshotChanged where its manifest was altered.

    What is `said` of dates and amounts goes before what was found.
    """
    manifest = read_manifest(folder)
    found = {name: table.written for name, table in manifest.tables.items()}
    notations = settle(found, said.tables, day_first=said.day_first) if said else settle(found, {})
    return Snapshot(folder, manifest, manifest.snapshot_id, manifest.digest, notations)


def latest_snapshot(engagement: Engagement) -> Snapshot:
    """Return the newest snapshot; of a group what the newest of all practices add up to.

    Raises GateClosed where there is none, or none of one of the practices.
    """
    if engagement.practices:
        return _group(engagement)
    found = sorted(path.parent for path in engagement.snapshots.glob(f"[!.]*/{FILE_NAME}"))
    if not found:
        raise GateClosed(
            f"There is no snapshot of {engagement.practice or 'the source'} yet.",
            gate="snapshot",
            opens_with=f"migrator snapshot {engagement.folder}",
        )
    return open_snapshot(found[-1], engagement.settings.source)


def _group(engagement: Engagement) -> Snapshot:
    own = {name: latest_snapshot(engagement.of(name)) for name in engagement.practices}
    manifests = {name: one.manifest for name, one in own.items()}
    manifest = group_manifest(manifests, link_documents(engagement.folder, manifests))
    folder = engagement.snapshots
    return Snapshot(folder, manifest, manifest.snapshot_id, manifest.digest, {}, own)


def unread_practices(engagement: Engagement) -> tuple[str, ...]:
    """Return the practices of a group that no snapshot was taken of: those that joined it."""
    return tuple(
        name
        for name in engagement.practices
        if not any(engagement.of(name).snapshots.glob(f"[!.]*/{FILE_NAME}"))
    )


def moments_of(engagement: Engagement) -> list[datetime]:
    """Return when each snapshot was taken, of a group those of all practices, the oldest first."""
    views = [engagement.of(name) for name in engagement.practices] or [engagement]
    found = [path for view in views for path in view.snapshots.glob(f"[!.]*/{FILE_NAME}")]
    return sorted(read_manifest(path.parent).taken_at for path in found)


def take_snapshot(
    engagement: Engagement,
    *,
    full: bool = False,
    only: Collection[str] = (),
    progress: Progress = SILENT,
) -> Snapshot:
    """Read the source and return the new snapshot. Memory is bounded by the part.

    After the first one, tables with a watermark are read from it on, unless `full`. Of a group
    every practice is read, or those that `only` names; the others keep what was read of them
    before. A run that broke off within the last day is taken up again. Raises SourceError where
    the source
    cannot be read, MigratorError where the disk is full.
    """
    if engagement.practices or only:
        for name in only or engagement.practices:
            take_snapshot(engagement.of(name), full=full, progress=progress)
        return latest_snapshot(engagement)
    settings = engagement.settings.source
    documents = documents_root(settings, base=engagement.folder)
    with open_source(settings, base=engagement.folder, work=engagement.snapshots) as source:
        described = source.describe()
        folder, began = _work_folder(engagement, source)
        rows = [table.rows_estimate for table in described]
        total = sum(n or 0 for n in rows) if None not in rows else None
        try:
            with progress(f"Reading {engagement.practice or 'the source'}", total) as step:
                earlier = {} if full else _earlier(engagement, source)
                reading = Reading(source, settings, folder, earlier, SharedStep(step))
                write = partial(write_table, reading)
                at_once = min(source.tables_at_once, engagement.settings.compute.workers)
                tables = write_tables(described, write, at_once)
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
    # The newest snapshot is the one whose name sorts last: a clock that was set back must not
    # make an older one the newest.
    now = max(datetime.now(UTC), _after_newest(engagement.snapshots))
    mark = folder / "began.json"
    if mark.is_file():
        began = datetime.fromisoformat(json.loads(mark.read_text())["at"])
        if now - began < _RESUMABLE:
            return folder, began
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tables").mkdir(parents=True)
    mark.write_text(json.dumps({"at": now.isoformat()}))
    return folder, now


def _after_newest(snapshots: Path) -> datetime:
    """Return the first moment whose name sorts behind those of all snapshots."""
    names = sorted(path.parent.name for path in snapshots.glob(f"[!.]*/{FILE_NAME}"))
    if not names:
        return datetime.min.replace(tzinfo=UTC)
    day, clock, _ = names[-1].split("-")
    newest = datetime.strptime(f"{day}{clock}", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
    return newest + timedelta(milliseconds=1)


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
    target = engagement.folder / BLOBS / (engagement.practice or "")
    shutil.rmtree(target, ignore_errors=True)
    write_out(parts, blobs, target)
    return target


def _earlier(engagement: Engagement, source: Source) -> dict[str, Before]:
    """Return the tables of the newest snapshot, where it was taken from the same source."""
    try:
        newest = latest_snapshot(engagement)
    except (GateClosed, SnapshotChanged):
        return {}
    origin = newest.manifest.source
    if (origin.kind, origin.location) != (source.kind, source.location):
        return {}
    return {name: Before(t, newest.folder) for name, t in newest.manifest.tables.items()}


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
    return open_snapshot(final, engagement.settings.source)


def _folders(folder: Path, tables: dict[str, TableManifest]) -> set[Path]:
    return {(folder / part.path).parent for table in tables.values() for part in table.parts}


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _changed(snapshot: Snapshot, paths: list[str]) -> SnapshotChanged:
    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    return SnapshotChanged(
        f"Snapshot {snapshot.snapshot_id} was altered: {shown}.",
        hint="Restore it from a copy, or take a new snapshot: migrator snapshot DIR",
    )
