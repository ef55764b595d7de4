"""Multipart bodies read from disk in pieces: the whole file is never in memory."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from migrator_kit.errors import SourceError

PIECE = 1024 * 1024


class Upload:
    """A `multipart/form-data` body with one file part, readable once, with a known length.

    File names travel as UTF-8. `sha256` is that of the bytes sent, once all were read.
    """

    def __init__(self, path: Path, name: str, *, field: str = "file") -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = _head(boundary, field, name)
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise SourceError(
                f"A file to upload cannot be read: {type(error).__name__}.",
                hint="Check that the documents folder is complete and readable.",
            ) from None
        self.size = path.stat().st_size
        self._digest = hashlib.sha256()
        self._left = self.size

    def __len__(self) -> int:
        """Return the length of what is left to send; requests sets Content-Length by it."""
        return len(self._head) + self._left + len(self._tail)

    def read(self, size: int = -1) -> bytes:
        """Return the next piece of the body, at most a megabyte."""
        wanted = PIECE if size is None or size < 0 else min(size, PIECE)
        if self._head:
            piece, self._head = self._head[:wanted], self._head[wanted:]
            return piece
        if self._left:
            piece = self._file.read(min(wanted, self._left))
            if not piece:
                raise SourceError(
                    "A file became shorter while it was being sent.",
                    hint="Leave the documents folder alone during a run, then retry.",
                )
            self._left -= len(piece)
            self._digest.update(piece)
            return piece
        piece, self._tail = self._tail[:wanted], self._tail[wanted:]
        return piece

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces: requests takes a body for a stream by this."""
        while piece := self.read(PIECE):
            yield piece

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes that were sent so far."""
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _head(boundary: str, field: str, name: str) -> bytes:
    """Return the part's header. Quotes and line breaks in names are percent-encoded, as in HTML."""
    safe = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{field}"; filename="{safe}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
