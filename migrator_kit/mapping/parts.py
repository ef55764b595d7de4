"""Shaping a part: source rows of an object in, target fields and rejects out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.errors import MappingError
from migrator_kit.mapping.model import FieldMapping, Landing, ObjectMapping, Step
from migrator_kit.mapping.objects import COPY_COLUMN, SLOT_ORDER
from migrator_kit.mapping.rejects import RejectAction, RejectReason, no_rejects, reject_rows
from migrator_kit.mapping.targets import CUTTABLE, Metadata, TargetType, target_type
from migrator_kit.mapping.transforms import Locale, Transformed, find, read_options, run
from migrator_kit.mapping.transforms.columns import as_text, blank_to_none, to_arrow, to_series
from migrator_kit.mapping.transforms.own import use_own
from migrator_kit.mapping.transforms.registry import no_reasons

IMPLIED: dict[str, Step] = {
    "text": Step(name="text"),
    "textarea": Step(name="clean"),
    "picklist": Step(name="text"),
    "email": Step(name="email"),
    "phone": Step(name="phone"),
    "website": Step(name="website"),
    "date": Step(name="date"),
    "datetime": Step(name="datetime"),
    "boolean": Step(name="boolean"),
    "integer": Step(name="integer"),
    "bigint": Step(name="integer", options={"digits": 18}),
    "currency": Step(name="decimal", options={"places": 2}),
    "double": Step(name="decimal", options={"places": 9}),
    "percent": Step(name="decimal", options={"places": 2}),
    "multiselectpicklist": Step(name="multiselect"),
    "lookup": Step(name="lookup"),
    "ownerlookup": Step(name="owner"),
}
"""What makes a value fit its target's type where the mapping names no transform that does."""


FILE_PATH = "file_path"
"""Field of a file below the documents; of a group below the folder of its practice."""

_NONE = no_rejects()


@dataclass(frozen=True, slots=True)
class ShapeContext:
    """What shaping depends on besides the rows and the mapping."""

    locale: Locale = field(default_factory=Locale)
    metadata: Metadata | None = None
    practice: str | None = None
    """The practice of a group that the rows are of."""
    own_transforms: str = ""
    """The engagement's own transforms as written, for workers that have not read them."""


@dataclass(frozen=True, slots=True)
class ShapedPart:
    """A shaped part: rows that move with one column for each target, and the rejects.

    A lookup with several objects has one column for each, `Target#1` and so on: which of them
    holds is known when all objects are shaped.
    """

    frame: pd.DataFrame
    rejects: pd.DataFrame


def shape_part(frame: pd.DataFrame, mapping: ObjectMapping, context: ShapeContext) -> ShapedPart:
    """Return the rows of an object as target fields. The same rows always give the same part."""
    use_own(context.own_transforms)
    frame = frame.reset_index(drop=True)
    ids, excluded, rejects = _keys(frame, mapping, context.practice)
    columns: dict[str, pd.Series] = {"source_id": ids}
    if mapping.landing is Landing.FIELDS:
        columns |= _place(frame, mapping)
        orphan = columns["parent_id"].isna()
        rejects.append(_excluding(mapping, "parent_id", ids, orphan, RejectReason.ORPHAN_PARENT))
        excluded |= np.asarray(orphan)
    if mapping.landing is Landing.REFERENCE:
        others = [name for name in frame.columns if name not in ("source_id", COPY_COLUMN)]
        columns |= {str(name): frame[name] for name in others}
    field_rejects: list[tuple[str, pd.Series, pd.Series]] = []
    for row in mapping.fields:
        target = target_type(mapping, row, context.metadata)
        if target is None:
            raise MappingError(f"{mapping.object}: {mapping.module} has no field {row.target!r}.")
        if row.lookup:
            shaped, reasons = _links(frame, row), no_reasons(frame.index)
            missing = pd.concat(list(shaped.values()), axis=1).isna().all(axis=1)
            gone = RejectReason.ORPHAN_PARENT
        else:
            values, reasons = field_values(frame, ids, row, target, context.locale)
            shaped, missing = {row.target: values}, values.isna()
            gone = RejectReason.MISSING_REQUIRED
        columns.update(shaped)
        if row.required or target.required:
            rejects.append(_excluding(mapping, row.target, ids, missing, gone))
            excluded |= np.asarray(missing)
        field_rejects.append((row.target, reasons, missing))
    if mapping.landing is Landing.FILES and context.practice and FILE_PATH in columns:
        columns[FILE_PATH] = context.practice + "/" + columns[FILE_PATH]
    for name, reasons, missing in field_rejects:
        rejects.append(_touched(mapping, name, ids, reasons.mask(excluded), missing))
    moving = pd.DataFrame(columns)[~excluded].reset_index(drop=True)
    found = [part for part in rejects if len(part)]
    return ShapedPart(moving, pd.concat(found, ignore_index=True) if found else _NONE)


