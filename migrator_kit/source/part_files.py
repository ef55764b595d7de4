"""Parts of a table on disk: written once, or taken over from the snapshot before."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from migrator_kit.engagement import digest_file
from migrator_kit.source.manifest import PartFile


@dataclass(frozen=True, slots=True)
class PartFolder:
    """The folder of one table inside the folder of a snapshot."""

    snapshot: Path
    table: Path

    def write(self, number: int, rows: pa.Table) -> PartFile:
        """Write a part. Its number is its place in the order of the table."""
        path = self.table / f"part-{number:05d}.parquet"
        # Pages of the file end where chunks do: the same rows shall give the same bytes.
        parquet.write_table(rows.combine_chunks(), path, compression="zstd")
        return PartFile(
            path=path.relative_to(self.snapshot).as_posix(),
            rows=rows.num_rows,
            bytes=path.stat().st_size,
            sha256=digest_file(path),
        )

    def take_over(self, path: Path, part: PartFile) -> PartFile:
        """Take a part of another snapshot as it is, without a second copy where the disk can."""
        own = self.table / path.name
        try:
            os.link(path, own)
        except OSError:
            shutil.copyfile(path, own)
        return part.model_copy(update={"path": own.relative_to(self.snapshot).as_posix()})


def number_of(path: Path) -> int:
    """Return the number of a part."""
    return int(path.stem.rpartition("-")[2])
