"""The updates of a step after the look at the org, without writing: for the plan and the delta."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from migrator_kit.load.batches import Intended
from migrator_kit.load.job import LoadJob
from migrator_kit.load.note_steps import planned_notes
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import Row
from migrator_kit.load.revise import Revised, Reviser
from migrator_kit.load.states import Action, Reason
from migrator_kit.load.survey import (
    NOTE_PARENT,
    planned_links,
    planned_records,
    survey_notes,
    survey_records,
)
from migrator_kit.mapping.model import Landing


@dataclass(slots=True)
class StepOutlook:
    """What a step is going to do: records by action, held ones by reason, and its updates.

    `updates` are the records that were compared three ways, `fields` how many fields they send.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    updates: list[Revised] = field(default_factory=list, repr=False)
    looked_up: int = 0
    fields: int = 0

    def add(self, revised: list[Revised]) -> None:
        """Count updates by what becomes of them; keep those that a person may want to see."""
        self.looked_up += len(revised)
        for one in revised:
            if one.merged is None:
                self.counts[Action.HOLD] += 1
                self.reasons[Reason.DELETED_IN_TARGET] += 1
            elif one.payload:
                self.counts[Action.UPDATE] += 1
                self.fields += len(one.merged.send)
            else:
                self.counts[Action.HOLD if one.held else Action.SKIP] += 1
            if one.held:
                self.reasons[Reason.CONFLICT] += 1
            if one.conflicts:
                self.updates.append(one)


def step_outlook(job: LoadJob, step: LoadStep) -> StepOutlook:
    """Return what a step of records or notes is going to do. Reads the org, writes nothing."""
    outlook = StepOutlook()
    notes = step.mapping.landing is Landing.NOTES
    columns = [one for one in job.layout(step).columns if one.logical != NOTE_PARENT]
    reviser = Reviser.of(job, step.object, step.module, columns)
    survey = survey_notes if notes else survey_records
    for chunk in survey(job, step, job.known(step)):
        actions = chunk.decisions["action"]
        outlook.counts.update(actions[actions != Action.UPDATE].tolist())
        held = chunk.decisions["reason"]
        outlook.reasons.update(held[held != ""].tolist())
        planned = planned_notes(chunk, step) if notes else planned_records(chunk)
        updates: list[tuple[Intended, Row]] = [
            (row, payload) for row, payload in planned if row.action is Action.UPDATE
        ]
        outlook.add(reviser.revise(updates))
    return outlook


def link_outlook(job: LoadJob, step: LoadStep) -> StepOutlook:
    """Return what the second pass of a step is going to do with records that stand already."""
    outlook = StepOutlook()
    columns = job.layout(step, second_pass=True).columns
    reviser = Reviser.of(job, step.object, step.module, columns, link=True)
    for links in planned_links(job, step):
        outlook.add(reviser.revise(links.planned))
    return outlook
