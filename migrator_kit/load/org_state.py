"""One digest of all that the modules of a migration hold, whoever put it there.

Taken before a run and after its undo, it shows whether the org is as it was. It covers every field
that can be written of every record, the notes, and, up to a number of records, the attachments;
ids are part of it, times of change are not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from migrator_kit.load.job import IN_FLIGHT, LoadJob
from migrator_kit.load.sameness import plain
from migrator_kit.zoho import limits

FILES_UP_TO = 2_000
"""Attachments are listed record by record: in an org with more records they are left out."""

_NOT_ASKED = frozenset(
    {"multiselectlookup", "multiuserlookup", "fileupload", "imageupload", "participants", "subform",
     "event_reminder", "ALARM", "RRULE", "tag"}
)  # fmt: skip
"""Data types that COQL does not answer; the migration fills none of them."""

_NOTE_FIELDS = ("Note_Title", "Note_Content", "Parent_Id", "Owner")
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def org_state(job: LoadJob) -> str:
    """Return the digest, as hex. Reads the org, writes nothing."""
    hashes: list[bytes] = []
    records: list[tuple[str, str]] = []
    for module in sorted(set(job.schema.fields) - limits.NO_COQL):
        select = [
            one.api_name for one in job.schema.fields[module]
            if not one.read_only and one.data_type not in _NOT_ASKED
        ]  # fmt: skip
        for row in job.target.client.records.coql(select, module):
            hashes.append(_hash(module, row))
            records.append((module, str(row["id"])))
    notes = job.target.client.notes.list_all(_NOTE_FIELDS)
    hashes += (_hash("Notes", note) for note in notes)
    if len(records) <= FILES_UP_TO:
        hashes += _files(job, records)
    whole = hashlib.sha256()
    for one in sorted(hashes):
        whole.update(one)
    return whole.hexdigest()


def _files(job: LoadJob, records: list[tuple[str, str]]) -> Iterator[bytes]:
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        listed = pool.map(lambda parent: job.target.client.attachments.list(*parent), records)
        for files in listed:
            for one in files:
                yield _hash("Attachments", {"id": one.id, "name": one.file_name, "size": one.size})


def _hash(module: str, row: Mapping[str, Any]) -> bytes:
    filled = {name: plain(value) for name, value in row.items() if plain(value) is not None}
    return hashlib.sha256(_ENCODER.encode([module, filled]).encode()).digest()
