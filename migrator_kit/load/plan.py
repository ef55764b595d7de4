"""The plan: create, update, skip, hold for each module, with calls, credits and minutes.

Made by the same survey that the loader walks, before anything is written. Times come from the
calls of earlier runs where the ledger has them, else from the assumptions below.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.load.file_steps import survey_files
from migrator_kit.load.job import IN_FLIGHT, LoadJob, Scope
from migrator_kit.load.opening import open_job
from migrator_kit.load.order import LoadStep, load_order
from migrator_kit.load.paths import Path, WriteCost, bulk_from, create_cost
from migrator_kit.load.revisions import step_outlook
from migrator_kit.load.schedule import Allowance, schedule
from migrator_kit.load.states import Action, Call
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Landing
from migrator_kit.zoho import limits

ASSUMED_SECONDS = {Call.NOTE: 1.0, Call.FILE: 1.5, Call.UPSERT: 1.2, Call.INSERT: 1.2,
                   Call.UPDATE: 1.2, Call.BULK: 60.0}  # fmt: skip
"""Seconds of one call or job until the ledger knows better: our assumption, Zoho publishes none."""


@dataclass(frozen=True, slots=True)
class ModulePlan:
    """What is to be done in one module, and what that costs."""

    module: str
    create: int
    update: int
    skip: int
    hold: int
    calls: int
    credits: int
    minutes: float
    path: Path = Path.REST
    """The way that the new records go: bulk where any of them do."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The plan of a load. `holds` counts the records that wait, by object and reason; `windows`
    spreads a plan that does not fit over the rolling 24 hours (see `schedule`)."""

    modules: tuple[ModulePlan, ...]
    holds: pd.DataFrame
    credits_left: int
    windows: pd.DataFrame

    @property
    def credits(self) -> int:
        """Credits of the whole plan."""
        return sum(one.credits for one in self.modules)

    @property
    def fits(self) -> bool:
        """Whether the plan fits into the credits that are left of the rolling 24 hours."""
        return self.credits <= self.credits_left

    @property
    def writes(self) -> int:
        """How many records the plan creates or updates."""
        return sum(one.create + one.update for one in self.modules)

    def table(self) -> pd.DataFrame:
        """Return one row for each module."""
        counts, price = ["create", "update", "skip", "hold"], ["calls", "credits", "minutes"]
        names = ["module", *counts, "path", *price]
        rows = [[getattr(one, name) for name in names] for one in self.modules]
        return pd.DataFrame(rows, columns=names)

    def to_json(self) -> dict[str, Any]:
        """Return the shape that `migrator plan --json` prints."""
        return {
            "modules": {
                one.module: {
                    "create": one.create, "update": one.update, "skip": one.skip,
                    "hold": one.hold, "path": str(one.path), "calls": one.calls,
                    "credits": one.credits, "minutes": round(one.minutes, 1),
                }
                for one in self.modules
            },
            "holds": self.holds.to_dict("records"),
            "fits": self.fits,
            "schedule": [
                {**row, "begins_at": row["begins_at"].isoformat(timespec="minutes")}
                for row in self.windows.to_dict("records")
            ],
        }  # fmt: skip


def plan_load(
    engagement: Engagement, scope: Scope | None = None, *, target: Target | None = None
) -> LoadPlan:
    """Return the plan of the engagement's next load, before or after provisioning.

    Raises what `opening.open_job` raises. Writes nothing.
    """
    with open_job(engagement, scope=scope, target=target, planning=True) as job:
        return plan_job(job)


def plan_job(job: LoadJob) -> LoadPlan:
    """Return the plan of a job opened for planning. Reads the target, writes nothing."""
    counted = [(step, _count(job, step)) for step in load_order(job.mapping)]
    holds = Counter[tuple[str, str]]()
    modules: dict[str, ModulePlan] = {}
    seconds = _measured(job)
    for step, found in counted:
        holds.update({(str(step.object), reason): n for reason, n in found.reasons.items()})
        fresh = _cost(job, step, found, seconds)
        stood = modules.get(fresh.module)
        modules[fresh.module] = fresh if stood is None else _sum(stood, fresh)
    rows = [(name, reason, count) for (name, reason), count in sorted(holds.items())]
    held = pd.DataFrame(rows, columns=["object", "reason", "records"])
    planned, meter = tuple(modules.values()), job.target.client.credits
    allowance = Allowance(meter.budget, meter.remaining, datetime.now(UTC), meter.free_again_at)
    return LoadPlan(planned, held, allowance.left, _windows(planned, allowance))


def _windows(planned: Sequence[ModulePlan], allowance: Allowance) -> pd.DataFrame:
    """Return the schedule of a plan that does not fit; no row where it does."""
    fits = sum(one.credits for one in planned) <= allowance.left
    costs = [(one.module, one.create + one.update, one.credits) for one in planned]
    return schedule([] if fits else costs, allowance)


@dataclass(frozen=True, slots=True)
class _Counted:
    """Records by action, held ones by reason; how many are looked at, how many get files."""

    actions: Counter[str]
    reasons: Counter[str]
    looked_up: int = 0
    parents: int = 0


def _count(job: LoadJob, step: LoadStep) -> _Counted:
    if step.mapping.landing is Landing.FILES:
        return _count_files(job, step)
    outlook = step_outlook(job, step)
    return _Counted(outlook.counts, outlook.reasons, outlook.looked_up)


def _count_files(job: LoadJob, step: LoadStep) -> _Counted:
    counts, reasons = Counter[str](), Counter[str]()
    parents = 0
    for part in survey_files(job, step):
        counts.update(str(one.action) for one in part)
        reasons.update(str(one.reason) for one in part if one.action is Action.HOLD)
        going = (Action.CREATE, Action.UPDATE)
        parents += len({one.parent for one in part if one.action in going})
    return _Counted(counts, reasons, parents=parents)


def _cost(job: LoadJob, step: LoadStep, found: _Counted, known: dict[str, float]) -> ModulePlan:
    def seconds(call: Call) -> float:
        return known.get(f"{step.module} {call}", ASSUMED_SECONDS[call] / IN_FLIGHT)

    counts = found.actions
    create, update = counts[Action.CREATE], counts[Action.UPDATE]
    is_note = step.mapping.landing is Landing.NOTES
    if step.mapping.landing is Landing.FILES:
        # One upload each, one listing per parent to verify them by (fact sheet 8.1, 11.2); of a
        # newer version also one look at the older one, and one call that removes it.
        calls, call = create + found.parents + 3 * update, Call.FILE
        creating = WriteCost(Path.REST, calls, calls, calls * seconds(call))
    else:
        call = Call.NOTE if is_note else Call.UPSERT
        creating = create_cost(create, bulk_from(job, step), call, seconds)
    look_ups = 0
    if step.mapping.key is not None and step.module not in limits.NO_COQL:
        look_ups = max(1, math.ceil(job.rows(step.object) / limits.COQL_PAGE))
    # What is to be updated is looked at first: notes one by one, records by the page.
    looks = found.looked_up if is_note else math.ceil(found.looked_up / limits.COQL_IN_VALUES)
    looks_cost = looks if is_note else looks * limits.credits_for_coql(limits.LIST_PAGE)
    sent = 0 if step.mapping.landing is Landing.FILES else update
    others = limits.calls_for(sent) + look_ups + looks
    busy = creating.seconds + others * seconds(call)
    return ModulePlan(
        step.module, create, update, counts[Action.SKIP], counts[Action.HOLD],
        creating.calls + others,
        creating.credits + limits.credits_for_write(sent)
        + look_ups * limits.credits_for_coql(limits.COQL_PAGE) + looks_cost,
        busy / 60, creating.path,
    )  # fmt: skip


def _measured(job: LoadJob) -> dict[str, float]:
    """Return the seconds that a call adds, by module and kind, from this ledger's earlier runs."""
    calls = job.ledger.calls()
    names: Iterable[str] = (calls["module"] + " " + calls["call"]).tolist()
    return dict(zip(names, calls["seconds"].tolist(), strict=True))


def _sum(one: ModulePlan, other: ModulePlan) -> ModulePlan:
    return ModulePlan(
        one.module, one.create + other.create, one.update + other.update, one.skip + other.skip,
        one.hold + other.hold, one.calls + other.calls, one.credits + other.credits,
        one.minutes + other.minutes, max(one.path, other.path, key=[*Path].index),
    )  # fmt: skip
