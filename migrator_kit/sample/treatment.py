"""Treatment plans, and which plan a visit, note or document belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from migrator_kit.sample import vocabulary
from migrator_kit.sample.columns import (
    ANCHOR,
    Column,
    Flags,
    Moments,
    Rows,
    Table,
    between,
    children,
    dates,
    days_later,
    filled,
    joined,
    keep,
    key_numbers,
    numbered,
    one_of,
    timestamps,
    values,
    weighted,
)
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.patients import PatientChunk, orphans
from migrator_kit.sample.staff import Staff

PLAN_KEY_GAP = 53
PLANS_PER_PATIENT = 0.8


@dataclass(frozen=True, slots=True)
class PlanChunk:
    """What appointments, notes and documents need to know of the plans of a chunk."""

    ids: Column
    first: Rows
    """Position of each patient's first plan."""
    counts: Rows
    last_ordinal: int

    def of_patients(
        self, rng: np.random.Generator, parents: Rows, share: float
    ) -> tuple[Column, Rows]:
        """Return a plan of the row's patient for a share of the rows, and which rows have one."""
        linked = (self.counts[parents] > 0) & (rng.random(len(parents)) < share)
        plan = filled(None, len(parents))
        rows = np.flatnonzero(linked)
        owner = parents[rows]
        place = (rng.random(len(rows)) * self.counts[owner]).astype(np.int64)
        plan[rows] = self.ids[self.first[owner] + place]
        return plan, rows


def plan_rows(
    rng: np.random.Generator, draw: DirtDraw, chunk: PatientChunk, team: Staff, first: int
) -> tuple[Table, PlanChunk]:
    """Make the treatment plans, about 0.8 for each patient."""
    parents, _ = children(rng, chunk.activity, PLANS_PER_PATIENT)
    count = len(parents)
    ids = numbered("TP", key_numbers(first, count, PLAN_KEY_GAP), 6)
    procedure = rng.integers(0, len(vocabulary.PROCEDURES), count)
    _, titles, fees, spans = (
        values(column)[procedure] for column in zip(*vocabulary.PROCEDURES, strict=True)
    )
    teeth = _teeth(rng, spans.astype(np.int64))
    placed = np.where(teeth == "00", "", joined(" ", teeth)).astype(np.object_)
    fee = np.round(fees.astype(np.float64) * rng.lognormal(0.0, 0.25, count), 2)
    covered = np.where(chunk.insured[parents], np.round(fee * rng.uniform(0.2, 0.7, count), 2), 0.0)
    table: Table = {
        "plan_id": ids,
        "patient_id": chunk.ids[parents],
        "provider_id": team.ids[chunk.dentist[parents]],
        "title": joined(titles, placed),
        "teeth": teeth,
        "fee_total": fee.astype(np.object_),
        "insurance_estimate": covered.astype(np.object_),
        "remarks": keep(one_of(rng, vocabulary.REMARKS, count), rng.random(count) < 0.3),
        "x_finance_code": weighted(rng, vocabulary.FINANCE_CODES, count),
    }
    table |= _progress_of_plans(rng, draw, chunk.registered[parents])
    _dirty_plans(rng, draw, chunk, team, table)
    counts = np.bincount(parents, minlength=len(chunk.ids))
    return table, PlanChunk(ids, np.cumsum(counts) - counts, counts, first + count)


def _teeth(rng: np.random.Generator, span: Rows) -> Column:
    """Return FDI numbers: `00` for none, one tooth, or several."""
    count = len(span)
    one = one_of(rng, vocabulary.TEETH, count)
    milk = np.flatnonzero(rng.random(count) < 0.04)
    one[milk] = one_of(rng, vocabulary.MILK_TEETH, len(milk))
    more = joined(one, ",", one_of(rng, vocabulary.TEETH, count))
    return np.select([span == 1, span == 2], [one, more], default="00").astype(np.object_)


def _progress_of_plans(rng: np.random.Generator, draw: DirtDraw, registered: Moments) -> Table:
    """Return status and dates. Proposals stay proposals for years, as in Gesden practices."""
    count = len(registered)
    status = weighted(
        rng,
        {"proposed": 0.24, "presented": 0.14, "accepted": 0.1, "scheduled": 0.07,
         "in_progress": 0.09, "completed": 0.24, "declined": 0.08, "cancelled": 0.04},
        count,
    )  # fmt: skip
    proposed = between(rng, registered, ANCHOR)
    accepted = np.minimum(days_later(proposed, rng.integers(0, 90, count)), ANCHOR)
    completed = np.minimum(days_later(accepted, rng.integers(1, 240, count)), ANCHOR)
    agreed: Flags = np.isin(
        status.astype(np.str_), ["accepted", "scheduled", "in_progress", "completed"]
    )
    done = status == "completed"
    completed_on = keep(dates(completed), done)
    rows = draw.one(rng, np.flatnonzero(done), Dirt.PLAN_COMPLETED_FIRST)
    completed_on[rows] = dates(days_later(proposed[rows], -rng.integers(1, 60, len(rows))))
    accepted_on = keep(dates(accepted), agreed)
    rows = draw.one(rng, np.flatnonzero(agreed), Dirt.PLAN_DATE_IMPOSSIBLE)
    accepted_on[rows] = one_of(rng, ("31/04/2021", "2022-02-30", "0000-00-00"), len(rows))
    rows = draw.one(rng, np.arange(count), Dirt.PLAN_STATUS_UNKNOWN)
    status[rows] = one_of(rng, vocabulary.UNKNOWN_PLAN_STATUS, len(rows))
    return {
        "status": status,
        "proposed_on": dates(proposed),
        "accepted_on": accepted_on,
        "completed_on": completed_on,
        "created_at": timestamps(proposed),
        "modified_at": timestamps(between(rng, proposed, ANCHOR)),
    }


def _dirty_plans(
    rng: np.random.Generator, draw: DirtDraw, chunk: PatientChunk, team: Staff, table: Table
) -> None:
    every = np.arange(len(table["plan_id"]))
    rows = draw.one(rng, every, Dirt.PLAN_PROVIDER_DEPARTED)
    table["provider_id"][rows] = one_of(rng, team.ids[team.departed], len(rows))
    teeth = draw.rows(rng, every, Dirt.PLAN_TEETH_MISSING, Dirt.PLAN_TEETH_OTHER_NOTATION)
    table["teeth"][teeth[Dirt.PLAN_TEETH_MISSING]] = None
    rows = teeth[Dirt.PLAN_TEETH_OTHER_NOTATION]
    table["teeth"][rows] = one_of(rng, vocabulary.OTHER_NOTATION, len(rows))
    rows = draw.one(rng, every, Dirt.PLAN_TITLE_TOO_LONG)
    table["title"][rows] = joined(
        table["title"][rows], " with preparation, temporaries, lab work, control and review" * 2
    )
    rows = draw.one(rng, every, Dirt.PLAN_FEE_OVER_15000)
    table["fee_total"][rows] = 15_000.0 + np.round(rng.random(len(rows)) * 20_000 + 1, 2)
    rows = draw.one(rng, every, Dirt.PLAN_ESTIMATE_PLACEHOLDER)
    table["insurance_estimate"][rows] = -1
    rows = draw.one(rng, every, Dirt.PLAN_ORPHAN)
    table["patient_id"][rows] = orphans(rng, chunk, len(rows))
