"""Checks on new custom fields before they are sent, and their JSON (fact sheet 9.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from migrator_kit.zoho import limits
from migrator_kit.zoho.fields import FieldInfo, FieldSpec
from migrator_kit.zoho.limits import Limits

REFUSED_WORDS = ("keyword", "notes")
"""Words that Zoho was seen to refuse in labels, in any case and as part of longer words."""
CREATABLE_TYPES = frozenset(
    {
        "text", "textarea", "email", "phone", "picklist", "multiselectpicklist", "date",
        "datetime", "integer", "autonumber", "currency", "percent", "bigint", "double",
        "website", "boolean", "fileupload", "imageupload", "lookup", "userlookup",
        "multiselectlookup", "multiuserlookup",
    }
)  # fmt: skip
UNIQUE_TYPES = frozenset({"text", "email", "phone", "integer", "bigint", "double", "currency"})


def problems(
    module: str,
    specs: Sequence[FieldSpec],
    existing: Iterable[FieldInfo],
    edition: Limits,
    *,
    other_activity_labels: Iterable[str] = (),
) -> list[str]:
    """Return what is wrong with a list of new fields, as sentences; empty where it fits.

    `existing` are the module's fields; `other_activity_labels` the labels of the other two
    activity modules, which share one label space with this one.
    """
    here = list(existing)
    found: list[str] = []
    if module in limits.NO_CUSTOM_FIELDS:
        found.append(f"{module}: takes no custom fields")
    taken = {field.label.lower() for field in here}
    if module in limits.ACTIVITIES:
        taken |= {label.lower() for label in other_activity_labels}
    for spec in specs:
        found.extend(f"{module}: field {spec.label!r} {text}" for text in spec_problems(spec))
        if spec.label.lower() in taken:
            found.append(f"{module}: the label {spec.label!r} is taken")
        taken.add(spec.label.lower())
    custom = sum(field.custom for field in here) + len(specs)
    most = edition.custom_fields_of(module)
    if custom > most:
        found.append(
            f"{module}: {custom} custom fields, the {edition.edition} edition allows {most}"
        )
    unique = sum(field.unique and field.custom for field in here) + sum(s.unique for s in specs)
    if unique > limits.UNIQUE_FIELDS:
        found.append(f"{module}: {unique} unique fields, Zoho allows {limits.UNIQUE_FIELDS}")
    return found


def spec_problems(spec: FieldSpec) -> list[str]:
    """Return what is wrong with one new field in itself."""
    found = []
    label = spec.label
    if not 1 <= len(label) <= limits.LABEL_LENGTH:
        found.append(f"needs a label of 1 to {limits.LABEL_LENGTH} characters")
    if not re.search(r"[A-Za-z]", label):
        found.append("needs a letter in its label")
    found.extend(f"holds the refused word {w!r}" for w in REFUSED_WORDS if w in label.lower())
    if spec.data_type not in CREATABLE_TYPES:
        found.append(f"has the type {spec.data_type!r}, which the API cannot create")
    longest = limits.FIELD_LENGTHS.get(spec.data_type)
    if spec.length is not None and longest is not None and spec.length > longest:
        found.append(f"is longer than the {longest} of its type")
    if spec.unique and spec.data_type not in UNIQUE_TYPES:
        found.append(f"cannot be unique with the type {spec.data_type!r}")
    if spec.data_type in ("picklist", "multiselectpicklist") and not spec.picklist:
        found.append("needs at least one picklist value")
    if spec.data_type in ("lookup", "multiselectlookup") and not spec.lookup_module:
        found.append("needs the module it looks up")
    return found


def to_json(spec: FieldSpec) -> dict[str, Any]:
    """Return a new field as the create call takes it."""
    body: dict[str, Any] = {"field_label": spec.label, "data_type": spec.data_type}
    if spec.data_type == "textarea":
        length = _textarea_length(spec.length)
        body["length"] = length
        body["textarea"] = {"type": limits.TEXTAREA_TYPES[length]}
    elif spec.data_type in limits.FIELD_LENGTHS:
        body["length"] = spec.length or limits.FIELD_LENGTHS[spec.data_type]
    if spec.decimals is not None and spec.data_type in ("currency", "double"):
        body["decimal_place"] = spec.decimals
    if spec.unique:
        body["unique"] = {"case_sensitive": False}
    if spec.picklist:
        body["pick_list_values"] = picklist_json(spec.picklist)
    if spec.tooltip:
        body["tooltip"] = {"name": "info_icon", "value": spec.tooltip}
    if spec.lookup_module:
        body["lookup"] = {"module": {"api_name": spec.lookup_module}}
    return body


def picklist_json(values: Iterable[str]) -> list[Mapping[str, str]]:
    """Return options with equal display and actual values: which one a write takes is unclear."""
    return [{"display_value": value, "actual_value": value} for value in values]


def _textarea_length(asked: int | None) -> int:
    """Return the smallest of the three sizes that Zoho offers which holds `asked`."""
    return next((size for size in limits.TEXTAREA_TYPES if size >= (asked or 32_000)), 50_000)
