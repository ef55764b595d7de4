"""The complexity grade: five factors of zero to three points each, shown with what they rest on.

A factor's points never fall when what it counts grows, so a grade never gets better by more dirt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from migrator_kit.estimate.figures import Figures, Fit
from migrator_kit.estimate.tariff import Grade
from migrator_kit.estimate.workload import Workload
from migrator_kit.zoho.limits import Limits

_MOST = 3
_MISSING_OBJECTS = (2, 4, 6)
"""Objects of the ten that do not move one to one, from which on a point is added. Reminders and
recalls are rebuilt in every migration: one of the ten is no complication."""
_UNCLEAR_SHARE = (0.03, 0.10, 0.25)
_RECORDS = (50_000, 250_000, 1_000_000)
_DIRTY_SHARE = (0.01, 0.05, 0.15)
_GRADES = ((Grade.A, 2), (Grade.B, 5), (Grade.C, 9))
"""Grades with the most points that they allow."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor of the grade. `points` from 0 (plain) to 3, `found` says what was counted."""

    name: str
    points: int
    found: str


@dataclass(frozen=True, slots=True)
class Grading:
    """The grade with its factors."""

    factors: tuple[Factor, ...]

    @property
    def points(self) -> int:
        """The sum of the factors' points."""
        return sum(factor.points for factor in self.factors)

    @property
    def grade(self) -> Grade:
        """A up to 2 points, B up to 5, C up to 9, else D."""
        return next((grade for grade, most in _GRADES if self.points <= most), Grade.D)

    def table(self) -> pd.DataFrame:
        """Return one row for each factor."""
        rows = [(one.name, one.found, f"{one.points} of {_MOST}") for one in self.factors]
        return pd.DataFrame(rows, columns=["factor", "what was found", "points"])


def grading_of(figures: Figures, work: Workload, limits: Limits, days: int) -> Grading:
    """Return the grade. `days` of loading follow from credits and hours."""
    return Grading(
        (
            _compatibility(figures),
            _clarity(figures),
            _constraints(figures, work, limits, days),
            _volume(figures),
            _dirt(figures),
        )
    )


def compatibility_of(figures: Figures) -> int:
    """Return how many of the ten objects move one to one."""
    return sum(one.fit is Fit.ONE_TO_ONE for one in figures.objects)


def _compatibility(figures: Figures) -> Factor:
    whole = compatibility_of(figures)
    found = f"{whole} of 10 objects move one to one"
    by_fit: dict[Fit, list[str]] = {}
    for one in figures.objects:
        by_fit.setdefault(one.fit, []).append(str(one.object))
    by_fit.pop(Fit.ONE_TO_ONE, None)
    others = [
        f"{'all ten' if len(named) == 10 else ', '.join(named)}: {fit}"
        for fit, named in by_fit.items()
    ]
    text = f"{found}; {'; '.join(others)}." if others else f"{found}."
    return Factor("Compatibility", _points(10 - whole, _MISSING_OBJECTS), text)


def _clarity(figures: Figures) -> Factor:
    unclear = len(figures.unclear)
    share = unclear / max(figures.columns, 1)
    text = (
        f"{unclear:,} of {figures.columns:,} columns with values ({share:.1%}) wait for somebody "
        "to explain them."
    )
    return Factor("Mapping clarity", _points(share, _UNCLEAR_SHARE), text)


def _constraints(figures: Figures, work: Workload, limits: Limits, days: int) -> Factor:
    allowed = {module: limits.custom_fields_of(module) for module, _ in figures.new_fields}
    found = [
        f"{module} needs {count} custom fields, the edition allows {allowed[module]}"
        for module, count in figures.new_fields
        if count > allowed[module]
    ]
    if days > 1:
        found.append(
            f"{work.credits:,} credits and {work.hours:,.1f} hours spread over {days} days"
        )
    if figures.files_oversize:
        found.append(f"files larger than the limit: {figures.files_oversize:,}")
    if figures.too_long:
        found.append(f"values longer than their field: {figures.too_long:,}")
    text = f"{_sentence(found)}." if found else "Everything fits the edition's limits."
    return Factor("API constraints", min(len(found), _MOST), text)


def _volume(figures: Figures) -> Factor:
    text = f"{figures.records:,} records, {figures.file_bytes / 1e9:,.2f} GB of files."
    return Factor("Volume", _points(figures.records, _RECORDS), text)


def _dirt(figures: Figures) -> Factor:
    share = figures.dirty / max(figures.records, 1)
    kinds = _sentence([f"{kind}: {rows:,}" for kind, rows in figures.dirt])
    text = f"Rows to look at: {figures.dirty:,}, {share:.1%} of the records"
    return Factor(
        "Dirt", _points(share, _DIRTY_SHARE), f"{text}. {kinds}." if kinds else f"{text}."
    )


def _sentence(parts: Sequence[str]) -> str:
    told = "; ".join(parts)
    return told[:1].upper() + told[1:]


def _points(value: float, steps: Sequence[float]) -> int:
    return sum(value >= step for step in steps)
