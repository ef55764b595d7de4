"""What the practice's files are: digest, size, kind by content, and what is wrong with them.

Files may lie in a folder or in a column of a table; those of a column are written out first, part
by part, under the names that another column gives them.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import pandas as pd
from pyarrow import parquet

from migrator_kit.engagement import BlobSettings
from migrator_kit.errors import SourceError
from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.documents import list_files, normalised

BLOBS = "blob_documents"
"""Folder of an engagement for files that lay in a column of the source."""

_HEAD = 4096
_BLOCK = 2**20
_BATCH = 64
# A table of its own: puremagic put another kind first for 6 of 10 real DICOM files.
_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (128, b"DICM", "application/dicom"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"GIF8", "image/gif"),
    (0, b"BM", "image/bmp"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftyp", "video/mp4"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"solid ", "model/stl"),
)


def kind_of(head: bytes) -> str:
    """Return the media type of a file from its first bytes; `unknown` where none is known."""
    for place, mark, kind in _KINDS:
        if head[place : place + len(mark)] == mark:
            return kind
    try:
        # What was read may end within a letter: the rest of it is not asked for.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "unknown"
    return "text/plain" if text and "\0" not in text else "unknown"


def examine(root: Path, *, limit_mb: float = 25, progress: Progress = SILENT) -> pd.DataFrame:
    """Return every file below `root`: path, bytes, sha256, kind, problem (null: none).

    Problems: `unreadable`, `empty`, `oversize`, `duplicate` (a file earlier by path has the same
    content). A file is read once, in blocks.
    """
    files = list_files(root)
    found = []
    with progress("Reading the files", len(files)) as step:
        for path in files["path"]:
            found.append(_looked_at(root / path))
            step.advance()
    files["sha256"] = pd.Series([digest for digest, _ in found], dtype="str")
    files["kind"] = pd.Series([kind for _, kind in found], dtype="str")
    problem = pd.Series(None, index=files.index, dtype="str")
    problem[files["sha256"].notna() & files["sha256"].duplicated()] = "duplicate"
    problem[files["bytes"] > limit_mb * 2**20] = "oversize"
    problem[files["bytes"] == 0] = "empty"
    problem[files["sha256"].isna()] = "unreadable"
    files["problem"] = problem
    return files


def _looked_at(path: Path) -> tuple[str | None, str | None]:
    whole = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
            whole.update(head)
            while block := stream.read(_BLOCK):
                whole.update(block)
    except OSError:
        return None, None
    return whole.hexdigest(), kind_of(head)


def write_out(parts: Iterable[Path], blobs: BlobSettings, to: Path) -> int:
    """Write the files of a column below `to`, and return how many there are.

    `parts` are the Parquet files of the table. Rows without content write nothing. Where two rows
    give different content the same name, each lies in a folder of its own, so that neither is
    taken for the other. Raises SourceError where a column is missing or holds no bytes.
    """
    written, shared = 0, set[PurePosixPath]()
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, (name, content) in enumerate(_rows(parts, blobs), start=1):
        if content is None:
            continue
        place = _place(name, number)
        target = to / place
        if place not in shared and target.exists() and target.read_bytes() != content:
            shared.add(place)
            first = to / f"before row {number}" / place
            first.parent.mkdir(parents=True)
            target.rename(first)
        if place in shared:
            target = to / f"row {number}" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written += 1
    return written


def _rows(parts: Iterable[Path], blobs: BlobSettings) -> Iterator[tuple[str | None, bytes | None]]:
    for part in parts:
        with parquet.ParquetFile(part) as file:
            held = {field.name: str(field.type) for field in file.schema_arrow}
            for column in filter(None, (blobs.column, blobs.name)):
                if column not in held:
                    raise SourceError(
                        f"Table {blobs.table} has no column {column}.",
                        hint="Correct `blobs:` under `source:` in engagement.yml.",
                    )
            if held[blobs.column] not in ("binary", "large_binary", "null"):
                raise SourceError(
                    f"Table {blobs.table}, column {blobs.column}: no bytes but "
                    f"{held[blobs.column]}.",
                    hint="Name the column that holds the files as `column:` under `blobs:`.",
                )
            wanted = [blobs.column, *([blobs.name] if blobs.name else [])]
            for batch in file.iter_batches(_BATCH, columns=wanted):
                contents = batch.column(blobs.column).to_pylist()
                names = batch.column(blobs.name).to_pylist() if blobs.name else [None] * len(batch)
                yield from zip(names, contents, strict=True)


def _place(name: object, number: int) -> PurePosixPath:
    """Return a relative place for a file: its name as the source writes it, kept inside."""
    plain = normalised(pd.Series([None if name is None else str(name)], dtype="str"))[0]
    parts = [part for part in str(plain or "").split("/") if part not in ("", ".", "..", "nan")]
    return PurePosixPath(*parts) if parts and pd.notna(plain) else PurePosixPath(f"row-{number}")
