"""Records that need no call: unchanged, held, or without their parent. Only news is written down.

An outcome that an earlier run recorded already is not recorded again, so that running twice adds
nothing to the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.decide import REFUSED_BEFORE
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.states import Action, Call, Reason, Status
from migrator_kit.load.survey import Surveyed
from migrator_kit.load.tally import Tally
from migrator_kit.load.writer import Writer


@dataclass(frozen=True, slots=True)
class Unsent:
    """Writes down what became of records that are not sent.

    `before` is status, reason and field of the newest outcome that stands against a record.
    `deferred` are lookups of the second pass, which speaks for itself.
    """

    object: str
    writer: Writer
    tally: Tally
    before: dict[str, tuple[str, str | None, str | None]]
    deferred: Collection[str] = ()

    @classmethod
    def of(
        cls, ledger: Ledger, object_name: str, writer: Writer, tally: Tally,
        deferred: Collection[str] = (),
    ) -> Unsent:  # fmt: skip
        """Read the open outcomes of an object from the ledger."""
        against = ledger.latest_outcomes(object_name, (Status.FAILED, Status.HELD, Status.EXCLUDED))
        before = {
            source_id: (status, reason, field)
            for source_id, status, reason, field in plain_rows(
                against, ("source_id", "status", "reason", "field")
            )
        }
        return cls(object_name, writer, tally, before, deferred)

    def take(self, chunk: Surveyed) -> None:
        """Write down the records of a chunk that are skipped or held."""
        decisions = chunk.decisions
        fresh: list[Outcome] = []
        columns = ("source_id", "action", "reason", "field", "zoho_id")
        for source_id, action, reason, field, zoho_id in plain_rows(decisions, columns):
            if action == Action.SKIP:
                self.tally.unchanged(1)
                stood = self.before.get(source_id)
                if stood is not None and stood[2] not in self.deferred:
                    fresh.append(Outcome(source_id, Status.MATCHED, zoho_id))
            elif action == Action.HOLD and reason == REFUSED_BEFORE:
                self.again(source_id)
            elif action == Action.HOLD:
                self.note(fresh, _held(source_id, reason, field))
        self.writer.record(self.object, fresh)

    def again(self, source_id: str) -> None:
        """Count a record that stays as an earlier run left it."""
        self.tally.waiting(Status(self.before[source_id][0]), 1)

    def note(self, fresh: list[Outcome], outcome: Outcome) -> None:
        """Count an outcome, and add it to `fresh` where it says something new."""
        self.tally.waiting(outcome.status, 1)
        said = (str(outcome.status), outcome.reason and str(outcome.reason), outcome.field)
        if self.before.get(outcome.source_id) != said:
            fresh.append(outcome)

    def later(self, outcome: Outcome, *, sent: bool) -> None:
        """Keep an outcome that may stand beside what the step sends of the same record.

        It is written down when the step is done: the newest outcome of a record is what counts.
        """
        if sent:
            self.tally.counts[outcome.status] += 1
            self.tally.afterwards.append(outcome)
        else:
            self.note(self.tally.afterwards, outcome)

    def matched(self, batch: Batch, found: Iterable[tuple[str | None, str | None]]) -> None:
        """Write down records that were found standing as they should, without any call.

        `found` are Zoho's id and time of change of each.
        """
        outcomes = [
            Outcome(
                row.source_id, Status.MATCHED, zoho_id, digest=row.digest, modified_time=modified
            )
            for row, (zoho_id, modified) in zip(batch.rows, found, strict=True)
        ]
        self.writer.exchange([], [batch])
        self.writer.exchange([Settled(batch, tuple(outcomes))], [])
        self.tally.settled(outcomes)

    def batch(self, module: str, call: Call, rows: Iterable[Intended]) -> Batch:
        """Return a new batch of this object's records."""
        number = self.writer.next_batch_id()
        return Batch(number, self.writer.run_id, self.object, module, call, tuple(rows))


def _held(source_id: str, reason: str, field: str | None) -> Outcome:
    if reason == Reason.PARENT_NOT_LANDED:
        return Outcome(source_id, Status.FAILED, reason=reason, field=field)
    return Outcome(source_id, Status.HELD, reason=reason)
