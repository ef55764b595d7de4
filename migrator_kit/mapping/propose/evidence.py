"""What speaks for a pair of columns: one number between 0 and 1 for each kind of evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler
from scipy import sparse

from migrator_kit.mapping.propose.keys import key_evidence, keys_of
from migrator_kit.mapping.propose.kinds import NEARNESS
from migrator_kit.mapping.propose.schema import Schema
from migrator_kit.mapping.propose.wordmatch import (
    WordMatch,
    text_similarity,
    trigram_similarity,
)
from migrator_kit.mapping.propose.words import word_set
from migrator_kit.privacy import shape

FEATURES = (
    "name", "name_forward", "name_back", "same_name", "last_word", "trigrams", "spelling",
    "text", "text_forward", "text_back", "meaning", "path_forward", "path_back",
    "kind_agrees", "kind_differs", "values", "shapes", "length", "filled", "distinct",
    "both_primary", "same_reference", "other_reference", "crossed_keys", "one_key",
    "table_name", "table_text", "table_in_field", "name_and_kind", "name_and_table",
    "kind_and_table", "bare_elsewhere", "no_text", "no_values",
)  # fmt: skip
"""Names of the evidence, in the order of the weights."""

_OTHER_NAME = 0.92
"""The most that two tables with different names can be alike by name."""
_BESIDE_SAME = 0.6
"""The same where another target table has the source table's very name."""
_ELSEWHERE = 0.5
"""What a pair of tables loses where the word for the source's rows stands in the name of another
target table alone: a patient's note is a clinical note, no patient."""


_BARE = word_set(
    "name title label description note remark comment text value type kind category code number "
    "id key date time status state order sequence abbreviation short long information content "
    "memo full first last middle"
)
"""Words of names that columns of any table bear."""


