"""Which mapping row stands behind a field, those that a record carries for others included."""

from __future__ import annotations

from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectName
from migrator_kit.mapping.targets import slot_target
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


_OF_FILES = frozenset({"sha256", "size"})


def data_class_of(mapping: Mapping, name: ObjectName, target: str) -> DataClass:
    """Return a field's data class; what no mapping row describes counts as patient data."""
    if target in _OF_FILES:
        return DataClass.TECHNICAL
    row = mapping_row(mapping, name, target)
    return row.data_class if row else DataClass.FREE_TEXT


def vocabulary(row: FieldMapping | None) -> set[str]:
    """Return the values that the mapping itself names: words, not anybody's data."""
    if row is None:
        return set()
    value_map = row.values
    return {*value_map.values(), *(row.create.picklist if row.create else ())}
