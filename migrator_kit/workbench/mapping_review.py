"""Notebook 02: the mapping is proposed, reviewed and confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import pandas as pd

from migrator_kit.errors import ConfigError
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.tables import Table, Tables, facts
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.decisions import (
    Coverage,
    changed_since,
    coverage,
    decide,
    require_confirmed,
    row_names,
    value_counts,
)
from migrator_kit.mapping.files import PROFILES, detect_profile, write_default
from migrator_kit.mapping.model import ColumnDisposition, FieldMapping, Mapping
from migrator_kit.mapping.objects import count
from migrator_kit.widgets.mapping_table import MappingRow, MappingTable
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.session import Session


def fitting_profile(session: Session) -> str | None:
    """Return the profile that engagement.yml names, else the one that fits, else None."""
    tables = session.snapshot.manifest.tables
    return session.engagement.settings.source.profile or detect_profile(
        {name: set(table.columns) for name, table in tables.items()}
    )


def profile_of(session: Session) -> str:
    """Return the profile that fits the source. Raises ConfigError where none does."""
    found = fitting_profile(session)
    if found is None:
        raise ConfigError(
            "No profile fits this source.",
            hint=f"Known profiles: {', '.join(PROFILES)}. Name one in engagement.yml under "
            "source, and adapt its SELECTs in mapping.yml.",
        )
    return found


def propose(session: Session) -> Table:
    """Write the proposed mapping where there is none yet, and check it against the snapshot."""
    if not session.engagement.mapping_path.exists():
        write_default(session.engagement, profile_of(session))
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
    waiting = len(state.open_rows) + len(state.changed_rows)
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

    def on_decision(state: str, rows: Sequence[str], by: str, note: str) -> list[MappingRow]:
        chosen = cast("Literal['confirmed', 'rejected']", state)
        decide(session.engagement, by=by, rows=rows, state=chosen, note=note)
        session.forget_mapping()
        return mapping_rows(session.mapping)

    session.forget_mapping()
    rows = mapping_rows(session.mapping)
    shown = pd.DataFrame(rows).drop(columns="id")
    return MappingTable(rows, on_decision, Table(shown)._repr_html_())


def mapping_rows(mapping: Mapping) -> list[MappingRow]:
    """Return every row that waits for a decision as the review shows it: fields, then columns
    that stay behind."""
    changed = set(changed_since(mapping))
    fields = [
        MappingRow(
            id=f"{item.object}.{row.target}",
            object=str(item.object),
            columns=", ".join(row.columns),
            target=row.target,
            transform=_transform(row),
            data_class=str(row.data_class),
            reasons="; ".join(row.reasons),
            state=_state(row, changed=f"{item.object}.{row.target}" in changed),
            decided=_decided(row),
        )
        for item in mapping.objects
        for row in item.fields
    ]
    behind = [
        MappingRow(
            id=entry.sources[0],
            object="",
            columns=", ".join(entry.sources),
            target=f"does not move: {entry.disposition}",
            transform="",
            data_class="",
            reasons=entry.reason,
            state=_state(entry, changed=entry.sources[0] in changed),
            decided=_decided(entry),
        )
        for entry in mapping.not_moved
    ]
    return fields + behind


def _state(row: FieldMapping | ColumnDisposition, *, changed: bool) -> str:
    if row.decision is None:
        return "open"
    return "changed" if changed and row.decision.state == "confirmed" else row.decision.state


def _decided(row: FieldMapping | ColumnDisposition) -> str:
    """Return who decided a row, when and why; empty where nobody did."""
    if row.decision is None:
        return ""
    told = f"{row.decision.by}, {row.decision.when:%Y-%m-%d %H:%M}"
    return f"{told}: {row.decision.note}" if row.decision.note else told


def _transform(row: FieldMapping) -> str:
    steps = [step.name for step in row.transform]
    if row.lookup:
        steps.append("link to " + " or ".join(row.lookup))
    return " → ".join(steps) or ("constant" if row.constant is not None else "as it is")


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
        [(d.by, d.when.strftime("%Y-%m-%d %H:%M %Z"), d.note) for d in decisions],
        columns=["by", "when", "note"],
    )
    grouped = who.groupby(["by", "when", "note"], as_index=False).size()
    text = f"The mapping is decided: {state.rows} rows, {state.columns:,} columns."
    return Tables(
        [
            Findings.of([Finding(Level.GOOD, text)]),
            Table(grouped.rename(columns={"size": "rows"}), "Who confirmed"),
        ]
    )


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)
