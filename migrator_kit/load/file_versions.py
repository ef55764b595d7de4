"""Files that changed after their upload: what becomes of the version that stands in Zoho CRM.

The new version is uploaded first and verified. Only then, where the mapping says `replace`, the
version that we had uploaded before goes; with `keep_both` it stays, and an undo knows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrator_kit.load.batches import Batch, Intended
from migrator_kit.load.delete_sending import DeleteSending
from migrator_kit.load.job import LoadJob, Parent
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.states import REPLACED_FILES, Action, Call
from migrator_kit.load.writer import Writer

ATTACHMENTS = "Attachments"
GROUP = 20
"""Files that make a batch; one more parent's files may go beyond."""


def stands(job: LoadJob, parent: Parent, zoho_id: str) -> bool:
    """Tell whether an attachment of ours is still on its record. One call."""
    return any(one.id == zoho_id for one in job.target.client.attachments.list(*parent))


def replaced_count(job: LoadJob) -> int:
    """Return how many replaced files are still to be removed, those of stopped runs included."""
    return len(job.ledger.crosswalk(REPLACED_FILES))


def replaced_sendings(job: LoadJob, writer: Writer) -> Iterator[DeleteSending]:
    """Yield the calls that remove what a newer version has replaced."""
    marks = job.ledger.marks(REPLACED_FILES)
    rows = job.ledger.crosswalk(REPLACED_FILES).merge(marks, on="source_id", how="left")
    names = ("source_id", "payload_digest", "zoho_id", "parent_module", "parent_id")
    intended = [
        Intended(
            source_id, Action.DELETE, made or "", zoho_id=zoho_id, parent_module=module,
            parent_id=parent_id,
        )
        for source_id, made, zoho_id, module, parent_id in plain_rows(rows, names)
    ]  # fmt: skip
    for start in range(0, len(intended), GROUP):
        number, part = writer.next_batch_id(), tuple(intended[start : start + GROUP])
        batch = Batch(number, writer.run_id, REPLACED_FILES, ATTACHMENTS, Call.DELETE, part)
        yield DeleteSending(job.target.client, batch)
