"""Steps that load records: the first pass, and the second one for deferred lookups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from migrator_kit.load.batches import Batch, Intended, Outcome
from migrator_kit.load.job import LoadJob
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import Row
from migrator_kit.load.pump import Sending
from migrator_kit.load.record_sending import RecordSending
from migrator_kit.load.revise import Reviser
from migrator_kit.load.states import Action, Call, Reason, Status
from migrator_kit.load.survey import planned_links, planned_records, survey_records
from migrator_kit.load.tally import Tally
from migrator_kit.load.unsent import Unsent
from migrator_kit.load.updating import Updating
from migrator_kit.load.vault import Written
from migrator_kit.load.writer import Writer
from migrator_kit.zoho import limits

Tray = list[tuple[Intended, Row]]


def record_sendings(
    job: LoadJob, step: LoadStep, writer: Writer, tally: Tally
) -> Iterator[Sending]:
    """Yield the calls of a step, up to 100 records each; write down what needs no call."""
    layout = job.layout(step)
    key_field = layout.key.api_name if layout.key else None
    upsert = key_field is not None and step.module not in limits.NO_UPSERT
    creating = Call.UPSERT if upsert else Call.INSERT
    unsent = Unsent.of(job.ledger, step.object, writer, tally, step.deferred)
    reviser = Reviser.of(job, step.object, step.module, layout.columns)
    updating = Updating(reviser, unsent, Call.UPDATE, partial(_update, job))
    tray: Tray = []

    def sending() -> RecordSending:
        rows, payloads = tuple(row for row, _ in tray), tuple(payload for _, payload in tray)
        images = ((row.source_id, row.digest, Written(sent)) for row, sent in tray)
        job.vault.keep_written(step.object, images)
        tray.clear()
        batch = unsent.batch(step.module, creating, rows)
        return RecordSending(job.target.client, batch, payloads, key_field)

    for chunk in survey_records(job, step, job.known(step)):
        unsent.take(chunk)
        updates: Tray = []
        for row, payload in planned_records(chunk):
            if row.action is Action.CREATE:
                tray.append((row, payload))
            elif row.action is Action.UPDATE:
                updates.append((row, payload))
            if len(tray) == limits.RECORDS_PER_CALL:
                yield sending()
        yield from updating.sendings(updates)
    if tray:
        yield sending()
    yield from updating.rest()


def link_sendings(job: LoadJob, step: LoadStep, writer: Writer, tally: Tally) -> Iterator[Sending]:
    """Yield the second pass of a step: lookups that pointed at records not there yet."""
    unsent = Unsent.of(job.ledger, step.object, writer, tally)
    layout = job.layout(step, second_pass=True)
    reviser = Reviser.of(job, step.object, step.module, layout.columns, link=True)
    updating = Updating(reviser, unsent, Call.LINK, partial(_update, job))
    for links in planned_links(job, step):
        fresh: list[Outcome] = []
        reason = Reason.PARENT_NOT_LANDED
        for source_id, lacking in links.waiting:
            unsent.note(fresh, Outcome(source_id, Status.FAILED, reason=reason, field=lacking))
        unsent.writer.record(step.object, fresh)
        yield from updating.sendings(links.planned)
    yield from updating.rest()


def _update(job: LoadJob, batch: Batch, payloads: tuple[Row, ...]) -> RecordSending:
    return RecordSending(job.target.client, batch, payloads, None)
