"""Insurance policies: one for most patients, two or three for some."""

from __future__ import annotations

import numpy as np

from migrator_kit.sample import vocabulary
from migrator_kit.sample.columns import (
    ANCHOR,
    Moments,
    Rows,
    Table,
    between,
    dates,
    days_later,
    joined,
    keep,
    numbered,
    one_of,
    text,
    timestamps,
    values,
    weighted,
)
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.patients import PatientChunk, orphans


def policy_rows(rng: np.random.Generator, draw: DirtDraw, chunk: PatientChunk, first: int) -> Table:
    """Make the policies: 70 % of the patients have one, of those 17 % two and 3 % three."""
    insured = np.flatnonzero(chunk.insured)
    policies = rng.choice(3, len(insured), p=[0.8, 0.17, 0.03]) + 1
    parents = np.repeat(insured, policies)
    count = len(parents)
    priority = np.arange(count) - np.repeat(np.cumsum(policies) - policies, policies) + 1
    start = between(rng, chunk.registered[parents], ANCHOR).astype("datetime64[D]")
    end = days_later(start.astype("datetime64[s]"), rng.integers(1, 6, count) * 365)
    created = between(rng, chunk.registered[parents], ANCHOR)
    table: Table = {
        "policy_id": numbered("IN", np.arange(first, first + count) + 1, 6),
        "patient_id": chunk.ids[parents],
        "priority": priority.astype(np.object_),
        "carrier_name": one_of(rng, vocabulary.CARRIERS, count),
        "group_number": joined("G", text(rng.integers(1_000, 9_999, count))),
        "member_id": joined("M", text(rng.integers(10_000_000, 99_999_999, count))),
        "relationship": weighted(
            rng, {"self": 0.62, "spouse": 0.16, "child": 0.2, "other": 0.02}, count
        ),
        "valid_from": dates(start),
        "valid_to": keep(dates(end), rng.random(count) < 0.4),
        "annual_max": one_of(rng, (1_000, 1_500, 1_500, 2_000, 2_500, None), count),
        "created_at": timestamps(created),
        "modified_at": timestamps(between(rng, created, ANCHOR)),
    }
    _dirty_policies(rng, draw, chunk, table, parents, start)
    return table


def _dirty_policies(
    rng: np.random.Generator,
    draw: DirtDraw,
    chunk: PatientChunk,
    table: Table,
    parents: Rows,
    start: Moments,
) -> None:
    every = np.arange(len(parents))
    carrier = draw.rows(rng, every, Dirt.CARRIER_MISSING, Dirt.CARRIER_SPELLING)
    names = table["carrier_name"]
    names[carrier[Dirt.CARRIER_MISSING]] = None
    spelled = carrier[Dirt.CARRIER_SPELLING]
    ways = rng.integers(0, 3, len(spelled)).tolist()
    names[spelled] = values(
        [
            (name.upper(), f"{name} ", name.split()[0])[way]
            for name, way in zip(names[spelled], ways, strict=True)
        ]
    )
    table["member_id"][draw.one(rng, every, Dirt.MEMBER_ID_EMPTY)] = ""
    rows = draw.one(rng, every, Dirt.RELATIONSHIP_UNKNOWN)
    table["relationship"][rows] = one_of(rng, vocabulary.UNKNOWN_RELATIONSHIP, len(rows))
    periods = draw.rows(rng, every, Dirt.VALID_TO_FIRST, Dirt.VALID_FROM_IS_BIRTH_DATE)
    rows = periods[Dirt.VALID_FROM_IS_BIRTH_DATE]
    table["valid_from"][rows] = dates(chunk.birth[parents[rows]])
    rows = periods[Dirt.VALID_TO_FIRST]
    table["valid_to"][rows] = dates(days_later(start[rows], np.full(len(rows), -32)))
    rows = draw.one(rng, every, Dirt.ANNUAL_MAX_TEXT)
    table["annual_max"][rows] = one_of(
        rng, ("none", "$1,500", "1.500,00", "see contract"), len(rows)
    )
    rows = draw.one(rng, every, Dirt.INSURANCE_ORPHAN)
    table["patient_id"][rows] = orphans(rng, chunk, len(rows))
