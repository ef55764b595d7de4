"""Patients entered twice, as the source shows them: same name and birth date. Counts alone.

Nothing is merged here. Names are compared without accents, case, spaces and signs, and in either
order, because first and last name change places in practice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from migrator_kit.source.contents import DateOrder, date_of
from migrator_kit.source.model import quoted
from migrator_kit.source.people import folded, patient_columns
from migrator_kit.source.profile import ColumnProfile


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
    found = patient_columns(profiles)
    if found is None:
        return DuplicateCount(None, (), 0, 0, 0)
    first, last, birth = found
    order = birth.look.date_order or DateOrder.YEAR_FIRST
    names = [folded(first.name), folded(last.name)]
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
