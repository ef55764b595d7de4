"""Shaped datasets on disk: what should be in Zoho CRM, as Parquet parts by object, and the rejects.

A dataset is written once, in a folder named by the digest of what it was made from, and never
changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
import pandas as pd
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from migrator_kit.engagement import Engagement, slug
from migrator_kit.errors import GateClosed, SnapshotChanged
from migrator_kit.mapping.model import Landing, ObjectName
from migrator_kit.mapping.objects import literal, to_frame

MANIFEST = "manifest.json"
REJECTS = "rejects.parquet"
_LATEST = "latest"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShapedObject(_Part):
    """One object: source rows = rows that move + rows excluded. Parts are named from the folder."""

    landing: Landing
    module: str | None
    source_rows: int
    rows: int
    excluded: int
    parts: tuple[str, ...]
    practices: dict[str, int] = {}
    """Source rows of each practice of a group."""


class ShapedManifest(_Part):
    """What a dataset was made from, and what it holds."""

    version: Literal[1] = 1
    digest: str
    snapshot_id: str
    snapshot_digest: str
    mapping_digest: str
    code_version: str
    zone: str
    region: str | None
    day_first: bool
    objects: dict[ObjectName, ShapedObject]


@dataclass(frozen=True, slots=True)
class ShapedDataset:
    """An opened dataset. An object that the mapping does not have counts as one without rows."""

    folder: Path
    digest: str
    manifest: ShapedManifest

    def parts(self, name: ObjectName, /) -> list[Path]:
        """Return the Parquet parts of an object, in the order of its keys."""
        found = self.manifest.objects.get(name)
        return [self.folder / part for part in found.parts] if found else []

    def rows(self, name: ObjectName, /) -> int:
        """Return how many rows of an object move."""
        found = self.manifest.objects.get(name)
        return found.rows if found else 0

    def source_rows(self, name: ObjectName, /, practice: str | None = None) -> int:
        """Return how many rows of an object the source has, or one practice of a group."""
        found = self.manifest.objects.get(name)
        if found is None:
            return 0
        return found.source_rows if practice is None else found.practices.get(practice, 0)

    def excluded(self, name: ObjectName, /) -> int:
        """Return how many rows of an object do not move."""
        found = self.manifest.objects.get(name)
        return found.excluded if found else 0

    def rejects(self) -> pd.DataFrame:
        """Return all rejects: object, source_id, field, reason, action, expected, remedy."""
        return to_frame(pq.read_table(self.folder / REJECTS))

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection with a view for each object, by its slug, and `rejects`."""
        connection = open_database(self.folder)
        for name in self.manifest.objects:
            listed = ", ".join(literal(path) for path in self.parts(name))
            connection.execute(
                f"CREATE VIEW {slug(name)} AS SELECT * FROM read_parquet([{listed}])"
            )
        rejects = literal(self.folder / REJECTS)
        connection.execute(f"CREATE VIEW rejects AS SELECT * FROM read_parquet({rejects})")
        return connection


def open_shaped(engagement: Engagement) -> ShapedDataset:
    """Return the dataset that was shaped last. Raises GateClosed where there is none."""
    folder = _latest(engagement.shaped)
    if folder is None:
        raise GateClosed(
            "Nothing was shaped yet: the mapping has not been applied to a snapshot.",
            gate="shape",
            opens_with=f"migrator plan {engagement.folder}",
        )
    return read_dataset(folder)


def read_dataset(folder: Path) -> ShapedDataset:
    """Return the dataset in a folder. Raises SnapshotChanged where it is damaged."""
    try:
        manifest = ShapedManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, ValidationError):
        manifest = None
    needed = [REJECTS]
    for one in manifest.objects.values() if manifest else ():
        needed += one.parts
    if manifest is None or not all((folder / name).is_file() for name in needed):
        raise SnapshotChanged(
            f"The shaped dataset {folder.name} is damaged.",
            hint=f"Delete the folder {folder} and run the same command again.",
        )
    return ShapedDataset(folder, manifest.digest, manifest)


def mark_latest(dataset: ShapedDataset) -> None:
    """Make a dataset the one that `open_shaped` returns, whatever the clock says."""
    mark = dataset.folder.parent / _LATEST
    fresh = mark.with_suffix(".new")
    fresh.write_text(dataset.folder.name, encoding="utf-8")
    fresh.replace(mark)


def _latest(home: Path) -> Path | None:
    """Return the folder that was marked last; where none is, the one written last."""
    mark = home / _LATEST
    named = home / mark.read_text(encoding="utf-8") if mark.is_file() else None
    if named is not None and (named / MANIFEST).is_file():
        return named
    manifests = home.glob(f"[!.]*/{MANIFEST}")
    newest = max(manifests, key=lambda path: path.stat().st_mtime_ns, default=None)
    return newest.parent if newest else None


def open_database(spill: Path) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB for shaping: bounded memory, spills to disk, no downloads."""
    connection = duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": "1000MB",
            "temp_directory": str(spill / ".spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection
