"""Bytes of a text for Arrow's reader, which asks for them in threads of its own.

Two things must not happen there. A Python error must not be raised in such a thread, so bytes that
are no text end the stream and are reported afterwards. And a thread must not hold a Python object
when the interpreter ends, which would abort the process: so the reader is waited for until it has
let go of all that it was given.
"""

from __future__ import annotations

import codecs
import threading
import weakref
from typing import Any, BinaryIO, TypeVar

Given = TypeVar("Given")

_LONGEST_WAIT = 30.0
_BLOCK = 2**20


class Reading:
    """One pass of Arrow's reader over a text: what it met, and whether it has let go."""

    def __init__(self, stream: BinaryIO, encoding: str, tolerated: int) -> None:
        self.undecodable = False
        self.ragged = 0
        """Rows whose number of values is not the header's; `tolerated` of them are skipped."""
        self._tolerated = tolerated
        self._source = (stream, encoding)
        self._held = 0
        self._released = threading.Condition()

    @property
    def too_ragged(self) -> bool:
        """Whether there were more ragged rows than are tolerated."""
        return self.ragged > self._tolerated

    def stream(self) -> Utf8Stream:
        """Return the text as UTF-8 bytes, for one reader."""
        return self._watched(Utf8Stream(self, *self._source))

    def ragged_rows(self) -> RaggedRows:
        """Return what the reader asks about a ragged row."""
        return self._watched(RaggedRows(self))

    def judge(self) -> str:
        """Count a ragged row and say what becomes of it."""
        self.ragged += 1
        return "error" if self.too_ragged else "skip"

    def wait(self) -> None:
        """Return once the reader holds nothing more of what it was given."""
        with self._released:
            self._released.wait_for(lambda: self._held == 0, timeout=_LONGEST_WAIT)

    def _watched(self, given: Given) -> Given:
        self._held += 1
        weakref.finalize(given, self._let_go).atexit = False
        return given

    def _let_go(self) -> None:
        with self._released:
            self._held -= 1
            self._released.notify_all()


class Utf8Stream:
    """A file that can be read forward. It ends early where its bytes are no text."""

    def __init__(self, reading: Reading, stream: BinaryIO, encoding: str) -> None:
        self.closed = False
        self._reading = reading
        self._stream = stream
        self._rest = b""
        self._ended = False
        self._is_utf8 = encoding == "utf-8"
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; none at the end."""
        if self._is_utf8:
            return self._as_it_is(size)
        # As much as is asked for: a row may be as long as one answer, and no longer.
        blocks = [self._rest]
        held = len(self._rest)
        while not self._ended and held < size:
            block = self._stream.read(_BLOCK)
            self._ended = not block
            try:
                blocks.append(self._decoder.decode(block, final=self._ended).encode())
            except UnicodeError:
                self._reading.undecodable = self._ended = True
                break
            held += len(blocks[-1])
        whole = b"".join(blocks)
        self._rest = whole[size:]
        return whole[:size]

    def _as_it_is(self, size: int) -> bytes:
        """Return bytes of the file that are text already, once they are known to be.

        The reader shows a ragged row as text: bytes that are none, and half a character, would
        fail in its thread.
        """
        while not self._ended:
            block = self._stream.read(size - len(self._rest))
            self._ended = not block
            try:
                self._decoder.decode(block, final=self._ended)
            except UnicodeError:
                self._reading.undecodable = self._ended = True
                break
            whole, begun = self._rest + block, self._decoder.getstate()[0]
            self._rest = begun
            if len(whole) > len(begun):
                return whole[: len(whole) - len(begun)]
        return b""

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def writable(self) -> bool:
        """Whether it can be written to: never."""
        return False

    def seekable(self) -> bool:
        """Whether it can be read again: never."""
        return False

    def close(self) -> None:
        """End the stream; the file behind it is closed by whoever opened it."""
        self.closed = True


class RaggedRows:
    """Answers the reader's question what to do with a row that has too many or too few values."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def __call__(self, _: Any) -> str:
        return self._reading.judge()
