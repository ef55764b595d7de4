"""The delta: a new snapshot against what was written, and against what the org looks like now.

Any number of times. New records are created, changed fields are sent, what both sides changed goes
by the mapping's policy (`on_conflict`), what left the source is listed and nothing more. The plan
names every conflict before anything is written; the loader then does the same comparison again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.load.file_steps import survey_files
from migrator_kit.load.job import LoadJob
from migrator_kit.load.loader import run_load
from migrator_kit.load.opening import open_job
from migrator_kit.load.order import LoadStep, load_order
from migrator_kit.load.revise import Revised
from migrator_kit.load.revisions import StepOutlook, link_outlook, step_outlook
from migrator_kit.load.states import Action, Reason
from migrator_kit.load.tally import LoadReport
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Landing, OnConflict
from migrator_kit.progress import SILENT, Progress

CONFLICTS = (
    "object", "module", "source_id", "zoho_id", "field", "policy", "becomes", "changed_by",
    "changed_at",
)  # fmt: skip
GONE = ("object", "module", "source_id", "zoho_id", "state", "why")
COUNTS = ("object", "module", "new", "changed", "fields", "unchanged", "held", "gone")
_BECOMES = {
    OnConflict.SOURCE: "the source's value is sent",
    OnConflict.TARGET: "the value in Zoho CRM stays",
    OnConflict.ASK: "held for a person; the value in Zoho CRM stays until then",
}
_CONTENT = "content of the file"
LEFT, EXCLUDED = "not in the source any more", "does not move any more"


@dataclass(frozen=True, slots=True)
class DeltaPlan:
    """What a delta is going to do, and what it leaves to people. Holds no field value.

    `counts` has one row for each object (`COUNTS`), `conflicts` one for each field that changed on
    both sides (`CONFLICTS`), `gone` one for each record whose source is gone (`GONE`), `holds`
    the number of records that wait, by object and reason.
    """

    counts: pd.DataFrame
    conflicts: pd.DataFrame
    gone: pd.DataFrame
    holds: pd.DataFrame

    @property
    def writes(self) -> int:
        """How many records the delta creates or updates."""
        return int(self.counts[["new", "changed"]].to_numpy().sum())

    @property
    def open_conflicts(self) -> int:
        """How many fields wait for a person."""
        return int((self.conflicts["policy"] == str(OnConflict.ASK)).sum())

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values."""
        return {
            "objects": self.counts.to_dict("records"), "writes": self.writes,
            "conflicts": self.conflicts.to_dict("records"), "gone": self.gone.to_dict("records"),
            "holds": self.holds.to_dict("records"), "open_conflicts": self.open_conflicts,
        }  # fmt: skip


def delta_plan(job: LoadJob) -> DeltaPlan:
    """Return what the next load of this job does and holds. Reads the org, writes nothing."""
    counts: list[tuple[object, ...]] = []
    conflicts: list[tuple[object, ...]] = []
    holds: list[tuple[str, str, int]] = []
    gone = gone_from_source(job)
    for step in load_order(job.mapping):
        if step.mapping.landing is Landing.FILES:
            outlook, changed_files = _files(job, step)
            conflicts += changed_files
        else:
            outlook = step_outlook(job, step)
            linked = link_outlook(job, step) if step.deferred else StepOutlook()
            outlook.counts.update({Action.UPDATE: linked.counts[Action.UPDATE]})
            outlook.reasons.update(linked.reasons)
            outlook.fields += linked.fields
            for one in (*outlook.updates, *linked.updates):
                conflicts += _conflicts(job, step, one)
        name = str(step.object)
        holds += [(name, str(reason), n) for reason, n in sorted(outlook.reasons.items())]
        done = outlook.counts
        counts.append(
            (name, step.module, done[Action.CREATE], done[Action.UPDATE], outlook.fields,
             done[Action.SKIP], done[Action.HOLD], int((gone["object"] == name).sum()))
        )  # fmt: skip
    return DeltaPlan(
        pd.DataFrame(counts, columns=list(COUNTS)),
        pd.DataFrame(conflicts, columns=list(CONFLICTS), dtype="str"),
        gone,
        pd.DataFrame(holds, columns=["object", "reason", "records"]),
    )


def run_delta_plan(engagement: Engagement, *, target: Target | None = None) -> DeltaPlan:
    """Return the plan of the engagement's next delta. Raises what `opening.open_job` raises."""
    with open_job(engagement, target=target, planning=True) as job:
        return delta_plan(job)


def run_delta(
    engagement: Engagement,
    run_id: str,
    *,
    target: Target | None = None,
    progress: Progress = SILENT,
) -> LoadReport:
    """Load what changed since the last run. Raises what `loader.run_load` raises."""
    return run_load(engagement, None, run_id, kind="delta", target=target, progress=progress)


def gone_from_source(job: LoadJob) -> pd.DataFrame:
    """Return what landed once and has no shaped row any more: columns `GONE`.

    Nothing is deleted for it: to carry a deletion over, undo these records by name
    (`rollback(records=...)`), which respects what people did with them since.
    """
    rejects = job.shaped.rejects()
    excluded = rejects.loc[rejects["action"] == "excluded", ["object", "source_id"]]
    frames = []
    for step in load_order(job.mapping):
        name = str(step.object)
        mine = job.ledger.landed(*GONE[:-1], of=name)
        paths = [str(path) for path in job.shaped.parts(step.object)]
        if paths and len(mine):
            with duckdb.connect() as connection:
                connection.register("mine", mine[["source_id"]])
                found = connection.execute(
                    "SELECT source_id FROM mine WHERE source_id NOT IN "
                    "(SELECT source_id FROM read_parquet(?) WHERE source_id IS NOT NULL)",
                    [paths],
                ).fetchall()
            mine = mine[mine["source_id"].isin([key for (key,) in found])]
        out = excluded.loc[excluded["object"] == name, "source_id"]
        why = mine["source_id"].isin(out).map({True: EXCLUDED, False: LEFT})
        frames.append(mine.assign(why=why.astype("str"))[list(GONE)])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(GONE))


def _conflicts(job: LoadJob, step: LoadStep, one: Revised) -> list[tuple[object, ...]]:
    now, row = one.standing, one.intended
    by = next((user.email for user in job.target.users if now and user.id == now.author_id), "")
    at = now.modified_time if now else None
    return [
        (str(step.object), step.module, row.source_id, row.zoho_id, conflict.field,
         str(conflict.policy), _BECOMES[conflict.policy], by, at)
        for conflict in one.conflicts
    ]  # fmt: skip


def _files(job: LoadJob, step: LoadStep) -> tuple[StepOutlook, list[tuple[object, ...]]]:
    """Return what becomes of the files. One that changed after its upload waits for a person."""
    outlook = StepOutlook()
    conflicts: list[tuple[object, ...]] = []
    known = job.ledger.crosswalk(step.object).set_index("source_id")["zoho_id"]
    for part in survey_files(job, step):
        for one in part:
            outlook.counts[one.action] += 1
            outlook.fields += one.action is Action.UPDATE
            if one.action is Action.HOLD:
                outlook.reasons[str(one.reason)] += 1
            if one.reason is Reason.FILE_CHANGED:
                conflicts.append(
                    (str(step.object), step.module, one.source_id, known.get(one.source_id),
                     _CONTENT, str(OnConflict.ASK), _BECOMES[OnConflict.ASK], "", None)
                )  # fmt: skip
    return outlook, conflicts
