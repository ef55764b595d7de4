"""Values of mapped picklists: what occurs in the snapshot, how often, and what it becomes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pandas as pd

from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectMapping
from migrator_kit.mapping.objects import (
    SnapshotTables,
    clear_errors,
    opened,
    quoted,
    rows_sql,
    to_frame,
)
from migrator_kit.mapping.transforms import find, read_options, run
from migrator_kit.mapping.transforms.choices import KEEP, PicklistOptions, map_choice
from migrator_kit.mapping.transforms.columns import as_text, blank_to_none
from migrator_kit.privacy import mask

_COLUMNS = ["object", "field", "value", "becomes", "records"]


@dataclass(frozen=True, slots=True)
class PicklistValues:
    """The values of one mapped picklist, the most frequent first.

    `counts` has value (as the value map sees it, in clear), becomes (empty where nobody decided),
    named (the value map has an entry) and records.
    """

    item: ObjectMapping
    row: FieldMapping
    counts: pd.DataFrame

    def shown(self, *, reveal: bool = False) -> pd.Series:
        """Return the values for people's eyes: those of the value map in clear, as they stand in
        `mapping.yml`; others masked by the data class of the row."""
        values = self.counts["value"]
        return values.where(self.counts["named"], mask(values, self.row.data_class, reveal=reveal))


def picklist_values(mapping: Mapping, snapshot: SnapshotTables) -> Iterator[PicklistValues]:
    """Give the values of every mapped picklist. Raises MappingError where a SELECT fails."""
    with opened(snapshot) as connection:
        for item, row, options in _picklists(mapping):
            yield PicklistValues(item, row, _counted(connection, item, row, options))


def value_counts(mapping: Mapping, snapshot: SnapshotTables) -> pd.DataFrame:
    """Return the values of every mapped picklist: object, field, value, becomes, records.

    `becomes` is empty where neither the value map nor `otherwise` decides. Values that the value
    map names stand in clear, as they do in `mapping.yml`; others are masked by the data class of
    their row.
    """
    frames = [pd.DataFrame(columns=_COLUMNS)]
    for one in picklist_values(mapping, snapshot):
        shown = one.counts.assign(
            object=str(one.item.object), field=one.row.target, value=one.shown()
        )
        frames.append(shown[_COLUMNS])
    return pd.concat(frames, ignore_index=True)


def undecided_records(mapping: Mapping, snapshot: SnapshotTables, item: ObjectMapping) -> int:
    """Return how many records of an object hold a picklist value that nobody decided."""
    conditions, parameters = [], []
    with opened(snapshot) as connection:
        for other, row, options in _picklists(mapping):
            if other.object is not item.object:
                continue
            raw = _raw(connection, item, row)
            prepared = _prepared(raw["value"], row)
            waits = [pd.notna(v) and _becomes(v, options) is None for v in prepared]
            open_values = raw["value"][waits].tolist()
            if open_values:
                marks = ", ".join("?" * len(open_values))
                conditions.append(f"CAST({quoted(row.columns[0])} AS VARCHAR) IN ({marks})")
                parameters += open_values
        if not conditions:
            return 0
        query = (
            f"SELECT count(*) FROM ({rows_sql(connection, item)}) WHERE {' OR '.join(conditions)}"
        )
        ((records,),) = connection.execute(query, parameters).fetchall()
    return int(records)


def _raw(
    connection: duckdb.DuckDBPyConnection, item: ObjectMapping, row: FieldMapping
) -> pd.DataFrame:
    with clear_errors(item.object):
        column = quoted(row.columns[0])
        return to_frame(connection.sql(
            f"SELECT CAST({column} AS VARCHAR) AS value, count(*) AS records "
            f"FROM ({rows_sql(connection, item)}) GROUP BY ALL"
        ).to_arrow_table())  # fmt: skip


def _counted(
    connection: duckdb.DuckDBPyConnection,
    item: ObjectMapping,
    row: FieldMapping,
    options: PicklistOptions,
) -> pd.DataFrame:
    counted = _raw(connection, item, row)
    counted["value"] = _prepared(counted["value"], row)
    counted = counted.dropna(subset="value").groupby("value", as_index=False).sum()
    counted = counted.sort_values(["records", "value"], ascending=[False, True])
    becomes = [_becomes(value, options) for value in counted["value"]]
    counted["becomes"] = pd.Series(becomes, index=counted.index, dtype="str")
    named = [map_choice(value, options)[1] for value in counted["value"]]
    counted["named"] = pd.Series(named, index=counted.index, dtype=bool)
    return counted.reset_index(drop=True)


def _prepared(values: pd.Series, row: FieldMapping) -> pd.Series:
    """Return source values as the value map sees them: after the steps that come before it."""
    for step in row.transform:
        if step.name == "picklist":
            break
        values, _ = run(find(step.name), [values], read_options(step.name, step.options))
    return blank_to_none(as_text(values)).str.strip()


def _becomes(value: str, options: PicklistOptions) -> str | None:
    """Return what a value becomes, None where nobody decided."""
    target, known = map_choice(value, options)
    if known:
        return target or "(empty)"
    if options.otherwise is None:
        return None
    return value if options.otherwise == KEEP else f"{options.otherwise} (otherwise)"


def _picklists(
    mapping: Mapping,
) -> Iterator[tuple[ObjectMapping, FieldMapping, PicklistOptions]]:
    for item in mapping.objects:
        for row in item.fields:
            for step in row.transform:
                if step.name == "picklist" and row.columns:
                    given = {"values": dict(row.values), **step.options}
                    yield item, row, PicklistOptions.model_validate(given)
