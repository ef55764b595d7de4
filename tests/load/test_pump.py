"""The pump: intent before the call, outcomes after it, and what it does when a call goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from migrator_kit.errors import AmbiguousError, TerminalError, TransientError
from migrator_kit.load.batches import Batch, Intended, Outcome, Settled, Started
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.pump import Pump
from migrator_kit.load.states import Action, Call, Status
from migrator_kit.load.writer import Writer


@dataclass
class World:
    """What has arrived, and what each call is to do."""

    arrived: list[str] = field(default_factory=list)
    unsettled_when_called: list[int] = field(default_factory=list)
    script: list[Callable[[Batch], None]] = field(default_factory=list)


@dataclass(frozen=True)
class FakeSending:
    batch: Batch
    world: World
    ledger: Ledger
    one_call: bool = True

    def send(self) -> Settled:
        open_ids = [batch.batch_id for batch in self.ledger.unsettled()]
        assert self.batch.batch_id in open_ids, "the intent has to be committed before the call"
        if self.world.script:
            self.world.script.pop(0)(self.batch)
        self.world.arrived += [row.source_id for row in self.batch.rows]
        return self._landed()

    def read_back(self) -> Settled:
        there = set(self.world.arrived)
        landed = self._landed().outcomes
        return Settled(self.batch, tuple(o for o in landed if o.source_id in there))

    def again(self, keys: set[str], batch_id: int) -> FakeSending:
        rows = tuple(row for row in self.batch.rows if row.source_id in keys)
        return replace(self, batch=replace(self.batch, batch_id=batch_id, rows=rows))

    def _landed(self) -> Settled:
        return Settled(
            self.batch,
            tuple(Outcome(row.source_id, Status.CREATED, f"z{row.source_id}", digest="d")
                  for row in self.batch.rows),
        )  # fmt: skip


def batches(writer: Writer, count: int, rows: int = 3) -> list[Batch]:
    return [
        Batch(
            writer.next_batch_id(), "run-1", "Patient", "Contacts", Call.UPSERT,
            tuple(Intended(f"{n}-{m}", Action.CREATE, "d") for m in range(rows)),
        )
        for n in range(count)
    ]  # fmt: skip


def run(ledger: Ledger, world: World, count: int = 6) -> None:
    with ledger.writing("load", "run-1") as writer:
        pump = Pump(writer, in_flight=2, settled=lambda _: None)
        pump.run(FakeSending(batch, world, ledger) for batch in batches(writer, count))


def lost_after(batch: Batch, world: World, rows: int) -> None:
    world.arrived += [row.source_id for row in batch.rows[:rows]]
    raise AmbiguousError("the answer is lost")


def fails(error: Exception) -> Callable[[Batch], None]:
    def raising(_: Batch) -> None:
        raise error

    return raising


def test_every_record_arrives_once(ledger: Ledger) -> None:
    world = World()
    run(ledger, world)
    assert sorted(world.arrived) == sorted(f"{n}-{m}" for n in range(6) for m in range(3))
    assert len(ledger.crosswalk("Patient")) == 18
    assert ledger.unsettled() == []


@pytest.mark.parametrize("landed", [0, 1, 3])
def test_a_lost_answer_is_read_back_and_only_the_rest_sent_again(
    ledger: Ledger, landed: int
) -> None:
    world = World()
    world.script = [lambda batch: lost_after(batch, world, landed)]
    run(ledger, world)
    assert sorted(world.arrived) == sorted(f"{n}-{m}" for n in range(6) for m in range(3))
    assert len(ledger.crosswalk("Patient")) == 18
    assert ledger.verify_audit().rows == 18


def test_answers_that_keep_getting_lost_end_the_load(ledger: Ledger) -> None:
    world = World()
    world.script = [lambda batch: lost_after(batch, world, 0)] * 100
    with pytest.raises(AmbiguousError):
        run(ledger, world, count=1)


@pytest.mark.parametrize("error", [TransientError("down"), TerminalError("no")])
def test_a_refused_call_stops_the_pump_after_the_others_are_settled(
    ledger: Ledger, error: Exception
) -> None:
    world = World()
    world.script = [lambda _: None, fails(error)]
    with pytest.raises(type(error)):
        run(ledger, world)
    assert sorted(ledger.crosswalk("Patient")["source_id"]) == sorted(world.arrived)
    assert ledger.unsettled() == [], "a refused call did nothing, and what is ready was not sent"


def test_an_unforeseen_error_leaves_its_batch_open_to_be_read_back(ledger: Ledger) -> None:
    world = World()
    world.script = [fails(RuntimeError("a fault of our own"))]
    with pytest.raises(RuntimeError):
        run(ledger, world)
    assert len(ledger.unsettled()) == 1


def test_the_id_of_a_job_is_in_the_ledger_before_anybody_waits_for_it(ledger: Ledger) -> None:
    world, seen = World(), list[str | None]()

    class Job(FakeSending):
        def send(self) -> Started:  # type: ignore[override]
            return Started(f"job-{self.batch.batch_id}", self.wait)

        def wait(self) -> Settled:
            kept = {one.batch_id: one.job_id for one in self.ledger.unsettled()}
            seen.append(kept[self.batch.batch_id])
            return replace(self._landed(), outcomes=self._landed().outcomes[1:], rest_now=True)

        def again(self, keys: set[str], batch_id: int) -> FakeSending:
            rows = tuple(row for row in self.batch.rows if row.source_id in keys)
            return FakeSending(
                replace(self.batch, batch_id=batch_id, rows=rows), self.world, ledger
            )

    with ledger.writing("load", "run-1") as writer:
        pump = Pump(writer, in_flight=2, settled=lambda _: None)
        pump.run(Job(batch, world, ledger) for batch in batches(writer, 3))
    assert sorted(seen, key=str) == ["job-1", "job-2", "job-3"]
    assert sorted(world.arrived) == ["0-0", "1-0", "2-0"], "what the job left out is sent again"
    assert len(ledger.crosswalk("Patient")) == 9
    assert ledger.unsettled() == []