def field_values(
    frame: pd.DataFrame, ids: pd.Series, row: FieldMapping, target: TargetType, locale: Locale
) -> Transformed:
    """Return the values of one target field, fit for its type and length, and the reasons."""
    steps = list(row.transform)
    locale = locale.of_columns(row.sources)
    if row.constant is not None:
        current = Transformed(_constant(row.constant, ids.index), no_reasons(ids.index))
    else:
        columns = [_column(frame, name) for name in row.columns] or [ids]
        step = steps.pop(0) if steps else _implied(row, target)
        current = _run(step, row, columns, locale)
    for step in steps:
        current = _after(current, _run(step, row, [current[0]], locale))
    if row.values and not any(step.name in ("picklist", "multiselect") for step in row.transform):  # noqa: PD011
        current = _after(current, _run(Step(name="picklist"), row, [current[0]], locale))
    return _fitted(current, row, target, locale)


def _implied(row: FieldMapping, target: TargetType) -> Step:
    if row.values and target.data_type == "picklist":  # noqa: PD011 (a value map, no frame)
        return Step(name="picklist")
    return IMPLIED.get(target.data_type, IMPLIED["text"])


def _run(
    step: Step, row: FieldMapping, columns: Sequence[pd.Series], locale: Locale
) -> Transformed:
    transform = find(step.name)
    if not transform.many and len(columns) > 1:
        raise MappingError(
            f"{row.target}: the transform {step.name!r} takes one column, not {len(columns)}."
        )
    options = dict(step.options)
    if step.name in ("picklist", "multiselect"):
        options.setdefault("values", dict(row.values))
    return run(transform, columns, read_options(step.name, options, locale))


def _after(before: Transformed, after: Transformed) -> Transformed:
    """Return the values of a later step with the reasons of both, the later ones first."""
    reasons = after.rejects.where(after.rejects.notna(), before.rejects)
    return Transformed(after[0], reasons)


def _fitted(
    current: Transformed, row: FieldMapping, target: TargetType, locale: Locale
) -> Transformed:
    values, reasons = current
    if not target.is_text:
        arrow = values.dtype.pyarrow_dtype if isinstance(values.dtype, pd.ArrowDtype) else None
        if arrow != target.arrow:
            return _after(current, _run(IMPLIED[target.data_type], row, [values], locale))
        return current
    texts = blank_to_none(as_text(values))
    array = to_arrow(texts)
    if target.data_type != "textarea" and pc.any(pc.match_substring(array, "\n")).as_py():
        array = pc.replace_substring_regex(array, pattern=r"\s*\n\s*", replacement=" ")
        texts = to_series(array).set_axis(texts.index)
    if target.length is None:
        return Transformed(texts, reasons)
    long = np.array(pc.fill_null(pc.greater(pc.utf8_length(array), target.length), False))
    if long.any():
        if target.data_type in CUTTABLE:
            cut = pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(array, 0, target.length))
            texts = texts.where(~long, to_series(cut).set_axis(texts.index))
        else:
            texts = texts.mask(long)
        reasons = reasons.mask(long, str(RejectReason.TOO_LONG))
    return Transformed(texts, reasons)


