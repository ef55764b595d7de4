"""Lineage: one record from the cell of the source to what Zoho CRM holds now, with every write.

Values are in the result: whoever shows it masks them by `data_class`.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from migrator_kit.compare.mapped import class_of_row, steps_of
from migrator_kit.engagement import slug
from migrator_kit.errors import ParameterError
from migrator_kit.load.ledger import History, Ledger
from migrator_kit.load.provision import field_names
from migrator_kit.load.target import Target
from migrator_kit.load.vault import Vault
from migrator_kit.mapping.dataset import ShapedDataset
from migrator_kit.mapping.model import FieldMapping, Landing, Mapping, ObjectMapping, ObjectName
from migrator_kit.mapping.objects import SnapshotTables, clear_errors, rows_sql
from migrator_kit.mapping.targets import slot_target
from migrator_kit.privacy import DataClass
from migrator_kit.spelling import meant

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldLineage:
    """One field of a record at each station of its way."""

    field: str
    api_name: str
    sources: tuple[str, ...]
    """Source columns, as `table.column`."""
    source: tuple[Any, ...]
    """What the object's SELECT gave for them."""
    steps: tuple[str, ...]
    """Transforms in their order, each with its version and options."""
    shaped: Any
    sent: Any
    now: Any
    data_class: DataClass
    confirmed: str
    """Who confirmed the row of the mapping, and when."""


@dataclass(frozen=True, slots=True, eq=False)
class Lineage:
    """One record: where it stands, its fields, and what the ledger holds of it."""

    object: ObjectName
    module: str
    source_id: str
    zoho_id: str | None
    in_zoho: bool
    fields: tuple[FieldLineage, ...]
    history: History


@dataclass(frozen=True, slots=True)
class Stations:
    """The places that a value passes."""

    snapshot: SnapshotTables
    mapping: Mapping
    shaped: ShapedDataset
    ledger: Ledger
    vault: Vault
    target: Target


def lineage(
    stations: Stations, module: str, source_id: str, field: str | None = None
) -> tuple[Lineage, ...]:
    """Return the record of a module with this source id; one for each object that has it.

    `module` is a module of Zoho CRM or one of the ten objects; `field` a logical or API name.
    Raises ParameterError for a module, a record or a field that is not there.
    """
    found = []
    for item in _objects(stations.mapping, module):
        row = source_row(stations.snapshot, item, source_id)
        if row is not None:
            found.append(_record(stations, item, source_id, row, field))
    if not found:
        raise ParameterError(
            f"{module} has no record with the source id {source_id!r}.",
            hint="Source ids are in lists/audit_log.csv and lists/excluded.csv of a run.",
        )
    if field is not None and not any(one.fields for one in found):
        known = [row.target for one in found for row in stations.mapping.object(one.object).fields]
        near = meant(field, known)
        raise ParameterError(
            f"{module} has no field {field!r} in the mapping.",
            hint=f"Did you mean {near}?" if near else None,
        )
    return tuple(found)


def _objects(mapping: Mapping, module: str) -> list[ObjectMapping]:
    wanted = module.casefold()
    moving = [item for item in mapping.objects if item.landing is not Landing.REFERENCE]
    found = [
        item for item in moving
        if wanted in ((item.module or "").casefold(), str(item.object).casefold())
    ]  # fmt: skip
    if not found:
        known = sorted({item.module or "" for item in moving} | {str(i.object) for i in moving})
        raise ParameterError(
            f"There is no module or object {module!r} here.", hint=f"Known: {', '.join(known)}"
        )
    return found


