"""What Zoho CRM needs before the load, and what will not fit: from the mapping, without an org."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pandas as pd

from migrator_kit.load.target_fields import target_fields
from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectMapping
from migrator_kit.mapping.objects import (
    SnapshotTables,
    clear_errors,
    opened,
    quoted,
    rows_sql,
    select_columns,
)
from migrator_kit.mapping.targets import TargetType, target_type
from migrator_kit.source.contents import Content
from migrator_kit.source.inventory import Inventory
from migrator_kit.source.profile import ColumnProfile
from migrator_kit.zoho.limits import Limits

_TEXT = "VARCHAR"
_AS_IT_IS = frozenset({"text", "clean", "case", "truncate", "email", "phone", "website"})
"""Transforms after which a value is about as long as it was: its own length decides."""
_TYPED = frozenset({"date", "datetime", "decimal", "integer", "email"})
"""Transforms that read a value of the field's own type, and nothing else."""
_DATES = (Content.DATE, Content.DATETIME, Content.EMPTY)
_NUMBERS = (Content.INTEGER, Content.DECIMAL, Content.CODE, Content.BOOLEAN, Content.EMPTY)
_EXPECTED: dict[str, tuple[Content, ...]] = {
    "date": _DATES,
    "datetime": _DATES,
    "integer": _NUMBERS,
    "bigint": _NUMBERS,
    "currency": _NUMBERS,
    "double": _NUMBERS,
    "percent": _NUMBERS,
    "email": (Content.EMAIL, Content.EMPTY),
}
"""What a column has to look like to fill a field of a type. Other types take any text."""


def fields_needed(mapping: Mapping) -> pd.DataFrame:
    """Return one row for each custom field to create: module, label, logical name, type, length.

    `choices` are the values of a picklist, those that the value map gives included.
    """
    rows = [
        (
            field.module, field.create.label, field.logical, field.create.data_type,
            field.create.length, field.create.unique,
            ", ".join(dict.fromkeys((*field.mapping.picklist, *field.create.picklist))),
        )
        for field in target_fields(mapping)
        if field.create is not None
    ]  # fmt: skip
    names = ["module", "label", "promised name", "type", "length", "unique", "choices"]
    return pd.DataFrame(rows, columns=names).astype({"length": "Int64"})


def values_needed(mapping: Mapping) -> pd.DataFrame:
    """Return one row for each value that a standing picklist must offer, stages included.

    Columns: module, field, value, `from`: the source's own values that become it.
    """
    rows: list[tuple[str, str, str, str]] = []
    for field in target_fields(mapping):
        if field.create is not None:
            continue
        becomes: dict[str, list[str]] = {}
        for value, target in field.mapping.values.items():  # noqa: PD011 (not a pandas object)
            if target:
                becomes.setdefault(target, []).append(value)
        rows += [
            (field.module, field.logical, target, ", ".join(values))
            for target, values in becomes.items()
        ]
    return pd.DataFrame(rows, columns=["module", "field", "value", "from"], dtype="str")


def room_for_fields(mapping: Mapping, limits: Limits) -> pd.DataFrame:
    """Return for each module how many custom fields it needs and how many the edition allows."""
    needed = fields_needed(mapping).groupby("module", sort=False).size()
    allowed = [limits.custom_fields_of(str(module)) for module in needed.index]
    frame = pd.DataFrame({"module": needed.index, "needed": needed.to_numpy(), "allowed": allowed})
    return frame.assign(fits=frame["needed"] <= frame["allowed"])


def misfits(snapshot: SnapshotTables, mapping: Mapping, found: Inventory) -> pd.DataFrame:
    """Return what will not fit: one row for each field whose source is too long or of another type.

    Columns: object, field, column, what (`too long` or `another type`), rows, detail. `rows` of
    another type are the filled ones, since any of them may be refused. No value is read out.
    """
    columns = {f"{one.table}.{one.name}".casefold(): one for one in found.columns_found()}
    rows: list[tuple[str, str, str, str, int, str]] = []
    with opened(snapshot) as connection:
        for item in mapping.objects:
            fields = list(_checked(item))
            lengths = _too_long(connection, item, fields)
            for (row, kind), (count, longest) in zip(fields, lengths, strict=True):
                place = (str(item.object), row.target, _source(row))
                if count:
                    detail = f"up to {longest:,} characters, the field holds {kind.length:,}"
                    rows.append((*place, "too long", count, detail))
            rows += [
                (str(item.object), row.target, _source(row), "another type", one.filled,
                 f"looks like {one.content}, the field is {kind.data_type}")
                for row, one, kind in _of_another_type(connection, item, columns)
            ]  # fmt: skip
    names = ["object", "field", "column", "what", "rows", "detail"]
    return pd.DataFrame(rows, columns=names).astype({"rows": "int64"})


def _checked(item: ObjectMapping) -> Iterator[tuple[FieldMapping, TargetType]]:
    """Give the fields of limited length that one column fills about as it is."""
    for row in item.fields:
        kind = target_type(item, row)
        plain = len(row.columns) == 1 and {step.name for step in row.transform} <= _AS_IT_IS
        if plain and not row.lookup and kind and kind.is_text and kind.length:
            yield row, kind


def _too_long(
    connection: duckdb.DuckDBPyConnection,
    item: ObjectMapping,
    fields: list[tuple[FieldMapping, TargetType]],
) -> list[tuple[int, int]]:
    """Return for each field how many values are too long, and the longest, in one pass."""
    if not fields:
        return []
    told = []
    for row, kind in fields:
        length = f"length(trim(CAST({quoted(row.columns[0])} AS VARCHAR)))"
        told.append(f"count(*) FILTER ({length} > {kind.length}), coalesce(max({length}), 0)")
    with clear_errors(item.object):
        query = f"SELECT {', '.join(told)} FROM ({rows_sql(connection, item)})"
        (counts,) = connection.execute(query).fetchall()
    return [(int(n), int(longest)) for n, longest in zip(counts[::2], counts[1::2], strict=True)]


def _of_another_type(
    connection: duckdb.DuckDBPyConnection, item: ObjectMapping, columns: dict[str, ColumnProfile]
) -> Iterator[tuple[FieldMapping, ColumnProfile, TargetType]]:
    """Give the rows whose column looks like something else than their field takes.

    Where the SELECT makes a number or a date of a text, it answers for what comes out of it.
    """
    with clear_errors(item.object):
        given = select_columns(connection, rows_sql(connection, item))
    for row in item.fields:
        kind = target_type(item, row)
        alone = len(row.columns) == len(row.sources) == 1
        typed = {step.name for step in row.transform} <= _TYPED
        if kind is None or kind.data_type not in _EXPECTED or not (alone and typed):
            continue
        one = columns.get(row.sources[0].casefold())
        if one is None or not one.filled or one.content in _EXPECTED[kind.data_type]:
            continue
        made = one.type == "string" and given.get(row.columns[0], _TEXT) != _TEXT
        if not made:
            yield row, one, kind


def _source(row: FieldMapping) -> str:
    return ", ".join(row.sources) or ", ".join(row.columns)
