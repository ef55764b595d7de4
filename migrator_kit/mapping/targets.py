"""What a target field takes: its Zoho type and length, and the Arrow type it has when shaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from migrator_kit.mapping.model import FieldMapping, Landing, ObjectMapping
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS

ARROW_TYPES: dict[str, pa.DataType] = {
    "date": pa.date32(),
    "datetime": pa.timestamp("us", tz="UTC"),
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "bigint": pa.int64(),
    "currency": pa.float64(),
    "double": pa.float64(),
    "percent": pa.float64(),
    "multiselectpicklist": pa.list_(pa.string()),
}
"""Arrow type by Zoho type; every other type is text."""

DEFAULT_LENGTHS: dict[str, int] = {
    "text": 255,
    "textarea": 2_000,
    "email": 100,
    "phone": 30,
    "picklist": 120,
    "website": 450,
    "integer": 9,
    "bigint": 18,
}
"""Lengths where neither the mapping nor the org says another (fact sheet 2.5, 9.3)."""

CUTTABLE = ("text", "textarea")
"""Types whose values can be cut to their length; a cut value of another type would be wrong."""


class TargetField(Protocol):
    """What the org's own metadata tells of a field (`zoho.metadata.FieldInfo` is one)."""

    @property
    def api_name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def data_type(self) -> str: ...
    @property
    def length(self) -> int | None: ...
    @property
    def required(self) -> bool: ...
    @property
    def custom(self) -> bool: ...
    @property
    def read_only(self) -> bool: ...


Metadata = Mapping[str, Mapping[str, TargetField]]
"""Fields of the org by module and API name."""


@dataclass(frozen=True, slots=True)
class TargetType:
    """Zoho type, length, and whether Zoho CRM requires a value."""

    data_type: str
    length: int | None
    required: bool = False

    @property
    def arrow(self) -> pa.DataType:
        """Arrow type of the field in shaped datasets."""
        return ARROW_TYPES.get(self.data_type, pa.string())

    @property
    def is_text(self) -> bool:
        """Whether shaped values are text."""
        return bool(pa.types.is_string(self.arrow))


def target_type(
    mapping: ObjectMapping, row: FieldMapping, metadata: Metadata | None = None
) -> TargetType | None:
    """Return what a row's target takes, or None where no such field is known."""
    if row.create is not None:
        length = row.create.length or DEFAULT_LENGTHS.get(row.create.data_type)
        return TargetType(row.create.data_type, length)
    if mapping.landing is Landing.REFERENCE:
        return TargetType("textarea", None)
    known = metadata.get(mapping.module or "") if metadata else None
    if known is not None and (found := known.get(api_name_of(row.target))):
        length = found.length or DEFAULT_LENGTHS.get(found.data_type)
        return TargetType(found.data_type, length, found.required)
    standard = STANDARD_FIELDS.get(mapping.module or "", {}).get(row.target)
    if standard is not None:
        length = standard.length or DEFAULT_LENGTHS.get(standard.data_type)
        return TargetType(standard.data_type, length, standard.required)
    if known is None and row.target.endswith("__c"):
        return TargetType("text", DEFAULT_LENGTHS["text"])
    return None


def api_name_of(target: str) -> str:
    """Return the API name that a logical name stands for where the field exists already."""
    return target.removesuffix("__c")


def slot_target(target: str, slot: int) -> str:
    """Return the logical name of a numbered field: `Insurance_Carrier_2__c` for slot 2."""
    if slot == 1:
        return target
    stem = target.removesuffix("__c")
    return f"{stem}_{slot}__c" if stem != target else f"{target}_{slot}"
