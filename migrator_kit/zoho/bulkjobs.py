"""Bulk jobs as values: what is asked for, and in what state a job is (fact sheet 6, 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Operation = Literal["insert", "update", "upsert"]


class JobState(StrEnum):
    """State of a bulk job, whichever way Zoho spells it."""

    ADDED = "ADDED"
    QUEUED = "QUEUED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    UNKNOWN = "UNKNOWN"

    @property
    def ended(self) -> bool:
        """Whether the job will not change any more."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.SKIPPED)


_STATES = {
    "ADDED": JobState.ADDED,
    "QUEUED": JobState.QUEUED,
    "INPROGRESS": JobState.IN_PROGRESS,
    "COMPLETED": JobState.COMPLETED,
    "SUCCESS": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "FAILURE": JobState.FAILED,
    "SKIPPED": JobState.SKIPPED,
}


def state_of(text: object) -> JobState:
    """Return the state for `INPROGRESS`, `IN PROGRESS`, `In_Progress` and the like."""
    return _STATES.get(re.sub(r"[^A-Z]", "", str(text).upper()), JobState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class BulkColumn:
    """One CSV column of a bulk write, in file order.

    `find_by` and `module` resolve a lookup by another field than its id: the unique source key of
    the parent, or `email` for an owner. `format` is a date pattern where cells are not ISO.
    `constant` fills the field without a column of the file.
    """

    api_name: str
    find_by: str | None = None
    module: str | None = None
    format: str | None = None
    constant: str | None = None


@dataclass(frozen=True, slots=True)
class BulkWrite:
    """A bulk write to start. The source key must be among the first three columns with a file.

    `ignore_empty=True` leaves fields alone whose cells are empty; False clears them.
    """

    module: str
    operation: Operation
    columns: tuple[BulkColumn, ...]
    find_by: str | None = None
    ignore_empty: bool = True


@dataclass(frozen=True, slots=True)
class BulkWriteJob:
    """How far a bulk write is. Its result file is kept for seven days."""

    id: str
    state: JobState
    code: str
    added: int
    updated: int
    skipped: int
    total: int
    download_url: str | None

    @property
    def ok(self) -> bool:
        """Whether the job was carried out; single rows can still have been refused."""
        return self.state is JobState.COMPLETED


@dataclass(frozen=True, slots=True)
class BulkReadJob:
    """How far a bulk read is. Its result file is kept for one day."""

    id: str
    state: JobState
    code: str
    count: int
    more_records: bool
    next_page_token: str | None
    download_url: str | None

    @property
    def ok(self) -> bool:
        """Whether the result can be fetched."""
        return self.state is JobState.COMPLETED


def write_body(job: BulkWrite, file_id: str) -> dict[str, Any]:
    """Return the JSON that starts a bulk write."""
    resource: dict[str, Any] = {
        "type": "data",
        "module": {"api_name": job.module},
        "file_id": file_id,
        "field_mappings": field_mappings(job.columns),
    }
    if job.find_by:
        resource["find_by"] = job.find_by
    return {
        "operation": job.operation,
        "character_encoding": "UTF-8",
        "ignore_empty": job.ignore_empty,
        "resource": [resource],
    }


def field_mappings(columns: Sequence[BulkColumn]) -> list[dict[str, Any]]:
    """Return the mapping of columns to fields; constants take no place in the file."""
    mappings: list[dict[str, Any]] = []
    index = 0
    for column in columns:
        mapping: dict[str, Any] = {"api_name": column.api_name}
        if column.constant is not None:
            mapping["default_value"] = {"value": column.constant}
        else:
            mapping["index"] = index
            index += 1
        for name in ("find_by", "module", "format"):
            value = getattr(column, name)
            if value:
                mapping[name] = value
        mappings.append(mapping)
    return mappings


def parse_write_job(job_id: str, body: Mapping[str, Any]) -> BulkWriteJob:
    """Return a bulk write's state from its JSON."""
    resources = [part for part in body.get("resource") or [] if isinstance(part, Mapping)]
    first = resources[0] if resources else {}
    file = first.get("file")
    file = file if isinstance(file, Mapping) else {}
    result = body.get("result")
    url = result.get("download_url") if isinstance(result, Mapping) else None
    return BulkWriteJob(
        id=str(body.get("id") or job_id),
        state=state_of(body.get("status")),
        code=str(first.get("code") or ""),
        added=int(file.get("added_count") or 0),
        updated=int(file.get("updated_count") or 0),
        skipped=int(file.get("skipped_count") or 0),
        total=int(file.get("total_count") or 0),
        download_url=str(url) if url else None,
    )


def parse_read_job(job_id: str, item: Mapping[str, Any]) -> BulkReadJob:
    """Return a bulk read's state from its JSON."""
    result = item.get("result")
    result = result if isinstance(result, Mapping) else {}
    token = result.get("next_page_token")
    failed = result.get("error_message")
    url = result.get("download_url")
    return BulkReadJob(
        id=str(item.get("id") or job_id),
        state=state_of(item.get("state")),
        code=str(failed.get("code") or "") if isinstance(failed, Mapping) else "",
        count=int(result.get("count") or 0),
        more_records=bool(result.get("more_records")),
        next_page_token=str(token) if token else None,
        download_url=str(url) if url else None,
    )
