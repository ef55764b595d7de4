"""Notebook 05: everything is read back and compared; the books are closed."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from migrator_kit.compare.diff import field_diff
from migrator_kit.compare.digest import target_digest
from migrator_kit.compare.readback import read_back as read_target
from migrator_kit.compare.reconcile import ACCOUNT, Reconciliation
from migrator_kit.compare.reconcile import reconcile as reconcile_sides
from migrator_kit.compare.row_digests import row_digests
from migrator_kit.compare.verdicts import Recommendation
from migrator_kit.evidence import plots
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.tables import Table, Tables, facts
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.provision import field_names
from migrator_kit.mapping.model import Landing
from migrator_kit.quality.model import Stage
from migrator_kit.widgets.desk import Desk
from migrator_kit.widgets.record_finder import RecordFinder
from migrator_kit.workbench.attendant import Attendant
from migrator_kit.workbench.comparing import (
    compare_scope,
    diff_findings,
    diff_table,
    difference_table,
    edits_table,
    with_people_s_edits,
)
from migrator_kit.workbench.costs import cost_table
from migrator_kit.workbench.desk import way_back
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.quality import Frames, judge, part_frames
from migrator_kit.workbench.session import Session, needed
from migrator_kit.workbench.tracing import lineage_box

_READ = "Reconciliation"
SHOWN_DIGITS = 16
"""Digits of an object's digest that a page shows."""


def read_back(session: Session) -> Table:
    """Read everything back, compare it, count both sides, and say how much that was."""
    folder = session.run_folder / "reconcile"
    session.landed = read_target(
        session.target,
        session.ledger,
        session.mapping,
        field_names(session.ledger, session.mapping),
        folder / "landed",
        shaped=session.shaped,
        progress=session.progress,
    )
    scope = compare_scope(session)
    session.apart = scope.apart
    if scope.apart is not None and len(scope.apart):
        write_list(scope.apart, session.list_path("older_in_zoho.csv"))
    compared = field_diff(
        session.shaped,
        session.landed,
        session.mapping,
        folder,
        scope=scope,
        compute=session.engagement.settings.compute,
        progress=session.progress,
    )
    session.diff = with_people_s_edits(session, compared)
    session.scope = replace(scope, edits=session.diff.edits())
    session.counts = object_counts(session.ledger, session.shaped, session.mapping)
    session.reconciliation = reconcile_sides(
        session.counts,
        session.shaped,
        session.landed,
        session.mapping,
        folder / "work",
        scope=session.scope,
        diff=session.diff,
        reveal=session.reveal,
        progress=session.progress,
    )
    landed = {str(name): part.rows for name, part in session.landed.objects.items()}
    return facts("Read back from Zoho CRM", **{f"{n} records": rows for n, rows in landed.items()})


def verdict(session: Session) -> Tables:
    """Return the verdict on the whole and on each object, in words."""
    result = _result(session)
    level = {
        Recommendation.GO: Level.GOOD,
        Recommendation.EXCEPTIONS: Level.DECISION,
        Recommendation.ROLL_BACK: Level.PROBLEM,
    }[result.verdict]
    found = [Finding(level, f"The migration as a whole: {result.verdict}.")]
    told = [one for one in result.observations if one.level is not Level.GOOD]
    found += Findings.from_observations(told).findings
    if session.apart is not None and len(session.apart):
        text = (
            f"{len(session.apart):,} records stand in Zoho CRM in an older state: their source is "
            f"gone, or a newer version of them waits for a person."
        )
        found.append(Finding(Level.DECISION, text, "They are listed and were not compared."))
    return Tables([Findings.of(found), Table(result.verdict_table())])


def balance(session: Session) -> Tables:
    """Return the balance of the ten objects, of a group that of each practice as well."""
    note = "Source = created + updated + matched + excluded + merged + failed + remainder."
    found = [Table(_result(session).balance, note=note, watch=("failed", "remainder"))]
    frames = [
        pd.DataFrame(
            object_counts(session.ledger, session.shaped, session.mapping, practice)
        ).T.assign(practice=practice)
        for practice in session.engagement.practices
    ]
    if frames:
        each = pd.concat(frames).rename_axis("object").reset_index()
        each = each[each["source"] > 0]
        columns = ["practice", "object", *ACCOUNT]
        found.append(Table(each[columns], "The balance of each practice"))
    return Tables(found)


def balance_plot(session: Session) -> plots.Plot:
    """Return the balance as bars."""
    return plots.balance(needed(session.counts, _READ))


