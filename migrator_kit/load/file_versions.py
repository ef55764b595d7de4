"""Files that changed after their upload: what becomes of the version that stands in Zoho CRM.

The new version is uploaded first and verified. Only then, where the mapping says `replace`, the
version that we had uploaded before goes; with `keep_both` it stays, and an undo knows it.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrator_kit.load.delete_sending import DeleteSending, delete_sendings
from migrator_kit.load.job import LoadJob, Parent
from migrator_kit.load.states import REPLACED_FILES
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
    """Return the calls that remove what a newer version has replaced."""
    marks = job.ledger.marks(REPLACED_FILES)
    rows = job.ledger.crosswalk(REPLACED_FILES).merge(marks, on="source_id", how="left")
    return delete_sendings(job.target.client, writer, REPLACED_FILES, ATTACHMENTS, rows, GROUP)
