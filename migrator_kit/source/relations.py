"""How tables hang together: keys and references, declared or discovered, with their orphans.

A reference is discovered from two kinds of evidence: the column's name speaks of a key, and its
values are found in that key. A number column whose values lie in a key by chance alone is a false
friend: it is reported as such and never used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from migrator_kit.source.chance import chance_of_lying_in
from migrator_kit.source.contents import Content
from migrator_kit.source.model import quoted
from migrator_kit.source.naming import joined, names_key, singular, stem, words
from migrator_kit.source.profile import ColumnProfile

_KEY_CONTENT = (Content.INTEGER, Content.CODE, Content.TEXT)
_LONGEST_KEY = 64
_NAMED = 0.7
_LEAST_FOUND = 0.5
_FRIEND_FOUND = 0.85
_FRIEND_DISTINCT = 20
_COVERS = 0.3
_REACHES = 0.95
_OWNED = 0.7
_DENSE = 0.5
_MOST_KEYS = 100_000
_MOST_SCATTERED = 1_000
_NO_CHANCE = 1e-4
_MEASURES = frozenset(
    (
        "type", "method", "interval", "status", "state", "cat", "category", "order", "level",
        "count", "desc", "description", "note", "notes", "date", "time", "amount", "amt", "fee",
        "est", "percent", "color", "colour", "source", "priority", "mode", "name", "abbr", "qty",
        "quantity", "units", "balance", "total", "min", "max", "sec", "hours", "days", "months",
        "years", "text", "label", "title",
    )
)  # fmt: skip
"""Last words of columns that tell something about a thing and do not point to it."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Columns of a table that point to the key of a table."""

    from_table: str
    from_columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    declared: bool
    rows: int
    """Rows that point somewhere: a value that is neither null, blank, nor the 0 of "none"."""
    orphans: int
    """Rows among them whose value the key does not hold."""
    confidence: float
    reasons: tuple[str, ...]
    false_friend: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A column that identifies the rows of its table."""

    profile: ColumnProfile

    @property
    def table(self) -> str:
        """The table it identifies."""
        return self.profile.table

    @property
    def column(self) -> str:
        """Its name."""
        return self.profile.name

    @property
    def owned(self) -> float:
        """How much the key's name speaks of its own table: `PatNum` of `patient`, not of a note."""
        table, base = singular(self.table), stem(self.column)
        if base == table:
            return 1.0
        if base and (table.startswith(base) or base.startswith(table)):
            return 0.6 + 0.4 * min(len(base), len(table)) / max(len(base), len(table))
        return 0.5 if _is_abbreviation(base, table) else 0.3


def find_keys(
    profiles: Mapping[str, Sequence[ColumnProfile]], declared: Mapping[str, tuple[str, ...]]
) -> list[Key]:
    """Return the keys of all tables: the declared one, else unique columns that look like one."""
    keys = []
    for table, columns in profiles.items():
        primary = declared.get(table, ())
        for position, column in enumerate(columns):
            if primary and column.name not in primary:
                continue
            if len(primary) == 1 or (_may_be_key(column) and _reads_as_key(column, position)):
                keys.append(Key(column))
    return keys


def _may_be_key(column: ColumnProfile) -> bool:
    short = (column.max_length or 0) <= _LONGEST_KEY
    return column.unique and column.content in _KEY_CONTENT and short


def _reads_as_key(column: ColumnProfile, position: int) -> bool:
    return position == 0 or (names_key(column.name) and stem(column.name) == singular(column.table))


def discover(
    connection: duckdb.DuckDBPyConnection,
    profiles: Mapping[str, Sequence[ColumnProfile]],
    keys: Sequence[Key],
    known: Sequence[Relation] = (),
) -> list[Relation]:
    """Return references that nobody declared, the likeliest target of each column, and the friends.

    `known` are the declared ones: their columns are not asked again.
    """
    settled = {(r.from_table, r.from_columns[0]) for r in known if len(r.from_columns) == 1}
    own = {(key.table, key.column) for key in keys}
    found = []
    for column in (c for columns in profiles.values() for c in columns):
        if (column.table, column.name) in settled or not _may_point(column):
            continue
        candidates = list(_candidates(column, keys, is_key=(column.table, column.name) in own))
        best = _best(connection, column, candidates)
        if best is not None:
            found.append(best)
    return found


def declared_relations(
    connection: duckdb.DuckDBPyConnection,
    profiles: Mapping[str, Sequence[ColumnProfile]],
    references: Mapping[str, Sequence[tuple[tuple[str, ...], str, tuple[str, ...]]]],
) -> list[Relation]:
    """Return the foreign keys that the source declares, with their orphans counted."""
    result = []
    for table, declared in references.items():
        for columns, to_table, to_columns in declared:
            if to_table not in profiles or len(columns) != len(to_columns):
                continue
            rows, orphans = _orphans(connection, table, columns, to_table, to_columns)
            reasons = ("declared by the source",)
            result.append(
                Relation(table, columns, to_table, to_columns, True, rows, orphans, 1.0, reasons)
            )
    return result


