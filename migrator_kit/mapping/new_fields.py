"""Checks of the fields that a mapping wants to create in Zoho CRM (fact sheet 9.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from migrator_kit.mapping.model import FieldMapping, Landing, Mapping, NewField, ObjectMapping
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS

Problem = tuple[tuple[Any, ...], str, str]

_REFUSED_WORDS = re.compile(r"\b(keyword|notes?)\b", re.IGNORECASE)
_ACTIVITIES = frozenset({"Tasks", "Events", "Calls"})
"""Modules that share one space of field labels."""
_UNIQUE_FIELDS = 2
"""Unique fields that a module may have in every edition."""
_LABEL = _CHOICE = 25
_LENGTHS: dict[str, tuple[int, ...]] = {
    "text": (255,),
    "textarea": (2_000, 32_000, 50_000),
    "email": (100,),
    "phone": (30,),
    "website": (450,),
    "integer": (9,),
    "bigint": (18,),
    "double": (18,),
    "currency": (16,),
    "percent": (5,),
}
"""The greatest length of a type; of a multi line field, the only lengths there are."""


def new_field_problems(mapping: Mapping) -> Iterator[Problem]:
    """Give what Zoho CRM would refuse of the new fields: labels, lengths, choices, unique keys."""
    labels: dict[tuple[str, str], tuple[str, NewField]] = {}
    unique: dict[str, set[str]] = {}
    for i, item in enumerate(mapping.objects):
        module = _module(mapping, item)
        for j, row in enumerate(item.fields):
            if row.create is None:
                continue
            where = ("objects", i, "fields", j, "create")
            if module is None:
                problem = f"{item.object} cannot have fields of its own in Zoho CRM"
                yield where, problem, "take `create` away"
                continue
            yield from _label(where, module, item, row, row.create, labels)
            yield from _size(where, item, row, row.create)
            if row.create.unique:
                unique.setdefault(module, set()).add(row.target)
                if len(unique[module]) > _UNIQUE_FIELDS:
                    problem = f"{module} would have more than {_UNIQUE_FIELDS} unique fields"
                    yield where, problem, "take `unique` from one of them"


def _module(mapping: Mapping, item: ObjectMapping) -> str | None:
    """Return the module that gets an object's new fields, or None where it takes none."""
    if item.landing is Landing.RECORDS:
        return item.module
    carrier = next((one for one in mapping.objects if one.object is item.into), None)
    return carrier.module if item.landing is Landing.FIELDS and carrier else None


def _label(
    where: tuple[Any, ...],
    module: str,
    item: ObjectMapping,
    row: FieldMapping,
    field: NewField,
    labels: dict[tuple[str, str], tuple[str, NewField]],
) -> Iterator[Problem]:
    if found := _REFUSED_WORDS.search(field.label):
        yield where, f"Zoho refuses the word {found[0]!r} in a label", "choose another label"
    longest = len(field.label) + (len(str(item.slots)) + 1 if item.slots > 1 else 0)
    if longest > _LABEL:
        problem = f"the label {field.label!r} leaves no room for a number"
        yield where, problem, f"shorten it: {_LABEL} characters with the number"
    standard = {known.label.lower() for known in STANDARD_FIELDS.get(module, {}).values()}
    if field.label.lower() in standard:
        problem = f"{module} has a field with the label {field.label!r} already"
        yield where, problem, "fill that field, or choose another label"
    space = "activities" if module in _ACTIVITIES else module
    owner, known = labels.setdefault((space, field.label.lower()), (row.target, field))
    if known is not field:
        problem = f"the label {field.label!r} is taken by {owner}"
        yield where, problem, "choose another label"


def _size(
    where: tuple[Any, ...], item: ObjectMapping, row: FieldMapping, field: NewField
) -> Iterator[Problem]:
    name = f"{item.object}.{row.target}"
    allowed = _LENGTHS.get(field.data_type)
    if field.length is not None and allowed is not None:
        if field.data_type == "textarea" and field.length not in allowed:
            problem = f"{name}: a multi line field has {' or '.join(f'{n:,}' for n in allowed)}"
            yield where, f"{problem} characters, not {field.length:,}", ""
        elif field.length > max(allowed):
            problem = f"{name}: at most {max(allowed):,}, not {field.length:,}"
            yield where, problem, f"the limit of {field.data_type} fields"
    if "picklist" in field.data_type:
        for choice in (choice for choice in row.picklist if len(choice) > _CHOICE):
            problem = f"{name}: the choice {choice!r} is longer than {_CHOICE} characters"
            yield where, problem, "shorten it"
