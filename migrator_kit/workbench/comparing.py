"""What the sample page and the reconciliation page share: scope, summary, differences."""

from __future__ import annotations

import pandas as pd

from migrator_kit.compare.diff import DiffReport
from migrator_kit.compare.edited import with_edits
from migrator_kit.compare.own_files import own_files
from migrator_kit.compare.people import people_of
from migrator_kit.compare.sides import Scope
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.tables import Table
from migrator_kit.load.accounts import exclusion_list, failure_list
from migrator_kit.load.delta import gone_from_source
from migrator_kit.load.opening import open_job
from migrator_kit.load.staff_edits import staff_edits
from migrator_kit.mapping.model import ObjectName
from migrator_kit.workbench.session import Session


def compare_scope(session: Session, *, keys: pd.DataFrame | None = None) -> Scope:
    """Return what is to be compared: everything that should have arrived, or the sample's keys.

    Records that were excluded or refused are known and listed: they are not missing.
    """
    excluded = exclusion_list(session.ledger, session.shaped)[["object", "source_id"]]
    failed = failure_list(session.ledger, session.mapping)[["object", "source_id"]]
    wanted = None
    if keys is not None:
        wanted = set(keys.loc[keys["object"] == str(ObjectName.ATTACHMENT), "source_id"])
    return Scope(
        keys=None if keys is None else keys[["object", "source_id"]],
        not_moved=pd.concat([excluded, failed]).drop_duplicates(ignore_index=True),
        apart=known_apart(session) if keys is None else None,
        people=people_of(session.owners, session.target.users),
        files=own_files(
            session.shaped,
            session.snapshot.files_root(),
            wanted=wanted,
            progress=session.progress,
        ),
    )


def known_apart(session: Session) -> pd.DataFrame:
    """Return the records that stand in Zoho CRM in an older state than the source has.

    Their source is gone, or a newer version of them waits for a person or was refused.
    """
    with open_job(session.engagement, target=session.target, planning=True) as job:
        gone = gone_from_source(job)[["object", "source_id"]]
    landed = session.ledger.landed()[["object", "source_id"]]
    waiting = failure_list(session.ledger, session.mapping)[["object", "source_id"]]
    both = landed.merge(waiting, on=["object", "source_id"])
    return pd.concat([gone, both]).drop_duplicates(ignore_index=True)


def with_people_s_edits(session: Session, report: DiffReport) -> DiffReport:
    """Return the diff with a verdict of its own for values that people changed in Zoho CRM."""

    def look(records: pd.DataFrame) -> pd.DataFrame:
        with open_job(session.engagement, target=session.target, planning=True) as job:
            return staff_edits(job, records)

    return with_edits(report, session.shaped, session.mapping, look)


def edits_table(session: Session, report: DiffReport) -> Table:
    """Return what people changed in Zoho CRM since it arrived; the list is beside the page."""
    edits = report.edits()
    if len(edits):
        write_list(edits, session.list_path("edited_in_zoho.csv"))
    note = (
        "What the migration wrote is known; these values were changed after it by another user. "
        "They stay. A delta compares them with the source by the mapping's policy. Without a name: "
        "the migration wrote the record again later, and left the person's value."
    )
    return Table(
        edits, "Changed in Zoho CRM since, by people", note=note if len(edits) else "",
        empty="Nobody changed a value in Zoho CRM since it arrived.", limit=60,
    )  # fmt: skip


def diff_findings(report: DiffReport) -> Findings:
    """Return in words how many values and records arrived as they should."""
    compared = int(report.fields["compared"].sum())
    equal = int(report.fields["equal"].sum())
    after = int(report.fields["equal_after_rule"].sum())
    counts = {
        "values changed by Zoho CRM": int(report.fields["changed_by_zoho"].sum()),
        "values lost": int(report.fields["lost"].sum()),
        "values nobody sent": int(report.fields["unexpected"].sum()),
        "records missing": int(report.records["missing_record"].sum()),
        "records too many": int(report.records["extra_record"].sum()),
        "records twice": int(report.records["duplicate_record"].sum()),
    }
    edited = int(report.fields["edited_in_zoho"].sum())
    arrived = f"{equal + after + edited:,} of {compared:,} values arrived as expected."
    found = [Finding(Level.GOOD, arrived)]
    if edited:
        text = f"{edited:,} of them were changed in Zoho CRM since, by people."
        found.append(Finding(Level.GOOD, text, "Listed below with who and when; they stay."))
    found += [Finding(Level.PROBLEM, f"{n:,} {what}.") for what, n in counts.items() if n]
    if hidden := int(report.fields["hidden"].sum()):
        text = f"{hidden:,} values are hidden by the org and could not be verified."
        found.append(Finding(Level.DECISION, text))
    return Findings.of(found)


def diff_table(report: DiffReport) -> Table:
    """Return the diff by object and field."""
    return Table(report.fields)


def difference_table(session: Session, report: DiffReport, list_name: str) -> Table:
    """Return the differences by kind; the list beside the page names each record, no values."""
    cells = report.differences(limit=100_000)
    if len(cells):
        write_list(cells, session.list_path(list_name))
    return Table(report.natures(), empty="There is no difference.")


def reasons_in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its reasons as words for a page; lists keep the codes."""
    return frame.assign(reason=frame["reason"].astype("str").str.replace("_", " "))
