"""Values made of several columns, or of none: joined, filled in, put into a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd
import pyarrow.compute as pc
from pydantic import Field

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import (
    blank_to_none,
    glue,
    glue_present,
    to_arrow,
    to_series,
)
from migrator_kit.mapping.transforms.registry import (
    Options,
    Transformed,
    many_columns,
    no_reasons,
    run,
)
from migrator_kit.mapping.transforms.registry import find as find_transform
from migrator_kit.mapping.transforms.text import CleanOptions


class ConstantOptions(Options):
    """`value`: what every row gets."""

    value: str


@many_columns("constant", version=1, options=ConstantOptions)
def constant(columns: Sequence[pd.Series], options: ConstantOptions) -> Transformed:
    """The same value for every row."""
    index = columns[0].index
    return Transformed(pd.Series(options.value, index=index, dtype="str"), no_reasons(index))


class FirstOptions(Options):
    """`default`: what stands where no column has a value."""

    default: str | None = None


@many_columns("first", version=1, options=FirstOptions)
def first(columns: Sequence[pd.Series], options: FirstOptions) -> Transformed:
    """The first column that has a value, or a default."""
    found = columns[0]
    for column in columns[1:]:
        found = found.where(found.notna(), column)
    if options.default is not None:
        found = found.fillna(options.default)
    return Transformed(found, no_reasons(found.index))


class JoinOptions(Options):
    """`separator`: what stands between. `labels`: names put before the columns, in their order."""

    separator: str = ", "
    labels: tuple[str, ...] = ()


@many_columns("join", version=1, options=JoinOptions)
def join(columns: Sequence[pd.Series], options: JoinOptions) -> Transformed:
    """Columns joined in one text, empty ones left out: street lines, labelled remarks."""
    parts = [_cleaned(column) for column in columns]
    texts, reasons = zip(*parts, strict=True)
    joined = labelled(texts, options.labels, options.separator)
    return Transformed(joined, _first_reason(reasons))


class TemplateOptions(Options):
    """`template`: text with column names in braces. `limits`: characters that a column may take."""

    template: str
    limits: dict[str, int] = Field(default_factory=dict)


_SLOT = re.compile(r"\{(\w+)\}")


@many_columns("template", version=1, options=TemplateOptions)
def template(columns: Sequence[pd.Series], options: TemplateOptions) -> Transformed:
    """A sentence with the values of columns in it, such as `{title} ({source_id})`."""
    index = columns[0].index
    known = {str(column.name): column for column in columns}
    reasons = no_reasons(index)
    pieces = []
    filled = pd.Series(False, index=index)
    for position, piece in enumerate(_SLOT.split(options.template)):
        if position % 2 == 0:
            pieces.append(pd.Series(piece, index=index, dtype="str"))
            continue
        value = _one_line(known[piece]) if piece in known else pd.Series(pd.NA, index, dtype="str")
        if limit := options.limits.get(piece):
            reasons = reasons.mask(value.str.len() > limit, str(RejectReason.TOO_LONG))
            value = value.str.slice(0, limit).str.rstrip()
        filled |= value.notna()
        pieces.append(value.fillna(""))
    whole = _tidy(glue(*(to_arrow(piece) for piece in pieces)))
    whole.index = index
    return Transformed(whole.where(filled), reasons.where(filled))


class OverflowOptions(Options):
    """`lengths`: what the column's own field holds, None for text that always belongs here.

    `labels`: names put before the columns, in their order.
    """

    lengths: tuple[int | None, ...]
    labels: tuple[str, ...] = ()


@many_columns("overflow", version=1, options=OverflowOptions)
def overflow(columns: Sequence[pd.Series], options: OverflowOptions) -> Transformed:
    """The whole text of columns that were cut for their own fields, one paragraph each."""
    texts, reasons = [], []
    for position, column in enumerate(columns):
        value, reason = _cleaned(column)
        length = options.lengths[position] if position < len(options.lengths) else None
        if length is not None:
            fits = ~(value.str.len() > length)
            value, reason = value.mask(fits), reason.mask(fits)
        texts.append(value)
        reasons.append(reason)
    return Transformed(labelled(texts, options.labels, "\n"), _first_reason(reasons))


def labelled(texts: Sequence[pd.Series], labels: Sequence[str], separator: str) -> pd.Series:
    """Return columns joined row by row, each with its label, empty ones left out."""
    arrays = []
    for position, text in enumerate(texts):
        label = labels[position] if position < len(labels) else ""
        array = to_arrow(text)
        arrays.append(glue(f"{label}: ", array) if label else array)
    if not arrays:
        return pd.Series(dtype="str")
    joined = glue_present(*arrays, separator=separator)
    series = blank_to_none(to_series(joined))
    series.index = texts[0].index
    return series


def _cleaned(column: pd.Series) -> Transformed:
    return run(find_transform("clean"), [column], CleanOptions())


def _one_line(column: pd.Series) -> pd.Series:
    line, _ = run(find_transform("text"), [column], Options())
    return line


def _tidy(array: object) -> pd.Series:
    """Return sentences without the brackets, dashes and spaces that empty values left behind."""
    for pattern, replacement in (
        (r"\(\s*\)", ""),
        (r"\s+", " "),
        (r"^[\s:,–-]+|[\s:,–-]+$", ""),
    ):
        array = pc.replace_substring_regex(array, pattern=pattern, replacement=replacement)
    return blank_to_none(to_series(array))


def _first_reason(reasons: Sequence[pd.Series]) -> pd.Series:
    found = reasons[0]
    for column in reasons[1:]:
        found = found.where(found.notna(), column)
    return found
