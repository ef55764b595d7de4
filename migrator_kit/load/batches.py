"""What the loader tells the ledger: the batch it is about to send, and what became of each record.

These are plain values: no API names, no field values, only keys and digests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import orjson

from migrator_kit.load.states import Action, Call, Status


@dataclass(frozen=True, slots=True)
class Intended:
    """One record of a batch before the call: enough to find out afterwards whether it landed."""

    source_id: str
    action: Action
    digest: str
    key: str | None = None
    """Value of the unique field that the record is found again by."""
    zoho_id: str | None = None
    before_digest: str | None = None
    parent_module: str | None = None
    parent_id: str | None = None
    content_digest: str | None = None
    size: int | None = None
    modified_ns: int | None = None


def intents_text(rows: Iterable[Intended]) -> str:
    """Return rows of a batch as the text that the ledger keeps until their fate is known."""
    kept = [
        (row.source_id, row.action, row.digest, row.key, row.zoho_id, row.before_digest,
         row.parent_module, row.parent_id, row.content_digest, row.size, row.modified_ns)
        for row in rows
    ]  # fmt: skip
    return orjson.dumps(kept).decode()


def intents_of(text: str) -> tuple[Intended, ...]:
    """Return the rows of a batch from the ledger's text."""
    return tuple(Intended(row[0], Action(row[1]), *row[2:]) for row in orjson.loads(text))


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that go out in one call (files of one parent: in one group of calls)."""

    batch_id: int
    run_id: str
    object: str
    module: str
    call: Call
    rows: tuple[Intended, ...]
    job_id: str | None = None
    """Of a bulk write: the job that was started for these records."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record. `zoho_id` is set where it stands in Zoho CRM now.

    `code` is Zoho's own code; without one the load itself decided, for `reason`.
    """

    source_id: str
    status: Status
    zoho_id: str | None = None
    reason: str | None = None
    code: str | None = None
    field: str | None = None
    digest: str | None = None
    modified_time: str | None = None
    """When Zoho CRM says it wrote the record: a later time means that somebody else did too."""
    link_digest: str | None = None
    """Of a restored record: what its second pass is known by from now on."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch with the outcomes of those records whose fate is known.

    A record without an outcome is known not to have landed and will be planned again.
    """

    batch: Batch
    outcomes: tuple[Outcome, ...]
    rest_now: bool = False
    """Whether records without an outcome are to be sent in another way by the same run."""
    read_back: bool = False
    """Whether the org was asked what landed, because the answer to the call is lost."""


@dataclass(frozen=True, slots=True)
class Started:
    """A job that Zoho CRM now works on by itself. Its id is committed before `wait` is called.

    `wait` returns the outcomes when the job has ended; a record without one has not landed.
    """

    job_id: str
    wait: Callable[[], Settled]
