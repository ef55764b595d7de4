"""Notebook 02: the mapping is proposed, reviewed and confirmed."""

from __future__ import annotations

import pandas as pd

from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.tables import Table, Tables, facts
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.confirmed import as_confirmed
from migrator_kit.mapping.decisions import (
    Coverage,
    changed_since,
    coverage,
    require_confirmed,
    row_names,
)
from migrator_kit.mapping.files import detect_profile, write_default
from migrator_kit.mapping.impact import impact as replay
from migrator_kit.mapping.model import FieldMapping, Mapping
from migrator_kit.mapping.objects import count
from migrator_kit.mapping.propose.command import propose_for
from migrator_kit.mapping.rule_tests import FILE_NAME as TESTS_FILE
from migrator_kit.mapping.rule_tests import run_rule_tests
from migrator_kit.mapping.values import value_counts
from migrator_kit.widgets.mapping_table import MappingTable
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.mapping_document import mapping_document, write_page, write_workbook
from migrator_kit.workbench.review_screen import review_screen
from migrator_kit.workbench.session import Session


def fitting_profile(session: Session) -> str | None:
    """Return the profile that engagement.yml names, else the one that fits, else None."""
    tables = session.snapshot.manifest.tables
    return session.engagement.settings.source.profile or detect_profile(
        {name: set(table.columns) for name, table in tables.items()}
    )


def propose(session: Session) -> Table:
    """Write the proposed mapping where there is none yet, and check it against the snapshot.

    A source that no profile knows gets a mapping made from its names and values.
    """
    if not session.engagement.mapping_path.exists():
        profile = fitting_profile(session)
        if profile is not None:
            write_default(session.engagement, profile)
        else:
            propose_for(session.engagement, progress=session.progress)
    check_mapping(session.mapping, session.engagement.mapping_path, session.snapshot)
    return facts(
        "The mapping",
        profile=session.mapping.profile,
        description=session.mapping.description,
        file=session.engagement.mapping_path.name,
        objects=len(session.mapping.objects),
        rows=sum(len(item.fields) for item in session.mapping.objects),
        columns_that_do_not_move=len(session.mapping.not_moved),
    )


def findings(session: Session) -> Findings:
    """Return what is decided and what waits."""
    state = coverage(session.mapping, session.snapshot)
    return Findings.of(_findings(state))


def _findings(state: Coverage) -> list[Finding]:
    decided = state.columns - len(state.open_columns)
    share = decided / state.columns if state.columns else 1.0
    found = [
        Finding(
            Level.GOOD if share == 1 else Level.DECISION,
            f"{decided:,} of {state.columns:,} source columns ({share:.1%}) have a disposition.",
        )
    ]
    found.append(
        Finding(Level.GOOD if state.complete else Level.DECISION, f"Decided are {state.shares}.")
    )
    waiting = len({*state.open_rows, *state.changed_rows})
    if waiting:
        text = f"{waiting} of {state.rows} rows wait for a person's decision."
        found.append(Finding(Level.DECISION, text, "Confirm or reject them below."))
    else:
        found.append(Finding(Level.GOOD, f"All {state.rows} rows are confirmed."))
    if len(state.open_values):
        records = int(state.open_values["records"].sum())
        text = f"{len(state.open_values)} picklist values on {records:,} records are undecided."
        found.append(Finding(Level.DECISION, text, "Give them entries under `values`."))
    return found


def objects(session: Session) -> Table:
    """Return where each object lands, with its row count."""
    rows = [
        {
            "object": str(item.object),
            "lands_as": str(item.landing),
            "module": item.module or "",
            "key_field": item.key or "",
            "rows": count(session.snapshot, session.mapping, item.object),
            "fields": len(item.fields),
        }
        for item in session.mapping.objects
    ]
    return Table(pd.DataFrame(rows))


def review(session: Session) -> MappingTable:
    """Return the review screen; under papermill it reads as a table."""
    return review_screen(session)


