"""Notebook 03: a sample is loaded, compared, taken back, and signed off by a person."""

from __future__ import annotations

import json

import pandas as pd

from migrator_kit.compare.diff import field_diff
from migrator_kit.compare.readback import read_back
from migrator_kit.compare.sample import choose_sample
from migrator_kit.engagement import digest_text
from migrator_kit.errors import GateClosed
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.style import styled
from migrator_kit.evidence.tables import Table, Tables, facts
from migrator_kit.load.job import scope_of
from migrator_kit.load.loader import run_load
from migrator_kit.load.org_state import org_state
from migrator_kit.load.provision import apply_provisioning, field_names
from migrator_kit.load.provision_plan import provisioning_plan
from migrator_kit.load.quiet import run_quiet_proof
from migrator_kit.load.rehearsal import run_rehearsal
from migrator_kit.load.seals import OPENS_WITH
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.decisions import require_confirmed
from migrator_kit.mapping.model import Landing
from migrator_kit.mapping.shape import shape as shape_snapshot
from migrator_kit.quality.model import Stage
from migrator_kit.widgets.decision_box import DecisionBox
from migrator_kit.widgets.record_finder import RecordFinder
from migrator_kit.workbench.comparing import (
    compare_scope,
    diff_findings,
    diff_table,
    difference_table,
    reasons_in_words,
    with_people_s_edits,
)
from migrator_kit.workbench.gates import (
    require_rehearsed,
    require_signed,
    sample_file,
    seal_tables,
    sign,
)
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.quality import judge, shaped_frames
from migrator_kit.workbench.rollback import digests, undo_findings
from migrator_kit.workbench.sample_values import keep_values, outcome_table
from migrator_kit.workbench.session import Session, needed
from migrator_kit.workbench.tracing import side_by_side_box


def shape(session: Session) -> Table:
    """Shape the snapshot by the confirmed mapping. Raises GateClosed where a row is open."""
    check_mapping(session.mapping, session.engagement.mapping_path, session.snapshot)
    require_confirmed(session.mapping, session.snapshot)
    session.shaped = shape_snapshot(
        session.engagement, session.snapshot, session.mapping, progress=session.progress
    )
    rows = [
        {
            "object": str(item.object),
            "source_rows": session.shaped.source_rows(item.object),
            "ready_to_move": 0
            if item.landing is Landing.REFERENCE
            else session.shaped.rows(item.object),
        }
        for item in session.mapping.objects
    ]
    frame = pd.DataFrame(rows)
    frame["stay_behind"] = frame["source_rows"] - frame["ready_to_move"]
    return Table(frame, note="Reminder rules do not move: they are exported for rebuilding.")


def rejects(session: Session) -> Table:
    """Return what the transforms could not carry over, grouped; the list is beside the page."""
    found = session.shaped.rejects()
    if len(found):
        write_list(found, session.list_path("rejects.csv"))
    keys = ["object", "field", "reason", "action", "expected", "remedy"]
    grouped = found.groupby(keys, as_index=False, dropna=False).size()
    grouped = grouped.rename(columns={"size": "records"})
    order = ["action", "records"]
    shown = grouped.sort_values(order, ascending=[False, False], ignore_index=True)
    columns = ["object", "field", "reason", "action", "records", "expected", "remedy"]
    return Table(reasons_in_words(shown[columns]), empty="Every value arrives as the mapping says.")


def shaped_quality(session: Session) -> Tables:
    """Judge the shaped data. Raises GateClosed for an unwaived critical failure."""
    return judge(session, Stage.SHAPED, shaped_frames(session))


def org(session: Session) -> Table:
    """Return which org this is and what it allows."""
    target = session.target
    limits = target.client.limits
    return facts(
        "The org",
        kind=str(target.kind),
        name=target.org.company_name,
        type=target.org.type,
        edition=target.org.edition,
        time_zone=target.org.time_zone,
        users=len(target.users),
        calls_at_a_time=limits.concurrency,
    )