def evidence(source: Schema, target: Schema, kinds: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return features by source columns by target columns, each in [0, 1], never NaN.

    `kinds` are the kinds of values of both sides.
    """
    by_name = _names(source, target)
    by_text = _texts(source, target)
    by_table = _tables(source, target)
    agrees, differs = _kinds(*kinds)
    name, table_name = by_name[0], by_table[0]
    in_field = _table_in_field(source, target)
    layers = [
        *by_name, *by_text, *_paths(source, target), agrees, differs,
        *_samples(source, target), _lengths(source, target),
        _near(source.null_share, target.null_share),
        _near(source.distinct_share, target.distinct_share),
        *key_evidence(keys_of(source), keys_of(target)), *by_table,
        in_field, name * agrees, name * table_name, agrees * table_name,
        name * _bare(source)[:, None] * (1 - np.maximum(table_name, in_field)),
        _either(_without(source.texts), _without(target.texts)),
        _either(_without(source.samples), _without(target.samples)),
    ]  # fmt: skip
    return np.nan_to_num(np.stack(layers).astype(np.float32), nan=0.0, posinf=1.0, neginf=0.0)


def _names(source: Schema, target: Schema) -> list[np.ndarray]:
    match = WordMatch([source.names], [target.names])
    forward, back = match.covered(source.names, target.names, source.weights, target.weights)
    joined = [["".join(sorted(name)) for name in side.names] for side in (source, target)]
    same = np.array(joined[0])[:, None] == np.array(joined[1])[None, :]
    plain = [["".join(name) for name in side.names] for side in (source, target)]
    raw = [[name.lower().replace("_", "") for name in side.columns] for side in (source, target)]
    spelling = process.cdist(raw[0], raw[1], scorer=JaroWinkler.similarity, dtype=np.float32)
    return [
        (forward + back) / 2, forward, back, same.astype(np.float32),
        match.last(source.names, target.names), trigram_similarity(plain[0], plain[1]), spelling,
    ]  # fmt: skip


def _texts(source: Schema, target: Schema) -> list[np.ndarray]:
    """Compare descriptions with each other, with names, and both together."""
    own = [text or name for text, name in zip(source.texts, source.names, strict=True)]
    other = [text or name for text, name in zip(target.texts, target.names, strict=True)]
    text = text_similarity(source.texts, target.texts)
    match = WordMatch([source.names, own], [target.names, other])
    forward = match.covered(source.names, other)[0]
    back = match.covered(own, target.names)[1]
    meaning = text_similarity(
        [(*name, *more) for name, more in zip(source.names, source.texts, strict=True)],
        [(*name, *more) for name, more in zip(target.names, target.texts, strict=True)],
    )
    return [text, forward, back, meaning]


def _paths(source: Schema, target: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Compare names with the words of their tables: `conditions.code`, `condition_concept_id`."""
    own = [(*source.table_words[t], *name)
           for t, name in zip(source.table_index, source.names, strict=True)]  # fmt: skip
    other = [(*target.table_words[t], *name)
             for t, name in zip(target.table_index, target.names, strict=True)]  # fmt: skip
    match = WordMatch([own], [other])
    return match.covered(own, other)


def _tables(source: Schema, target: Schema) -> list[np.ndarray]:
    own = [words or ("-",) for words in source.table_words]
    other = [words or ("+",) for words in target.table_words]
    weights = [source.table_weights, target.table_weights]
    left, right = [[each or (1.0,) for each in side] for side in weights]
    match = WordMatch([own], [other], rare=False)
    forward, back = match.covered(own, other, left, right)
    places = np.ix_(source.table_index, target.table_index)
    text = text_similarity(
        [(*words, *more) for words, more in zip(own, source.table_texts, strict=True)],
        [(*words, *more) for words, more in zip(other, target.table_texts, strict=True)],
    )
    plain = [np.array([name.casefold() for name in side.table_names]) for side in (source, target)]
    same = plain[0][:, None] == plain[1][None, :]
    most = np.where(same.any(axis=1, keepdims=True), _BESIDE_SAME, _OTHER_NAME)
    about = match.covered([name[-1:] for name in own], other)[0]
    elsewhere = about.max(axis=1, keepdims=True) - about
    named = np.where(same, 1.0, most * np.sqrt(forward * back) * (1 - _ELSEWHERE * elsewhere))
    return [named[places], text[places]]


def _table_in_field(source: Schema, target: Schema) -> np.ndarray:
    """Return how far a field speaks of what a source table holds: `rooms.name`, a field 'Chair'."""
    own = [source.table_words[t] for t in source.table_index]
    other = [(*name, *text) for name, text in zip(target.names, target.texts, strict=True)]
    return text_similarity(own, other)


def _bare(schema: Schema) -> np.ndarray:
    """Return by column whether its name says nothing without its table's: `name`, `code`."""
    return np.array([
        all(word in _BARE or weight < 1 for word, weight in zip(name, weights, strict=True))
        for name, weights in zip(schema.names, schema.weights, strict=True)
    ], dtype=np.float32)  # fmt: skip


def _kinds(own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how well kinds agree, and where both are known and have nothing in common."""
    left, right = own @ NEARNESS, other @ NEARNESS
    lengths = np.linalg.norm(left, axis=1)[:, None] * np.linalg.norm(right, axis=1)[None, :]
    agrees = (left @ right.T) / np.maximum(lengths, 1e-9)
    known = (own.max(axis=1) > 0.5)[:, None] & (other.max(axis=1) > 0.5)[None, :]
    return agrees, (known & (agrees < 0.2)).astype(np.float32)


def _samples(source: Schema, target: Schema) -> tuple[np.ndarray, np.ndarray]:
    """Return how many sample values columns share, and how alike the values are in shape.

    Numbers are no sample values: 0 and 1 stand in every list of codes.
    """
    shapes = [
        [tuple(shape(value) for value in values) for values in side.samples]
        for side in (source, target)
    ]
    told = [[tuple(v for v in values if not v.isdigit()) for values in side.samples]
            for side in (source, target)]  # fmt: skip
    return _overlap(told[0], told[1]), text_similarity(shapes[0], shapes[1])


def _overlap(left: Sequence[Sequence[str]], right: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the values that two lists share over the size of the smaller one."""
    known = {value: n for n, value in enumerate({v for side in (left, right) for x in side
                                                 for v in x})}  # fmt: skip
    if not known:
        return np.zeros((len(left), len(right)), dtype=np.float32)
    a, b = (_members(side, known) for side in (left, right))
    shared = np.asarray((a @ b.T).todense(), dtype=np.float32)
    sizes = [np.array([max(len(values), 1) for values in side]) for side in (left, right)]
    return np.asarray(shared / np.minimum(sizes[0][:, None], sizes[1][None, :]))


def _members(side: Sequence[Sequence[str]], known: dict[str, int]) -> sparse.csr_matrix:
    rows = [n for n, values in enumerate(side) for _ in values]
    columns = [known[value] for values in side for value in values]
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(side), len(known)))


def _lengths(source: Schema, target: Schema) -> np.ndarray:
    own, other = source.lengths[:, None], target.lengths[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.minimum(own, other) / np.maximum(own, other))


def _near(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(1 - np.minimum(np.abs(own[:, None] - other[None, :]), 1))


def _without(values: Sequence[Sequence[str]]) -> np.ndarray:
    return np.array([not each for each in values], dtype=bool)


def _either(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(own[:, None] | other[None, :], dtype=np.float32)
