"""Appointments and call logs."""

from __future__ import annotations

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
    days_later,
    deleted_numbers,
    filled,
    in_opening_hours,
    joined,
    numbered,
    one_of,
    timestamps,
    weighted,
)
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.patients import UNKNOWN_PROVIDERS, PatientChunk, orphans
from migrator_kit.sample.staff import Staff
from migrator_kit.sample.treatment import PLAN_KEY_GAP, PlanChunk

APPOINTMENTS_PER_PATIENT = 2.5
CALLS_PER_PATIENT = 1.5
_FUTURE = 0.12
"""Share of the appointments that lie after the anchor."""


def appointment_rows(
    rng: np.random.Generator,
    draw: DirtDraw,
    chunk: PatientChunk,
    plans: PlanChunk,
    team: Staff,
    first: int,
) -> Table:
    """Make the appointments, about 2.5 for each patient, most of them in the past."""
    parents, _ = children(rng, chunk.activity, APPOINTMENTS_PER_PATIENT)
    count = len(parents)
    future: Flags = rng.random(count) < _FUTURE
    past_start = between(rng, chunk.registered[parents], ANCHOR - np.timedelta64(86_400, "s"))
    ahead = days_later(np.full(count, ANCHOR), rng.integers(4, 120, count))
    starts = in_opening_hours(rng, np.where(future, ahead, past_start))
    booked = days_later(starts, -rng.integers(1, 60, count))
    booked = np.minimum(booked, ANCHOR)
    plan, linked = plans.of_patients(rng, parents, 0.45)
    clinician = team.clinicians[rng.integers(0, len(team.clinicians), count)]
    seen_by = np.where(rng.random(count) < 0.7, chunk.dentist[parents], clinician)
    day_after = np.minimum(days_later(starts, np.ones(count, np.int64)), ANCHOR)
    table: Table = {
        "appointment_id": numbered("AP", np.arange(first, first + count) + 1, 7),
        "patient_id": chunk.ids[parents],
        "provider_id": team.ids[seen_by],
        "practice_id": chunk.practice[parents],
        "plan_id": plan,
        "starts_at": timestamps(starts),
        "duration_min": weighted(rng, {15: 0.15, 30: 0.4, 45: 0.2, 60: 0.18, 90: 0.07}, count),
        "reason": one_of(rng, vocabulary.REASONS, count),
        "status": _statuses(rng, future),
        "chair": weighted(rng, vocabulary.CHAIRS, count),
        "remarks": one_of(rng, (*vocabulary.REMARKS, *[None] * 30), count),
        "created_at": timestamps(booked),
        "modified_at": timestamps(between(rng, booked, day_after)),
    }
    _dirty_appointments(rng, draw, chunk, team, table, future)
    rows = draw.one(rng, linked, Dirt.APPOINTMENT_PLAN_ORPHAN)
    table["plan_id"][rows] = orphan_plans(rng, plans, len(rows))
    return table


def orphan_plans(rng: np.random.Generator, plans: PlanChunk, count: int) -> Column:
    """Return keys of plans that were deleted."""
    return numbered("TP", deleted_numbers(rng, count, plans.last_ordinal, PLAN_KEY_GAP), 6)


def _statuses(rng: np.random.Generator, future: Flags) -> Column:
    count = len(future)
    past_status = weighted(
        rng, {"completed": 0.8, "cancelled": 0.1, "no_show": 0.085, "arrived": 0.015}, count
    )
    ahead_status = weighted(rng, {"scheduled": 0.6, "confirmed": 0.34, "cancelled": 0.06}, count)
    return np.where(future, ahead_status, past_status)


