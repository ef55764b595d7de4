"""Runs of words as numbers: how patient values and pages are compared without storing either.

Words are letters and digits, folded so that case, accents and leading zeros do not matter. A run
of up to `LONGEST` words is one 64-bit number, so that millions of values are a sorted array.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

LONGEST = 6
"""Words in a run. Longer values are cut into runs of this length, one after the other."""

WORD = re.compile(r"[^\W_]+")
WORD_SQL = r"[\p{L}\p{N}]+"
"""The same words for DuckDB's `regexp_extract_all` on text in normal form C."""

_BASE = np.uint64(0x9E3779B97F4A7C15)

Hashes = npt.NDArray[np.uint64]


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """Return a word without case, accents and leading zeros."""
    plain = unicodedata.normalize("NFKD", word.casefold())
    kept = "".join(c for c in plain if not unicodedata.combining(c)).replace("ς", "σ")
    return kept.lstrip("0") or "0" if kept.isdecimal() else kept


def hash_words(words: Iterable[str]) -> Hashes:
    """Return one number for each folded word."""
    digests = b"".join(hashlib.blake2b(w.encode(), digest_size=8).digest() for w in words)
    return np.frombuffer(digests, dtype=np.uint64)


def windows(hashes: Hashes, length: int) -> Hashes:
    """Return the number of every run of `length` words, in order; empty where there are fewer."""
    count = len(hashes) - length + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    total = np.zeros(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for offset in range(length):
            total = total * _BASE + hashes[offset : offset + count]
    return total


def words_of(text: str) -> tuple[list[str], list[int]]:
    """Return the folded words of a text and where each begins."""
    found = [(match[0], match.start()) for match in WORD.finditer(text)]
    return [fold(word) for word, _ in found], [start for _, start in found]