def _keys(
    frame: pd.DataFrame, mapping: ObjectMapping, practice: str | None
) -> tuple[pd.Series, np.ndarray, list[pd.DataFrame]]:
    """Return the keys, which rows cannot move for their key, and the rejects of those.

    A row without a key and a further row of a key are named `#2` and `A17#2` in the list.
    """
    given = blank_to_none(as_text(frame["source_id"])).str.strip()
    if COPY_COLUMN in frame.columns:
        copies = frame[COPY_COLUMN].astype("int64")
    else:
        same = given.str.lower() if mapping.landing is Landing.RECORDS else given
        copies = given.groupby(same, dropna=False).cumcount() + 1
    missing = given.isna()
    doubled = ~missing & (copies > 1)
    named = given.fillna(f"{practice}:" if practice else "")
    ids = named.where(~(missing | doubled), named + "#" + copies.astype("str"))
    long = pd.Series(False, index=ids.index)
    if mapping.key is not None:
        long = ids.str.len() > _key_length(mapping)
    rejects = [
        _excluding(mapping, "source_id", ids, missing, RejectReason.MISSING_KEY),
        _excluding(mapping, "source_id", ids, doubled, RejectReason.DUPLICATE_KEY),
        _excluding(mapping, "source_id", ids, long, RejectReason.TOO_LONG),
    ]
    return ids, np.array(missing | doubled | long), rejects


def _place(frame: pd.DataFrame, mapping: ObjectMapping) -> dict[str, pd.Series]:
    """Return the record that a row's values go to, and its place among the rows of that record."""
    parents, _ = run(find("lookup"), [_column(frame, "parent_id")], read_options("lookup", {}))
    if mapping.slots == 1 and SLOT_ORDER not in frame.columns:
        return {"parent_id": parents}
    order = _column(frame, SLOT_ORDER)
    places, _ = run(find("ordinal"), [order], read_options("ordinal", {}))
    return {"parent_id": parents, SLOT_ORDER: places}


def _key_length(mapping: ObjectMapping) -> int:
    row = mapping.field(mapping.key or "")
    target = target_type(mapping, row) if row else None
    return (target.length if target else None) or 255


def _excluding(
    mapping: ObjectMapping, name: str, ids: pd.Series, where: pd.Series, reason: RejectReason
) -> pd.DataFrame:
    if not where.any():
        return _NONE
    reasons = no_reasons(ids.index).mask(where, str(reason))
    return reject_rows(mapping.object, name, ids, reasons, RejectAction.EXCLUDED)


def _touched(
    mapping: ObjectMapping, name: str, ids: pd.Series, reasons: pd.Series, missing: pd.Series
) -> pd.DataFrame:
    if not reasons.notna().any():
        return _NONE
    actions = pd.Series(str(RejectAction.ADJUSTED), index=ids.index, dtype="str")
    actions = actions.mask(missing, str(RejectAction.EMPTIED))
    return reject_rows(mapping.object, name, ids, reasons, actions)


def _links(frame: pd.DataFrame, row: FieldMapping) -> dict[str, pd.Series]:
    """Return the keys of possible parents, one column for each object."""
    step = row.transform[0] if row.transform else Step(name="lookup")
    options = read_options(step.name, dict(step.options))
    found = {}
    for position, name in enumerate(row.columns, start=1):
        keys, _ = run(find(step.name), [_column(frame, name)], options)
        found[row.target if len(row.columns) == 1 else f"{row.target}#{position}"] = keys
    return found


def _constant(value: str | bool | int | float, index: pd.Index) -> pd.Series:
    array = pa.array([value] * len(index), None if len(index) else pa.string())
    series = to_series(array)
    series.index = index
    return series


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        raise MappingError(
            f"The SELECT gives no column {name!r}.", hint=f"It gives: {', '.join(frame.columns)}."
        )
    return frame[name]
