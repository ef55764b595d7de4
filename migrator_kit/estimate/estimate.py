"""The estimate: compatibility, grade, API time, calendar and price, and on what they rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from migrator_kit.estimate.figures import Figures
from migrator_kit.estimate.grading import Grading, compatibility_of, grading_of
from migrator_kit.estimate.pricing import Price, price_of
from migrator_kit.estimate.tariff import Grade, Tariff
from migrator_kit.estimate.workload import Workload, workload_of
from migrator_kit.load.job import IN_FLIGHT
from migrator_kit.load.plan import ASSUMED_SECONDS
from migrator_kit.zoho.limits import Limits

_PLAIN_USERS = 1
"""Licences assumed before an org is reached: the fewest, so that credits are not overstated."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a migration will take. `rests_on` says what was known when it was made."""

    figures: Figures
    work: Workload
    grading: Grading
    price: Price
    load_days: int
    days: tuple[int, int]
    rests_on: tuple[str, ...]

    @property
    def compatibility(self) -> int:
        """Objects of the ten that move one to one."""
        return compatibility_of(self.figures)

    @property
    def grade(self) -> Grade:
        """The complexity grade."""
        return self.grading.grade

    def to_json(self) -> dict[str, Any]:
        """Return the estimate for `audit --json`."""
        return {
            "compatibility": self.compatibility,
            "compatibility_of": 10,
            "objects": [
                {"object": str(one.object), "fit": str(one.fit), "rows": one.rows}
                for one in self.figures.objects
            ],
            "grade": str(self.grade),
            "points": self.grading.points,
            "factors": [
                {"factor": one.name, "points": one.points, "found": one.found}
                for one in self.grading.factors
            ],
            "records": self.figures.records,
            "dirty_rows": self.figures.dirty,
            "hours_api": round(self.work.hours, 2),
            "calls": self.work.calls,
            "credits": self.work.credits,
            "load_days": self.load_days,
            "calendar_days": {"from": self.days[0], "to": self.days[1]},
            "modules": [
                {
                    "module": one.module, "records": one.records, "calls": one.calls,
                    "credits": one.credits, "minutes": round(one.minutes, 1),
                }
                for one in self.work.modules
            ],
            "price": self.price.to_json(),
            "rests_on": list(self.rests_on),
        }  # fmt: skip

    def lines(self) -> list[str]:
        """Return the estimate as a few lines of text."""
        return [
            f"Grade {self.grade} ({self.grading.points} of 15 points), "
            f"{self.compatibility} of 10 objects move one to one.",
            f"{self.figures.records:,} records: {_told(self.work.hours)} of API time, "
            f"{self.work.credits:,} credits, {self.days[0]} to {self.days[1]} working days.",
            f"Price: {self.price.words()}.",
        ]


def make_estimate(
    figures: Figures, tariff: Tariff, limits: Limits, *, rests_on: tuple[str, ...] = ()
) -> Estimate:
    """Return the estimate of a migration under a tariff and an edition's limits. Pure."""
    work = workload_of(figures)
    daily = limits.daily_credits(_PLAIN_USERS)
    load_days = max(
        1,
        math.ceil(work.credits / daily),
        math.ceil(work.hours / tariff.hours_of_loading_a_day),
    )
    grading = grading_of(figures, work, limits, load_days)
    first, last = tariff.work_days[grading.grade]
    assumed = (
        f"The limits of the edition {limits.edition} with {_PLAIN_USERS} licence "
        f"({daily:,} credits a day); no org was asked.",
        f"{min(ASSUMED_SECONDS.values()):g} to {max(ASSUMED_SECONDS.values()):g} seconds a call "
        f"and {IN_FLIGHT} calls at a time: our assumption, Zoho publishes no figure.",
        "Every row counts as a record to create; what already stands in Zoho CRM is not known yet.",
    )
    return Estimate(
        figures,
        work,
        grading,
        price_of(figures, tariff),
        load_days,
        (first + load_days - 1, last + load_days - 1),
        (*rests_on, *assumed),
    )


def _told(hours: float) -> str:
    minutes = math.ceil(hours * 60)
    if hours >= 1:
        return f"{hours:,.1f} hours"
    return f"{minutes} minute" if minutes == 1 else f"{minutes} minutes"
