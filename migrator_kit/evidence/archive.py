"""A zip archive that is the same for the same files, and in which every byte counts.

Entries are stored, not compressed: a compressed stream has bits that nothing reads, and a change
there would go unnoticed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import IO, BinaryIO

_CHUNK = 1 << 20
_TIME = (1980, 1, 1, 0, 0, 0)
WHOLE = "(the archive itself)"
"""What is altered where it is no file's own bytes."""


def write_archive(path: Path, members: Mapping[str, Path | bytes], comment: str) -> None:
    """Write files under their names, in the order given."""
    fresh = path.with_name(path.name + ".new")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        archive.comment = comment.encode("ascii")
        for name, content in members.items():
            if isinstance(content, bytes):
                _add(archive, name, BytesIO(content), len(content))
                continue
            with content.open("rb") as source:
                _add(archive, name, source, content.stat().st_size)
    fresh.chmod(0o600)
    fresh.replace(path)


def altered_structure(path: Path, work: Path) -> str | None:
    """Return the name of the first entry whose bytes are not as `write_archive` writes them.

    `work` is an empty folder for a second copy. None where the archive is as it was written.
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        again = work / "again.zip"
        with zipfile.ZipFile(again, "w", zipfile.ZIP_STORED, allowZip64=True) as copy:
            copy.comment = archive.comment
            for entry in entries:
                with archive.open(entry) as source:
                    _add(copy, entry.filename, source, entry.file_size)
        with zipfile.ZipFile(again) as copy:
            begins = [(entry.header_offset, entry.filename) for entry in copy.infolist()]
            begins.append((copy.start_dir, WHOLE))
    with path.open("rb") as one, again.open("rb") as other:
        offset = _first_difference(one, other)
    if offset is None:
        return None
    for (start, name), (end, _) in pairwise(begins):
        if start <= offset < end:
            return name
    return WHOLE


def _add(archive: zipfile.ZipFile, name: str, content: IO[bytes], size: int) -> None:
    """Write one entry. Its size is told first: headers for large files differ among Pythons."""
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    entry.file_size = size
    with archive.open(entry, "w") as target:
        while chunk := content.read(_CHUNK):
            target.write(chunk)


def _first_difference(one: BinaryIO, other: BinaryIO) -> int | None:
    offset = 0
    while True:
        left, right = one.read(_CHUNK), other.read(_CHUNK)
        if left != right:
            shared = min(len(left), len(right))
            return offset + next((i for i in range(shared) if left[i] != right[i]), shared)
        if not left:
            return None
        offset += len(left)
