"""Compared records value by value: source, what was expected, what Zoho CRM holds, the verdict.

Values are in the result, unlike in a `DiffReport`: whoever shows it masks them by `data_class`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pandas as pd

from migrator_kit.compare.datasets import Landed, Parts, database
from migrator_kit.compare.mapped import data_class_of, way_of
from migrator_kit.compare.rules import FieldRule, field_rules
from migrator_kit.compare.sides import Scope, Sides
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName
from migrator_kit.mapping.objects import SnapshotTables, clear_errors, opened, rows_sql

COLUMNS = (
    "source_id", "field", "api_name", "kind", "way", "expected", "actual", "verdict", "nature",
    "data_class",
)  # fmt: skip
SAMPLE_COLUMNS = ("object", *COLUMNS[:5], "source", *COLUMNS[5:])


def record_view(
    shaped: Parts,
    landed: Landed,
    mapping: Mapping,
    name: ObjectName,
    source_id: str,
    folder: Path,
    *,
    scope: Scope | None = None,
) -> pd.DataFrame:
    """Return one row for each compared field of a record, columns `COLUMNS`.

    Empty where the record is not on both sides. `folder` takes temporary files.
    """
    # Copies and files of other records are of no interest here: the scope keeps its identities.
    kept = replace(scope or Scope(), keys=None, not_moved=None)
    with database(folder) as connection:
        sides = Sides(connection, shaped, landed, mapping, mapping.object(name), kept)
        return _cells(sides, only=source_id)


def sample_view(
    shaped: Parts,
    landed: Landed,
    mapping: Mapping,
    snapshot: SnapshotTables,
    folder: Path,
    scope: Scope,
) -> pd.DataFrame:
    """Return every compared value of the records in `scope`, columns `SAMPLE_COLUMNS`.

    `source` is what the snapshot holds, as text; several columns are parted by a comma. Meant for
    a sample: all values are in memory at once. `folder` takes temporary files.
    """
    frames = []
    with database(folder) as connection:
        for item in mapping.objects:
            if item.landing is Landing.REFERENCE or not shaped.parts(item.object):
                continue
            with connection.cursor() as own:
                cells = _cells(Sides(own, shaped, landed, mapping, item, scope))
            source = _source_texts(snapshot, item, set(cells["source_id"]))
            cells = cells.merge(source, on=["source_id", "field"], how="left")
            frames.append(cells.assign(object=item.object.value))
    empty = pd.DataFrame({column: pd.Series(dtype="str") for column in SAMPLE_COLUMNS})
    return pd.concat([empty, *frames], ignore_index=True)[list(SAMPLE_COLUMNS)]


def _cells(sides: Sides, only: str | None = None) -> pd.DataFrame:
    """Return every compared value of an object, or of one of its records."""
    sides.prepare()
    rules = field_rules(sides)
    where, key = ("", {}) if only is None else (" where source_id = $key", {"key": only})
    cells = ", ".join(rule.cell for rule in rules)
    rows = sides.connection.execute(
        f"select source_id, unnest([{cells}], recursive := true) "
        f"from (select * from expected{where}) s "
        f"join (select * from actual{where}) t using (source_id) order by source_id",
        key,
    ).df()
    if rows.empty:
        return pd.DataFrame({column: pd.Series(dtype="str") for column in COLUMNS})
    described = pd.DataFrame([_described(sides, rule) for rule in rules])
    return rows.merge(described, on="field", how="left")[list(COLUMNS)]


def _described(sides: Sides, rule: FieldRule) -> dict[str, object]:
    item = sides.item
    known = sides.landed.field(item.into or item.object, rule.target)
    return {
        "field": rule.target,
        "api_name": known.api_name if known else "",
        "kind": rule.kind.value,
        "way": way_of(sides.mapping, item.object, rule.target),
        "data_class": data_class_of(sides.mapping, item.object, rule.target),
    }


def _source_texts(
    snapshot: SnapshotTables, item: ObjectMapping, wanted: Collection[str]
) -> pd.DataFrame:
    """Return what the object's SELECT gives for some records, as text: source_id, field, source."""
    with opened(snapshot) as connection, clear_errors(item.object):
        connection.register("wanted", pd.DataFrame({"source_id": sorted(wanted)}, dtype="str"))
        rows: pd.DataFrame = connection.sql(
            f"SELECT COLUMNS(*)::VARCHAR FROM ({rows_sql(connection, item)}) "
            "WHERE CAST(source_id AS VARCHAR) IN (SELECT wanted.source_id FROM wanted)"
        ).df()
    frames = [_texts(rows, row.target, row.columns) for row in item.fields]
    columns = ("source_id", "field", "source")
    empty = pd.DataFrame({column: pd.Series(dtype="str") for column in columns})
    return pd.concat([empty, *frames], ignore_index=True)


def _texts(rows: pd.DataFrame, target: str, columns: Collection[str]) -> pd.DataFrame:
    texts = pd.Series("", index=rows.index, dtype="str")
    for number, name in enumerate(name for name in columns if name in rows):
        texts += (", " if number else "") + rows[name].fillna("")
    return pd.DataFrame({"source_id": rows["source_id"], "field": target, "source": texts})
