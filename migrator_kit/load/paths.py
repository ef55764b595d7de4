"""Which way new records go, by record calls or by bulk write, and what that costs.

Asked by plan and loader alike, so that what is planned is what happens. Updates always go by
record calls: each sends its own fields.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from migrator_kit.load.job import LoadJob
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import Column
from migrator_kit.load.states import Call
from migrator_kit.mapping.model import Landing
from migrator_kit.zoho import limits

CALLS_OF_A_JOB = 40
"""Upload, result, and asking how far it is, for a job of a minute: the client's own rhythm."""


class Path(StrEnum):
    """The way that new records of a module go."""

    REST = "rest"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class WriteCost:
    """What it takes to create some records. `seconds` are what the calls add to a load."""

    path: Path
    calls: int = 0
    credits: int = 0
    seconds: float = 0.0


def bulk_from(job: LoadJob, step: LoadStep) -> int | None:
    """Return from how many new records on a step sends them by bulk write, None for never.

    A bulk write finds a record that is there already by a unique field (fact sheet 7.3): without
    one a job that is sent twice would double its records. Only records have such a field.
    """
    if job.bulk_from is None or step.mapping.landing is not Landing.RECORDS:
        return None
    layout = job.layout(step)
    columns = len(layout.columns) + len(layout.constants or {})
    possible = step.module not in limits.NO_BULK_WRITE and columns <= limits.BULK_COLUMNS
    unique = layout.key is not None and _unique(job, step, layout.key)
    return max(1, job.bulk_from) if possible and unique else None


def trays(creates: int, least: int | None) -> list[int]:
    """Return the sizes of the bulk writes that new records take; the rest goes by record calls."""
    if least is None:
        return []
    full, rest = divmod(creates, limits.BULK_ROWS)
    sizes = [limits.BULK_ROWS] * full + [rest]
    return [size for size in sizes if size >= least]


def create_cost(
    creates: int, least: int | None, record_call: Call, seconds: Callable[[Call], float]
) -> WriteCost:
    """Return path and price of new records. `seconds` tells what a call of a kind adds."""
    jobs = trays(creates, least)
    single = creates - sum(jobs)
    pages = sum(math.ceil(size / limits.COQL_PAGE) for size in jobs)
    record_calls = limits.calls_for(single)
    of_jobs = len(jobs) * (limits.CREDITS_BULK_WRITE + CALLS_OF_A_JOB - 1)
    return WriteCost(
        Path.BULK if jobs else Path.REST,
        record_calls + len(jobs) * CALLS_OF_A_JOB + pages,
        limits.credits_for_write(single) + of_jobs
        + pages * limits.credits_for_coql(limits.COQL_PAGE),
        record_calls * seconds(record_call) + len(jobs) * seconds(Call.BULK),
    )  # fmt: skip


def _unique(job: LoadJob, step: LoadStep, key: Column) -> bool:
    info = job.schema.by_api_name(step.module, key.api_name)
    if info is not None:
        return info.unique
    row = step.mapping.field(key.logical)
    return row is not None and row.create is not None and row.create.unique