def _dirty_appointments(
    rng: np.random.Generator,
    draw: DirtDraw,
    chunk: PatientChunk,
    team: Staff,
    table: Table,
    future: Flags,
) -> None:
    every = np.arange(len(future))
    table["status"][draw.one(rng, every, Dirt.APPOINTMENT_STATUS_UNKNOWN)] = "?"
    unknown: Rows = np.flatnonzero(table["status"] == "?")
    table["status"][unknown] = one_of(rng, vocabulary.UNKNOWN_APPOINTMENT_STATUS, len(unknown))
    past = np.setdiff1d(np.flatnonzero(~future), unknown)
    table["status"][draw.one(rng, past, Dirt.APPOINTMENT_STILL_SCHEDULED)] = "scheduled"
    reasons = draw.rows(
        rng, every, Dirt.APPOINTMENT_REASON_TOO_LONG, Dirt.APPOINTMENT_REASON_MISSING
    )
    rows = reasons[Dirt.APPOINTMENT_REASON_TOO_LONG]
    table["reason"][rows] = joined(table["reason"][rows], "; patient was told about all risks" * 9)
    table["reason"][reasons[Dirt.APPOINTMENT_REASON_MISSING]] = None
    patients = draw.rows(rng, every, Dirt.APPOINTMENT_ORPHAN, Dirt.APPOINTMENT_WITHOUT_PATIENT)
    rows = patients[Dirt.APPOINTMENT_ORPHAN]
    table["patient_id"][rows] = orphans(rng, chunk, len(rows))
    rows = patients[Dirt.APPOINTMENT_WITHOUT_PATIENT]
    table["patient_id"][rows] = None
    table["reason"][rows] = one_of(rng, vocabulary.BLOCKED_TIME, len(rows))
    providers = draw.rows(
        rng, every, Dirt.APPOINTMENT_PROVIDER_UNKNOWN, Dirt.APPOINTMENT_PROVIDER_DEPARTED
    )
    rows = providers[Dirt.APPOINTMENT_PROVIDER_UNKNOWN]
    table["provider_id"][rows] = one_of(rng, UNKNOWN_PROVIDERS, len(rows))
    rows = providers[Dirt.APPOINTMENT_PROVIDER_DEPARTED]
    table["provider_id"][rows] = one_of(rng, team.ids[team.departed], len(rows))
    times = draw.rows(rng, past, Dirt.APPOINTMENT_DST_GAP, Dirt.APPOINTMENT_NO_DATE)
    table["starts_at"][times[Dirt.APPOINTMENT_DST_GAP]] = "2023-03-12 02:30:00"
    table["starts_at"][times[Dirt.APPOINTMENT_NO_DATE]] = "0001-01-01 00:00:00"


def call_rows(
    rng: np.random.Generator, draw: DirtDraw, chunk: PatientChunk, team: Staff, first: int
) -> Table:
    """Make the call logs, about 1.5 for each patient."""
    parents, _ = children(rng, chunk.activity, CALLS_PER_PATIENT)
    count = len(parents)
    called = between(rng, chunk.registered[parents], ANCHOR - np.timedelta64(86_400, "s"))
    outcome = weighted(
        rng,
        {"reached": 0.46, "voicemail": 0.27, "no_answer": 0.17, "callback": 0.08,
         "wrong_number": 0.02},
        count,
    )  # fmt: skip
    spoken = np.isin(outcome.astype(np.str_), ["reached", "callback"])
    talk = rng.gamma(2.0, 80.0, count).astype(np.int64) + 15
    seconds = np.where(spoken, talk, rng.integers(0, 45, count))
    table: Table = {
        "call_id": numbered("CL", np.arange(first, first + count) + 1, 7),
        "patient_id": chunk.ids[parents],
        "provider_id": one_of(rng, team.ids[team.active], count),
        "called_at": timestamps(called),
        "duration_sec": seconds.astype(np.object_),
        "direction": weighted(rng, {"out": 0.72, "in": 0.28}, count),
        "outcome": outcome,
        "phone": chunk.phone[parents],
        "summary": one_of(rng, vocabulary.CALL_SUMMARIES, count),
        "created_at": timestamps(called + (rng.integers(20, 900, count)).astype("timedelta64[s]")),
    }
    _dirty_calls(rng, draw, chunk, team, table, called)
    return table


def _dirty_calls(
    rng: np.random.Generator,
    draw: DirtDraw,
    chunk: PatientChunk,
    team: Staff,
    table: Table,
    called: Moments,
) -> None:
    every = np.arange(len(called))
    users = draw.rows(rng, every, Dirt.CALL_BY_DEPARTED, Dirt.CALL_WITHOUT_USER)
    table["provider_id"][users[Dirt.CALL_WITHOUT_USER]] = None
    rows = users[Dirt.CALL_BY_DEPARTED]
    table["provider_id"][rows] = one_of(rng, team.ids[team.departed], len(rows))
    rows = draw.one(rng, every, Dirt.CALL_ENTRY_TIME_MISSING)
    table["created_at"][rows] = filled(None, len(rows))
    rows = draw.one(rng, every, Dirt.CALL_ORPHAN)
    table["patient_id"][rows] = orphans(rng, chunk, len(rows))
    rows = draw.one(rng, every, Dirt.CALL_OUTCOME_UNKNOWN)
    table["outcome"][rows] = one_of(rng, vocabulary.UNKNOWN_CALL_OUTCOME, len(rows))
    rows = draw.one(rng, every, Dirt.CALL_DST_OVERLAP)
    table["called_at"][rows] = "2022-11-06 01:30:00"
