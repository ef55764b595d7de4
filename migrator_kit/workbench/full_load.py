"""Notebook 04: everything that is confirmed moves."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

from migrator_kit.chain import Step, read_state
from migrator_kit.errors import ParameterError
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.tables import Table, Tables
from migrator_kit.load.accounts import exclusion_list
from migrator_kit.load.cutover import CLOCK_FILE, CutoverClock, cutover_clock
from migrator_kit.load.delta import run_delta_plan
from migrator_kit.load.loader import run_load
from migrator_kit.load.org_state import org_state
from migrator_kit.load.plan import plan_load
from migrator_kit.load.provision import field_names
from migrator_kit.load.triage import reject_list, triage
from migrator_kit.mapping.model import ObjectName
from migrator_kit.source.snapshot import moments_of
from migrator_kit.workbench.comparing import reasons_in_words
from migrator_kit.workbench.costs import keep_cost
from migrator_kit.workbench.deltas import read_deltas
from migrator_kit.workbench.gates import require_signed, seal_tables
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.sample_diff import shape
from migrator_kit.workbench.session import Session, needed

MODES = ("initial", "delta")
HOURS_BEFORE_THE_FREEZE = 24.0
"""The clock assumes that a delta runs the day before the freeze."""
A_MONTH = 24.0 * 30
HOURS_TOLD_FROM = 3.0
"""A shorter time is told in minutes."""


def is_delta(session: Session) -> bool:
    """Tell the mode of the notebook. Raises ParameterError for one that there is not."""
    mode = session.parameters.get("mode", MODES[0])
    if mode not in MODES:
        raise ParameterError(f"There is no mode {mode!r}.", hint=f"Modes: {', '.join(MODES)}.")
    return bool(mode == "delta")


def signed(session: Session) -> Tables:
    """Shape the newest snapshot and show the sign-off under which it moves.

    Raises GateClosed where the mapping is not confirmed, no sample was loaded, compared and taken
    back, or nobody signed off what is there now.
    """
    delta = is_delta(session)
    started = time.perf_counter()
    shaped = shape(session)
    session.shaping_seconds = time.perf_counter() - started
    there = replace(shaped, caption="What there is to move")
    return Tables([seal_tables(require_signed(session, delta=delta)), there])


def plan(session: Session) -> Tables:
    """Return what is to be written, before anything is."""
    require_signed(session, delta=is_delta(session))
    session.plan = plan_load(session.engagement, target=session.target)
    fits = session.plan.fits
    text = (
        f"{session.plan.writes:,} records are to be written for {session.plan.credits:,} credits; "
        f"{session.plan.credits_left:,} are left."
    )
    windows = session.plan.windows
    waits = (
        f"It takes {windows['window'].nunique()} windows, see the schedule. The load stops clean "
        "before the limit and says when credits are free again; run it again then."
    )
    remedy = "" if fits else waits
    return Tables(
        [
            Findings.of([Finding(Level.GOOD if fits else Level.DECISION, text, remedy)]),
            Table(session.plan.table(), "The plan"),
            *([] if fits else [Table(windows, "Schedule over the rolling 24 hours")]),
            Table(
                reasons_in_words(session.plan.holds), "Records that wait", empty="No record waits."
            ),
        ]
    )


def changes(session: Session) -> Tables:
    """Return what changed on both sides since the last load: conflicts first, nothing written."""
    if not is_delta(session):
        return Tables([_nothing_before("There is no earlier load to compare with.")])
    session.delta = run_delta_plan(session.engagement, target=session.target)
    conflicts, gone = session.delta.conflicts, session.delta.gone
    found = [Finding(Level.GOOD, f"{session.delta.writes:,} records are new or changed.")]
    if len(conflicts):
        text = f"{len(conflicts):,} fields changed on both sides; {session.delta.open_conflicts:,}"
        found.append(Finding(Level.DECISION, f"{text} wait for a person.", "See the conflicts."))
        write_list(conflicts, session.list_path("conflicts.csv"))
    else:
        found.append(Finding(Level.GOOD, "No field changed on both sides."))
    if len(gone):
        text = f"{len(gone):,} records left the source. Nothing is deleted for it in Zoho CRM."
        remedy = "To carry a deletion over, undo it by name: migrator rollback DIR --record …"
        found.append(Finding(Level.DECISION, text, remedy))
        write_list(gone, session.list_path("gone_from_source.csv"))
    return Tables(
        [
            Findings.of(found),
            Table(conflicts, "Conflicts", empty="There is no conflict."),
            Table(session.delta.counts, "Changes by object"),
            Table(gone, "Gone from the source", empty="No record left the source.", limit=60),
        ]
    )


def clock(session: Session) -> Tables:
    """Return how long the practice must not write in its old program at the last delta."""
    if not is_delta(session):
        return Tables([_nothing_before("The clock is set by the first delta.")])
    hours = _hours_since_the_last(session)
    made = cutover_clock(
        session.ledger,
        changes=needed(session.delta, "What changed").writes,
        hours=hours,
        gap_hours=HOURS_BEFORE_THE_FREEZE,
        other_minutes=_measured_minutes(session),
    )
    told = json.dumps(made.to_json() | {"run_id": session.run_id}, indent=1)
    (session.run_folder / CLOCK_FILE).write_text(told, encoding="utf-8")
    level = Level.GOOD if made.fits else Level.PROBLEM
    text = (
        f"The freeze takes {made.freeze_minutes:,.1f} minutes where a delta ran the day before; "
        f"{made.promised_minutes:,.0f} were promised."
    )
    remedy = "" if made.fits else "Run deltas closer together before the freeze."
    note = (
        f"{made.changes_per_hour:,.1f} changes an hour, measured over {_span(hours)}. "
        f"{_longest_gap(made)}"
    )
    steps = made.steps.round({"minutes": 2})
    return Tables([Findings.of([Finding(level, text, remedy)]), Table(steps, note=note)])


def load(session: Session) -> Table:
    """Load everything that has not arrived yet, or has changed since."""
    delta = is_delta(session)
    require_signed(session, delta=delta)
    session.report = run_load(
        session.engagement,
        None,
        session.run_id,
        kind="delta" if delta else "load",
        target=session.target,
        state=org_state,
        progress=session.progress,
    )
    return Table(
        session.report.table(),
        note="What an earlier run brought and what did not change since is not written again.",
    )


def findings(session: Session) -> Findings:
    """Return in words what arrived, what was refused, what stays behind."""
    report = needed(session.report, "Load")
    failed = session.ledger.open_failures()
    excluded = exclusion_list(session.ledger, session.shaped)
    seconds = f"{report.written:,} records were written in {report.seconds:,.1f} seconds."
    found = [Finding(Level.GOOD, seconds)]
    if report.read_back or report.recovered:
        text = f"{report.read_back + report.recovered} calls had no clear answer and were read back"
        found.append(Finding(Level.GOOD, f"{text}: no record was written twice."))
    if len(failed):
        text = f"{len(failed):,} records were refused by Zoho CRM."
        found.append(Finding(Level.PROBLEM, text, "Each has its reason and remedy below."))
    else:
        found.append(Finding(Level.GOOD, "Zoho CRM refused no record."))
    if len(excluded):
        text = f"{len(excluded):,} records of the source stay behind, each with its reason."
        found.append(Finding(Level.DECISION, text, "Look through the reasons below."))
    return Findings.of(found)


def excluded(session: Session) -> Table:
    """Return what did not move by object and reason; the list is beside the page."""
    frame = exclusion_list(session.ledger, session.shaped)
    if len(frame):
        write_list(frame, session.list_path("excluded.csv"))
    keys = ["object", "reason", "remedy"]
    grouped = frame.groupby(keys, as_index=False, dropna=False).size()
    grouped = grouped.rename(columns={"size": "records"})
    shown = reasons_in_words(grouped[["object", "reason", "records", "remedy"]])
    return Table(shown, empty="Everything moved.")


def failures(session: Session) -> Table:
    """Return what Zoho refused, grouped by cause; the list is beside the page."""
    names = field_names(session.ledger, session.mapping)
    known = (session.ledger, session.mapping, session.shaped, names)
    listed = reject_list(*known, values=session.reveal)
    if len(listed):
        write_list(listed, session.list_path("failed.csv"))
    grouped = reasons_in_words(triage(*known))
    return Table(grouped, empty="Nothing was refused.")


def files(session: Session) -> Table:
    """Return the files that did not move, one by one."""
    frame = exclusion_list(session.ledger, session.shaped)
    chosen = frame[frame["object"] == str(ObjectName.ATTACHMENT)].reset_index(drop=True)
    if len(chosen):
        write_list(chosen, session.list_path("files_not_moved.csv"))
    return Table(reasons_in_words(chosen), empty="Every file moved.", limit=60)


def cost(session: Session) -> Table:
    """Return calls, credits and minutes as planned and as they were."""
    return keep_cost(session, needed(session.plan, "Full load"), needed(session.report, "Load"))


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)


def _nothing_before(text: str) -> Findings:
    return Findings.of([Finding(Level.GOOD, text)])


def _longest_gap(made: CutoverClock) -> str:
    hours = made.longest_gap_hours
    if hours == float("inf"):
        return "Nothing changed, so the last delta may be as old as it likes."
    if hours > A_MONTH:
        return "The promise would hold even where the last delta ran a month before."
    return f"The promise holds where the last delta ran at most {hours:,.0f} hours before."


def _span(hours: float) -> str:
    return f"{hours * 60:,.0f} minutes" if hours < HOURS_TOLD_FROM else f"{hours:,.0f} hours"


def _hours_since_the_last(session: Session) -> float:
    """Return the hours between this snapshot and the one that was carried over before it."""
    now = session.snapshot.manifest.taken_at
    taken = moments_of(session.engagement)
    before = [moment for moment in taken if moment < now]
    return (now - max(before)).total_seconds() / 3600 if before else 0.0


def _measured_minutes(session: Session) -> dict[str, float]:
    """Return how long the other steps of the freeze took the last time."""
    minutes = {"shape the data": (session.shaping_seconds or 0.0) / 60}
    deltas = read_deltas(session.engagement)
    if deltas:
        minutes = {"take the last snapshot": deltas[-1].snapshot_seconds / 60, **minutes}
    record = read_state(session.engagement).get(Step.RECONCILE)
    seconds = _duration(session.engagement.folder / record.notebook) if record else None
    if seconds is not None:
        minutes["read back and reconcile"] = seconds / 60
    return minutes


def _duration(executed: Path) -> float | None:
    """Return how many seconds a notebook ran, as papermill noted."""
    if not executed.exists():
        return None
    tree = json.loads(executed.read_text(encoding="utf-8"))
    seconds = tree["metadata"].get("papermill", {}).get("duration")
    return None if seconds is None else float(seconds)
