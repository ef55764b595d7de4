"""Which columns are keys, and of what: primary keys, and references with what they point to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from migrator_kit.mapping.propose.schema import Schema
from migrator_kit.mapping.propose.wordmatch import WordMatch
from migrator_kit.source.naming import names_identity, words

_IDENTITY_WORDS = frozenset(
    ("id", "identifier", "number", "key", "num", "guid", "uuid", "oid", "pk", "fk", "source",
     "system", "external", "legacy", "foreign", "primary", "reference", "name", "i")
)  # fmt: skip
_OF_SOURCE = frozenset(("source", "external", "legacy"))
_POINTS = re.compile(
    r"\b(?:foreign key|fk)(?: identifier| id)?(?: (?:that )?(?:refers|references|points))?"
    r" (?:to|of|for)(?: an?| the)? ((?:\w+ ?){1,3})", re.IGNORECASE
)  # fmt: skip
_STOP = frozenset(("of", "who", "that", "which", "where", "when", "in", "or", "table", "with"))
_SHORT = 4
"""Words of a description that names what a key points to, and says nothing more."""
_LESS = frozenset(("the", "a", "an", "predefined", "record"))


@dataclass(frozen=True, slots=True)
class Keys:
    """By column: whether it identifies its own table's rows, or points to something, and what."""

    primary: np.ndarray
    foreign: np.ndarray
    entities: tuple[tuple[str, ...], ...]

    @property
    def any(self) -> np.ndarray:
        """Whether a column is a key of either sort."""
        return np.asarray(self.primary | self.foreign)


def keys_of(schema: Schema) -> Keys:
    """Return the keys of a schema, from what is declared, described and named."""
    size = len(schema)
    primary, foreign = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    entities: list[tuple[str, ...]] = [()] * size
    known = {word for table in schema.table_words for word in table}
    taken: set[int] = set()
    for n in range(size):
        table = int(schema.table_index[n])
        base = tuple(w for w in schema.names[n] if w not in _IDENTITY_WORDS)
        pointed = _pointed(schema, n)
        own = schema.table_words[table]
        if pointed:
            foreign[n], entities[n] = True, pointed
        elif schema.keys[n] or (table not in taken and _is_primary(schema, n, base, own)):
            primary[n], entities[n] = True, own or base
            taken.add(table)
        elif _is_reference(schema.columns[n], base, known) or "lookup" in schema.types[n]:
            told = [w for w in schema.texts[n] if w not in _IDENTITY_WORDS and w != "code"]
            short = tuple(told) if len(schema.texts[n]) <= _SHORT else ()
            foreign[n], entities[n] = True, short or base or schema.names[n]
    return Keys(primary, foreign, tuple(entities))


def _pointed(schema: Schema, n: int) -> tuple[str, ...]:
    """Return the words of what a column points to, as declared or described."""
    if schema.references[n]:
        return tuple(schema.expand(words(schema.references[n].split(".")[0])))
    found = _POINTS.search(schema.told[n])
    if not found:
        return ()
    told = takewhile(lambda word: word not in _STOP, words(found[1]))
    return tuple(schema.expand([word for word in told if word not in _LESS]))


def _is_primary(schema: Schema, n: int, base: Sequence[str], own: Sequence[str]) -> bool:
    text = schema.texts[n]
    if "primary" in text[:6] and "key" in text[:8]:
        return True
    plain = schema.columns[n].removesuffix("__c")
    if not (names_identity(plain) or plain.lower().endswith("identifier")):
        return False
    if _OF_SOURCE & set(schema.names[n]):
        return True
    return not base or set(base) <= set(own) or set(own) <= set(base)


def _is_reference(name: str, base: Sequence[str], known: set[str]) -> bool:
    plain = name.removesuffix("__c")
    if not names_identity(plain) or not base:
        return False
    return words(plain)[-1] == "id" or set(base) <= known


def key_evidence(own: Keys, other: Keys) -> list[np.ndarray]:
    """Return by pairs: both primary, same thing pointed to, different things, only one a key."""
    left = [entity or ("-",) for entity in own.entities]
    right = [entity or ("+",) for entity in other.entities]
    forward, back = WordMatch([left], [right]).covered(left, right)
    alike = np.maximum(forward, back) * 0.5 + (forward + back) * 0.25
    both = own.foreign[:, None] & other.foreign[None, :]
    primary = own.primary[:, None] & other.primary[None, :]
    crossed = own.any[:, None] & other.any[None, :] & ~both & ~primary
    one = own.any[:, None] ^ other.any[None, :]
    return [
        primary.astype(np.float32), both * alike, both * (1 - alike),
        crossed.astype(np.float32), one.astype(np.float32),
    ]  # fmt: skip
