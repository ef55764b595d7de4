"""Bulk write and bulk read: start a job, keep its id, wait, fetch the result (fact sheet 6, 7).

Starting and waiting are separate calls, so that a caller writes the job id into its ledger before
it polls: a job survives a restart of the process that started it.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pandas as pd
import requests

from migrator_kit.errors import TerminalError, TransientError
from migrator_kit.zoho import bulkfiles, limits
from migrator_kit.zoho.bulkjobs import (
    BulkReadJob,
    BulkWrite,
    BulkWriteJob,
    JobState,
    parse_read_job,
    parse_write_job,
    write_body,
)
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.transport import Transport
from migrator_kit.zoho.uploads import PIECE, Upload

WRITE = "/crm/bulk/v8/write"
READ = "/crm/bulk/v8/read"


class _Job(Protocol):
    @property
    def state(self) -> JobState: ...


Job = TypeVar("Job", bound=_Job)


class Bulk:
    """Calls on bulk jobs. Bulk writes never run the org's workflows."""

    def __init__(
        self,
        transport: Transport,
        zgid: Callable[[], str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._zgid = zgid
        self._sleep, self._monotonic = sleep, monotonic

    def upload(self, path: Path) -> str:
        """Send a zip made by `bulkfiles.write_zips`; return Zoho's file id."""
        if path.is_file() and path.stat().st_size > limits.BULK_BYTES:
            raise TerminalError("A bulk file is larger than 25 MB.", code="FILE_TOO_LARGE")
        call = Call(
            "POST",
            "/crm/v8/upload",
            headers={"feature": "bulk-write", "X-CRM-ORG": self._zgid()},
            upload=lambda: Upload(path, path.name),
            host="upload",
        )
        answer = self._transport.send(call)
        return _detail(answer.body, "file_id", call.place)

    def start_write(self, job: BulkWrite, file_id: str) -> str:
        """Start a bulk write and return its job id: keep it before anything else is done.

        Raises AmbiguousError where the answer was lost: the job may run. Read back by key.
        """
        _check_write(job)
        call = Call(
            "POST",
            WRITE,
            body=write_body(job, file_id),
            credits=limits.CREDITS_BULK_WRITE,
            writes=True,
        )
        return _detail(self._transport.send(call).body, "id", call.place)

    def write_status(self, job_id: str) -> BulkWriteJob:
        """Return how far a bulk write is. An unknown or expired job raises TerminalError."""
        body = self._transport.send(Call("GET", f"{WRITE}/{job_id}")).body
        return parse_write_job(job_id, body if isinstance(body, Mapping) else {})

    def wait_write(self, job_id: str, *, most_seconds: float = 3600.0) -> BulkWriteJob:
        """Return the job once it ended, whichever way; TransientError if it takes too long."""
        return self._wait(lambda: self.write_status(job_id), job_id, most_seconds)

    def write_results(self, job: BulkWriteJob) -> pd.DataFrame:
        """Return what became of each row: see `bulkfiles.read_result`."""
        if not job.download_url:
            raise TerminalError(
                f"Bulk write {job.id} ended as {job.state} without a result file.",
                code=job.code or "RESOURCE_NOT_FOUND",
                hint="Read the records back by their keys.",
            )
        with tempfile.TemporaryDirectory(prefix="bulk-result-") as folder:
            path = Path(folder) / "result.zip"
            self._fetch(_absolute_path(job.download_url), path)
            return bulkfiles.read_result(path)

    def start_read(
        self,
        module: str,
        fields: Sequence[str] = (),
        *,
        criteria: Mapping[str, Any] | None = None,
        page: int = 1,
        page_token: str | None = None,
    ) -> str:
        """Start a bulk read of up to 200,000 rows and return its job id.

        Without `fields` all are read. A following page takes its number, or the
        `next_page_token` of the job before it, which stands for the whole query. Starting a job
        twice costs credits and harms nothing, so it is retried.
        """
        if module in limits.NO_BULK_READ:
            raise TerminalError(f"{module} has no bulk read.", code="MODULE_NOT_SUPPORTED")
        if len(fields) > limits.BULK_READ_FIELDS:
            raise TerminalError(f"A bulk read of {module} asks for more than 200 fields.")
        query: dict[str, Any] = {"module": {"api_name": module}, "page": page}
        if fields:
            query["fields"] = list(fields)
        if criteria:
            query["criteria"] = dict(criteria)
        if page_token:
            query = {"page_token": page_token}
        call = Call(
            "POST",
            READ,
            body={"query": query, "file_type": "csv"},
            credits=limits.CREDITS_BULK_READ,
        )
        return _detail(self._transport.send(call).body, "id", call.place)

    def read_status(self, job_id: str) -> BulkReadJob:
        """Return how far a bulk read is. An unknown or expired job raises TerminalError."""
        found = self._transport.send(Call("GET", f"{READ}/{job_id}")).listed("data")
        return parse_read_job(job_id, found[0] if found else {})

    def wait_read(self, job_id: str, *, most_seconds: float = 3600.0) -> BulkReadJob:
        """Return the job once it ended, whichever way; TransientError if it takes too long."""
        return self._wait(lambda: self.read_status(job_id), job_id, most_seconds)

    def read_to_parquet(self, job: BulkReadJob, target: Path) -> int:
        """Fetch a bulk read's result into a Parquet file of text columns; return its rows."""
        if not job.ok:
            code = job.code or "JOB_FAILED"
            raise TerminalError(f"Bulk read {job.id} ended as {job.state}: {code}.", code=code)
        with tempfile.TemporaryDirectory(prefix=".bulk-", dir=target.parent) as folder:
            archive, part = Path(folder) / "result.zip", Path(folder) / "part.parquet"
            self._fetch(f"{READ}/{job.id}/result", archive)
            rows = bulkfiles.to_parquet(archive, part)
            if part.exists():
                part.replace(target)
        return rows

    def read_module(self, module: str, fields: Sequence[str], folder: Path) -> list[Path]:
        """Read a whole module into Parquet files, page by page; return them in order."""
        folder.mkdir(parents=True, exist_ok=True)
        paths: list[Path] = []
        for page in range(1, limits.BULK_READ_PAGES + 1):
            job = self.wait_read(self.start_read(module, fields, page=page))
            path = folder / f"part-{len(paths):05d}.parquet"
            if self.read_to_parquet(job, path):
                paths.append(path)
            if not job.more_records:
                return paths
        raise TerminalError(f"{module} has more records than bulk read can reach.")

    def _wait(self, status: Callable[[], Job], job_id: str, most_seconds: float) -> Job:
        started = self._monotonic()
        while True:
            job = status()
            if job.state.ended:
                return job
            waited = self._monotonic() - started
            if waited > most_seconds:
                raise TransientError(
                    f"Bulk job {job_id} still runs after {most_seconds:.0f} s.",
                    hint="Run the same command again: it goes on waiting for this job.",
                )
            # The end of a job is seen late by a twelfth of its time at most.
            pause = min(max(0.25, min(waited / 2, 1.0), waited / 12), 15.0)
            self._sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret

    def _fetch(self, path: str, target: Path) -> None:
        def take(response: requests.Response) -> None:
            with target.open("wb") as stream:
                for piece in response.iter_content(PIECE):
                    stream.write(piece)

        self._transport.stream(Call("GET", path, headers={"Accept": "*/*"}), take)


def _check_write(job: BulkWrite) -> None:
    if job.module in limits.NO_BULK_WRITE:
        raise TerminalError(f"{job.module} has no bulk write.", code="MODULE_NOT_AVAILABLE")
    if job.operation != "insert" and not job.find_by:
        raise TerminalError(f"A bulk {job.operation} of {job.module} needs `find_by`.")
    in_file = [column.api_name for column in job.columns if column.constant is None]
    if len(in_file) > limits.BULK_COLUMNS:
        raise TerminalError("A bulk write has more than 200 columns.", code="HEADER_LIMIT_EXCEEDED")
    if job.find_by and job.find_by not in in_file[: bulkfiles.KEY_COLUMNS]:
        raise TerminalError(
            f"A bulk write of {job.module} must have {job.find_by} among its first 3 columns.",
            hint="Only the first three columns come back in the result file.",
        )


def _detail(body: object, name: str, place: str) -> str:
    """Return a value of an answer's details, bare or wrapped in a `data` list."""
    found: Any = body
    with suppress(KeyError, IndexError, TypeError):
        if "data" in found:
            found = found["data"][0]
        return str(found["details"][name])
    raise TerminalError(f"{place}: the answer names no {name}.")


def _absolute_path(url: str) -> str:
    """Return a download URL as Zoho names it: whole, or relative to the API host."""
    return url if url.startswith(("https://", "http://", "/")) else f"/{url}"
