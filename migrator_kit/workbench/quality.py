"""Expectation suites on a stage, as the notebooks show them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from IPython.display import display

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.tables import Table, Tables
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.mapping.objects import object_rows
from migrator_kit.quality.model import Outcome, Stage
from migrator_kit.quality.report import QualityReport
from migrator_kit.quality.run import run_suites
from migrator_kit.quality.waivers import load_waivers
from migrator_kit.workbench.session import Session

Frames = dict[ObjectName, Iterable[pd.DataFrame]]


def judge(session: Session, stage: Stage, frames: Frames) -> Tables:
    """Run the suites of a stage, list failing keys beside the page, and show the outcomes.

    Raises GateClosed where a critical expectation failed and is not waived by name.
    """
    waivers = load_waivers(session.engagement.folder)
    report = run_suites(stage, frames, waivers=waivers, progress=session.progress)
    _keep(session.engagement, report)
    keys = report.failing_keys()
    if len(keys):
        write_list(keys, session.list_path(f"quality_{stage}.csv"))
    shown = told(report)
    try:
        report.require_passed()
    except GateClosed:
        display(shown)
        raise
    return shown


def told(report: QualityReport) -> Tables:
    """Return a report as findings and one row for each expectation."""
    return Tables([_findings(report), outcomes(report)])


def kept_counts(engagement: Engagement, stage: Stage) -> Path:
    """Return where the counts of the newest run of a stage are kept."""
    return engagement.private / "quality" / f"{stage}.json"


def _keep(engagement: Engagement, report: QualityReport) -> None:
    """Keep the counts of a run, so that other thresholds need no other run."""
    path = kept_counts(engagement, report.stage)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report.to_json(), indent=1), encoding="utf-8")


def outcomes(report: QualityReport) -> Table:
    """Return one row for each expectation that had something to judge, failed ones first.

    The names of rules stand in the list beside the page, and in the message of a closed gate.
    """
    frame = report.table(applicable_only=True)
    kept = ["object", "expectation", "outcome", "severity", "unexpected", "considered", "allowed"]
    kept += [name for name in ("examples", "remark") if (frame[name] != "").any()]
    marks = {
        str(Outcome.FAILED): Level.PROBLEM, str(Outcome.ERROR): Level.PROBLEM,
        str(Outcome.PASSED): Level.GOOD,
    }  # fmt: skip
    return Table(frame[[*kept, "why"]], percents=("allowed",), levels={"outcome": marks})


def source_frames(session: Session, mapping: Mapping) -> Frames:
    """Return the rows of every object as a mapping's SELECTs give them."""
    return {
        item.object: object_rows(session.snapshot, mapping, item.object) for item in mapping.objects
    }


def part_frames(paths: Iterable[object]) -> Iterable[pd.DataFrame]:
    """Yield Parquet parts as frames."""
    for path in paths:
        yield pq.read_table(path).to_pandas(date_as_object=False)


def shaped_frames(session: Session) -> Frames:
    """Return the shaped parts of every object that moves."""
    return {
        item.object: part_frames(session.shaped.parts(item.object))
        for item in session.mapping.objects
        if item.landing is not Landing.REFERENCE
    }


def _findings(report: QualityReport) -> Findings:
    counts = report.counts
    judged = sum(counts.values()) - counts[Outcome.NOT_APPLICABLE]
    passed = f"{counts[Outcome.PASSED]} of {judged} expectations on {report.stage} data are met."
    found = [Finding(Level.GOOD, passed)]
    if counts[Outcome.FAILED]:
        text = f"{counts[Outcome.FAILED]} are not met; none of them is critical or unwaived."
        found.append(Finding(Level.DECISION, text, "The list beside this page names the records."))
    if counts[Outcome.ERROR]:
        text = f"{counts[Outcome.ERROR]} could not be run."
        found.append(Finding(Level.PROBLEM, text, "Look at the remark of each."))
    for rule, waiver in report.waived.items():
        text = f"{rule} is waived by {waiver.by}: {waiver.reason}"
        found.append(Finding(Level.DECISION, text))
    return Findings.of(found)