def provision(session: Session) -> Tables:
    """Create what the mapping needs and show what stood, what was made, what a person must do."""
    plan = provisioning_plan(
        session.mapping, session.target, session.shaped, ledger=session.ledger,
        file=session.engagement.mapping_path,
    )  # fmt: skip
    before = plan.table()
    report = apply_provisioning(plan, session.target, session.ledger, run_id=session.run_id)
    found = [
        Finding(
            Level.GOOD,
            f"{report.created} fields created, {report.values_added} picklist values added, "
            f"{len(plan.standing)} fields stood already.",
        )
    ]
    found += [Finding(Level.DECISION, step) for step in plan.manual]
    names = report.names.drop(columns=["field_id", "created", "run_id"], errors="ignore")
    states = before.set_index(["module", "logical"])["state"].replace("to create", "created")
    names = names.join(states, on=["module", "logical"])
    return Tables([Findings.of(found), Table(names, "Promised name, label, and API name in Zoho")])


def stages(session: Session) -> Table:
    """Return the dental statuses with the stage and probability they become."""
    plan = provisioning_plan(session.mapping, session.target, session.shaped, ledger=session.ledger)
    return Table(plan.stages, empty="No treatment plan is mapped.")


def owners(session: Session) -> Tables:
    """Return the staff with their users; those without one fall to the default owner."""
    found = session.owners
    open_staff = found.unresolved
    level = Level.DECISION if len(open_staff) else Level.GOOD
    text = (
        f"{len(found.table) - len(open_staff)} of {len(found.table)} staff have a user of their "
        f"own; the records of the others go to the default owner and keep the name."
    )
    remedy = "Name their users in owners.yml." if len(open_staff) else ""
    table = found.table.drop(columns=["email"], errors="ignore")
    return Tables([Findings.of([Finding(level, text, remedy)]), Table(table)])


def choose(session: Session) -> Tables:
    """Choose the sample and show what it exercises."""
    settings = session.engagement.settings
    sample = choose_sample(
        session.shaped,
        session.mapping,
        settings.sample.size,
        settings.sample.seed,
        documents=session.snapshot.files_root(),
        limit_mb=settings.target.file_limit_mb,
    )
    session.sample = sample
    write_list(sample.coverage, session.list_path("sample_coverage.csv"))
    by_object = sample.keys.groupby("object", as_index=False, sort=False).size()
    by_object = by_object.rename(columns={"size": "records"})
    return Tables(
        [
            Table(by_object, f"{len(sample.keys)} records"),
            Table(
                sample.summary(), "What of the mapping the sample exercises", percents=("share",)
            ),
            Table(
                sample.not_exercised(),
                "What the sample does not exercise",
                empty="It exercises everything that the mapping names.",
            ),
            Table(sample.keys, "The chosen records and why", limit=100),
        ]
    )


def load(session: Session) -> Table:
    """Load the sample, after a look at what the org holds before it."""
    report = run_load(
        session.engagement,
        scope_of(_keys(session)),
        sample_run(session),
        kind="sample",
        target=session.target,
        state=org_state,
        progress=session.progress,
    )
    return Table(report.table(), f"{report.calls} calls, {report.credits} credits")


def diff(session: Session) -> Tables:
    """Read the sample back and compare every field; each value is in the list beside the page."""
    folder = session.run_folder / "sample"
    session.landed = read_back(
        session.target,
        session.ledger,
        session.mapping,
        field_names(session.ledger, session.mapping),
        folder / "landed",
        scope=scope_of(_keys(session)),
        shaped=session.shaped,
        progress=session.progress,
    )
    scope = session.scope = compare_scope(session, keys=_keys(session))
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
    values = keep_values(session, scope, folder)
    table = diff_table(session, session.diff, "sample_fields.csv")
    return Tables([diff_findings(session.diff), table, outcome_table(values)])


def differences(session: Session) -> Table:
    """Return the differences by kind, without values."""
    return difference_table(
        session, needed(session.diff, "Field-level diff"), "sample_differences.csv"
    )


