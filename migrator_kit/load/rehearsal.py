"""The rehearsal of the undo: a loaded sample is rolled back, and the org is as it was before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from migrator_kit.engagement import Engagement, digest_text
from migrator_kit.errors import GateClosed, ParameterError
from migrator_kit.load.job import LoadJob
from migrator_kit.load.opening import open_job
from migrator_kit.load.org_state import org_state
from migrator_kit.load.rollback import RollbackReport, rollback
from migrator_kit.load.target import Target
from migrator_kit.progress import SILENT, Progress

GATE = "rehearsal"
FILE_NAME = "rehearsal.json"
OPENS_WITH = "migrator run DIR --from sample --to sample"


class Rehearsal(BaseModel):
    """What a rehearsal showed. `shaped` is the dataset that the sample came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    run_id: str
    undone_run: str
    shaped: str
    state_before: str
    state_after: str
    held: int
    when: datetime

    @property
    def passed(self) -> bool:
        """Whether everything went and the org is as it was."""
        return self.held == 0 and self.state_before == self.state_after

    @property
    def digest(self) -> str:
        """Digest of the rehearsal, for the seal."""
        return digest_text(self.model_dump_json())


def rehearse(
    job: LoadJob,
    run_id: str,
    *,
    undo: str,
    state: Callable[[LoadJob], str] = org_state,
    progress: Progress = SILENT,
) -> tuple[RollbackReport, Rehearsal]:
    """Roll a sample run back and compare the org with what it was before.

    The sample has to be loaded with the same `state`. Raises ParameterError where no digest was
    taken before it, and what `rollback` raises.
    """
    before = job.ledger.org_states(undo).get("before")
    if before is None:
        raise ParameterError(
            f"No digest of the org was taken before run {undo}.",
            hint="Load the sample again: without it nothing shows that the org is as it was.",
        )
    report = rollback(job, run_id, undo=undo, state=state, progress=progress)
    rehearsal = Rehearsal(
        run_id=run_id, undone_run=undo, shaped=job.shaped.digest, state_before=before,
        state_after=report.state_now or "", held=len(report.held), when=datetime.now(UTC),
    )  # fmt: skip
    return report, rehearsal


def run_rehearsal(
    engagement: Engagement,
    run_id: str,
    *,
    undo: str,
    target: Target | None = None,
    progress: Progress = SILENT,
) -> tuple[RollbackReport, Rehearsal]:
    """Rehearse the undo of the engagement's sample and write down what it showed."""
    with open_job(engagement, target=target, planning=True) as job:
        report, rehearsal = rehearse(job, run_id, undo=undo, progress=progress)
    keep_rehearsal(engagement, rehearsal)
    return report, rehearsal


def keep_rehearsal(engagement: Engagement, rehearsal: Rehearsal) -> None:
    """Write a rehearsal down as the engagement's newest."""
    engagement.runs.mkdir(parents=True, exist_ok=True)
    text = rehearsal.model_dump_json(indent=1) + "\n"
    (engagement.runs / FILE_NAME).write_text(text, encoding="utf-8")


def read_rehearsal(engagement: Engagement) -> Rehearsal | None:
    """Return the engagement's newest rehearsal, or None."""
    try:
        return Rehearsal.model_validate_json((engagement.runs / FILE_NAME).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def require_rehearsal(engagement: Engagement, shaped: str) -> Rehearsal:
    """Return the rehearsal of this dataset where it passed. Raises GateClosed saying why not."""
    found = read_rehearsal(engagement)
    if found is None or found.shaped != shaped:
        why = "The rollback of a sample of this data was not rehearsed yet."
    elif found.held:
        why = f"The rehearsed rollback left {found.held} records behind: see its list."
    elif not found.passed:
        why = "After the rehearsed rollback the org was not as before."
    else:
        return found
    raise GateClosed(why, gate=GATE, opens_with=OPENS_WITH)
