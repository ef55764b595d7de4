"""Where a practice's columns can go: the fields of our default mapping, with what each is for.

`catalogue.csv` says in words what each field holds, as evidence for the matcher; what a field is
(type, length, transform, whether it is created) is what the packaged profiles say.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from migrator_kit.mapping.files import default_mapping
from migrator_kit.mapping.model import FieldMapping, ObjectMapping, ObjectName
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.mapping.targets import target_type

_PROFILES = ("dent_o_soft", "open_dental")
"""Where the definitions stand: what the first one says of a field holds."""


@dataclass(frozen=True, slots=True)
class CatalogueField:
    """One field that a column can go to, with the mapping row that our profiles have for it."""

    object: ObjectName
    item: ObjectMapping
    row: FieldMapping
    description: str

    @property
    def label(self) -> str:
        """What people read over the field."""
        if self.row.create is not None:
            return self.row.create.label
        known = STANDARD_FIELDS.get(self.item.module or "", {}).get(self.row.target)
        return known.label if known else self.row.target.removesuffix("__c").replace("_", " ")


@cache
def catalogue() -> tuple[CatalogueField, ...]:
    """Return the fields that a column can go to, object by object."""
    with (Path(__file__).parent / "catalogue.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return tuple(
        CatalogueField(name, *defined(name, row["field"]), row["description"])
        for row in rows
        if (name := ObjectName(row["object"]))
    )


def defined(name: ObjectName, target: str) -> tuple[ObjectMapping, FieldMapping]:
    """Return the definition of a field in the packaged profiles. Raises KeyError without one."""
    for profile in _PROFILES:
        item = default_mapping(profile).object(name)
        row = item.field(target)
        if row is not None:
            return default_mapping(_PROFILES[0]).object(name), row
    raise KeyError(f"{name}.{target}")


@cache
def catalogue_frame() -> pd.DataFrame:
    """Return the catalogue as a target schema: a table is an object, a column a field."""
    return pd.DataFrame([_described(field) for field in catalogue()])


def _described(field: CatalogueField) -> dict[str, object]:
    kind = target_type(field.item, field.row)
    return {
        "table": str(field.object),
        "column": field.row.target,
        "type": kind.data_type if kind else "text",
        "length": kind.length if kind else None,
        "label": field.label,
        "description": field.description,
        "samples": list(field.row.values) or None,
    }
