"""API work of a load from source counts: the planner's arithmetic without an org.

Calls, credits and seconds come from the tables that `load.plan` uses. What already stands in the
org, or is held for want of a parent, is not known yet: every row counts as one to create.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from migrator_kit.estimate.figures import Figures, ObjectFigures
from migrator_kit.load.job import IN_FLIGHT
from migrator_kit.load.plan import ASSUMED_SECONDS
from migrator_kit.load.states import Call
from migrator_kit.mapping.model import Landing
from migrator_kit.zoho import limits

MOVING = (Landing.RECORDS, Landing.NOTES, Landing.FILES)
_FIELDS = "Custom fields"
_UNREAD = "Not mapped yet"


@dataclass(frozen=True, slots=True)
class ModuleWork:
    """What one module takes: records to create, API calls, credits, minutes."""

    module: str
    records: int
    calls: int
    credits: int
    seconds_per_call: float

    @property
    def minutes(self) -> float:
        """Minutes with as many calls in flight as the loader keeps."""
        return self.calls * self.seconds_per_call / IN_FLIGHT / 60


@dataclass(frozen=True, slots=True)
class Workload:
    """The API work of one load."""

    modules: tuple[ModuleWork, ...]

    @property
    def calls(self) -> int:
        """API calls of the whole load."""
        return sum(one.calls for one in self.modules)

    @property
    def credits(self) -> int:
        """Credits of the whole load."""
        return sum(one.credits for one in self.modules)

    @property
    def hours(self) -> float:
        """Hours of API time."""
        return sum(one.minutes for one in self.modules) / 60

    def table(self) -> pd.DataFrame:
        """Return one row for each module."""
        rows = [(w.module, w.records, w.calls, w.credits, w.minutes) for w in self.modules]
        return pd.DataFrame(rows, columns=["module", "records", "calls", "credits", "minutes"])


def workload_of(figures: Figures) -> Workload:
    """Return the work of loading everything once into an org that has nothing yet."""
    fields = sum(math.ceil(n / limits.FIELDS_PER_CREATE) for _, n in figures.new_fields)
    created = sum(n for _, n in figures.new_fields)
    work = [
        ModuleWork(
            _FIELDS, created, fields, created * limits.CREDITS_FIELD, ASSUMED_SECONDS[Call.UPSERT]
        )
    ]
    work += [_work(one, figures) for one in figures.objects if one.landing in MOVING]
    if figures.unread:
        work.append(_records(_UNREAD, figures.unread))
    return Workload(tuple(work))


def _work(one: ObjectFigures, figures: Figures) -> ModuleWork:
    if one.landing is Landing.FILES:
        # One upload each, one listing per parent to verify them by (fact sheet 8.1, 11.2).
        files = max(one.rows - figures.files_missing - figures.files_oversize, 0)
        calls = files + min(one.parents, files)
        return ModuleWork("Attachments", files, calls, calls, ASSUMED_SECONDS[Call.FILE])
    if one.landing is Landing.NOTES:
        calls, spent = limits.calls_for(one.rows), limits.credits_for_write(one.rows)
        return ModuleWork("Notes", one.rows, calls, spent, ASSUMED_SECONDS[Call.NOTE])
    return _records(one.module, one.rows)


def _records(module: str, rows: int) -> ModuleWork:
    """Return the work of records with a key of their own: looked up first, then written."""
    look_ups = max(1, math.ceil(rows / limits.COQL_PAGE))
    spent = limits.credits_for_write(rows) + look_ups * limits.credits_for_coql(limits.COQL_PAGE)
    calls = limits.calls_for(rows) + look_ups
    return ModuleWork(module, rows, calls, spent, ASSUMED_SECONDS[Call.UPSERT])
