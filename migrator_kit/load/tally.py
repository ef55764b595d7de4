"""Counts of a load as it goes, and the report it ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from migrator_kit.load.batches import Outcome
from migrator_kit.load.states import Status
from migrator_kit.progress import Step as Bar

UNCHANGED = "unchanged"
COUNTED = (
    Status.CREATED, Status.UPDATED, Status.MATCHED, UNCHANGED, Status.HELD, Status.EXCLUDED,
    Status.FAILED,
)  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Counts of one step, shown on its progress bar."""

    bar: Bar
    counts: Counter[str] = field(default_factory=Counter)
    afterwards: list[Outcome] = field(default_factory=list)
    """Outcomes to write down when everything that was sent has come back."""

    def settled(self, outcomes: Iterable[Outcome]) -> None:
        """Count what became of some records."""
        for outcome in outcomes:
            self.counts[outcome.status] += 1
            self.bar.advance()

    def unchanged(self, count: int) -> None:
        """Count records that needed nothing."""
        self.counts[UNCHANGED] += count
        self.bar.advance(count)

    def waiting(self, status: Status, count: int) -> None:
        """Count records that stay as an earlier run left them."""
        self.counts[status] += count
        self.bar.advance(count)


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step of a load did."""

    object: str
    module: str
    counts: dict[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did, in how long, at what price.

    `calls` are those made to Zoho CRM, `read_back` batches whose fate had to be looked up,
    `recovered` those that an earlier run had left open. `ledger_seconds` is the time spent in the
    ledger.
    """

    run_id: str
    steps: tuple[StepReport, ...]
    calls: int
    credits: int
    read_back: int
    recovered: int
    seconds: float
    ledger_seconds: float

    @property
    def written(self) -> int:
        """How many records this load created or updated."""
        return sum(
            step.counts.get(status, 0)
            for step in self.steps
            for status in (Status.CREATED, Status.UPDATED)
        )

    def table(self) -> pd.DataFrame:
        """Return one row for each step with its counts and seconds."""
        rows = [
            {"object": step.object, "module": step.module,
             **{str(name): step.counts.get(name, 0) for name in COUNTED},
             "seconds": round(step.seconds, 1)}
            for step in self.steps
        ]  # fmt: skip
        columns = ["object", "module", *map(str, COUNTED), "seconds"]
        return pd.DataFrame(rows, columns=columns)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "run_id": self.run_id, "steps": self.table().to_dict("records"), "calls": self.calls,
            "credits": self.credits, "read_back": self.read_back, "recovered": self.recovered,
            "seconds": round(self.seconds, 2), "ledger_seconds": round(self.ledger_seconds, 2),
        }  # fmt: skip
