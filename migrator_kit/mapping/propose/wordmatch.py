"""How near words are to each other, and what that makes of names and texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler
from scipy import sparse

from migrator_kit.mapping.propose.words import synonyms, word_set

Words = Sequence[Sequence[str]]

_SYNONYM = 0.75
_SPELLING = 0.9
_SPELLED = 0.8
_SHORT_FOR = 0.6
_KIND_WORDS = word_set("date time datetime day at on is has flag id identifier number i c")
"""Words that say what kind of value a column holds; kinds are evidence of their own."""
_OF_KIND = 0.45


@cache
def _groups() -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, group in enumerate(synonyms()):
        for word in group:
            found.setdefault(word, set()).add(number)
    return {word: frozenset(numbers) for word, numbers in found.items()}


def word_similarity(left: Sequence[str], right: Sequence[str]) -> np.ndarray:
    """Return how near each word of `left` is to each of `right`: 1 the same, 0 nothing in common.

    Near are words of one group of synonyms, of nearly the same spelling, and short forms whose
    letters stand in the long word in order.
    """
    spelled = process.cdist(left, right, scorer=JaroWinkler.similarity, dtype=np.float32)
    spelled = spelled.reshape(len(left), len(right))
    matrix = np.where(spelled >= _SPELLING, _SPELLED * spelled, 0).astype(np.float32)
    for i, j in _short_forms(left, right):
        matrix[i, j] = max(matrix[i, j], _SHORT_FOR)
    near = np.asarray((_grouped(left) @ _grouped(right).T).todense()) > 0
    matrix = np.where(near, np.maximum(matrix, _SYNONYM), matrix)
    digits = [np.array([word.isdigit() for word in side], dtype=bool) for side in (left, right)]
    matrix[digits[0][:, None] | digits[1][None, :]] = 0.0
    position = {word: j for j, word in enumerate(right)}
    for i, word in enumerate(left):
        if word in position:
            matrix[i, position[word]] = 1.0
    return matrix


def _grouped(side: Sequence[str]) -> sparse.csr_matrix:
    """Return words by groups of synonyms."""
    found = [(n, g) for n, word in enumerate(side) for g in _groups().get(word, ())]
    rows, columns = ([pair[0] for pair in found], [pair[1] for pair in found])
    shape = (len(side), len(synonyms()))
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


def _short_forms(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[int, int]]:
    begins: dict[str, list[int]] = {}
    for j, word in enumerate(right):
        begins.setdefault(word[:1], []).append(j)
    for i, word in enumerate(left):
        for j in begins.get(word[:1], ()):
            if _short_for(word, right[j]):
                yield i, j


def _short_for(a: str, b: str) -> bool:
    short, long = (a, b) if len(a) < len(b) else (b, a)
    if len(short) < 2 or len(long) < len(short) + 2:
        return False
    if long.startswith(short):
        return len(short) >= 3
    rest = iter(long)
    return len(short) >= 3 and not set(short[1:]) & set("aeiou") and all(c in rest for c in short)


class WordMatch:
    """Names of two sides compared word by word; what a word tells depends on how rare it is."""

    def __init__(self, left: Sequence[Words], right: Sequence[Words], *, rare: bool = True) -> None:
        self._left, self._right = (
            _Side([word for part in side for name in part for word in name], rare=rare)
            for side in (left, right)
        )
        self._near = word_similarity(self._left.words, self._right.words)

    def covered(
        self,
        left: Words,
        right: Words,
        left_weights: Sequence[Sequence[float]] | None = None,
        right_weights: Sequence[Sequence[float]] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return how much of each left name is found in each right one, and the other way round."""
        forward = _covered(self._near, self._left, left, left_weights, self._right, right)
        back = _covered(self._near.T, self._right, right, right_weights, self._left, left)
        return forward, back.T

    def last(self, left: Words, right: Words) -> np.ndarray:
        """Return how near the last words of names are: what a name is about."""
        rows = [self._left.position[name[-1]] for name in left]
        columns = [self._right.position[name[-1]] for name in right]
        return self._near[np.ix_(rows, columns)]


