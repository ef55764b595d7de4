"""Walks an object's shaped rows and decides on each: what plan and loader share.

Rows are taken in chunks: payloads, digests and decisions of a few thousand records at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pandas as pd
import pyarrow as pa

from migrator_kit.errors import MappingError
from migrator_kit.load.batches import Intended
from migrator_kit.load.decide import Known, decide
from migrator_kit.load.job import LoadJob, Parent
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import (
    Column,
    Layout,
    Links,
    Payload,
    Row,
    build,
    digest,
    references_of,
)  # fmt: skip
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.states import Action

CHUNK = 2_000
BUILT = 10_000
"""Rows whose payloads are built at once: the first calls do not wait for a whole part."""
NOTE_PARENT = "Parent_Id"


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Some records of a step with their payloads and what is to be done with each.

    `decisions` has the columns of `decide`; `rows` are the payloads, in the same order. For notes
    `parents` names module and id of the record each hangs on.
    """

    decisions: pd.DataFrame
    rows: list[Row] = field(repr=False)
    parents: list[Parent | None]
    layout: Layout


def survey_records(job: LoadJob, step: LoadStep, known: Known) -> Iterator[Surveyed]:
    """Yield the records of a step with their decisions, in source order."""
    layout, links = job.layout(step), job.links(step)
    for part in job.parts(step.object):
        for first in range(0, part.num_rows, BUILT):
            payload = build(part.slice(first, BUILT), layout, links)
            for start in range(0, len(payload), CHUNK):
                stop = min(start + CHUNK, len(payload))
                rows = payload.rows(start, stop)
                yield _decided(payload, rows, start, stop, known, layout, job.key)


@dataclass(frozen=True, slots=True)
class DeferredLinks:
    """Deferred lookups of one part: those that differ from what was written last, by record.

    `waiting` are records whose parent has not landed, with the lookup that waits.
    """

    planned: list[tuple[Intended, Row]] = field(repr=False)
    waiting: list[tuple[str, str]]


def planned_links(job: LoadJob, step: LoadStep) -> Iterator[DeferredLinks]:
    """Yield what the second pass of a step has to do, part by part."""
    layout, links = job.layout(step, second_pass=True), job.links(step)
    landed = job.ledger.crosswalk(step.object).set_index("source_id")
    refused = job.refused(step)
    for part in job.parts(step.object):
        payload = build(part, layout, links)
        ids = pd.Series(payload.source_ids, dtype="str")
        found = DeferredLinks([], [])
        for source_id, lacking, zoho_id, before, no, row in zip(
            payload.source_ids, payload.waiting, ids.map(landed["zoho_id"]),
            ids.map(landed["link_digest"]), ids.map(refused), payload.rows(), strict=True,
        ):  # fmt: skip
            if not isinstance(zoho_id, str):
                continue
            if lacking is not None:
                found.waiting.append((source_id, lacking))
            made = digest(row, job.key)
            if made not in (before, no) and (row or isinstance(before, str)):
                stood = before if isinstance(before, str) else None
                action = Action.UPDATE
                intended = Intended(source_id, action, made, zoho_id=zoho_id, before_digest=stood)
                found.planned.append((intended, row))
        yield found


def survey_notes(job: LoadJob, step: LoadStep, known: Known) -> Iterator[Surveyed]:
    """Yield the notes of a step with their decisions and parents, in source order."""
    layout, links = job.layout(step), job.links(step)
    for part in job.parts(step.object):
        parents = parents_in(part, step, links)
        payload = build(part, layout, links)
        for start in range(0, len(payload), CHUNK):
            stop = min(start + CHUNK, len(payload))
            rows = payload.rows(start, stop)
            for row, parent in zip(rows, parents[start:stop], strict=True):
                if parent is not None:
                    row[NOTE_PARENT] = job.target.client.notes.parent(*parent)
            chunk = _decided(payload, rows, start, stop, known, layout, job.key)
            yield replace(chunk, parents=parents[start:stop])


def parents_in(part: pa.Table, step: LoadStep, links: Links) -> list[Parent | None]:
    """Return module and Zoho id of the record that each note or file hangs on."""
    row = step.mapping.field(NOTE_PARENT)
    if row is None:
        raise MappingError(
            f"{step.object} has no field {NOTE_PARENT}: it would hang on nothing.",
            hint=f"Map {NOTE_PARENT} with a lookup to the object it belongs to.",
        )
    column = Column(NOTE_PARENT, NOTE_PARENT, lookup=row.lookup, on_missing=row.on_missing)
    ids, modules = references_of(part, column, links)
    return [
        (module, zoho_id) if module is not None and zoho_id is not None else None
        for module, zoho_id in zip(modules, ids, strict=True)
    ]


def planned_records(chunk: Surveyed) -> Iterator[tuple[Intended, Row]]:
    """Yield the decisions of a chunk as rows of a batch, each with its payload."""
    columns = ("source_id", "action", "digest", "key", "zoho_id", "before_digest")
    for decision, row in zip(plain_rows(chunk.decisions, columns), chunk.rows, strict=True):
        source_id, action, made, key, zoho_id, before = decision
        yield (
            Intended(
                source_id, Action(action), made, key=key, zoho_id=zoho_id, before_digest=before
            ),
            row,
        )


def _decided(
    payload: Payload, rows: list[Row], start: int, stop: int, known: Known, layout: Layout,
    key: bytes,
) -> Surveyed:  # fmt: skip
    decisions = decide(
        payload.source_ids[start:stop],
        payload.keys[start:stop],
        [digest(row, key) for row in rows],
        payload.waiting[start:stop],
        known,
    )
    return Surveyed(decisions, rows, [None] * (stop - start), layout)
