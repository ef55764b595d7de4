"""Sends batches with several calls in flight, while one thread alone writes the ledger.

The intent of a batch is committed before its call, the outcomes after it. Whatever stops the pump,
calls that are under way are waited for and written down; what cannot be written down is found
again by the next run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from enum import Enum, auto
from typing import Protocol

from migrator_kit.errors import (
    AmbiguousError,
    BudgetExhausted,
    TerminalError,
    TransientError,
)  # fmt: skip
from migrator_kit.load.batches import Batch, Settled, Started
from migrator_kit.load.writer import Writer
from migrator_kit.zoho import limits

AHEAD = 10
"""Batches opened in the ledger beyond those in flight: no call waits for a commit or for records to
be prepared, and one commit settles and opens several. After a crash so many more have to be looked
up."""

ROWS_AHEAD = limits.BULK_ROWS
"""Records prepared ahead at most, whatever the batches: it is bulk writes that this bounds."""

MOST_ATTEMPTS = 5
"""How often records are sent again whose answers get lost each time."""


class Sending(Protocol):
    """A batch with what it takes to send it, and to find out whether it landed."""

    @property
    def batch(self) -> Batch:
        """The records, as the ledger knows them."""

    @property
    def one_call(self) -> bool:
        """Whether the batch is a single call: an error then means that nothing of it landed."""

    def send(self) -> Settled | Started:
        """Make the call and return every record's outcome, or the job that will tell it.

        Runs in a worker thread, and so does the waiting for a job.
        """

    def read_back(self) -> Settled:
        """Return the outcomes of the records that did land. Runs in a worker thread."""

    def again(self, keys: set[str], batch_id: int) -> Sending:
        """Return a new batch of those records that have not landed."""


class _Phase(Enum):
    """What a worker does for a batch."""

    SEND = auto()
    WAIT = auto()
    LOOK = auto()


class Pump:
    """Drives batches of one step through the client."""

    def __init__(
        self, writer: Writer, *, in_flight: int, settled: Callable[[Settled], None]
    ) -> None:
        self._writer = writer
        self._in_flight = in_flight
        self._settled = settled
        self._queue: deque[Sending] = deque()
        self._pending: dict[Future[Settled | Started], tuple[Sending, _Phase]] = {}
        self._finished: list[Settled] = []
        self._attempts: dict[int, int] = {}
        self._stop: BaseException | None = None
        self.read_back = 0

    def run(self, sendings: Iterable[Sending]) -> None:
        """Send everything. Raises what stopped it, after all calls under way came to an end."""
        source = iter(sendings)
        with ThreadPoolExecutor(self._in_flight) as pool:
            try:
                while self._turn(pool, source):
                    pass
            finally:
                self._drain()
        if self._stop is not None:
            raise self._stop

    def _turn(self, pool: ThreadPoolExecutor, source: Iterator[Sending]) -> bool:
        """Settle and open in groups, send what is open, wait for an answer. False at the end."""
        if self._stop is not None:
            self._withdraw()
        fresh = self._next(source) if len(self._pending) <= self._in_flight + AHEAD // 2 else []
        if fresh or not self._pending:
            self._exchange([one.batch for one in fresh])
            for one in fresh:
                self._pending[pool.submit(one.send)] = (one, _Phase.SEND)
        if not self._pending:
            return bool(self._queue) and self._stop is None
        self._fill(source, AHEAD)
        done_futures, _ = wait(self._pending, return_when=FIRST_COMPLETED)
        for future in done_futures:
            sending, phase = self._pending.pop(future)
            self._collect(pool, future, sending, phase)
        return True

    def _withdraw(self) -> None:
        """Call back batches that no worker has taken up: they are known not to have landed."""
        for future, (sending, phase) in list(self._pending.items()):
            if phase is _Phase.SEND and future.cancel():
                del self._pending[future]
                self._finished.append(Settled(sending.batch, ()))

    def _next(self, source: Iterator[Sending]) -> list[Sending]:
        """Return batches to open: those there is room for, and some to have ready after them."""
        if self._stop is not None:
            return []
        room = self._in_flight - len(self._pending) + AHEAD
        self._fill(source, room)
        return [self._queue.popleft() for _ in range(min(room, len(self._queue)))]

    def _fill(self, source: Iterator[Sending], wanted: int) -> None:
        """Prepare batches ahead, while calls are under way."""
        while self._stop is None and len(self._queue) < wanted:
            if sum(len(one.batch.rows) for one in self._queue) >= ROWS_AHEAD:
                return
            try:
                self._queue.append(next(source))
            except StopIteration:
                return
            except BaseException as error:  # noqa: BLE001 (kept, and raised after draining)
                self._stop = error

    def _collect(
        self,
        pool: ThreadPoolExecutor,
        future: Future[Settled | Started],
        sending: Sending,
        phase: _Phase,
    ) -> None:
        try:
            answer = future.result()
        except AmbiguousError as error:
            self._writer.mark_sent(sending.batch)
            self._look(pool, sending, error)
        except (TransientError, TerminalError, BudgetExhausted) as error:
            self._stop = self._stop or error
            if sending.one_call and phase is _Phase.SEND:
                self._finished.append(Settled(sending.batch, ()))
        except BaseException as error:  # noqa: BLE001 (kept, and raised after draining)
            self._stop = self._stop or error
        else:
            self._take(sending, phase, answer)
            if isinstance(answer, Started):
                if self._stop is None:
                    self._pending[pool.submit(answer.wait)] = (sending, _Phase.WAIT)
            elif phase is _Phase.LOOK or answer.rest_now:
                self._send_missing_again(sending, answer)

    def _take(self, sending: Sending, phase: _Phase, answer: Settled | Started) -> None:
        """Keep outcomes for the next commit, and a job's id at once."""
        if isinstance(answer, Started):
            self._writer.job_started(sending.batch, answer.job_id)
        else:
            looked = answer.read_back or phase is _Phase.LOOK
            self._finished.append(replace(answer, read_back=looked))

    def _look(self, pool: ThreadPoolExecutor, sending: Sending, error: AmbiguousError) -> None:
        """Read back what became of a batch whose answer is lost."""
        if self._stop is not None:
            return
        if self._attempts.get(sending.batch.batch_id, 0) >= MOST_ATTEMPTS:
            self._stop = error
            return
        self.read_back += 1
        self._pending[pool.submit(sending.read_back)] = (sending, _Phase.LOOK)

    def _send_missing_again(self, sending: Sending, settled: Settled) -> None:
        known = {outcome.source_id for outcome in settled.outcomes}
        missing = {row.source_id for row in sending.batch.rows} - known
        if missing:
            fresh = sending.again(missing, self._writer.next_batch_id())
            attempts = self._attempts.pop(sending.batch.batch_id, 0)
            self._attempts[fresh.batch.batch_id] = attempts + 1
            self._queue.appendleft(fresh)

    def _exchange(self, opened: list[Batch]) -> None:
        """Settle what came back and open what goes out, in one transaction."""
        self._writer.exchange(self._finished, opened)
        finished, self._finished = self._finished, []
        for done in finished:
            self._settled(done)

    def _drain(self) -> None:
        """Wait for calls under way and write down what they answered, whatever broke before."""
        self._withdraw()
        for future, (sending, phase) in list(self._pending.items()):
            if future.exception() is None:
                self._take(sending, phase, future.result())
        self._pending.clear()
        self._exchange([])