def _record(
    stations: Stations, item: ObjectMapping, source_id: str, row: Row, field: str | None
) -> Lineage:
    module = item.module or ""
    shaped = _shaped_row(stations.shaped, item.object, source_id)
    holder = _holder(item, source_id, shaped)
    history = stations.ledger.history(holder.object, holder.source_id, module)
    known = history.crosswalk.iloc[0] if len(history.crosswalk) else None
    zoho_id = None if known is None or pd.isna(known["zoho_id"]) else str(known["zoho_id"])
    digest = None if known is None or pd.isna(known["payload_digest"]) else known["payload_digest"]
    kept = stations.vault.written(holder.object, {holder.source_id: digest})
    written = kept.get(holder.source_id)
    now = _now(stations.target, stations.mapping.object(holder.object), zoho_id, history)
    known_names = field_names(stations.ledger, stations.mapping).get(module, {})
    names = {one.target: known_names[target] for one in item.fields
             if (target := slot_target(one.target, holder.slot)) in known_names}  # fmt: skip
    fields = tuple(
        _field(one, names, row, shaped,
               dict(written.fields) if written else {}, now or {})
        for one in item.fields
        if field is None or field.casefold() in (one.target.casefold(),
                                                 names.get(one.target, "").casefold())
    )  # fmt: skip
    return Lineage(item.object, module, source_id, zoho_id, now is not None, fields, history)


@dataclass(frozen=True, slots=True)
class _Holder:
    """The record of Zoho CRM that has the values: the record itself, or the one it is part of."""

    object: ObjectName
    source_id: str
    slot: int = 1


def _holder(item: ObjectMapping, source_id: str, shaped: Row) -> _Holder:
    if item.landing is not Landing.FIELDS or item.into is None:
        return _Holder(item.object, source_id)
    parent = str(shaped.get("parent_id") or "")
    return _Holder(item.into, parent, int(shaped.get("slot") or 1))


def _field(
    one: FieldMapping,
    names: Map[str, str],
    row: Row,
    shaped: Row,
    sent: Row,
    now: Row,
) -> FieldLineage:
    api_name = names.get(one.target, one.target)
    decision = one.decision
    return FieldLineage(
        one.target, api_name, one.sources, tuple(row.get(name) for name in one.columns),
        steps_of(one), shaped.get(one.target), sent.get(api_name), now.get(api_name),
        class_of_row(one),
        f"{decision.by}, {decision.when:%Y-%m-%d %H:%M} UTC" if decision else "nobody yet",
    )  # fmt: skip


def source_row(snapshot: SnapshotTables, item: ObjectMapping, source_id: str) -> Row | None:
    """Return what the object's SELECT gives for a record, or None; dates as the source wrote them.

    A SELECT that reckons with dates may need them in ISO form, and then they come so. Raises
    MappingError where the SELECT does not run.
    """
    with suppress(duckdb.Error):
        row = _asked_row(snapshot.connect(as_written=None), item, source_id)
        if row is not None:
            return row
    with clear_errors(item.object):
        return _asked_row(snapshot.connect(), item, source_id)


def _asked_row(
    connection: duckdb.DuckDBPyConnection, item: ObjectMapping, source_id: str
) -> Row | None:
    try:
        relation = connection.sql(
            f"SELECT * FROM ({rows_sql(connection, item)}) "
            "WHERE CAST(source_id AS VARCHAR) = $key LIMIT 1",
            params={"key": source_id},
        )
        return _first(relation)
    finally:
        connection.close()


def _shaped_row(shaped: ShapedDataset, name: ObjectName, source_id: str) -> Row:
    if not shaped.parts(name):
        return {}
    connection = shaped.connect()
    try:
        relation = connection.sql(
            f"SELECT * FROM {slug(name)} WHERE source_id = $key LIMIT 1", params={"key": source_id}
        )
        return _first(relation) or {}
    finally:
        connection.close()


def _first(relation: duckdb.DuckDBPyRelation) -> Row | None:
    """Return the only row, by way of Arrow: DuckDB's own way to instants needs another library."""
    rows: list[Row] = relation.to_arrow_table().to_pylist()
    return rows[0] if rows else None


def _now(target: Target, item: ObjectMapping, zoho_id: str | None, history: History) -> Row | None:
    """Return what Zoho CRM holds of a record, or None where it holds nothing."""
    if zoho_id is None:
        return None
    if item.landing is Landing.NOTES:
        return target.client.notes.get(zoho_id)
    if item.landing is Landing.FILES:
        parent = history.parent
        listed = target.client.attachments.list(*parent) if parent else ()
        return next(
            ({"File_Name": one.file_name, "Size": one.size} for one in listed if one.id == zoho_id),
            None,
        )
    if item.landing is Landing.RECORDS:
        return target.client.records.get(item.module or "", zoho_id)
    return None
