"""Asynchronous jobs: they run one after the other in a thread and outlive a killed process."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from migrator_kit.emulator.crm import Crm, User


_log = logging.getLogger(__name__)


class State(StrEnum):
    """Where a job stands, in the spelling of the status call of bulk write."""

    ADDED = "ADDED"
    IN_PROGRESS = "INPROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class JobFailed(Exception):
    """The whole job cannot be done; the code stands in the status answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Job:
    """A stored job. `data` is what the request asked for and what came of it."""

    id: int
    kind: str
    state: State
    created: str
    finished: str | None
    data: dict[str, Any]

    def creator(self, crm: Crm) -> User:
        """The user who asked for the job."""
        return crm.users[int(self.data["created_by"])]


Work = Callable[["Crm", Job], dict[str, Any]]


class Jobs:
    """The queue of an org. `work` maps a kind of job to what carries it out."""

    def __init__(self, crm: Crm, work: dict[str, Work]) -> None:
        self._crm = crm
        self._work = work
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="job")
        self._ending = threading.Event()
        self._current: int | None = None

    def add(self, kind: str, data: dict[str, Any], seconds: float, *, fail: bool) -> int:
        """Store a job and queue it; it takes `seconds` longer. Returns its id."""
        with self._crm.store.writing() as writer:
            number = writer.new_id()
            document = json.dumps({**data, "wait": seconds, "fail": fail}, ensure_ascii=False)
            writer.db.execute(
                "INSERT INTO job VALUES (?, ?, ?, ?, NULL, ?)",
                (number, kind, State.ADDED.value, self._crm.clock.stamp(), document),
            )
        self._pool.submit(self._run, number)
        return number

    def recover(self) -> None:
        """Queue what an earlier process left undone."""
        rows = self._crm.store.reader().execute(
            "SELECT id FROM job WHERE state IN (?, ?) ORDER BY id",
            (State.ADDED.value, State.IN_PROGRESS.value),
        )
        for (number,) in rows.fetchall():
            self._pool.submit(self._run, number)

    def get(self, kind: str, number: int) -> Job | None:
        """The job of that id and kind."""
        row = (
            self._crm.store.reader()
            .execute(
                "SELECT id, kind, state, created, finished, data FROM job "
                "WHERE id = ? AND kind = ?",
                (number, kind),
            )
            .fetchone()
        )
        if row is None:
            return None
        return Job(row[0], row[1], State(row[2]), row[3], row[4], json.loads(row[5]))

    def close(self) -> None:
        """Stop after the step that is running; the rest is taken up by the next process."""
        self._ending.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def behind_another(self, job: Job) -> bool:
        """Whether a job waits for another one to end."""
        return job.state is State.ADDED and self._current not in (None, job.id)

    @property
    def ending(self) -> bool:
        """Whether the process is about to end."""
        return self._ending.is_set()

    def _run(self, number: int) -> None:
        job = next(filter(None, (self.get(kind, number) for kind in self._work)), None)
        if job is None:
            return
        self._current = number
        try:
            self._carry_out(job)
        finally:
            self._current = None

    def _carry_out(self, job: Job) -> None:
        """A slow job is seen in each of its states: half of its wait comes before it starts."""
        if self._pause(job.data["wait"] / 2):
            return
        self._save(job, State.IN_PROGRESS, {})
        if self._pause(job.data["wait"] / 2):
            return
        if job.data["fail"]:
            self._save(job, State.FAILED, {"code": "INTERNAL_ERROR"})
            return
        try:
            result = self._work[job.kind](self._crm, job)
        except JobFailed as failed:
            self._save(job, State.FAILED, {"code": failed.code})
            return
        except JobInterrupted:
            return
        except Exception:  # noqa: BLE001 - a defect here must end the job, not the queue
            _log.exception("job %s of kind %s ended by a defect", job.id, job.kind)
            self._save(job, State.FAILED, {"code": "INTERNAL_ERROR"})
            return
        self._save(job, State.COMPLETED, result)

    def _pause(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._ending.wait(left):
                return True
        return self._ending.is_set()

    def _save(self, job: Job, state: State, result: dict[str, Any]) -> None:
        finished = self._crm.clock.stamp() if state in (State.COMPLETED, State.FAILED) else None
        with self._crm.store.writing() as writer:
            writer.db.execute(
                "UPDATE job SET state = ?, finished = ?, data = ? WHERE id = ?",
                (state.value, finished, json.dumps({**job.data, **result}), job.id),
            )


class JobInterrupted(Exception):
    """The process ends while a job runs; the job stays queued."""
