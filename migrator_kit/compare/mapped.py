"""Which mapping row stands behind a field, those that a record carries for others included."""

from __future__ import annotations

from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectName
from migrator_kit.mapping.targets import slot_target
from migrator_kit.mapping.transforms import find
from migrator_kit.privacy import DataClass


def mapping_row(mapping: Mapping, name: ObjectName, target: str) -> FieldMapping | None:
    """Return the mapping row of a field: the object's own, or that of an object it carries.

    `Insurance_Carrier_2__c` of a patient is slot 2 of the insurance's `Insurance_Carrier__c`.
    """
    own = mapping.object(name).field(target)
    if own is not None:
        return own
    for item in mapping.objects:
        if item.into is name:
            for row in item.fields:
                if target in {slot_target(row.target, number + 1) for number in range(item.slots)}:
                    return row
    return None


_NAMED_BY_PEOPLE = frozenset({"File_Name", "file_path", "title"})
"""Whoever scanned a letter may have named the file after the patient."""
_OF_FILES = frozenset({"sha256", "size"})


def data_class_of(mapping: Mapping, name: ObjectName, target: str) -> DataClass:
    """Return a field's data class; what no mapping row describes counts as patient data."""
    if target in _OF_FILES:
        return DataClass.TECHNICAL
    row = mapping_row(mapping, name, target)
    return class_of_row(row) if row else DataClass.FREE_TEXT


def class_of_row(row: FieldMapping) -> DataClass:
    """Return the data class of a row's values as they are shown: names of files are free text."""
    return DataClass.FREE_TEXT if row.target in _NAMED_BY_PEOPLE else row.data_class


def vocabulary(row: FieldMapping | None) -> set[str]:
    """Return the values that the mapping itself names: words, not anybody's data."""
    if row is None:
        return set()
    value_map = row.values
    return {*value_map.values(), *(row.create.picklist if row.create else ())}


AS_IT_STANDS = "as it stands"


def steps_of(row: FieldMapping, *, options: bool = True) -> tuple[str, ...]:
    """Return what a mapping row does to its source, in order, transforms with their version."""
    steps = [f"constant {row.constant!r}"] if row.constant is not None else []
    for step in row.transform:
        told = ", ".join(f"{key}={value!r}" for key, value in step.options.items())
        named = f"{step.name} v{find(step.name).version}"
        steps.append(f"{named} ({told})" if told and options else named)
    if row.values and not any(step.name == "picklist" for step in row.transform):
        steps.append("value map")
    if row.lookup:
        steps.append("lookup of " + " or ".join(map(str, row.lookup)))
    return tuple(steps)


def way_of(mapping: Mapping, name: ObjectName, target: str) -> str:
    """Return in words what becomes of a field's source: `as it stands`, or the steps by name."""
    if target in _OF_FILES:
        return AS_IT_STANDS
    row = mapping_row(mapping, name, target)
    return " → ".join(steps_of(row, options=False)) or AS_IT_STANDS if row else AS_IT_STANDS