class _Side:
    def __init__(self, found: Sequence[str], *, rare: bool) -> None:
        counted = Counter(found)
        self.words = sorted(counted)
        self.position = {word: n for n, word in enumerate(self.words)}
        total = max(len(found), 1)
        self.weight = np.array(
            [
                (np.log(1 + total / counted[word]) if rare else 1.0)
                * (_OF_KIND if word in _KIND_WORDS else 1.0)
                for word in self.words
            ],
            dtype=np.float32,
        )

    def matrix(self, names: Words, weights: Sequence[Sequence[float]] | None) -> sparse.csr_matrix:
        """Return names by words, each row adding up to 1."""
        rows, columns, values = [], [], []
        for n, name in enumerate(names):
            own = [1.0] * len(name) if weights is None else weights[n]
            told = [w * float(self.weight[self.position[word]])
                    for word, w in zip(name, own, strict=True)]  # fmt: skip
            whole = sum(told) or 1.0
            rows += [n] * len(name)
            columns += [self.position[word] for word in name]
            values += [value / whole for value in told]
        shape = (len(names), len(self.words))
        return sparse.csr_matrix((values, (rows, columns)), shape=shape, dtype=np.float32)


def _covered(
    near: np.ndarray, own: _Side, names: Words, weights: Sequence[Sequence[float]] | None,
    other: _Side, others: Words,
) -> np.ndarray:  # fmt: skip
    """Return names by others: the share of a name's weight that the other's words answer."""
    distinct: dict[tuple[str, ...], list[int]] = {}
    for n, name in enumerate(others):
        distinct.setdefault(tuple(sorted(set(name))), []).append(n)
    best = np.zeros((len(own.words), len(others)), dtype=np.float32)
    for name, members in distinct.items():
        if name:
            places = [other.position[word] for word in name]
            best[:, members] = near[:, places].max(axis=1)[:, None]
    found: np.ndarray = np.asarray(own.matrix(names, weights) @ best)
    return found


def text_similarity(left: Words, right: Words) -> np.ndarray:
    """Return the cosine of texts by the words they share, rare words counting more (TF-IDF)."""
    known = sorted({w for text in (*left, *right) for w in text})
    if not known:
        return np.zeros((len(left), len(right)), dtype=np.float32)
    position = {word: n for n, word in enumerate(known)}
    a, b = _counts(left, position), _counts(right, position)
    everywhere = np.asarray((a > 0).sum(axis=0) + (b > 0).sum(axis=0)).ravel()
    rare = np.log((1 + len(left) + len(right)) / (1 + everywhere)) + 1
    product = _unit(a, rare) @ _unit(b, rare).T
    return np.asarray(product.todense(), dtype=np.float32)


def trigram_similarity(left: Sequence[str], right: Sequence[str]) -> np.ndarray:
    """Return the cosine of the three-letter runs of names: spelling without regard to words."""
    return text_similarity([_trigrams(name) for name in left], [_trigrams(name) for name in right])


def _trigrams(name: str) -> list[str]:
    text = f"^{name}$"
    return [text[n : n + 3] for n in range(len(text) - 2)]


def _counts(texts: Words, position: dict[str, int]) -> sparse.csr_matrix:
    rows, columns = [], []
    for n, text in enumerate(texts):
        rows += [n] * len(text)
        columns += [position[word] for word in text]
    shape = (len(texts), len(position))
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


def _unit(counts: sparse.csr_matrix, rare: np.ndarray) -> sparse.csr_matrix:
    told = counts.copy()
    told.data = 1 + np.log(told.data)
    told = sparse.csr_matrix(told.multiply(rare))
    norms = np.sqrt(np.asarray(told.multiply(told).sum(axis=1)).ravel())
    return sparse.diags(1 / np.maximum(norms, 1e-9)) @ told
