"""Which fields of which module the mapping fills, numbered slots included.

Pure: the one place that turns an object that lands as fields (insurance) into fields of the
records that carry it.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrator_kit.errors import MappingError
from migrator_kit.load.order import module_of
from migrator_kit.mapping.model import (
    FieldMapping,
    Landing,
    Mapping,
    NewField,
    ObjectMapping,
    ObjectName,
)  # fmt: skip
from migrator_kit.mapping.targets import slot_target


@dataclass(frozen=True, slots=True)
class TargetField:
    """One field of a module that the load fills. `create` is set where it is a custom field."""

    module: str
    logical: str
    object: ObjectName
    mapping: FieldMapping
    create: NewField | None
    is_key: bool = False


def target_fields(mapping: Mapping) -> tuple[TargetField, ...]:
    """Return every field the load fills, each module and logical name once.

    An object that lands as fields of another (`into`) adds its fields to that object's module,
    numbered from the second slot on.
    """
    found: dict[tuple[str, str], TargetField] = {}
    for one in mapping.objects:
        for field in _fields_of(mapping, one):
            stands = found.get((field.module, field.logical))
            if stands is None or (stands.create is None and field.create is not None):
                found[field.module, field.logical] = field
    return tuple(found.values())


def record_fields(mapping: Mapping, name: ObjectName) -> tuple[TargetField, ...]:
    """Return the fields on one object's own records, those it carries for others included."""
    module = module_of(mapping.object(name))
    carried = {one.object for one in mapping.objects if one.into is name} | {name}
    return tuple(
        field
        for field in target_fields(mapping)
        if field.module == module and field.object in carried
    )


def _fields_of(mapping: Mapping, one: ObjectMapping) -> list[TargetField]:
    if one.landing in (Landing.REFERENCE, Landing.FILES):
        return []
    if one.landing is Landing.FIELDS:
        return _carried_fields(mapping, one)
    module = module_of(one)
    return [
        TargetField(module, row.target, one.object, row, row.create, row.target == one.key)
        for row in one.fields
    ]


def _carried_fields(mapping: Mapping, one: ObjectMapping) -> list[TargetField]:
    if one.into is None:
        raise MappingError(
            f"{one.object} lands as fields but names no object to land in.",
            hint="Add `into:` with the object whose records carry its values.",
        )
    module = module_of(mapping.object(one.into))
    return [
        TargetField(module, slot_target(row.target, slot), one.object, row, _slot(row.create, slot))
        for row in one.fields
        if not row.lookup
        for slot in range(1, one.slots + 1)
    ]


def _slot(create: NewField | None, slot: int) -> NewField | None:
    if create is None or slot == 1:
        return create
    return create.model_copy(update={"label": f"{create.label} {slot}"})
