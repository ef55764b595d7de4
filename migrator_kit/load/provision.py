"""Provisioning: custom fields and picklist values, planned, applied, API names read back.

Applying twice changes nothing. Zoho makes the API name from the label, so after creation it is
read back and kept in the ledger: logical name → label → API name (fact sheet 9.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from migrator_kit.errors import AmbiguousError, GateClosed, MappingError, TerminalError
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.org_schema import WITHOUT_FIELDS, OrgSchema, read_schema
from migrator_kit.load.provision_plan import (
    FieldToCreate,
    ProvisioningPlan,
    ValuesToAdd,
    provisioning_plan,
)  # fmt: skip
from migrator_kit.load.target import Target
from migrator_kit.load.target_fields import target_fields
from migrator_kit.load.writer import Row, Writer
from migrator_kit.mapping.model import Mapping
from migrator_kit.zoho.fields import FieldInfo
from migrator_kit.zoho.results import ItemResult

__all__ = [
    "ProvisioningPlan",
    "ProvisioningReport",
    "apply_provisioning",
    "field_names",
    "provisioning_plan",
    "require_provisioned",
]

_ATTEMPTS = 3
_INTENDED = "field intended"


@dataclass(frozen=True, slots=True)
class ProvisioningReport:
    """What was made. `names` has module, logical, label, api_name of every field of the load."""

    created: int
    values_added: int
    names: pd.DataFrame


def apply_provisioning(
    plan: ProvisioningPlan, target: Target, ledger: Ledger, *, run_id: str = "provisioning"
) -> ProvisioningReport:
    """Create what the plan names and keep the API names that the org gave.

    Raises MappingError where the plan has findings, TerminalError where Zoho refuses a field.
    Safe to call again after any interruption.
    """
    if plan.findings:
        raise MappingError(
            "The org cannot be provisioned for this mapping.",
            findings=plan.findings,
            hint="Correct mapping.yml or the org, then plan again.",
        )
    with ledger.writing("provisioning", run_id) as writer:
        writer.bind_org(target.org_id)
        refused: list[str] = []
        for module in sorted({one.module for one in plan.create}):
            wanted = [one for one in plan.create if one.module == module]
            refused += _create_fields(module, wanted, target, writer)
        for values in plan.add_values:
            refused += _add_values(values, target, writer)
        modules = {new.module for new in plan.create} | {one.module for one in plan.standing}
        _keep_names(plan, read_schema(target, modules), ledger, writer)
    if refused:
        raise TerminalError(
            f"Zoho CRM refused {len(refused)} of the fields: " + "; ".join(refused),
            hint="Correct the mapping or the org; what was created stays and is not made twice.",
        )
    return ProvisioningReport(
        len(plan.create), sum(len(one.values) for one in plan.add_values), ledger.field_names()
    )


def field_names(ledger: Ledger, mapping: Mapping) -> dict[str, dict[str, str]]:
    """Return API names by module and logical name.

    Standard fields are their own names; a custom field is absent until it is provisioned.
    """
    names: dict[str, dict[str, str]] = {}
    for field in target_fields(mapping):
        module = names.setdefault(field.module, {})
        if field.create is None or field.module in WITHOUT_FIELDS:
            module[field.logical] = field.logical
    wanted = {(field.module, field.logical) for field in target_fields(mapping)}
    kept = ledger.field_names()
    for row in kept.itertuples(index=False):
        if (row.module, row.logical) in wanted:
            names[str(row.module)][str(row.logical)] = str(row.api_name)
    return names


def require_provisioned(plan: ProvisioningPlan, ledger: Ledger, mapping: Mapping) -> None:
    """Check that the org has what the load needs. Raises GateClosed saying what is missing."""
    opens_with = "migrator run DIR --from sample"
    if plan.findings:
        raise MappingError(
            "The org does not fit this mapping.",
            findings=plan.findings,
            hint="Correct mapping.yml or the org.",
        )
    names = field_names(ledger, mapping)
    lacking = [
        f"{field.module}.{field.logical}"
        for field in target_fields(mapping)
        if field.logical not in names.get(field.module, {})
    ]
    if plan.create or plan.add_values or lacking:
        count = len(plan.create) + len(plan.add_values) or len(lacking)
        raise GateClosed(
            f"The org lacks {count} fields or picklist values of this mapping.",
            gate="provisioning",
            opens_with=opens_with,
        )
    if plan.blocking:
        steps = "\n".join(f"  - {step}" for step in plan.blocking)
        raise GateClosed(
            f"Steps that only the org's administrator can do are open:\n{steps}",
            gate="provisioning",
            opens_with=f"do these steps in Zoho CRM, then {opens_with}",
        )


def _create_fields(
    module: str, wanted: list[FieldToCreate], target: Target, writer: Writer
) -> list[str]:
    """Create fields, reading back after a lost answer. Returns the refusals as sentences."""
    metadata = target.client.metadata
    writer.record_provisioned([], [_made(_INTENDED, module, one.spec.label) for one in wanted])
    refused: dict[str, str] = {}
    for attempt in range(_ATTEMPTS):
        there = {field.label.lower() for field in metadata.fields(module)}
        missing = [
            one for one in wanted
            if one.spec.label.lower() not in there and one.spec.label not in refused
        ]  # fmt: skip
        if not missing:
            break
        try:
            results = metadata.create_fields(module, [one.spec for one in missing])
        except AmbiguousError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        refused |= {
            one.spec.label: _sentence(module, one.spec.label, result)
            for one, result in zip(missing, results, strict=True)
            if not result.ok and result.code != "DUPLICATE_DATA"
        }
    stand = {field.label.lower(): field for field in metadata.fields(module)}
    made = [
        _made("field", module, one.spec.label, field_id=stand[one.spec.label.lower()].id)
        for one in wanted
        if one.spec.label.lower() in stand
    ]
    writer.record_provisioned([], made)
    return list(refused.values())


def _add_values(values: ValuesToAdd, target: Target, writer: Writer) -> list[str]:
    metadata = target.client.metadata
    result: ItemResult | None = None
    for attempt in range(_ATTEMPTS):
        try:
            # Values that stand are left as they are: sending them twice is harmless.
            result = metadata.add_picklist_values(values.module, values.field.id, values.values)
            break
        except AmbiguousError:
            if attempt == _ATTEMPTS - 1:
                raise
    if result is None or not result.ok:
        return [_sentence(values.module, values.field.label, result)]
    writer.record_provisioned(
        [],
        [
            _made("picklist value", values.module, values.field.label, value=value,
                  field_id=values.field.id)
            for value in values.values  # noqa: PD011 (not a pandas object)
        ],
    )  # fmt: skip
    return []


def _keep_names(plan: ProvisioningPlan, schema: OrgSchema, ledger: Ledger, writer: Writer) -> None:
    """Keep logical name → label → API name of every field, and whether we made it."""
    ours = ledger.provisioned()
    intended = ours[ours["kind"] == _INTENDED]
    mine = set(zip(intended["module"], intended["label"], strict=True))
    names: list[Row] = []
    for one in plan.create:
        field = schema.by_label(one.module, one.spec.label)
        if field is not None:
            names.append(_name(one.module, one.logical, field, created=True))
    for standing in plan.standing:
        field = schema.by_id(standing.module, standing.field.id)
        if field is not None:
            created = (standing.module, field.label) in mine
            names.append(_name(standing.module, standing.logical, field, created=created))
    writer.record_provisioned(names, [])


def _name(module: str, logical: str, field: FieldInfo, *, created: bool) -> Row:
    return {
        "module": module, "logical": logical, "label": field.label, "api_name": field.api_name,
        "field_id": field.id, "data_type": field.data_type, "created": int(created),
    }  # fmt: skip


def _made(
    kind: str, module: str, label: str, *, value: str | None = None, field_id: str | None = None
) -> Row:
    return {"kind": kind, "module": module, "label": label, "value": value, "field_id": field_id}


def _sentence(module: str, label: str, result: ItemResult | None) -> str:
    code = result.code if result else "no answer"
    remedy = f" ({result.remedy})" if result and result.remedy else ""
    return f"{module}: {label!r}: {code}{remedy}"
