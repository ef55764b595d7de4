"""Which encoding a text has: found from its bytes, named so that a person can overrule it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

_BLOCK = 2**20
_SAMPLE = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The code pages of desktop programs in Europe, the Americas and the Middle East. Fewer candidates
# give better guesses: the detector knows ninety, most of them of no use here.
_CANDIDATES = [
    "cp1252", "cp1253", "cp1250", "cp1251", "cp1254", "cp1255", "cp1256", "cp1257",
    "cp737", "cp437", "cp850", "mac_roman",
]  # fmt: skip
_WORD = re.compile(r"[^\s\d'\"(),;]+")
_GREEK = frozenset("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈΉΊΌΎΏ")


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a file told: its encoding, its quote marks, its size in bytes."""

    encoding: str
    certain: bool
    quotes: int
    apostrophes: int
    size: int


def survey(stream: BinaryIO) -> Survey:
    """Read a file once in blocks and say how it is encoded. Memory is bounded by the block."""
    decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    quotes = apostrophes = size = 0
    marked: str | None = None
    foreign = bytearray()
    while block := stream.read(_BLOCK):
        if size == 0:
            marked = next((name for mark, name in _MARKS if block.startswith(mark)), None)
            marked = marked or _wide(block)
        size += len(block)
        quotes += block.count(b'"')
        apostrophes += block.count(b"'")
        if decoder is not None:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                decoder = None
        if len(foreign) < _SAMPLE:
            foreign += _foreign_lines(block, _SAMPLE - len(foreign))
    if marked:
        return Survey(marked, True, quotes, apostrophes, size)
    if decoder is not None and _ends_whole(decoder):
        return Survey("utf-8", True, quotes, apostrophes, size)
    return Survey(guess(bytes(foreign)), False, quotes, apostrophes, size)


def guess(sample: bytes) -> str:
    """Return the likeliest code page of text that is not UTF-8, by its name in Python."""
    if _mostly_greek(sample):
        return "cp1253"
    best = from_bytes(sample, cp_isolation=_CANDIDATES).best()
    return best.encoding if best is not None else "cp1252"


def repaired(rows: Iterable[bytes]) -> tuple[list[str], str | None]:
    """Return texts decoded one by one: UTF-8 where it is that, else by one guessed code page.

    The second value names the code page where one was needed.
    """
    texts: list[str | None] = []
    broken: list[tuple[int, bytes]] = []
    for position, row in enumerate(rows):
        try:
            texts.append(row.decode())
        except UnicodeDecodeError:
            texts.append(None)
            broken.append((position, row))
    page: str | None = None
    if broken:
        page = guess(b"\n".join(row for _, row in broken)[:_SAMPLE])
        for position, row in broken:
            texts[position] = row.decode(page, errors="replace")
    return [text or "" for text in texts], page


def _wide(block: bytes) -> str | None:
    """Return UTF-16 where every second byte of the start is zero, as in unmarked exports."""
    start = block[:512]
    if len(start) < 4:
        return None
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > len(start) * 0.4 and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > len(start) * 0.4 and odd == 0 else None


def _ends_whole(decoder: codecs.IncrementalDecoder) -> bool:
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _foreign_lines(block: bytes, room: int) -> bytes:
    """Return the lines of a block that hold bytes beyond ASCII, up to `room` bytes."""
    if block.isascii():
        return b""
    kept = bytearray()
    for line in block.splitlines(keepends=True):
        if not line.isascii():
            kept += line
            if len(kept) >= room:
                break
    return bytes(kept[:room])


def _mostly_greek(sample: bytes) -> bool:
    """Whether the bytes beyond ASCII read as Greek words in Windows-1253.

    The detector confuses Windows-1253 with Western and Cyrillic pages on short name lists, where
    it has no running text to go by. Western names mix both alphabets within a word when read as
    Greek; Cyrillic ones are full of two letters that Greek hardly uses.
    """
    text = sample.decode("cp1253", errors="replace")
    letters = [c for c in text if ord(c) > 127]
    words = [w for w in _WORD.findall(text) if any(ord(c) > 127 for c in w)]
    if not letters:
        return False
    greek = sum(c in _GREEK for c in letters) / len(letters)
    whole = sum(all(c in _GREEK or not c.isalpha() for c in word) for word in words)
    rare = sum(c in "ΰΐ" for c in letters) / len(letters)
    return greek > 0.95 and whole >= 0.7 * len(words) and rare < 0.02
