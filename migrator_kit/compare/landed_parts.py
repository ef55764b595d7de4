"""Answers of Zoho CRM as typed columns, written in parts: the landed side on disk.

Rows come as JSON objects; a part of some thousand rows is turned into columns at once, each by the
type that Zoho's metadata gives the field (fact sheet 2.5, 9.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migrator_kit.errors import TerminalError

PART_ROWS = 20_000
FOUND = {"source_id": pa.string(), "zoho_id": pa.string(), "known": pa.bool_(), "named": pa.bool_()}
"""Columns of every landed object: `known` by the ledger, `named` by what the record itself says."""

_TYPES: dict[str, pa.DataType] = {
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
_REFERENCES = ("lookup", "ownerlookup", "userlookup")


def arrow_type(data_type: str) -> pa.DataType:
    """Return the Arrow type of a field's values; everything without one of its own is text."""
    return _TYPES.get(data_type, pa.string())


def is_reference(data_type: str) -> bool:
    """Return whether values of a type are records or users, answered as `{"id": ...}`."""
    return data_type in _REFERENCES


def to_column(values: Sequence[Any], data_type: str, place: str) -> pa.Array:
    """Return a field's values of many rows as one column.

    Raises TerminalError, naming the field, where the values do not have the documented form.
    """
    wanted = arrow_type(data_type)
    try:
        if is_reference(data_type):
            return pa.array([_id_of(value) for value in values], pa.string())
        if pa.types.is_list(wanted):
            return pa.array([value or None for value in values], wanted)
        if pa.types.is_boolean(wanted):
            return pa.array(values, wanted)
        texts = pa.array([None if value is None else str(value) for value in values], pa.string())
        filled = pc.if_else(pc.equal(texts, ""), None, texts)
        return filled if pa.types.is_string(wanted) else filled.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        raise TerminalError(
            f"Zoho CRM answers {place} in a form that a field of type {data_type} does not have.",
            hint="Check the field's type in the org against the mapping.",
        ) from None


def _id_of(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("id")
    return None if value is None else str(value)


@dataclass(frozen=True)
class Identities:
    """Which record of the practice stands behind a Zoho id, by the ledger's crosswalk."""

    crosswalk: pd.DataFrame
    """Columns `object`, `source_id`, `zoho_id`; several source ids of one record are merged."""

    def __post_init__(self) -> None:
        first = self.crosswalk.drop_duplicates("zoho_id")
        object.__setattr__(self, "_ids", _texts(first["zoho_id"]))
        object.__setattr__(self, "_objects", _texts(first["object"]))
        object.__setattr__(self, "_sources", _texts(first["source_id"]))

    _ids: pa.Array = field(init=False, repr=False, compare=False)
    _objects: pa.Array = field(init=False, repr=False, compare=False)
    _sources: pa.Array = field(init=False, repr=False, compare=False)

    def of(self, zoho_ids: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Return object and source id of each Zoho id, null where the ledger does not know it."""
        places = pc.index_in(zoho_ids, value_set=self._ids)
        places = pc.if_else(pc.is_valid(zoho_ids), places, None)
        return pc.take(self._objects, places), pc.take(self._sources, places)

    def link(self, zoho_ids: pa.Array, objects: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        """Return a lookup's parents as source ids, and which object each one is.

        A parent of another object than the field points to is written as `object:source id`, one
        that the ledger does not know as `zoho:id`: neither can be equal to what was expected.
        """
        found, sources = self.of(zoho_ids)
        if len(objects) == 1:
            fits = pc.equal(found, objects[0])
            named = pc.binary_join_element_wise(found, sources, ":")
            sources = pc.if_else(fits, sources, named)
        unknown = pc.binary_join_element_wise("zoho", zoho_ids, ":")
        return found, pc.coalesce(sources, unknown)


def _texts(values: pd.Series) -> pa.Array:
    return pa.array(values.to_numpy(dtype=object), pa.string(), from_pandas=True)


@dataclass
class PartWriter:
    """Writes tables of one schema as numbered Parquet parts of a folder."""

    folder: Path
    schema: pa.Schema
    rows: int = 0
    _number: int = 0

    def write(self, columns: Mapping[str, pa.Array]) -> None:
        """Write one part; nothing where it has no rows."""
        table = pa.table({name: columns[name] for name in self.schema.names}, schema=self.schema)
        if not table.num_rows:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"part-{self._number:05d}.parquet"
        pq.write_table(table, path, compression="zstd")
        self._number += 1
        self.rows += table.num_rows
