"""Names of columns as plain English words: split, abbreviations and other languages resolved.

`terms.csv` holds abbreviations and words of Greek (transliterated), Italian, Spanish and German as
practice programs use them; `synonyms.txt` holds words of near meaning, one group a line. Both were
written for this project from knowledge of the trade.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from migrator_kit.source.naming import words

_FOLDER = Path(__file__).parent
ABBREVIATION = "abbreviation"
_SPOKEN = 2
"""Different words of a language that a schema must use before its short words count as such."""
_TELLING = 4
"""Letters that a word needs to speak for its language."""
_HUNGARIAN = frozenset(
    (
        "str", "txt", "int", "lng", "dbl", "cur", "bln", "bool", "dat", "dtm", "dte", "chr", "vch",
        "sz", "fld", "col", "num", "mem", "byt", "sng", "n", "s", "d", "i", "b", "f", "c", "dt",
        "nvc", "vc", "bit", "lkp",
    )
)  # fmt: skip
_HUNGARIAN_SHARE = 0.6
_SHORTEST_PART = 3
_FILLERS = frozenset(("the", "a", "an", "of", "for", "and", "or", "in", "to", "by", "this", "that"))


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text, for lists of words that read better as one."""
    return frozenset(text.split())


@cache
def terms() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the term list: language, then term, then its English words."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    with (_FOLDER / "terms.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            meaning = tuple(row["meaning"].split())
            found.setdefault(row["language"], {})[row["term"]] = meaning
    return found


@cache
def synonyms() -> tuple[frozenset[str], ...]:
    """Return groups of words with near meaning, in the singular."""
    text = (_FOLDER / "synonyms.txt").read_text(encoding="utf-8")
    return tuple(frozenset(singular(w) for w in line.split()) for line in text.splitlines() if line)


@cache
def _english() -> frozenset[str]:
    """Return the words that the term list and the synonyms speak of."""
    meanings = {w for table in terms().values() for meaning in table.values() for w in meaning}
    return frozenset(meanings | {word for group in synonyms() for word in group})


def singular(word: str) -> str:
    """Return an English word in the singular, by the rules of the plural."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


class Vocabulary:
    """What the words of one schema mean: its languages, and the words that it writes apart."""

    def __init__(self, names: Iterable[str], texts: Iterable[str] = ()) -> None:
        counted = Counter(word for name in names for word in words(name))
        prose = {word for text in texts for word in words(text) if len(word) > _SHORTEST_PART}
        self.languages = _languages(counted)
        known = {w for w in counted if len(w) > _SHORTEST_PART} | prose
        self._known = frozenset(known) | _english() | _long_terms(self.languages)
        self._expanded: dict[str, tuple[str, ...]] = {}

    def expand(
        self, tokens: Sequence[str], description: str = "", table: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return tokens as English words in the singular, each resolved as far as is known.

        What an abbreviation is short for, the column's own description or its table's name may
        spell out.
        """
        spelled = frozenset(words(description)) if description else frozenset()
        found = [
            word
            for token in tokens
            for word in self._spelled_out(token, spelled)
            or self._of_table(token, table)
            or self._meaning(token)
        ]
        for n in range(1, len(found)):
            if found[n - 1 : n + 1] == ["date", "t"]:
                found[n] = "time"
            if found[n - 1 : n + 1] == ["family", "name"]:
                found[n - 1] = "last"
        return tuple(found)

    def _of_table(self, token: str, table: Sequence[str]) -> tuple[str, ...]:
        """Return the word of the table's name that an unknown short token begins, or nothing."""
        if len(token) < 2 or token in _english() or self._meaning(token) != (token,):
            return ()
        return tuple(w for w in table if w.startswith(token) and len(w) > len(token) + 1)[:1]

    def _spelled_out(self, token: str, spelled: frozenset[str]) -> tuple[str, ...]:
        """Return the one word of a description that begins with a short token, or nothing."""
        if len(token) < _SHORTEST_PART or token in _english() or token in spelled:
            return ()
        meaning = self._meaning(token)
        if meaning != (token,) and spelled & set(meaning):
            return ()
        longer = {singular(w) for w in spelled if w.startswith(token) and len(w) > len(token) + 1}
        return tuple(longer) if len(longer) == 1 else ()

    def _meaning(self, token: str) -> tuple[str, ...]:
        if token not in self._expanded:
            self._expanded[token] = tuple(singular(word) for word in self._resolve(token))
        return self._expanded[token]

    def _resolve(self, token: str) -> tuple[str, ...]:
        if (found := self._listed(token)) is not None:
            return found
        if token in _english() or singular(token) in _english() or len(token) < 6:
            return (token,)
        for verb in ("is", "has"):
            if token.startswith(verb) and token.removeprefix(verb) in _english():
                return (verb, token.removeprefix(verb))
        parts = _split(token, self._known)
        if len(parts) == 1:
            return parts
        return tuple(word for part in parts for word in (self._listed(part) or (part,)))

    def _listed(self, token: str) -> tuple[str, ...] | None:
        """Return what the term list says: the schema's own languages before abbreviations."""
        for language in (*self.languages, ABBREVIATION):
            if token in terms()[language]:
                return terms()[language][token]
        return None


