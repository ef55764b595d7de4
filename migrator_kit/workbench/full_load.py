"""Notebook 04: everything that is confirmed moves."""

from __future__ import annotations

from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.tables import Table, Tables, facts
from migrator_kit.load.accounts import exclusion_list, failure_list
from migrator_kit.load.accounts import failures as grouped_failures
from migrator_kit.load.loader import run_load
from migrator_kit.load.plan import plan_load
from migrator_kit.mapping.model import ObjectName
from migrator_kit.workbench.comparing import reasons_in_words
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.sample_diff import require_sample
from migrator_kit.workbench.session import Session, needed


def plan(session: Session) -> Tables:
    """Return what is to be written, before anything is. Raises GateClosed without a sample."""
    require_sample(session)
    session.plan = plan_load(session.engagement, target=session.target)
    fits = session.plan.fits
    text = (
        f"{session.plan.writes:,} records are to be written for {session.plan.credits:,} credits; "
        f"{session.plan.credits_left:,} are left."
    )
    remedy = "" if fits else "The load stops before the limit and goes on from there later."
    return Tables(
        [
            Findings.of([Finding(Level.GOOD if fits else Level.DECISION, text, remedy)]),
            Table(session.plan.table(), "The plan"),
            Table(session.plan.holds, "Records that wait", empty="No record waits."),
        ]
    )


def load(session: Session) -> Table:
    """Load everything that has not arrived yet."""
    require_sample(session)
    session.report = run_load(
        session.engagement,
        None,
        session.run_id,
        target=session.target,
        progress=session.progress,
    )
    return Table(
        session.report.table(),
        note="What the sample or an earlier run brought is not written again: it is skipped.",
    )


def findings(session: Session) -> Findings:
    """Return in words what arrived, what was refused, what stays behind."""
    report = needed(session.report, "Load")
    failed = failure_list(session.ledger, session.mapping)
    excluded = exclusion_list(session.ledger, session.shaped)
    seconds = f"{report.written:,} records were written in {report.seconds:,.0f} seconds."
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
    """Return what Zoho refused, grouped; the list is beside the page."""
    listed = failure_list(session.ledger, session.mapping)
    if len(listed):
        write_list(listed, session.list_path("failed.csv"))
    grouped = reasons_in_words(grouped_failures(session.ledger, session.mapping))
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
    made = needed(session.plan, "Full load")
    report = needed(session.report, "Load")
    planned = made.table()
    return facts(
        "Planned and actual",
        calls_planned=int(planned["calls"].sum()),
        calls_made=report.calls,
        credits_planned=made.credits,
        credits_used=report.credits,
        minutes_planned=round(float(planned["minutes"].sum()), 1),
        minutes_taken=round(report.seconds / 60, 1),
        share_of_bookkeeping=f"{report.ledger_seconds / max(report.seconds, 1e-9):.0%}",
    )


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)
