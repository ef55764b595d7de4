"""A whole mapping proposed for a source that no profile knows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from migrator_kit.mapping.model import (
    ColumnDisposition,
    Disposition,
    Landing,
    Mapping,
    ObjectMapping,
    ObjectName,
    OwnerSource,
)
from migrator_kit.mapping.objects import literal, quoted
from migrator_kit.mapping.propose.building import Builder
from migrator_kit.mapping.propose.catalogue import catalogue_frame, defined
from migrator_kit.mapping.propose.earlier import NOTHING, Earlier
from migrator_kit.mapping.propose.fields import FieldProposal
from migrator_kit.mapping.propose.found import Found, found_in
from migrator_kit.mapping.propose.joins import email_column, lookup_name, person_names
from migrator_kit.mapping.propose.language_model import LanguageModel
from migrator_kit.mapping.propose.ranking import Scored, score_schemas
from migrator_kit.mapping.propose.schema import read_schema
from migrator_kit.mapping.propose.tables import TableOfObject, staff_table, tables_of_objects
from migrator_kit.source.inventory import Inventory

PROFILE = "proposed"
_SPACES = {"Tasks": "activities", "Events": "activities"}
_RULE_COLUMNS = (
    ("trigger_event", "VARCHAR"), ("offset_days", "INTEGER"), ("send_at", "VARCHAR"),
    ("channel", "VARCHAR"), ("template", "VARCHAR"), ("condition", "VARCHAR"),
    ("frequency", "VARCHAR"), ("interval_months", "INTEGER"), ("treatment_code", "VARCHAR"),
    ("consent_required", "BOOLEAN"), ("max_attempts", "INTEGER"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed mapping, with what was chosen for each object and each source column, and why."""

    mapping: Mapping
    objects: tuple[TableOfObject, ...]
    fields: tuple[FieldProposal, ...]


def propose_mapping(
    inventory: Inventory, *, language_model: LanguageModel | None = None
) -> Mapping:
    """Return a mapping for the source that an inventory describes, every column disposed of.

    Nothing in it is confirmed, and no reason in it quotes a value of a patient.
    """
    return propose(inventory, language_model=language_model).mapping


def propose(
    inventory: Inventory, *, earlier: Earlier = NOTHING,
    language_model: LanguageModel | None = None,
) -> Proposal:  # fmt: skip
    """Return a proposed mapping with the alternatives and reasons of each column.

    What people confirmed in earlier engagements counts where the names are the same. A language
    model, where one is given, is asked about the columns that the evidence leaves in doubt; it
    knows names and shapes of values alone.
    """
    found = found_in(inventory)
    target = read_schema(catalogue_frame())
    scored = score_schemas(found.schema, target)
    objects = tables_of_objects(found, scored, earlier)
    staff = staff_table(found)
    labels: dict[str, set[str]] = defaultdict(set)
    made: dict[ObjectName, tuple[ObjectMapping, Builder]] = {}
    for name in ObjectName:
        if name not in objects or name is ObjectName.RULE:
            continue
        space = _space(name)
        reachable = {other: one for other, one in objects.items() if other in made}
        builder = Builder(found, objects[name], reachable, staff, labels[space],
                          earlier=earlier, language_model=language_model)  # fmt: skip
        item = builder.build()
        if item is not None:
            made[name] = (item, builder)
            labels[space] |= {row.create.label.lower() for row in item.fields if row.create}
    mapped = _objects(found, objects, {name: item for name, (item, _) in made.items()})
    fields = [p for _, builder in made.values() for p in builder.rows.proposals]
    left = {f"{c.sources[0]}": why for _, builder in made.values() for c, why in builder.rows.left}
    mapping = Mapping(
        profile=PROFILE, description="proposed by the tool for a schema that no profile knows",
        owners=_owners(found, staff), objects=tuple(mapped),
        not_moved=_not_moved(found, mapped, left, objects, staff),
    )  # fmt: skip
    kept = {item.object for item in mapped}
    chosen = tuple(one for name, one in objects.items() if name in kept)
    rest = _rest(scored, mapping, fields)
    return Proposal(mapping, chosen, (*fields, *rest))


def proposal_report(proposal: Proposal) -> dict[str, Any]:
    """Return the shape of `propose --json`."""
    return {
        "objects": [
            {"object": str(one.object), "table": one.table, "confidence": one.confidence,
             "reasons": list(one.reasons)}
            for one in proposal.objects
        ],
        "fields": [
            {
                "table": one.table, "column": one.column,
                "object": str(one.object) if one.object else None,
                "module": one.module, "field": one.field,
                "transform": [step.model_dump(mode="json") for step in one.transform],
                "confidence": one.confidence,
                "alternatives": [{"field": name, "score": score}
                                 for name, score in one.alternatives],
                "reasons": list(one.reasons),
            }
            for one in proposal.fields
        ],
    }  # fmt: skip


def _space(name: ObjectName) -> str:
    module = {ObjectName.PRACTICE: "Accounts", ObjectName.PATIENT: "Contacts",
              ObjectName.INSURANCE: "Contacts", ObjectName.APPOINTMENT: "Tasks",
              ObjectName.CALL_LOG: "Events"}.get(name, str(name))  # fmt: skip
    return _SPACES.get(module, module)


