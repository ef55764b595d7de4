"""Why a pair is proposed, in words. Names and kinds are told; values of the data never are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from migrator_kit.mapping.propose.kinds import NAMES, Kind
from migrator_kit.mapping.propose.schema import Schema

Reason = tuple[float, str]
"""How much a reason weighs, and the reason."""

_CLEAR = 0.5
_SOME = 0.2
_SPELLED = 0.85
_MOST = 4


def reasons_of(
    source: Schema, target: Schema, row: int, column: int, told: dict[str, float], *,
    assigned: bool, kind: str | None,
) -> tuple[str, ...]:  # fmt: skip
    """Return what speaks for a pair, and last what speaks against it."""
    found = [
        *_names(source.names[row], target.names[column], told), *_texts(told), *_values(told),
        *_keys(told),
    ]  # fmt: skip
    if told["table_name"] >= _CLEAR:
        tables = f"'{source.tables[row]}' and '{target.tables[column]}'"
        found.append((0.6 * told["table_name"], f"their tables {tables} go together"))
    if told["table_in_field"] >= _SOME:
        table = source.tables[row]
        found.append((0.5 * told["table_in_field"], f"the field speaks of what '{table}' holds"))
    if told["kind_agrees"] >= _CLEAR and kind:
        found.append((0.4 * told["kind_agrees"], f"both hold {kind}"))
    if assigned:
        found.append((0.1, "no other column of the table fits this one better"))
    words = [text for _, text in sorted(found, key=lambda each: -each[0])[:_MOST]]
    if told["crossed_keys"] or told["other_reference"] >= _CLEAR:
        words.append("but they are keys of different things")
    if told["kind_differs"]:
        words.append("but they hold different kinds of values")
    return tuple(words) or ("nothing speaks for another target more",)


def _names(name: Sequence[str], other: Sequence[str], told: dict[str, float]) -> list[Reason]:
    own, theirs = " ".join(name), " ".join(other)
    if told["same_name"]:
        return [(1.0, f"the same name: {own}")]
    if shared := [word for word in name if word in other]:
        return [(told["name"], f"names share {', '.join(dict.fromkeys(shared))}")]
    if told["name"] >= _CLEAR:
        return [(told["name"], f"'{own}' means about the same as '{theirs}'")]
    if told["trigrams"] >= _CLEAR or told["spelling"] >= _SPELLED:
        return [(told["trigrams"], "names are spelled alike")]
    return []


def _texts(told: dict[str, float]) -> list[Reason]:
    if told["text"] >= _SOME:
        return [(told["text"], "descriptions speak of the same")]
    share = max(told["text_forward"], told["text_back"])
    if share >= _CLEAR and not told["no_text"]:
        return [(0.7 * share, "the name stands in the other's description")]
    if share >= _CLEAR:
        return [(0.7 * share, "a name and a description speak of the same")]
    return []


def _values(told: dict[str, float]) -> list[Reason]:
    if told["values"] >= _SOME:
        return [(told["values"], f"{told['values']:.0%} of the sample values are the same")]
    if told["shapes"] >= _CLEAR:
        return [(0.5 * told["shapes"], "sample values have the same shape")]
    return []


def _keys(told: dict[str, float]) -> list[Reason]:
    found = []
    if told["both_primary"]:
        found.append((0.7, "both are the key of their table"))
    if told["same_reference"] >= _CLEAR:
        found.append((0.7 * told["same_reference"], "both point to the same thing"))
    return found


def shared_kind(own: np.ndarray, other: np.ndarray) -> str | None:
    """Return the kind of value that two columns hold, in words, or None where none is clear."""
    both = np.minimum(own, other)
    best = int(both.argmax())
    return NAMES[Kind(best)] if both[best] > 0.3 and best != Kind.TEXT else None
