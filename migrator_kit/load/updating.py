"""Updates of one step on their way: compared three ways, kept in the vault, sent by the hundred."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from migrator_kit.load.batches import Batch, Intended, Outcome
from migrator_kit.load.payload import Row
from migrator_kit.load.pump import Sending
from migrator_kit.load.revise import Revised, Reviser
from migrator_kit.load.states import Call, Reason, Status
from migrator_kit.load.unsent import Unsent
from migrator_kit.zoho import limits


@dataclass(slots=True)
class Updating:
    """The updates of one step. `made` turns a batch with its payloads into a call."""

    reviser: Reviser
    unsent: Unsent
    call: Call
    made: Callable[[Batch, tuple[Row, ...]], Sending]
    _tray: list[Revised] = field(default_factory=list)

    def sendings(self, planned: Sequence[tuple[Intended, Row]]) -> Iterator[Sending]:
        """Yield the calls that are full; write down what needs none, and what is held."""
        standing: list[Revised] = []
        for one in self.reviser.revise(planned):
            source_id = one.intended.source_id
            if one.merged is None:
                gone = Outcome(source_id, Status.HELD, reason=Reason.DELETED_IN_TARGET)
                self.unsent.later(gone, sent=False)
                continue
            if one.held is not None:
                said = Outcome(source_id, Status.HELD, reason=Reason.CONFLICT, field=one.held)
                self.unsent.later(said, sent=bool(one.payload) or one.news)
            if one.payload:
                self._tray.append(one)
            elif one.news:
                standing.append(one)
            if len(self._tray) == limits.RECORDS_PER_CALL:
                yield self._sending()
        if standing:
            self.reviser.keep(standing, self.unsent.writer.run_id)
            batch = self.unsent.batch(
                self.reviser.module, self.call, (one.intended for one in standing)
            )
            self.unsent.matched(batch, [(one.intended.zoho_id, one.seen_at) for one in standing])

    def rest(self) -> Iterator[Sending]:
        """Yield the last call."""
        if self._tray:
            yield self._sending()

    def _sending(self) -> Sending:
        tray, self._tray = self._tray, []
        self.reviser.keep(tray, self.unsent.writer.run_id)
        batch = self.unsent.batch(self.reviser.module, self.call, (one.intended for one in tray))
        return self.made(batch, tuple(one.payload for one in tray))