def _languages(counted: Counter[str]) -> tuple[str, ...]:
    """Return the languages a schema speaks beside English, the most used first."""
    shares = {}
    for language, table in terms().items():
        if language == ABBREVIATION:
            continue
        telling = {w for w in table if len(w) >= _TELLING and w not in _english()}
        spoken = [word for word in counted if word in telling]
        if len(spoken) >= _SPOKEN:
            shares[language] = len(spoken)
    return tuple(sorted(shares, key=lambda language: -shares[language]))


def _long_terms(languages: Sequence[str]) -> frozenset[str]:
    tables = (ABBREVIATION, *languages)
    return frozenset(t for name in tables for t in terms()[name] if len(t) >= _SHORTEST_PART)


def _split(token: str, known: frozenset[str]) -> tuple[str, ...]:
    """Split a run of letters into known words, the fewest that cover it; as it is if none do."""
    best: list[tuple[str, ...] | None] = [()] + [None] * len(token)
    for end in range(1, len(token) + 1):
        for start in range(max(0, end - 16), end - _SHORTEST_PART + 1):
            before, piece = best[start], token[start:end]
            whole = start == 0 and end == len(token)
            if before is None or whole or (piece not in known and singular(piece) not in known):
                continue
            current = best[end]
            if current is None or len(before) + 1 < len(current):
                best[end] = (*before, piece)
    return best[-1] or (token,)


def without_type_prefix(names: Sequence[str]) -> list[str]:
    """Return the columns of one table without prefixes of Hungarian style (`strName`, `n_Count`).

    A prefix is taken away only where most columns of the table begin with one.
    """
    heads = [words(name)[:1] for name in names]
    marked = [bool(h) and h[0] in _HUNGARIAN and len(words(n)) > 1
              for h, n in zip(heads, names, strict=True)]  # fmt: skip
    several = len({h[0] for h, m in zip(heads, marked, strict=True) if m}) > 1
    if not names or not several or sum(marked) < _HUNGARIAN_SHARE * len(names):
        return list(names)
    return [
        name[name.lower().find(head[0]) + len(head[0]) :].lstrip("_") if mark else name
        for name, head, mark in zip(names, heads, marked, strict=True)
    ]


def shared_prefix(token_lists: Sequence[Sequence[str]]) -> str | None:
    """Return the first word that most columns of a table share (`bene_…`), or None."""
    firsts = Counter(tokens[0] for tokens in token_lists if len(tokens) > 1)
    if not firsts or len(token_lists) < 4:
        return None
    word, count = firsts.most_common(1)[0]
    return word if count >= 0.6 * len(token_lists) else None


def prose(text: str) -> tuple[str, ...]:
    """Return the words of a description, without fillers."""
    return tuple(w for w in words(text) if w not in _FILLERS and (len(w) > 1 or w.isdigit()))