@dataclass(frozen=True, slots=True)
class _Candidate:
    key: Key
    name_score: float
    reason: str


def _may_point(column: ColumnProfile) -> bool:
    held = column.content in (Content.INTEGER, Content.CODE, Content.TEXT)
    return held and column.filled > 0 and (column.max_length or 0) <= _LONGEST_KEY


def _candidates(
    column: ColumnProfile, keys: Sequence[Key], *, is_key: bool
) -> Iterator[_Candidate]:
    """Yield the keys a column may point to: by name, else by what its values would allow."""
    for key in keys:
        if (key.table, key.column) == (column.table, column.name):
            continue
        score, reason = name_evidence(column.name, key)
        if is_key and (score < 1.0 or key.owned <= Key(column).owned):
            continue
        if score >= _NAMED:
            yield _Candidate(key, score, reason)
        elif not is_key and _could_lie_in(column, key.profile):
            yield _Candidate(key, 0.0, "values alone")


def name_evidence(column: str, key: Key) -> tuple[float, str]:
    """Return how much a column's name speaks of a key (0 to 1), and why."""
    own, target, base = joined(column), joined(key.column), stem(key.column)
    table = singular(key.table)
    if own == target and names_key(column):
        return 1.0, f"named like {key.column}"
    if len(base) >= 3 and _contains(words(column), words(key.column)) and names_key(key.column):
        return 0.9, f"holds the name {key.column}"
    if names_key(column) and stem(column) in (table, base) and len(base) >= 2:
        return 0.9, f"names the table {key.table}"
    if names_key(column) and len(table) >= 4 and stem(column).endswith(table):
        return 0.85, f"names the table {key.table} in a role"
    if own in (base, table) and len(own) >= 4:
        return 0.8, f"named like {key.table} without a key word"
    if words(column)[-1] in _MEASURES:
        return 0.0, ""
    if len(base) >= 4 and base in words(column) and key.owned >= _OWNED:
        return 0.75, f"'{base}' of {key.column} in a role"
    if len(own) >= 2 and table.startswith(own):
        return 0.7, f"begins the name of {key.table}"
    return 0.0, ""


def _contains(outer: tuple[str, ...], inner: tuple[str, ...]) -> bool:
    span = len(inner)
    return any(outer[i : i + span] == inner for i in range(len(outer) - span + 1))


def _could_lie_in(column: ColumnProfile, key: ColumnProfile) -> bool:
    """Whether a column without a telling name is worth a look: enough values, not too many."""
    scattered = column.distinct > 2 and column.content is Content.INTEGER and _has_gaps(key)
    enough = column.distinct >= _FRIEND_DISTINCT or scattered
    enough = enough and column.distinct <= key.distinct
    same = (column.content is Content.INTEGER) == (key.content is Content.INTEGER)
    prose = column.content is Content.TEXT and column.data_class.is_phi
    return enough and same and not prose


@dataclass(frozen=True, slots=True)
class _Overlap:
    """How the values of a column lie in a key."""

    candidate: _Candidate
    rows: int
    missing: int
    covered: float
    """Share of the key's values that the column uses."""
    reach: float
    """Greatest value of the column over the greatest of the key; 1 for text."""

    @property
    def share(self) -> float:
        return 1 - self.missing / self.rows

    @property
    def facts(self) -> str:
        return f"{self.share:.1%} of {self.rows:,} values found in the key"


def _best(
    connection: duckdb.DuckDBPyConnection, column: ColumnProfile, candidates: Sequence[_Candidate]
) -> Relation | None:
    """Return the likeliest target of a column, a false friend, or nothing."""
    named = [c for c in candidates if c.name_score]
    overlaps = [_overlap(connection, column, c) for c in named or candidates]
    judged = [overlap for overlap in overlaps if overlap.rows]
    if not judged:
        return None
    if not named:
        return _scattered(connection, column, judged) or _by_values(column, judged)
    best = max(
        judged,
        key=lambda o: (o.candidate.name_score + o.candidate.key.owned / 2 + o.share, o.rows),
    )
    if best.share < _LEAST_FOUND:
        return None
    key, score = best.candidate.key, best.candidate.name_score
    confidence = 0.5 * score + 0.4 * best.share + 0.1 * key.owned
    return _relation(column, best, confidence, (best.candidate.reason, best.facts))


def _scattered(
    connection: duckdb.DuckDBPyConnection, column: ColumnProfile, judged: Sequence[_Overlap]
) -> Relation | None:
    """Return the one key with gaps that scattered numbers hit without a miss."""
    if not 2 < column.distinct <= _MOST_SCATTERED or column.content is not Content.INTEGER:
        return None
    inside = [o for o in judged if o.share == 1 and _has_gaps(o.candidate.key.profile)]
    if not inside:
        return None
    values = _distinct_numbers(connection, column.table, column.name)
    hit = []
    for overlap in inside:
        key = overlap.candidate.key
        chance = chance_of_lying_in(values, _distinct_numbers(connection, key.table, key.column))
        if chance < _NO_CHANCE:
            hit.append(overlap)
    if len(hit) != 1:
        return None
    facts = f"{hit[0].facts}, and the key has gaps that none of them falls into"
    return _relation(column, hit[0], 0.6, ("by its values alone", facts))