def diff(session: Session) -> Tables:
    """Return the field-level diff of all records."""
    report = needed(session.diff, _READ)
    return Tables([diff_findings(report), diff_table(session, report, "fields.csv")])


def differences(session: Session) -> Table:
    """Return the differences by kind, without values."""
    return difference_table(session, needed(session.diff, _READ), "differences.csv")


def edits(session: Session) -> Table:
    """Return what people changed in Zoho CRM since it arrived, with who and when."""
    return edits_table(session, needed(session.diff, _READ))


def totals(session: Session) -> Table:
    """Return sums, first and last values on both sides."""
    note = (
        "Expected: counted over the practice's data. Landed: over what Zoho CRM returned; values "
        "that people changed there since are counted as they arrived."
    )
    return Table(_result(session).totals, note=note, watch=("agrees",))


def picklists(session: Session) -> Table:
    """Return how many records carry each picklist value on both sides."""
    note = "How many records should carry each value, and how many carry it in Zoho CRM."
    return Table(_result(session).values, note=note, watch=("agrees",))


def links(session: Session) -> Table:
    """Return each lookup counted edge by edge."""
    note = "Wrong: linked to another parent. Lost: an orphan in Zoho CRM, its link is empty."
    return Table(_result(session).links, note=note, watch=("wrong", "lost", "agrees"))


def files(session: Session) -> Table:
    """Return the files compared by checksum."""
    note = "Each file was downloaded again; equal means byte for byte, by SHA-256."
    return Table(
        _result(session).files, empty="No file was to move.", note=note,
        watch=("different", "missing", "agrees"),
    )  # fmt: skip


def digests(session: Session) -> Tables:
    """Return every record as one keyed digest on both sides, summed up by object."""
    found = row_digests(
        session.shaped,
        needed(session.landed, _READ),
        session.mapping,
        session.run_folder / "reconcile",
        session.engagement.key(),
        scope=session.scope,
        progress=session.progress,
    )
    records = int(found.objects["records"].sum())
    if found.different:
        text = f"{found.different:,} of {records:,} records have another digest in Zoho CRM."
        finding = Finding(Level.DECISION, text, "The differences above name their fields.")
    else:
        text = f"All {records:,} records have the same digest on both sides."
        finding = Finding(Level.GOOD, text)
    note = (
        "A digest is over all fields of a record, keyed with the secret of the engagement. The "
        f"analyst keeps those of each record in row_digests.parquet (SHA-256 {found.digest})."
    )
    shown = found.objects.assign(
        expected=found.objects["expected"].str[:SHOWN_DIGITS],
        landed=found.objects["landed"].str[:SHOWN_DIGITS],
    )
    return Tables([Findings.of([finding]), Table(shown, note=note, watch=("different",))])


def cost(session: Session) -> Table:
    """Return planned and actual calls, credits and minutes of every load."""
    return cost_table(session)


def trace(session: Session) -> RecordFinder:
    """Return the box that follows one record from the source to Zoho CRM, with every write."""
    return lineage_box(session)


def target_quality(session: Session) -> Tables:
    """Judge the landed data. Raises GateClosed for an unwaived critical failure."""
    landed = needed(session.landed, _READ)
    frames: Frames = {
        item.object: part_frames(landed.parts(item.object))
        for item in session.mapping.objects
        if item.landing not in (Landing.REFERENCE, Landing.FIELDS)
    }
    return judge(session, Stage.TARGET, frames)


def audit_log(session: Session) -> Tables:
    """Verify the audit log, write it beside the page, and show its head."""
    check = session.ledger.verify_audit()
    write_list(session.ledger.audit_parts(), session.list_path("audit_log.csv"))
    digest = target_digest(needed(session.landed, _READ), session.run_folder / "reconcile" / "work")
    level = Level.GOOD if check.ok else Level.PROBLEM
    text = (
        f"{check.rows:,} writes are logged, each chained to the one before."
        if check.ok
        else "The audit log was altered."
    )
    return Tables(
        [
            Findings.of([Finding(level, text)]),
            facts("", head_of_the_chain=check.head, digest_of_the_target=digest),
        ]
    )


def undo(session: Session) -> Desk:
    """Return the desk of the undo: look ahead, then confirm; under papermill it reads how to."""
    text = "The load can be undone, at any time: what people did since stays."
    how = "To look ahead: migrator rollback DIR --dry-run. To undo it: migrator rollback DIR --yes"
    told = Findings.of([Finding(Level.GOOD, text, how)])
    return Attendant(session, way_back).desk(told._repr_html_())


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)


def _result(session: Session) -> Reconciliation:
    return needed(session.reconciliation, _READ)
