"""Greek letters in Latin ones, as Greek passports write them (ELOT 743, ISO 843 type 2)."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

from migrator_kit.mapping.transforms.registry import (
    Options,
    Transformed,
    no_reasons,
    one_column,
)

_LETTERS = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_PAIRS = {"ου": "ou", "γγ": "ng", "γξ": "nx", "γχ": "nch"}
_VOICED = "αεηιουωβγδζλμνρ"
_GREEK = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]+")
_MARKS = "\u0301\u0300\u0342\u0313\u0314\u0345\u0304\u0306"
_ACCENT, _DIAERESIS = "\u0301", "\u0308"


@one_column("latin", version=1)
def latin(values: pd.Series, _options: Options) -> Transformed:
    """Greek names in Latin letters, as passports write them; other letters stay as they are."""
    read = [_GREEK.sub(lambda word: _word(word[0]), value) for value in values]
    return Transformed(pd.Series(read, index=values.index, dtype="str"), no_reasons(values.index))


def _word(word: str) -> str:
    letters = _apart(word)
    told, place = [], 0
    while place < len(letters):
        taken, latin_letters = _next(letters, place)
        first = letters[place][0]
        if first.isupper() and len(word) > 1 and word.isupper():
            latin_letters = latin_letters.upper()
        elif first.isupper():
            latin_letters = latin_letters.capitalize()
        told.append(latin_letters)
        place += taken
    return "".join(told)


def _apart(word: str) -> list[tuple[str, bool]]:
    """Return letters without accents; and for each whether it makes no pair with the one before.

    An accent on the first of two vowels, or two dots on the second, keep them apart.
    """
    letters: list[tuple[str, bool]] = []
    accented = False
    for sign in unicodedata.normalize("NFD", word):
        if sign == _DIAERESIS and letters:
            letters[-1] = (letters[-1][0], True)
        elif sign in _MARKS and letters:
            accented = sign == _ACCENT
        else:
            letters.append((sign, accented))
            accented = False
    return letters


def _next(letters: list[tuple[str, bool]], place: int) -> tuple[int, str]:
    """Return how many letters are taken next, and what they are in Latin."""
    sign = letters[place][0].lower()
    beside, apart = letters[place + 1] if place + 1 < len(letters) else ("", True)
    pair = sign + beside.lower()
    if pair == "μπ":
        at_edge = place == 0 or place + 2 == len(letters)
        return 2, "b" if at_edge else "mp"
    if pair in ("γγ", "γξ", "γχ") or (pair == "ου" and not apart):
        return 2, _PAIRS[pair]
    if pair in ("αυ", "ευ", "ηυ") and not apart:
        after = letters[place + 2][0].lower() if place + 2 < len(letters) else ""
        return 2, _LETTERS[sign] + ("v" if after and after in _VOICED else "f")
    return 1, _LETTERS.get(sign, letters[place][0])
