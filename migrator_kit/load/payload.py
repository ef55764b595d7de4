"""Payloads of records, built column by column from a shaped part (fact sheet 2.5, 2.8).

Only the last step, from columns to the JSON rows of one call, works row by row. Nothing here
reads or writes anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.load.sameness import same, same_number
from migrator_kit.mapping.model import MissingParent, ObjectName, OnConflict

SE_MODULE = "$se_module"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One field of the payload: its logical and API name, its Zoho type, what it points to."""

    logical: str
    api_name: str
    data_type: str = "text"
    lookup: tuple[ObjectName, ...] = ()
    on_missing: MissingParent = MissingParent.EXCLUDE
    on_conflict: OnConflict = OnConflict.ASK
    hidden: bool = False
    """Whether the org hides the field's values from us (fact sheet 2.10)."""
    decimals: int | None = None
    """How many decimals the org keeps of a number; it rounds what has more."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Picklist values that the org shows under another name: shown → stored."""

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether two values are the same once the org has kept them in this field."""
        first, second = (
            self.choices.get(value, value) if isinstance(value, str) else value
            for value in (one, other)
        )
        if same(first, second):
            return True
        return self.decimals is not None and same_number(first, second, self.decimals)


@dataclass(frozen=True, slots=True)
class Layout:
    """How an object's records are sent: module, key field, columns, constants of the org."""

    object: ObjectName
    module: str
    columns: tuple[Column, ...]
    key: Column | None = None
    constants: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Parents:
    """Where an object's records stand in Zoho: source id and Zoho id side by side."""

    module: str
    source_ids: pa.Array
    zoho_ids: pa.Array


@dataclass(frozen=True, slots=True)
class Links:
    """What lookups and owners resolve to."""

    parents: Mapping[ObjectName, Parents]
    owners: Mapping[str, str]
    default_owner: str | None


@dataclass(frozen=True, slots=True)
class Payload:
    """A part, ready to send. `waiting` names, by row, the lookup whose parent has not landed."""

    source_ids: list[str]
    keys: list[str | None]
    waiting: list[str | None]
    table: pa.Table = field(repr=False)

    def __len__(self) -> int:
        return len(self.source_ids)

    def rows(self, start: int = 0, stop: int | None = None) -> list[Row]:
        """Return rows as JSON objects without their empty fields."""
        length = None if stop is None else stop - start
        return [
            {name: value for name, value in row.items() if value is not None}
            for row in self.table.slice(start, length).to_pylist()
        ]


def build(part: pa.Table, layout: Layout, links: Links) -> Payload:
    """Return the payload of one shaped part."""
    count = part.num_rows
    columns: dict[str, pa.Array] = {}
    waiting = np.full(count, None, dtype=object)
    parent_modules: dict[str, pa.Array] = {}
    for column in layout.columns:
        if column.logical not in part.column_names:
            continue
        values = _flat(part, column.logical)
        if column.logical == "Owner":
            columns[column.api_name] = _owners(values, links)
        elif column.lookup:
            ids, modules = _lookup(part, column, values, links)
            columns[column.api_name] = _references(ids)
            parent_modules[column.api_name] = modules
            if column.on_missing is MissingParent.EXCLUDE:
                missing = _bools(pc.and_(pc.is_valid(values), pc.is_null(ids)))
                waiting[missing & (waiting == None)] = column.logical  # noqa: E711
        else:
            columns[column.api_name] = _plain(values, column.data_type)
    _name_parent_module(columns, parent_modules)
    for name, constant in (layout.constants or {}).items():
        columns.setdefault(name, pa.repeat(pa.scalar(constant), count))
    key = _flat(part, layout.key.logical).to_pylist() if layout.key else [None] * count
    return Payload(_flat(part, "source_id").to_pylist(), key, waiting.tolist(), pa.table(columns))


def digest(row: Mapping[str, Any], key: bytes) -> str:
    """Return the keyed digest of one row."""
    text = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, key=key, digest_size=16).hexdigest()


def references_of(
    part: pa.Table, column: Column, links: Links
) -> tuple[list[str | None], list[str | None]]:
    """Return Zoho ids and modules of one lookup, None where the parent has not landed."""
    ids, modules = _lookup(part, column, _flat(part, column.logical), links)
    return ids.to_pylist(), modules.to_pylist()


def _flat(part: pa.Table, name: str) -> pa.Array:
    column = part[name].combine_chunks()
    return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)


def _bools(values: pa.Array) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=bool)


def _plain(values: pa.Array, data_type: str) -> pa.Array:
    """Return a column in the JSON form of its Zoho type (fact sheet 2.5)."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        seconds = pc.floor_temporal(values, unit="second").cast(pa.timestamp("s", "UTC"))
        return pc.strftime(seconds, format="%Y-%m-%dT%H:%M:%S+00:00")
    if pa.types.is_date(kind):
        return pc.strftime(values, format="%Y-%m-%d")
    if pa.types.is_floating(kind):
        values = pc.if_else(pc.is_nan(values), None, values)
    if data_type == "bigint" and not pa.types.is_string(kind):
        return values.cast(pa.string())
    return values


def _lookup(
    part: pa.Table, column: Column, values: pa.Array, links: Links
) -> tuple[pa.Array, pa.Array]:
    """Return the Zoho id and the module of each row's parent, null where it has not landed."""
    which = f"{column.logical}_object"
    chosen = _flat(part, which) if which in part.column_names else None
    ids = pa.nulls(len(values), pa.string())
    modules = pa.nulls(len(values), pa.string())
    for name in column.lookup:
        parents = links.parents.get(name)
        if parents is None:
            continue
        wanted = values
        if chosen is not None:
            wanted = pc.if_else(pc.equal(chosen, str(name)), values, pa.scalar(None, values.type))
        found = pc.take(parents.zoho_ids, pc.index_in(wanted, value_set=parents.source_ids))
        modules = pc.if_else(pc.is_valid(found), parents.module, modules)
        ids = pc.coalesce(ids, found)
    return ids, modules


def _references(ids: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([ids], ["id"], mask=pc.is_null(ids))


def _owners(values: pa.Array, links: Links) -> pa.Array:
    keys = pa.array(list(links.owners), pa.string())
    users = pa.array(list(links.owners.values()), pa.string())
    found = pc.take(users, pc.index_in(values.cast(pa.string()), value_set=keys))
    return _references(pc.coalesce(found, pa.scalar(links.default_owner, pa.string())))


def _name_parent_module(columns: dict[str, pa.Array], modules: Mapping[str, pa.Array]) -> None:
    """Add `$se_module`: the module of What_Id, or Contacts where only Who_Id is set."""
    named = [modules[name] for name in ("What_Id", "Who_Id") if name in modules]
    if named:
        columns[SE_MODULE] = pc.coalesce(*named)
