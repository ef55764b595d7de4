"""Values of a status or a code brought to the values that a field offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz, process

from migrator_kit.mapping.propose.words import Vocabulary, synonyms
from migrator_kit.source.naming import words

_ALIKE = 82


def value_map(values: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return what source values become, those alone that are recognised.

    `known` maps values that our profiles know to what the field offers. A value is recognised by
    itself, by a target's own name, by a synonym, or by nearly the same spelling.
    """
    given = list(values)
    vocabulary = Vocabulary(given)
    table = {_folded(target): target for target in known.values()}
    table |= {_folded(value): target for value, target in known.items()}
    result = {}
    for value in given:
        target = table.get(_folded(value)) or _alike(_english(vocabulary, value), table)
        if target:
            result[value] = target
    return result


def _alike(value: str, table: Mapping[str, str]) -> str | None:
    if value.isdigit() or len(value) < 3:
        return table.get(value)
    for known, target in table.items():
        own, other = set(value.split()), set(known.split())
        if any(group & own and group & other for group in synonyms()) and len(own) == 1:
            return target
    near = process.extractOne(value, list(table), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return table[near[0]] if near else None


def _folded(value: str) -> str:
    return " ".join(words(value))


def _english(vocabulary: Vocabulary, value: str) -> str:
    return " ".join(vocabulary.expand(words(value)))