def _distinct_numbers(
    connection: duckdb.DuckDBPyConnection, table: str, column: str
) -> npt.NDArray[np.int64]:
    sql = f"SELECT DISTINCT try_cast({_pointing(column)} AS BIGINT) AS n FROM {quoted(table)}"
    rows = connection.execute(f"SELECT n FROM ({sql}) WHERE n IS NOT NULL").fetchall()
    return np.array([number for (number,) in rows], dtype=np.int64)


def _has_gaps(key: ColumnProfile) -> bool:
    """Whether a key leaves out most of the numbers up to its greatest."""
    few = key.distinct <= _MOST_KEYS
    return few and key.maximum is not None and key.distinct < _DENSE * key.maximum


def _by_values(column: ColumnProfile, judged: Sequence[_Overlap]) -> Relation | None:
    """Judge a column whose name says nothing: a reference only where chance cannot explain it.

    It must lie wholly in one key, use a good part of it, reach to its end, and do so in no other.
    """
    inside = [o for o in judged if o.share >= _FRIEND_FOUND]
    if not inside or column.distinct < _FRIEND_DISTINCT:
        return None
    sure = [o for o in inside if o.share == 1 and o.covered >= _COVERS and o.reach >= _REACHES]
    if len(sure) == 1 and words(column.name)[-1] not in _MEASURES:
        facts = f"{sure[0].facts}, {sure[0].covered:.0%} of the key used, up to its end"
        return _relation(column, sure[0], 0.6, ("by its values alone", facts))
    friend = max(inside, key=lambda o: (o.share, o.covered, o.candidate.key.owned))
    reason = "the name says nothing of this key: the values may agree by chance"
    return _relation(column, friend, 0.1, (reason, friend.facts), false_friend=True)


def _relation(
    column: ColumnProfile,
    overlap: _Overlap,
    confidence: float,
    reasons: tuple[str, ...],
    *,
    false_friend: bool = False,
) -> Relation:
    key = overlap.candidate.key
    return Relation(
        column.table, (column.name,), key.table, (key.column,), False,
        overlap.rows, overlap.missing, round(confidence, 2), reasons, false_friend,
    )  # fmt: skip


def _pointing(column: str) -> str:
    """Return SQL for a reference's value as text; null for null, blank, and the 0 of "none"."""
    return f"nullif(nullif(trim(CAST({quoted(column)} AS VARCHAR)), ''), '0')"


def _overlap(
    connection: duckdb.DuckDBPyConnection, column: ColumnProfile, candidate: _Candidate
) -> _Overlap:
    """Look a column's values up in a key, in one query over the distinct values of both."""
    key = candidate.key
    sql = (
        f"WITH held AS (SELECT {_pointing(column.name)} AS value, count(*) AS rows "
        f"FROM {quoted(column.table)} GROUP BY ALL HAVING value IS NOT NULL), "
        f"keys AS (SELECT DISTINCT {_pointing(key.column)} AS value FROM {quoted(key.table)}) "
        "SELECT coalesce(sum(rows), 0), coalesce(sum(rows) FILTER (keys.value IS NULL), 0), "
        "count(keys.value), (SELECT count(value) FROM keys), "
        "coalesce(max(try_cast(held.value AS BIGINT)), 1), "
        "coalesce((SELECT max(try_cast(value AS BIGINT)) FROM keys), 1) "
        "FROM held LEFT JOIN keys USING (value)"
    )
    rows, missing, used, size, greatest, key_greatest = _numbers(connection, sql)
    return _Overlap(candidate, rows, missing, used / max(size, 1), greatest / max(key_greatest, 1))


def _orphans(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: tuple[str, ...],
    to_table: str,
    to_columns: tuple[str, ...],
) -> tuple[int, int]:
    """Return rows that point by all columns of a declared key, and those that point nowhere."""
    pointing = " AND ".join(f"{_pointing(column)} IS NOT NULL" for column in columns)
    pairs = " AND ".join(
        f"trim(CAST(s.{quoted(a)} AS VARCHAR)) = trim(CAST(t.{quoted(b)} AS VARCHAR))"
        for a, b in zip(columns, to_columns, strict=True)
    )
    sql = (
        f"SELECT count(*), count(*) FILTER (WHERE NOT EXISTS "
        f"(SELECT 1 FROM {quoted(to_table)} t WHERE {pairs})) "
        f"FROM (SELECT * FROM {quoted(table)} WHERE {pointing}) s"
    )
    rows, orphans = _numbers(connection, sql)
    return rows, orphans


def _numbers(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return tuple(int(value) for value in rows[0])


def _is_abbreviation(short: str, long: str) -> bool:
    """Whether the letters of `short` occur in `long` in order: apt in appointment."""
    if not short or not long or short[0] != long[0]:
        return False
    rest = iter(long)
    return all(letter in rest for letter in short)
