"""Which known word a wrong one stands for: one rule for every "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rapidfuzz import fuzz, process

_ALIKE = 65
"""Per cent of likeness from which a word is offered: a far one would mislead."""


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known word that a wrong one probably stands for, None where none is near."""
    words = {word: word.casefold() for word in known}
    found = process.extractOne(name.casefold(), words, scorer=_likeness, score_cutoff=_ALIKE)
    return str(found[2]) if found else None


def offer(name: str, known: Iterable[str]) -> str:
    """Return the word that was meant as a sentence with a blank after it; empty where none is."""
    word = meant(name, known)
    return f"Did you mean {word!r}? " if word else ""


def correction(name: str, known: Iterable[str]) -> str:
    """Return what to do about a wrong word, as the end of a sentence."""
    word = meant(name, known)
    return f"did you mean {word!r}?" if word else "correct the name"


def _likeness(one: str, other: str, **_: Any) -> float:
    """Return per cent. Of `Object.Field` both count: fields of one object are not alike by it."""
    (head, dot, tail), (other_head, other_dot, other_tail) = (
        word.rpartition(".") for word in (one, other)
    )
    if dot and other_dot:
        return min(fuzz.ratio(head, other_head), fuzz.ratio(tail, other_tail))
    return fuzz.WRatio(one, other)
