"""The manifest of a snapshot: what was read, from where, when, and the SHA-256 of every part."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from migrator_kit.engagement import digest_text
from migrator_kit.errors import SnapshotChanged
from migrator_kit.source.model import SourceTable
from migrator_kit.source.notation import Notation

FILE_NAME = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PartFile(_Part):
    """One Parquet file: its path below the snapshot folder, its rows, size and SHA-256."""

    path: str
    rows: int
    bytes: int
    sha256: str


class Reference(_Part):
    """A foreign key as the source declares it."""

    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]


class Extraction(_Part):
    """How the rows of a table were read."""

    how: Literal["whole", "by watermark"] = "whole"
    why: str = ""
    """Why a table was read whole though there was a snapshot before."""
    column: str | None = None
    since: str | None = None
    """The greatest mark of the snapshot before: rows with this or a later one were read."""
    rows_read: int | None = None
    changed: int = 0
    """Rows that are new or differ from the snapshot before."""
    gone: int = 0
    """Rows of the snapshot before that the source does not have any more."""

    @property
    def told(self) -> str:
        """How the rows were read, in words; empty for the first snapshot of a table."""
        if self.how == "by watermark":
            return (
                f"by {self.column} since {self.since}: {self.rows_read:,} rows read, "
                f"{self.changed:,} new or changed, {self.gone:,} gone"
            )
        return f"read whole, because {self.why}" if self.why else ""


class TableManifest(_Part):
    """One table: rows, Arrow type of each column, what the source declares, its parts."""

    rows: int
    columns: dict[str, str]
    declared: dict[str, str]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[Reference, ...] = ()
    parts: tuple[PartFile, ...]
    reading: dict[str, str] = {}
    """How the table was read, where that had to be found out, and what came up on the way."""
    written: dict[str, Notation] = {}
    """How dates and amounts are written in columns of text, as their values tell."""
    extraction: Extraction = Extraction()
    taken_at: datetime
    """When its reading began: later than the snapshot's time where a broken run was resumed."""

    @classmethod
    def of(
        cls,
        table: SourceTable,
        columns: dict[str, str],
        parts: tuple[PartFile, ...],
        notes: dict[str, str],
        written: dict[str, Notation],
        extraction: Extraction,
        taken_at: datetime,
    ) -> TableManifest:
        """Return the manifest of a table whose parts are written."""
        keys = (Reference(columns=k.columns, to_table=k.to_table, to_columns=k.to_columns)
                for k in table.foreign_keys)  # fmt: skip
        return cls(
            rows=sum(part.rows for part in parts),
            columns=columns,
            declared=table.columns,
            primary_key=table.primary_key,
            foreign_keys=tuple(keys),
            parts=parts,
            reading=table.reading | notes,
            written=written,
            extraction=extraction,
            taken_at=taken_at,
        )


class Origin(_Part):
    """Where a snapshot came from, without credentials, and where its documents lie."""

    kind: str
    location: str
    documents: Path | None = None


class Manifest(_Part):
    """The content of `manifest.json`."""

    version: Literal[1] = 1
    snapshot_id: str
    digest: str
    taken_at: datetime
    watermark: datetime
    """Changes made in the source up to here are in the snapshot."""
    source: Origin
    tables: dict[str, TableManifest]


def extraction_lines(manifest: Manifest) -> list[str]:
    """Return in words how the tables were read, where there was a snapshot before."""
    told = {name: table.extraction.told for name, table in manifest.tables.items()}
    return [f"{name}: {how}" for name, how in told.items() if how]


def size_of(path: Path) -> int | None:
    """Return the bytes of a file; None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def content_digest(tables: dict[str, TableManifest]) -> str:
    """Return one SHA-256 over table names, columns and parts: not over time or place."""
    lines = []
    for name in sorted(tables):
        table = tables[name]
        lines.append(f"table {name} {table.rows}")
        lines += [f"column {column} {kind}" for column, kind in table.columns.items()]
        lines += [f"part {part.rows} {part.sha256}" for part in table.parts]
    return digest_text(*lines)


def read_manifest(folder: Path) -> Manifest:
    """Return a snapshot folder's manifest. Raises SnapshotChanged where it was altered."""
    path = folder / FILE_NAME
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise SnapshotChanged(
            f"{folder} is no snapshot: {FILE_NAME} is missing.",
            hint="Take a new one: migrator snapshot DIR",
        ) from None
    except ValidationError as error:
        raise SnapshotChanged(
            f"{path} is damaged ({error.error_count()} problem(s)).",
            hint="Restore it from a copy, or take a new snapshot: migrator snapshot DIR",
        ) from None
    if content_digest(manifest.tables) != manifest.digest:
        raise SnapshotChanged(
            f"{path} was altered: its digest does not fit its tables.",
            hint="Restore it from a copy, or take a new snapshot: migrator snapshot DIR",
        )
    return manifest
