"""Compressed exports as streams: what is damaged, or swells beyond reason, is a SourceError."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from migrator_kit.errors import SourceError

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
          ValueError)  # fmt: skip
"""What torn or foreign archives make their readers raise."""

_BLOCK = 1 << 18
_ENOUGH = 1 << 30
_MOST_TIMES = 400
"""Tables of text shrink to a tenth or a fiftieth; only files made for it swell more than this."""


class _Whole(io.RawIOBase):
    """A compressed stream that says what is wrong with it in the words of a source."""

    def __init__(self, stream: Any, name: str, packed_size: int) -> None:
        self._stream, self._name, self._packed_size = stream, name, packed_size
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._stream.read(len(buffer))
        except DAMAGE:
            raise damaged(self._name) from None
        self._read += len(found)
        if self._read > max(_ENOUGH, self._packed_size * _MOST_TIMES):
            raise SourceError(
                f"{self._name} unpacks to more than {_MOST_TIMES} times its size: no export does.",
                hint="Ask where it comes from. If it is right, unpack it and name the folder.",
            )
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def opened(open_it: Callable[[], Any], name: str, packed_size: int) -> BinaryIO:
    """Open a compressed stream. Raises SourceError, now or when it is read, where it is damaged."""
    try:
        stream = open_it()
    except DAMAGE:
        raise damaged(name) from None
    return cast(BinaryIO, io.BufferedReader(_Whole(stream, name, packed_size), _BLOCK))


def damaged(name: str) -> SourceError:
    """Return the error for a compressed file that cannot be unpacked."""
    return SourceError(
        f"{name} is damaged: it cannot be unpacked to its end.",
        hint="Copy it again from where it was made, and compare its size.",
    )