def side_by_side(session: Session) -> RecordFinder:
    """Return the box that shows a sampled record field by field: expected, in Zoho, outcome."""
    return side_by_side_box(session)


def quiet(session: Session) -> Tables:
    """Look on the sampled records for traces of automations of the org."""
    proof = run_quiet_proof(session.engagement, run=sample_run(session), target=session.target)
    session.quiet = proof
    if proof.quiet:
        text = f"{proof.checked} records were looked at: none bears a trace of anybody else."
        found = [Finding(Level.GOOD, text)]
    else:
        text = f"{len(proof.signs)} traces on {proof.checked} records are not of the migration."
        remedy = "Find out whether a person or an automation of the org was at work."
        found = [Finding(Level.PROBLEM, text, remedy)]
    told = proof.to_json()
    rows = [("shown", line) for line in told["proven"]]
    rows += [("cannot be shown this way", line) for line in told["not_proven"]]
    said = pd.DataFrame(rows, columns=["what", "statement"], dtype="str")
    if not proof.quiet:
        write_list(proof.signs, session.list_path("sample_signs.csv"))
    signs = Table(proof.signs, "Traces", empty="No trace was found.")
    return Tables([Findings.of(found), Table(said), signs])


def rehearse(session: Session) -> Tables:
    """Take the sample back out of the org and compare the org with what it was before."""
    report, rehearsal = run_rehearsal(
        session.engagement,
        f"{session.run_id}-undo",
        undo=sample_run(session),
        target=session.target,
        progress=session.progress,
    )
    if len(report.held):
        write_list(report.held, session.list_path("sample_held.csv"))
    return Tables(
        [
            undo_findings(report),
            Table(report.table(), "Taken back", empty="The sample had brought nothing new."),
            digests(rehearsal.state_before, rehearsal.state_after),
        ]
    )


def verdict(session: Session) -> Findings:
    """Write down what the sample found, and say whether it can be signed off.

    Raises GateClosed where a difference is not explained by a rule or the undo left something.
    """
    report = needed(session.diff, "Field-level diff")
    proof = needed(session.quiet, "Quiet proof")
    records = len(_keys(session))
    seen = digest_text(report.fields.to_json(), report.records.to_json())
    record = {"run_id": session.run_id, "clean": report.clean, "shaped": session.shaped.digest,
              "records": records, "diff": seen, "quiet": proof.quiet}  # fmt: skip
    sample_file(session).write_text(json.dumps(record), encoding="utf-8")
    if not report.clean:
        raise GateClosed(
            "The sample differs from what was expected: see the differences above.",
            gate="sample",
            opens_with="correct the mapping or the org, then migrator run DIR --from sample",
        )
    require_rehearsed(session)
    text = f"All {records} sampled records arrived as the mapping says."
    undone = "They were taken back again: the org is as it was before the sample."
    return Findings.of([Finding(Level.GOOD, text), Finding(Level.GOOD, undone)])


def sign_off(session: Session) -> DecisionBox | Tables:
    """Return who signed off, or the box in which a person does; under papermill it reads so."""
    try:
        return seal_tables(require_signed(session))
    except GateClosed as closed:
        waits = Finding(Level.DECISION, closed.message, f"To sign off: {OPENS_WITH}")

    def act(by: str, note: str) -> str:
        seal = sign(session, by, note)
        if session.look_again is not None:
            session.look_again()
        return f"Signed off by {seal.by}, {seal.when:%Y-%m-%d %H:%M} UTC. The full load may follow."

    question = "I have seen the sample, its comparison and its undo. Everything may be loaded."
    return DecisionBox(question, "Sign off", act, styled(Findings.of([waits]).html()))


def _keys(session: Session) -> pd.DataFrame:
    return needed(session.sample, "The sample").keys


def sample_run(session: Session) -> str:
    """Return under which run the ledger keeps the sample of this page."""
    return f"{session.run_id}-sample"


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)
