"""One value of each row before and after its rule, masked by the row's data class."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from migrator_kit.mapping.model import FieldMapping, Landing, Mapping, ObjectMapping
from migrator_kit.mapping.objects import (
    SnapshotTables,
    clear_errors,
    opened,
    rows_sql,
    to_frame,
)
from migrator_kit.mapping.parts import field_values
from migrator_kit.mapping.targets import target_type
from migrator_kit.mapping.transforms import Locale
from migrator_kit.mapping.transforms.columns import as_text, blank_to_none
from migrator_kit.privacy import DataClass, mask

_LOOKED_AT = 200
"""Rows of an object among which a value is looked for."""


class Sample(NamedTuple):
    """What a source row holds and what the rule makes of it; empty where no row holds anything."""

    before: str
    after: str


NOTHING = Sample("", "")


def samples(
    snapshot: SnapshotTables, mapping: Mapping, locale: Locale, *, reveal: bool = False
) -> dict[str, Sample]:
    """Return a sample for each row by its name, `Object.Field`, from the first rows of its object.

    Values of patient classes show as shapes unless `reveal`. Raises MappingError where a SELECT
    does not run or a rule cannot be carried out.
    """
    found = {}
    with opened(snapshot, mapping) as connection:
        for item in mapping.objects:
            if item.landing is Landing.REFERENCE:
                continue
            with clear_errors(item.object):
                query = f"SELECT * FROM ({rows_sql(connection, item)}) LIMIT {_LOOKED_AT}"
                frame = to_frame(connection.sql(query).to_arrow_table())
            for row in item.fields:
                name = f"{item.object}.{row.target}"
                found[name] = _sample(frame, item, row, locale, reveal=reveal)
    return found


def _sample(
    frame: pd.DataFrame, item: ObjectMapping, row: FieldMapping, locale: Locale, *, reveal: bool
) -> Sample:
    target = target_type(item, row)
    names = [name for name in row.columns if name in frame.columns]
    if frame.empty or target is None or len(names) < len(row.columns):
        return NOTHING
    texts = pd.DataFrame({name: blank_to_none(as_text(frame[name])) for name in names})
    given = texts.notna().any(axis=1)
    if row.lookup:
        after = texts.bfill(axis=1).iloc[:, 0]
    else:
        ids = as_text(frame["source_id"])
        after = field_values(frame, ids, row, target, locale)[0]
    best = after.notna() & given if (after.notna() & given).any() else given | after.notna()
    if not best.any():
        return NOTHING
    place = int(best.to_numpy().argmax())
    before = [_told(texts[name].iloc[place], row.data_class, reveal=reveal) for name in names]
    # A target of numbers or dates is told as it arrives; its mask is that of its text.
    arrives = _told(after.iloc[place], row.data_class, reveal=reveal)
    return Sample(" · ".join(text for text in before if text), arrives)


def _told(value: Any, data_class: DataClass, *, reveal: bool) -> str:
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        text = ", ".join(str(one) for one in value)
    else:
        text = "" if pd.isna(value) else str(value)
    return str(mask(pd.Series([text], dtype="str"), data_class, reveal=reveal).iloc[0])
