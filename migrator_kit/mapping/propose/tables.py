"""Which table holds which of the ten objects, how sure that is, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.propose.earlier import NOTHING, Earlier
from migrator_kit.mapping.propose.found import Found
from migrator_kit.mapping.propose.ranking import Scored
from migrator_kit.mapping.propose.scoring import table_fit
from migrator_kit.mapping.propose.words import word_set

_LEAST = 0.42
_LEAST_EMPTY = 0.8
"""The same for a table without rows: only one that is clearly meant is worth a mapping."""
_OF_PATIENT = 0.25
"""What a reference to the patients adds to a table of records about patients."""
_BEFORE = 0.5
"""What it adds that a table of the same name held the object in an earlier engagement."""
_ABOUT_PATIENTS = (
    ObjectName.APPOINTMENT, ObjectName.PLAN, ObjectName.INSURANCE, ObjectName.CALL_LOG,
    ObjectName.NOTE, ObjectName.ATTACHMENT,
)  # fmt: skip
_RULES = word_set("reminder recall rule")
_STAFF = word_set("provider dentist doctor staff employee practitioner hygienist user")


@dataclass(frozen=True, slots=True)
class TableOfObject:
    """An object and the table that holds it."""

    object: ObjectName
    table: str
    confidence: float
    reasons: tuple[str, ...]


def tables_of_objects(
    found: Found, scored: Scored, earlier: Earlier = NOTHING
) -> dict[ObjectName, TableOfObject]:
    """Return the table of each object that the source has, patients first.

    Each table holds one object; where it did so in an earlier engagement, that counts. Whatever is
    about patients points to the table of patients, and a table without a key, or without rows where
    another has some, is not chosen.
    """
    fits = {
        name: {table: fit + _BEFORE * earlier.holds(table, name) for table, fit in tables.items()}
        for name, tables in _fits(found, scored).items()
    }
    chosen: dict[ObjectName, TableOfObject] = {}
    for name in (ObjectName.PATIENT, ObjectName.PRACTICE):
        free = {t: fit for t, fit in fits[name].items() if not _taken(t, chosen)}
        _choose(name, free, found, chosen)
    patients = chosen.get(ObjectName.PATIENT)
    about = {
        (name, table): fit + _OF_PATIENT
        for name in _ABOUT_PATIENTS
        for table, fit in fits[name].items()
        if patients and _points_to(found, table, patients.table)
    }
    for name, table in sorted(about, key=lambda pair: -about[pair]):
        if name not in chosen and not _taken(table, chosen):
            _choose(name, {table: about[name, table]}, found, chosen)
    rules = {
        table: 0.6 + 0.1 * len(_RULES & set(words)) - 0.3 * bool(
            patients and _points_to(found, table, patients.table))
        for table, words in zip(found.schema.table_names, found.schema.table_words, strict=True)
        if _RULES & set(words) and not _taken(table, chosen)
    }  # fmt: skip
    _choose(ObjectName.RULE, rules, found, chosen)
    return chosen


def staff_table(found: Found) -> str | None:
    """Return the table of those who own records, the one that most columns point to."""
    counted = {
        table: sum(r.to_table == table for r in found.points.values())
        for table, words in zip(found.schema.table_names, found.schema.table_words, strict=True)
        if words and words[-1] in _STAFF and found.key(table)
    }
    return max(counted, key=lambda table: (counted[table], found.tables[table].rows), default=None)


def _fits(found: Found, scored: Scored) -> dict[ObjectName, dict[str, float]]:
    """Return for each object how well each table with a key fits it."""
    alone = scored.alone
    fit, _, _ = table_fit(alone, scored.features, scored.source, scored.target)
    result: dict[ObjectName, dict[str, float]] = {}
    for position, name in enumerate(scored.target.table_names):
        column = int(np.flatnonzero(scored.target.table_index == position)[0])
        result[ObjectName(name)] = {
            table: float(fit[np.flatnonzero(scored.source.table_index == n)[0], column])
            for n, table in enumerate(scored.source.table_names)
            if found.key(table)
        }
    return result


def _choose(
    name: ObjectName, fits: dict[str, float], found: Found,
    chosen: dict[ObjectName, TableOfObject],
) -> None:  # fmt: skip
    filled = {table: fit for table, fit in fits.items() if found.tables[table].rows} or {
        table: fit for table, fit in fits.items() if fit >= _LEAST_EMPTY
    }
    table = max(filled, key=lambda one: filled[one], default=None)
    if table is None or filled[table] < _LEAST:
        return
    second = max((fit for one, fit in filled.items() if one != table), default=0.0)
    sure = min(0.99, filled[table]) * (1.0 if filled[table] - second > 0.1 else 0.85)
    reasons = [f"its name and columns fit a {str(name).lower()} better than other tables"]
    patients = chosen.get(ObjectName.PATIENT)
    if patients and _points_to(found, table, patients.table):
        reasons.append(f"it points to the patients in '{patients.table}'")
    reasons.append(f"{found.tables[table].rows:,} rows with the key {found.key(table)}")
    chosen[name] = TableOfObject(name, table, round(sure, 2), tuple(reasons))


def _taken(table: str, chosen: dict[ObjectName, TableOfObject]) -> bool:
    return any(one.table == table for one in chosen.values())


def _points_to(found: Found, table: str, other: str) -> bool:
    return any(r.to_table == other for r in found.references(table).values())