def _objects(
    found: Found, objects: dict[ObjectName, TableOfObject], made: dict[ObjectName, ObjectMapping]
) -> list[ObjectMapping]:
    """Return the objects in their order, the plan's id and the rules among them."""
    result = []
    for name in ObjectName:
        if name in made:
            result.append(made[name])
        if name is ObjectName.PLAN_ID and ObjectName.PLAN in made:
            _, row = defined(ObjectName.PLAN_ID, "Treatment_Plan_ID__c")
            item = defined(ObjectName.PLAN_ID, "Treatment_Plan_ID__c")[0]
            table = objects[ObjectName.PLAN].table
            key = f"CAST({quoted(found.key(table) or '')} AS VARCHAR)"
            select = f"SELECT {key} AS source_id, {key} AS parent_id FROM {quoted(table)}"
            result.append(item.model_copy(update={"select": select, "fields": (row,)}))
        if name is ObjectName.RULE and name in objects:
            result.append(_rules(found, objects[name].table))
    return result


def _rules(found: Found, table: str) -> ObjectMapping:
    key, name = found.key(table) or "", lookup_name(found, table)
    told = f"CAST({quoted(name)} AS VARCHAR)" if name else "NULL::VARCHAR"
    called = found.schema.table_words[found.schema.table_names.index(table)]
    kind = "recall" if "recall" in called else "reminder"
    empty = ", ".join(f"NULL::{sort} AS {column}" for column, sort in _RULE_COLUMNS)
    select = (
        f"SELECT CAST({quoted(key)} AS VARCHAR) AS source_id, {literal(kind)} AS kind, "
        f"{told} AS name, {empty}, true AS active FROM {quoted(table)}"
    )
    return ObjectMapping(object=ObjectName.RULE, landing=Landing.REFERENCE, select=select)


def _owners(found: Found, staff: str | None) -> OwnerSource | None:
    """Return who can own records: the key, the e-mail address and the name of the staff."""
    key = found.key(staff) if staff else None
    if staff is None or key is None:
        return None
    email, names = email_column(found, staff), person_names(found, staff)
    address = f"CAST({quoted(email)} AS VARCHAR)" if email else "NULL::VARCHAR"
    told = ", ".join(f"nullif(trim(CAST({quoted(n)} AS VARCHAR)), '')" for n in names)
    name = f"concat_ws(' ', {told})" if told else f"CAST({quoted(key)} AS VARCHAR)"
    return OwnerSource(select=(
        f"SELECT CAST({quoted(key)} AS VARCHAR) AS owner_key, {address} AS email,\n"
        f"       {name} AS name, true AS active\nFROM {quoted(staff)}\n"
    ))  # fmt: skip


def _not_moved(
    found: Found, mapped: list[ObjectMapping], left: dict[str, str],
    objects: dict[ObjectName, TableOfObject], staff: str | None,
) -> tuple[ColumnDisposition, ...]:  # fmt: skip
    """Return a disposition for every column that no row disposes of, one entry a reason."""
    moved = {source for item in mapped for row in item.fields for source in row.sources}
    kept = {objects[item.object].table for item in mapped if item.object in objects}
    rules = objects.get(ObjectName.RULE)
    reasons: dict[str, list[str]] = defaultdict(list)
    for table in found.tables.values():
        open_columns = [c for c in table.columns if f"{table.name}.{c.name}" not in moved]
        whole = table.name not in kept or (rules is not None and table.name == rules.table)
        if whole and open_columns:
            reasons[_of_table(table.name, staff, rules)].append(f"{table.name}.*")
            continue
        for column in open_columns:
            source = f"{table.name}.{column.name}"
            reasons[left.get(source, "a key of the program that no field needs")].append(source)
    return tuple(
        ColumnDisposition(sources=tuple(sources), disposition=Disposition.ARCHIVED, reason=reason)
        for reason, sources in reasons.items()
    )


def _of_table(table: str, staff: str | None, rules: TableOfObject | None) -> str:
    if table == staff:
        return "staff are users of Zoho CRM already and own the records"
    if rules is not None and table == rules.table:
        return "exported as a reference for rebuilding them in Zoho CRM"
    return "the table holds none of the ten objects: it stays in the snapshot"


def _rest(scored: Scored, mapping: Mapping, fields: list[FieldProposal]) -> list[FieldProposal]:
    """Return a proposal for each column that does not move, with what it could be."""
    reasons = {source: entry.reason for entry in mapping.not_moved for source in entry.sources}
    told = {(one.table, one.column) for one in fields}
    result = []
    for n, place in enumerate(zip(scored.source.tables, scored.source.columns, strict=True)):
        if place in told:
            continue
        reason = reasons.get(".".join(place)) or reasons.get(f"{place[0]}.*") or "not needed"
        best = scored.best(n, 3)
        alternatives = tuple(
            (f"{scored.target.tables[c]}.{scored.target.columns[c]}",
             round(float(scored.scores[n, c]), 2))
            for c in best
        )  # fmt: skip
        sure = round(1 - max((score for _, score in alternatives), default=0.0), 2)
        result.append(FieldProposal(
            *place, None, None, None, (), max(sure, 0.0), alternatives, (reason,)
        ))  # fmt: skip
    return result
