"""Steps that load records: the first pass, and the second one for deferred lookups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from migrator_kit.load.batches import Batch, Outcome
from migrator_kit.load.creating import Creating
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
from migrator_kit.load.writer import Writer


def record_sendings(
    job: LoadJob, step: LoadStep, writer: Writer, tally: Tally, folder: Path
) -> Iterator[Sending]:
    """Yield the calls and bulk writes of a step; write down what needs none.

    `folder` is where files of bulk writes lie until they are sent.
    """
    unsent = Unsent.of(job.ledger, step.object, writer, tally, step.deferred)
    creating = Creating.of(job, step, unsent, folder)
    reviser = Reviser.of(job, step.object, step.module, job.layout(step).columns)
    updating = Updating(reviser, unsent, Call.UPDATE, partial(_update, job))
    for chunk in survey_records(job, step, job.known(step)):
        unsent.take(chunk)
        planned = list(planned_records(chunk))
        yield from creating.sendings([one for one in planned if one[0].action is Action.CREATE])
        yield from updating.sendings([one for one in planned if one[0].action is Action.UPDATE])
    yield from creating.rest()
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
