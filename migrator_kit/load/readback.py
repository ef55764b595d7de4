"""Finds out what landed after a crash or a lost answer, record by record.

Keyed modules are asked by source key; notes by the marker in their first line on the parent; files
by size and SHA-256 on the parent. Nothing here writes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from migrator_kit.load.batches import Batch, Intended, Outcome
from migrator_kit.load.crm import Crm
from migrator_kit.load.states import Action, Call, Reason, Status

_MARKER = re.compile(r"^\[(?P<kind>source|file) (?P<key>.+?)(?: \||\])")

MODIFIED = "Modified_Time"

STILL_AT_WORK = 10.0
"""Seconds for which an org may still be at work on a call whose line is cut. What no key protects
from landing twice is only sent again after them."""

_UNPROTECTED = frozenset({Call.INSERT, Call.NOTE, Call.FILE})

OVERSIZE_NOTES = "Attachment reference"
"""What the ledger calls the notes that stand in for files too large to move."""


def marker_key(content: str | None) -> tuple[str, str] | None:
    """Return kind (`source` or `file`) and source id of the note's marker line, or None."""
    found = _MARKER.match(content or "")
    return (found["kind"], found["key"]) if found else None


def marker_kind(object_name: str) -> str:
    """Return which markers an object's notes carry."""
    return "file" if object_name == OVERSIZE_NOTES else "source"


def looked_twice(batch: Batch, look: Callable[[], list[Outcome]]) -> list[Outcome]:
    """Return what landed of a batch by `look`, asked again after a while where no key protects it.

    Runs in a worker thread.
    """
    found = look()
    new = sum(row.action is Action.CREATE for row in batch.rows)
    if batch.call in _UNPROTECTED and len(found) < new:
        time.sleep(STILL_AT_WORK)
        found = look()
    return found


def await_late_calls(batches: Iterable[Batch], last_opened: datetime | None) -> None:
    """Wait until no call of an interrupted run that no key protects can be under way any more."""
    if last_opened is None or all(one.call not in _UNPROTECTED for one in batches):
        return
    age = (datetime.now(UTC) - last_opened).total_seconds()
    time.sleep(max(0.0, STILL_AT_WORK - max(0.0, age)))


def landed_outcomes(
    client: Crm, batch: Batch, *, key_field: str | None, taken: Collection[str]
) -> list[Outcome]:
    """Return the outcomes of a batch's records that stand in the target now.

    Updates give none: sending the same values again is harmless, so they are sent again. `taken`
    are ids of files that belong to other records already.
    """
    if batch.call in (Call.INSERT, Call.UPSERT, Call.BULK) and key_field is not None:
        return landed_records(client, batch.module, key_field, batch.rows)
    if batch.call is Call.NOTE:
        return landed_notes(client, batch.object, batch.rows)
    if batch.call is Call.FILE:
        return landed_files(client, batch.rows, taken)
    if batch.call is Call.DELETE:
        return deleted_records(client, batch)
    return []


def landed_records(
    client: Crm, module: str, key_field: str, rows: Sequence[Intended]
) -> list[Outcome]:
    """Return the outcome of each record that its source key finds in the module."""
    keys = [row.key for row in rows if row.key is not None]
    found = client.records.find(module, key_field, keys, [MODIFIED])
    outcomes = []
    for row in rows:
        standing = found.get(row.key or "", [])
        if len(standing) == 1:
            outcomes.append(_created(row, standing[0]))
        elif standing:
            outcomes.append(Outcome(row.source_id, Status.HELD, reason=Reason.SEVERAL_MATCHES))
    return outcomes


def landed_notes(client: Crm, object_name: str, rows: Sequence[Intended]) -> list[Outcome]:
    """Return the outcome of each note whose marker stands on its parent."""
    kind = marker_kind(object_name)
    outcomes = []
    for (module, parent_id), group in _by_parent(rows).items():
        there = {marker: note for note in notes_of(client, module, parent_id)
                 if (marker := marker_key(note.get("Note_Content")))}  # fmt: skip
        for row in group:
            note = there.get((kind, row.source_id))
            if note is not None and row.action is Action.CREATE:
                outcomes.append(_created(row, note))
    return outcomes


def landed_files(client: Crm, rows: Sequence[Intended], taken: Collection[str]) -> list[Outcome]:
    """Return the outcome of each file that its parent holds, by size and then by SHA-256.

    Two equal files of one parent are told apart by giving each attachment to one row only.
    """
    outcomes = []
    for (module, parent_id), group in _by_parent(rows).items():
        free = [one for one in client.attachments.list(module, parent_id) if one.id not in taken]
        sizes = {row.size for row in group}
        contents = {
            one.id: client.attachments.digest(module, parent_id, one.id).sha256
            for one in free
            if one.size in sizes
        }
        for row in group:
            found = next((key for key, sha in contents.items() if sha == row.content_digest), None)
            if found is not None:
                del contents[found]
                outcomes.append(Outcome(row.source_id, landed_as(row), found, digest=row.digest))
    return outcomes


def landed_as(row: Intended) -> Status:
    """Return how a file landed: for the first time, or as a newer version of itself."""
    return Status.CREATED if row.action is Action.CREATE else Status.UPDATED


def deleted_records(client: Crm, batch: Batch) -> list[Outcome]:
    """Return the outcome of each thing of a batch that is gone from the target."""
    if batch.module == "Attachments":
        parents = _by_parent(batch.rows)
        standing = {one.id for parent in parents for one in client.attachments.list(*parent)}
    else:
        ids = [row.zoho_id for row in batch.rows if row.zoho_id is not None]
        standing = {one for one in ids if client.records.get(batch.module, one, ["id"])}
    return [
        Outcome(row.source_id, Status.ROLLED_BACK, row.zoho_id)
        for row in batch.rows
        if row.zoho_id is not None and row.zoho_id not in standing
    ]


def notes_of(client: Crm, module: str, record_id: str) -> Iterable[dict[str, Any]]:
    """Yield title, content and time of change of a record's notes."""
    return client.notes.list_for(module, record_id, ("Note_Title", "Note_Content", MODIFIED))


def _created(row: Intended, standing: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a record that was found standing."""
    return Outcome(
        row.source_id,
        Status.CREATED,
        str(standing["id"]),
        digest=row.digest,
        modified_time=standing.get(MODIFIED),
    )


def _by_parent(rows: Sequence[Intended]) -> dict[tuple[str, str], list[Intended]]:
    groups: dict[tuple[str, str], list[Intended]] = {}
    for row in rows:
        if row.parent_module and row.parent_id:
            groups.setdefault((row.parent_module, row.parent_id), []).append(row)
    return groups
