"""Texts that people type where they have nothing to say."""

from __future__ import annotations

_WORDS = frozenset(
    (
        "n/a", "na", "n.a.", "none", "no", "null", "nil", "unknown", "unk", "-", "--", "---", ".",
        "?", "x", "xx", "xxx", "tbd", "not given", "not known", "keine", "unbekannt", "καμία",
        "δεν έχει", "όχι", "no tiene", "sin", "0",
    )
)  # fmt: skip


def is_placeholder(value: str) -> bool:
    """Return whether a contact's text says that there is none."""
    return value.strip().casefold() in _WORDS
