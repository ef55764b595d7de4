"""A run in the ledger: its beginning and end, and what an interrupted run left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from migrator_kit import __version__
from migrator_kit.errors import LedgerError
from migrator_kit.load.batches import Settled
from migrator_kit.load.bulk_sending import job_outcomes
from migrator_kit.load.job import LoadJob
from migrator_kit.load.order import load_order
from migrator_kit.load.readback import await_late_calls, landed_outcomes
from migrator_kit.load.states import Call
from migrator_kit.load.writer import Writer
from migrator_kit.progress import Progress


@contextmanager
def running(job: LoadJob, writer: Writer, kind: str) -> Iterator[None]:
    """Write down that a run began and how it ended."""
    writer.start_run(
        kind, org_id=job.target.org_id, shaped=job.shaped.digest, mapping=job.mapping.profile,
        code_version=__version__,
    )  # fmt: skip
    try:
        yield
    except BaseException:
        with contextlib.suppress(LedgerError):
            writer.end_run("stopped")
        raise
    writer.end_run("done")


def recover(job: LoadJob, writer: Writer, progress: Progress) -> int:
    """Decide on every batch whose fate an earlier run did not learn. Returns how many there were.

    Each is read back from the target, record by record: what landed gets its outcome, the rest is
    planned again by whoever runs next. A bulk write whose job is known is waited for.
    """
    open_batches = job.ledger.unsettled()
    if not open_batches:
        return 0
    keys = _key_fields(job)
    await_late_calls(open_batches, job.ledger.last_opened())
    taken = set(job.ledger.landed("zoho_id")["zoho_id"])
    with progress("Reading back what an interrupted run sent", len(open_batches)) as bar:
        for batch in open_batches:
            key_field = keys.get(batch.object)
            if batch.call is Call.BULK and key_field is not None:
                outcomes, _ = job_outcomes(job.target.client, batch, key_field)
            else:
                outcomes = landed_outcomes(
                    job.target.client, batch, key_field=key_field, taken=taken
                )
            taken.update(outcome.zoho_id for outcome in outcomes if outcome.zoho_id)
            writer.exchange([Settled(batch, tuple(outcomes), read_back=True)], [])
            bar.advance()
    return len(open_batches)


def _key_fields(job: LoadJob) -> dict[str, str]:
    """Return the API name of each object's key field."""
    return {
        str(step.object): job.names[step.module][step.mapping.key]
        for step in load_order(job.mapping)
        if step.mapping.key is not None
    }
