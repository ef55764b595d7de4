"""The patient values of a snapshot, as a filter that finds them in a text.

Held in memory only, as 64-bit numbers: neither the filter nor a hit tells a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from migrator_kit.evidence.windows import (
    LONGEST,
    WORD_SQL,
    Hashes,
    fold,
    hash_words,
    windows,
    words_of,
)
from migrator_kit.privacy import DataClass
from migrator_kit.source.model import quoted
from migrator_kit.source.profile import SMALL_CELL, plain_text
from migrator_kit.source.snapshot import Snapshot

LETTERS, MIXED, DIGITS = 4, 5, 7
"""How long a single word must be to be told from chance: letters, with digits, digits alone."""
SHARED = SMALL_CELL
"""Records that must have a value in common before it tells none of them."""
PHONE, LONG_PHONE = 7, 9
"""Digits of a phone number; from the second on it is also found behind a country code."""

_FIRST = re.compile("first|given|fname|vorname|nombre")
_LAST = re.compile("last|sur|family|lname|nachname|apellido")
_PHONE_RUN = re.compile(r"(?<!\w)\+?\d(?:[ ()./-]{0,3}\d){6,}(?!\w)")
_BATCH = 200_000
_NOBODY_LIVES = 1900
_DAY = r"^\s*\d{4}-\d{1,2}-\d{1,2}(\D.*)?$"

Column = tuple[str, str]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PatientValues:
    """Runs of words by their length, phone numbers, and how many values they stand for."""

    runs: Mapping[int, Hashes]
    phones: Hashes
    values: int
    ordinary: int
    """Values that are also ordinary words here: looked for only together with others."""

    def find(self, text: str) -> Iterator[int]:
        """Yield the places in a text where a patient's value stands, in no order."""
        words, starts = words_of(text)
        hashes = hash_words(words)
        for length, known in self.runs.items():
            runs = windows(hashes, length)
            for index in np.flatnonzero(_isin(runs, known)):
                yield starts[index]
        for match in _PHONE_RUN.finditer(text):
            digits = re.sub(r"\D", "", match[0]).lstrip("0")
            forms = [digits, *(digits[i:] for i in range(1, len(digits) - LONG_PHONE + 1))]
            if _isin(hash_words(forms), self.phones).any():
                yield match.start()


def patient_values(
    snapshot: Snapshot, classes: Mapping[Column, DataClass], ordinary: Collection[str]
) -> PatientValues:
    """Return the filter of a snapshot.

    `classes` gives the data class of each (table, column); `ordinary` are words that stand in
    every page of this engagement, such as the tool's own and those of the practice's staff.
    """
    gathered = _Gathered(frozenset(fold(word) for word in ordinary))
    connection = snapshot.connect()
    try:
        for (table, column), data_class in classes.items():
            gathered.take_column(connection, table, column, data_class)
        for table, first, last in _names(classes):
            gathered.take_pairs(connection, table, first, last)
    finally:
        connection.close()
    return gathered.filter()


def _names(classes: Mapping[Column, DataClass]) -> Iterator[tuple[str, str, str]]:
    """Yield the tables which hold a first and a last name of patients, with both columns."""
    held: dict[str, list[str]] = {}
    for (table, column), data_class in classes.items():
        if data_class is DataClass.IDENTIFIER:
            held.setdefault(table, []).append(column)
    for table, columns in held.items():
        firsts = [c for c in columns if _FIRST.search(c.casefold())]
        lasts = [c for c in columns if _LAST.search(c.casefold())]
        yield from ((table, first, last) for first in firsts for last in lasts)


class Runs(dict[int, list[Hashes]]):
    """Runs of words by their length, in parts."""


