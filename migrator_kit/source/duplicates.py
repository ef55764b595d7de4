"""Patients entered twice, as the source shows them: same name and birth date. Counts alone.

Nothing is merged here. Names are compared without accents, case, spaces and signs, and in either
order, because first and last name change places in practice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from migrator_kit.source.contents import Content, DateOrder, date_of
from migrator_kit.source.model import quoted
from migrator_kit.source.naming import joined, singular
from migrator_kit.source.profile import ColumnProfile

_FIRST = ("firstname", "fname", "givenname", "forename", "vorname", "nombre", "onoma", "first")
_LAST = ("lastname", "lname", "surname", "familyname", "nachname", "apellidos", "eponymo", "last")
_BIRTH = ("birthdate", "birth", "dateofbirth", "dob", "bdate", "birthday", "geburtsdatum")


@dataclass(frozen=True, slots=True)
class DuplicateCount:
    """Groups of patients that share name and birth date. Counts alone, no value."""

    table: str | None
    """The table of patients; None where none was recognised."""
    columns: tuple[str, ...]
    patients: int
    groups: int
    records: int
    """Records that stand in a group of two or more."""

    @property
    def surplus(self) -> int:
        """Records beyond the first of each group."""
        return self.records - self.groups

    def to_json(self) -> dict[str, object]:
        """Return the counts for `audit --json`."""
        return {
            "table": self.table,
            "columns": list(self.columns),
            "patients": self.patients,
            "groups": self.groups,
            "records": self.records,
            "surplus": self.surplus,
        }


def count_duplicates(
    connection: duckdb.DuckDBPyConnection, profiles: Mapping[str, Sequence[ColumnProfile]]
) -> DuplicateCount:
    """Return the groups of like patients in the table that holds them."""
    found = _patient_table(profiles)
    if found is None:
        return DuplicateCount(None, (), 0, 0, 0)
    first, last, birth = found
    order = birth.look.date_order or DateOrder.YEAR_FIRST
    names = [_folded(first.name), _folded(last.name)]
    born = date_of(f"trim(CAST({quoted(birth.name)} AS VARCHAR))", order)
    sql = (
        f"WITH people AS (SELECT least({names[0]}, {names[1]}) AS a, "
        f"greatest({names[0]}, {names[1]}) AS b, {born} AS born FROM {quoted(first.table)}), "
        "alike AS (SELECT count(*) AS records FROM people WHERE a <> '' AND born IS NOT NULL "
        "GROUP BY a, b, born HAVING count(*) > 1) "
        "SELECT count(*), coalesce(sum(records), 0) FROM alike"
    )
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    groups, records = rows[0]
    columns = (first.name, last.name, birth.name)
    return DuplicateCount(first.table, columns, first.rows, int(groups), int(records))


def _patient_table(
    profiles: Mapping[str, Sequence[ColumnProfile]],
) -> tuple[ColumnProfile, ColumnProfile, ColumnProfile] | None:
    """Return first name, last name and birth date of the table that holds the most people."""
    candidates = []
    for table, columns in profiles.items():
        first, last = _named(columns, _FIRST), _named(columns, _LAST)
        births = [c for c in columns if c.content in (Content.DATE, Content.DATETIME)]
        birth = _named(births, _BIRTH)
        if first and last and birth:
            candidates.append(("pat" in singular(table), first.rows, (first, last, birth)))
    best = max(candidates, key=lambda found: found[:2], default=None)
    return best[2] if best else None


def _named(columns: Sequence[ColumnProfile], names: tuple[str, ...]) -> ColumnProfile | None:
    spoken = {joined(column.name): column for column in columns}
    return next((spoken[name] for name in names if name in spoken), None)


def _folded(column: str) -> str:
    """Return SQL for a name without case, accents, spaces and signs; '' for null."""
    text = f"strip_accents(lower(coalesce(CAST({quoted(column)} AS VARCHAR), '')))"
    return f"regexp_replace({text}, '[^\\p{{L}}]+', '', 'g')"