def impact(session: Session) -> Tables:
    """Return what the rules that changed since their confirmation change in records."""
    session.forget_mapping()
    changed = changed_since(session.mapping)
    if not changed:
        told = Finding(Level.GOOD, "No rule changed since its confirmation.")
        return Tables([Findings.of([told])])
    before = as_confirmed(session.engagement, session.mapping)
    frame = replay(
        session.engagement, session.snapshot, before, session.mapping, progress=session.progress
    )
    text = f"{len(changed)} rules changed since their confirmation: {', '.join(changed)}."
    empty = "No record would change."
    unknown = [name for name in changed if _unknown_before(before, session.mapping, name)]
    note = f"How these read before is not known: {', '.join(unknown)}." if unknown else ""
    found = Findings.of([Finding(Level.DECISION, text, "Confirm them if that is meant.")])
    shown = frame[["object", "change", "records"]]
    return Tables([found, Table(shown, "What they change", empty=empty, note=note)])


def _unknown_before(before: Mapping, after: Mapping, name: str) -> bool:
    """Return whether a changed row stands in both as it is now: its earlier state was not kept."""
    now = row_names(after)[name]
    return isinstance(now, FieldMapping) and row_names(before).get(name) == now


def rule_tests(session: Session) -> Table:
    """Return what the tests in `mapping_tests.yml` showed."""
    outcomes = run_rule_tests(session.engagement, session.mapping)
    rows = [
        {
            "test": one.name,
            "object": one.object,
            "result": "passed" if one.passed else "failed",
            "place": one.place,
            "what_is_wrong": "\n".join(str(finding) for finding in one.findings),
        }
        for one in outcomes
    ]
    levels = {"result": {"passed": Level.GOOD, "failed": Level.PROBLEM}}
    return Table(pd.DataFrame(rows), empty=f"There is no {TESTS_FILE}.", levels=levels)


def document(session: Session) -> Table:
    """Write the mapping for the client as a page and as a workbook; return what is in them."""
    session.forget_mapping()
    sheets = mapping_document(session.mapping)
    write_workbook(sheets, session.list_path("mapping.xlsx"))
    write_page(session.engagement, sheets, session.list_path("mapping.html"))
    rows = [{"sheet": name, "rows": len(frame)} for name, frame in sheets.items()]
    return Table(pd.DataFrame(rows), note="Written to lists/mapping.html and lists/mapping.xlsx.")


def value_maps(session: Session) -> Table:
    """Return the values that occur in mapped picklists and what they become."""
    return Table(value_counts(session.mapping, session.snapshot), empty="No picklist is mapped.")


def new_fields(session: Session) -> Table:
    """Return the fields that provisioning will create."""
    rows = [
        {
            "module": item.module or "",
            "promised_name": row.target,
            "label": row.create.label,
            "type": row.create.data_type,
            "length": row.create.length,
            "unique": row.create.unique,
        }
        for item in session.mapping.objects
        for row in item.fields
        if row.create
    ]
    frame = pd.DataFrame(rows)
    frame["length"] = frame["length"].astype("Int64")
    slots = [item for item in session.mapping.objects if item.slots > 1]
    note = "".join(
        f"Fields of {item.object} exist up to {item.slots} times, numbered. " for item in slots
    )
    return Table(frame, note=note.strip())


def not_moved(session: Session) -> Table:
    """Return the columns that stay behind, with the reason."""
    rows = [
        {"columns": ", ".join(e.sources), "disposition": str(e.disposition), "reason": e.reason}
        for e in session.mapping.not_moved
    ]
    return Table(pd.DataFrame(rows, columns=["columns", "disposition", "reason"]))


def gate(session: Session) -> Tables:
    """Return who decided what. Raises GateClosed naming what is still open."""
    session.forget_mapping()
    state = require_confirmed(session.mapping, session.snapshot)
    decisions = [row.decision for row in row_names(session.mapping).values() if row.decision]
    who = pd.DataFrame(
        [(d.by, d.when.strftime("%Y-%m-%d %H:%M %Z"), d.note) for d in decisions]
        + [
            (d.second.by, d.second.when.strftime("%Y-%m-%d %H:%M %Z"), "second pair of eyes")
            for d in decisions
            if d.second
        ],
        columns=["by", "when", "note"],
    )
    grouped = who.groupby(["by", "when", "note"], as_index=False).size()
    text = f"The mapping is decided: {state.rows} rows, {state.columns:,} columns. "
    text += f"That is {state.shares}."
    return Tables(
        [
            Findings.of([Finding(Level.GOOD, text)]),
            Table(grouped.rename(columns={"size": "rows"}), "Who confirmed"),
        ]
    )


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)