class _Gathered:
    """Collects numbers of values column by column."""

    def __init__(self, ordinary: frozenset[str]) -> None:
        self._plain = ordinary
        self._personal, self._runs, self._shared, self._known = (
            Runs((n, []) for n in range(1, LONGEST + 1)) for _ in range(4)
        )
        self._phones: list[Hashes] = []
        self._values = self._ordinary = 0

    def take_column(
        self, connection: duckdb.DuckDBPyConnection, table: str, column: str, data_class: DataClass
    ) -> None:
        """Take a column: patients' values to look for, record ids and other days to leave out.

        What `SHARED` records have in common tells none of them, unless it is a name.
        """
        name, source = quoted(column), quoted(table)
        kind = connection.execute(f"SELECT any_value(typeof({name})) FROM {source}").fetchall()
        dated = str(kind[0][0]).startswith(("DATE", "TIMESTAMP"))
        birth = data_class is DataClass.IDENTIFIER
        day = name if dated else f"try_cast(CAST({name} AS VARCHAR) AS TIMESTAMP)"
        self._take_days(connection, source, day, known=not birth)
        if dated or data_class is DataClass.OPERATIONAL:
            return
        text = f"nfc_normalize({plain_text(column)})"
        query = (
            f"SELECT {text} AS value FROM {source} WHERE {name} IS NOT NULL "
            f"AND NOT regexp_matches({text}, '{_DAY}') GROUP BY ALL"
        )
        if data_class is DataClass.TECHNICAL:
            self._take_words(connection, query, self._known)
            return
        if birth:
            self._take_words(connection, query, self._personal)
        else:
            self._take_words(connection, f"{query} HAVING count(*) < {SHARED}", self._runs)
            self._take_words(connection, f"{query} HAVING count(*) >= {SHARED}", self._shared)
        self._take_phones(connection, query)

    def take_pairs(
        self, connection: duckdb.DuckDBPyConnection, table: str, first: str, last: str
    ) -> None:
        """Take full names, in both orders, whatever words they are made of."""
        one, two = (f"nfc_normalize(CAST({quoted(c)} AS VARCHAR))" for c in (first, last))
        where = f"FROM {quoted(table)} WHERE {quoted(first)} <> '' AND {quoted(last)} <> ''"
        for pair in (f"{one} || ' ' || {two}", f"{two} || ' ' || {one}"):
            query = f"SELECT DISTINCT {pair} AS value {where}"
            self._take_words(connection, query, self._personal, whatever=True)

    def filter(self) -> PatientValues:
        """Return what was taken as one filter."""
        runs = {n: self._told(n) for n in self._runs}
        return PatientValues(
            {n: known for n, known in runs.items() if len(known)},
            _sorted(self._phones), self._values, self._ordinary,
        )  # fmt: skip

    def _told(self, length: int) -> Hashes:
        """Return the runs of one length that tell a person."""
        person, other, shared, known = (
            _sorted(runs[length])
            for runs in (self._personal, self._runs, self._shared, self._known)
        )
        found = np.union1d(person, np.setdiff1d(other, shared, assume_unique=True))
        return np.setdiff1d(found, known, assume_unique=True)

    def _take_days(
        self, connection: duckdb.DuckDBPyConnection, source: str, day: str, *, known: bool
    ) -> None:
        """Take days of birth, as far as somebody who lives can have them; or days of the rest."""
        rows = connection.execute(
            f"SELECT year({day}), month({day}), day({day}) FROM {source} "
            f"WHERE {day} IS NOT NULL AND ({known} OR year({day}) > {_NOBODY_LIVES}) GROUP BY ALL"
        ).fetchall()
        self._values += 0 if known else len(rows)
        runs = self._known if known else self._personal
        for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
            parts = [hash_words([str(row[i]) for row in rows]) for i in order]
            runs[3].append(_joined(np.stack(parts, axis=1)))

    def _take_phones(self, connection: duckdb.DuckDBPyConnection, query: str) -> None:
        digits = r"regexp_replace(value, '\D', '', 'g')"
        phones = connection.execute(
            f"SELECT DISTINCT ltrim({digits}, '0') AS d FROM ({query}) "
            rf"WHERE NOT regexp_matches(value, '\p{{L}}') "
            f"AND length({digits}) BETWEEN {PHONE} AND 15"
        ).fetchall()
        numbers = [d for (d,) in phones if len(d) >= PHONE and len(set(d)) > 1]
        self._phones.append(hash_words(numbers))

    def _take_words(
        self,
        connection: duckdb.DuckDBPyConnection,
        query: str,
        runs: Runs,
        *,
        whatever: bool = False,
    ) -> None:
        reader = connection.sql(
            f"SELECT regexp_extract_all(value, '{WORD_SQL}') AS words FROM ({query})"
        ).to_arrow_reader(_BATCH)
        for batch in reader:
            self._take_lists(batch.column("words"), runs, whatever=whatever)

    def _take_lists(self, lists: pa.ListArray, runs: Runs, *, whatever: bool) -> None:
        """Take values, each a list of words."""
        encoded = lists.flatten().dictionary_encode()
        words = [fold(str(word)) for word in encoded.dictionary.to_pylist()]
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        hashes = hash_words(words)[codes] if len(codes) else np.empty(0, dtype=np.uint64)
        size = np.array([len(word) for word in words], dtype=np.int64)
        decimal = np.array([word.isdecimal() for word in words], dtype=bool)
        plain = np.array([word in self._plain for word in words], dtype=bool)
        alone = np.array([self._tells_alone(word) for word in words], dtype=bool)
        lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        ends = np.cumsum(lengths)
        self._values += int((lengths > 0).sum())
        for length in range(1, LONGEST + 1):
            fits = lengths == length if length < LONGEST else lengths >= length
            starts = self._starts((ends - lengths)[fits], lengths[fits], length)
            if not len(starts):
                continue
            run = starts[:, None] + np.arange(length)
            of = codes[run]
            if length == 1:
                tells = alone[of[:, 0]]
            else:
                chars, numbers = size[of].sum(axis=1), decimal[of].all(axis=1)
                usual = np.zeros(len(of), dtype=bool) if whatever else plain[of].all(axis=1)
                tells = np.where(numbers, chars >= DIGITS, chars > LETTERS) & ~usual
            self._ordinary += int((~tells).sum())
            runs[length].append(_joined(hashes[run[tells]]))

    def _tells_alone(self, word: str) -> bool:
        """Whether a word by itself tells a person: neither short nor in use on every page."""
        if word in self._plain:
            return False
        if word.isdecimal():
            return len(word) >= DIGITS and len(set(word)) > 1
        return len(word) >= (LETTERS if word.isalpha() else MIXED)

    @staticmethod
    def _starts(begin: Places, lengths: Places, length: int) -> Places:
        """Return where runs begin: at a value's first word, in long ones also further on."""
        if length < LONGEST or not len(begin):
            return begin
        counts = lengths // LONGEST
        first = np.repeat(begin, counts)
        turn = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
        return first + turn * LONGEST


def _joined(runs: Hashes) -> Hashes:
    """Return one number for each row of word numbers: the same as `windows` gives."""
    if not len(runs):
        return np.empty(0, dtype=np.uint64)
    length = runs.shape[1]
    return windows(np.ascontiguousarray(runs).reshape(-1), length)[::length]


def _sorted(parts: list[Hashes]) -> Hashes:
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.uint64)


def _isin(numbers: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Return which numbers stand in a sorted array."""
    if not len(known) or not len(numbers):
        return np.zeros(len(numbers), dtype=np.bool_)
    place = np.searchsorted(known, numbers)
    found: npt.NDArray[np.bool_] = known[np.minimum(place, len(known) - 1)] == numbers
    return found
