"""Columns of the wizard's files: one shaped part becomes a table of texts, column by column.

The wizard finds fields by a column's header and links records by their Migration ID, owners too
(help.zoho.com, FAQs on data migration; fact sheet section 12). Ids of several modules stand in one
column where a task belongs to a patient or a plan: so each id names its object.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.engagement import slug
from migrator_kit.load.order import module_of
from migrator_kit.load.target_fields import record_fields
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.mapping.targets import target_type
from migrator_kit.wizard.guarding import guarded

MIGRATION_ID = "Migration ID"
PARENT_MODULE = "Parent Module"
CHOICES_JOINED_BY = ";"
DECIMALS = 9
"""Digits after the point that a field of Zoho CRM keeps (fact sheet 2.5)."""
NOTE_PARENT = "Parent_Id"


@dataclass(frozen=True, slots=True)
class CsvColumn:
    """One field of a file: its logical name, its header, its Zoho type, what it points to."""

    logical: str
    label: str
    data_type: str
    length: int | None
    custom: bool = False
    picklist: tuple[str, ...] = ()
    unique: bool = False
    lookup: tuple[ObjectName, ...] = ()


@dataclass(frozen=True, slots=True)
class CsvPart:
    """A part as texts. `marked` names, by header, the records whose cell got an apostrophe."""

    table: pa.Table = field(repr=False)
    marked: Map[str, list[str]]


def object_columns(mapping: Mapping, name: ObjectName) -> tuple[CsvColumn, ...]:
    """Return the fields of an object's records in the order of the mapping."""
    item = mapping.object(name)
    standard = STANDARD_FIELDS.get(module_of(item), {})
    found = []
    for one in record_fields(mapping, name):
        holder = mapping.object(one.object)
        known = target_type(item if holder.landing is Landing.FIELDS else holder, one.mapping)
        label = one.logical.removesuffix("__c").replace("_", " ")
        if one.create is not None:
            label = one.create.label
        elif one.logical in standard:
            label = standard[one.logical].label
        created = one.create is not None
        found.append(CsvColumn(
            one.logical, label, known.data_type if known else "text",
            known.length if known else None, created, one.mapping.picklist if created else (),
            bool(one.create and one.create.unique), one.mapping.lookup,
        ))  # fmt: skip
    return tuple(found)


def csv_part(
    part: pa.Table,
    mapping: Mapping,
    name: ObjectName,
    columns: tuple[CsvColumn, ...],
    owners: Map[str, str],
    zone: str,
) -> CsvPart:
    """Return one shaped part as texts with its Migration IDs.

    `owners` gives the Migration ID of the user behind each staff key; who is not in it stays
    empty, and the person who imports becomes the owner.
    """
    keys = _flat(part, "source_id")
    made: dict[str, pa.Array] = {MIGRATION_ID: migration_ids(name, keys)}
    marked: dict[str, list[str]] = {}
    for column in columns:
        values = _flat(part, column.logical) if column.logical in part.column_names else None
        if values is None:
            made[column.label] = pa.nulls(part.num_rows, pa.string())
        elif column.logical == "Owner":
            made[column.label] = _owners(values, owners)
        elif column.lookup:
            made[column.label], modules = _links(part, mapping, column, values)
            if column.logical == NOTE_PARENT:
                made[PARENT_MODULE] = modules
        else:
            made[column.label], changed = _guarded_text(values, zone)
            if pc.any(changed).as_py():
                marked[column.label] = keys.filter(changed).to_pylist()
    return CsvPart(pa.table(made), marked)


def _guarded_text(values: pa.Array, zone: str) -> tuple[pa.Array, pa.Array]:
    """Return a column as text, and the rows that were marked; numbers and times never are."""
    texts = as_text(values, zone)
    if pa.types.is_string(values.type) or pa.types.is_list(values.type):
        return guarded(texts)
    return texts, pa.repeat(pa.scalar(value=False), len(texts))


def migration_ids(name: ObjectName, keys: pa.Array) -> pa.Array:
    """Return source keys as ids that are unique over all modules: `patient:000123`."""
    return pc.binary_join_element_wise(slug(name), keys.cast(pa.string()), ":")


def as_text(values: pa.Array, zone: str) -> pa.Array:
    """Return a column as the wizard reads it: local times without offset, choices with `;`."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        seconds = pc.floor_temporal(values, unit="second").cast(pa.timestamp("s", zone))
        return pc.strftime(seconds, format="%Y-%m-%d %H:%M:%S")
    if pa.types.is_date(kind):
        return pc.strftime(values, format="%Y-%m-%d")
    if pa.types.is_list(kind):
        return pc.binary_join(values, CHOICES_JOINED_BY)
    if pa.types.is_floating(kind):
        values = pc.round(pc.if_else(pc.is_nan(values), None, values), DECIMALS)
    return values.cast(pa.string())


def _links(
    part: pa.Table, mapping: Mapping, column: CsvColumn, values: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """Return the Migration ID and the module of each row's parent."""
    which = f"{column.logical}_object"
    if which in part.column_names:
        objects = _flat(part, which).cast(pa.string())
    else:
        objects = pa.repeat(pa.scalar(str(column.lookup[0])), part.num_rows)
    names = pa.array([str(one) for one in column.lookup], pa.string())
    slugs = pa.array([slug(one) for one in column.lookup], pa.string())
    modules = pa.array([module_of(mapping.object(one)) for one in column.lookup], pa.string())
    place = pc.index_in(objects, value_set=names)
    place = pc.if_else(pc.is_valid(values), place, None)
    ids = pc.binary_join_element_wise(pc.take(slugs, place), values.cast(pa.string()), ":")
    return ids, pc.take(modules, place)


def _owners(values: pa.Array, owners: Map[str, str]) -> pa.Array:
    keys = pa.array(list(owners), pa.string())
    users = pa.array(list(owners.values()), pa.string())
    return pc.take(users, pc.index_in(values.cast(pa.string()), value_set=keys))


def _flat(part: pa.Table, name: str) -> pa.Array:
    column = part[name].combine_chunks()
    return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)
