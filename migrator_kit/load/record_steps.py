"""Steps that load records: the first pass, and the second one for deferred lookups."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from migrator_kit.load.batches import Intended, Outcome
from migrator_kit.load.job import LoadJob
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import Row, build, digest
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.record_sending import RecordSending
from migrator_kit.load.states import Action, Call, Reason, Status
from migrator_kit.load.survey import survey_records
from migrator_kit.load.tally import Tally
from migrator_kit.load.unsent import Unsent
from migrator_kit.load.writer import Writer
from migrator_kit.zoho import limits

Tray = list[tuple[Intended, Row]]


def record_sendings(
    job: LoadJob, step: LoadStep, writer: Writer, tally: Tally
) -> Iterator[RecordSending]:
    """Yield the calls of a step, up to 100 records each; write down what needs no call."""
    layout = job.layout(step)
    key_field = layout.key.api_name if layout.key else None
    upsert = key_field is not None and step.module not in limits.NO_UPSERT
    creating = Call.UPSERT if upsert else Call.INSERT
    unsent = Unsent.of(job.ledger, step.object, writer, tally, step.deferred)
    trays: dict[Call, Tray] = {creating: [], Call.UPDATE: []}
    empty = dict.fromkeys(column.api_name for column in layout.columns)

    def sending(call: Call) -> RecordSending:
        tray, trays[call] = trays[call], []
        batch = unsent.batch(step.module, call, (row for row, _ in tray))
        return RecordSending(job.target.client, batch, tuple(row for _, row in tray), key_field)

    for chunk in survey_records(job, step, job.known(step)):
        unsent.take(chunk)
        for row, payload in zip(_intended(chunk.decisions), chunk.rows, strict=True):
            if row.action is Action.CREATE:
                trays[creating].append((row, payload))
            elif row.action is Action.UPDATE:
                # What has no value any more is cleared: absent fields would stay as they were.
                trays[Call.UPDATE].append((row, {**empty, **payload, "id": row.zoho_id}))
            for call, tray in trays.items():
                if len(tray) == limits.RECORDS_PER_CALL:
                    yield sending(call)
    for call in [call for call, tray in trays.items() if tray]:
        yield sending(call)


def link_sendings(
    job: LoadJob, step: LoadStep, writer: Writer, tally: Tally
) -> Iterator[RecordSending]:
    """Yield the second pass of a step: lookups that pointed at records not there yet."""
    unsent = Unsent.of(job.ledger, step.object, writer, tally)
    tray: Tray = []

    def sending() -> RecordSending:
        batch = unsent.batch(step.module, Call.LINK, (row for row, _ in tray))
        return RecordSending(job.target.client, batch, tuple(row for _, row in tray), None)

    for link in _links(job, step, unsent):
        tray.append(link)
        if len(tray) == limits.RECORDS_PER_CALL:
            yield sending()
            tray = []
    if tray:
        yield sending()


def _links(job: LoadJob, step: LoadStep, unsent: Unsent) -> Iterator[tuple[Intended, Row]]:
    """Yield the deferred lookups that differ from what was written last."""
    layout, links = job.layout(step, second_pass=True), job.links(step)
    landed = job.ledger.crosswalk(step.object).set_index("source_id")
    refused = job.refused(step)
    empty = dict.fromkeys(column.api_name for column in layout.columns)
    for part in job.parts(step.object):
        payload = build(part, layout, links)
        ids = pd.Series(payload.source_ids, dtype="str")
        standing = zip(
            payload.source_ids, payload.waiting, ids.map(landed["zoho_id"]),
            ids.map(landed["link_digest"]), ids.map(refused), payload.rows(), strict=True,
        )  # fmt: skip
        fresh: list[Outcome] = []
        for source_id, lacking, zoho_id, before, no, row in standing:
            if not isinstance(zoho_id, str):
                continue
            if lacking is not None:
                reason = Reason.PARENT_NOT_LANDED
                unsent.note(fresh, Outcome(source_id, Status.FAILED, reason=reason, field=lacking))
            made = digest(row, job.key)
            if made not in (before, no) and (row or isinstance(before, str)):
                yield (
                    Intended(source_id, Action.UPDATE, made, zoho_id=zoho_id),
                    {**empty, **row, "id": zoho_id},
                )
        unsent.writer.record(step.object, fresh)


def _intended(decisions: pd.DataFrame) -> Iterator[Intended]:
    columns = ("source_id", "action", "digest", "key", "zoho_id", "before_digest")
    for source_id, action, made, key, zoho_id, before in plain_rows(decisions, columns):
        yield Intended(
            source_id, Action(action), made, key=key, zoho_id=zoho_id, before_digest=before
        )
