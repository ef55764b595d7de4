"""Columns as the transforms see them: any pandas column as text, and Arrow arrays as columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def as_text(column: pd.Series) -> pd.Series:
    """Return any column as text; what is missing stays missing.

    Whole numbers have no decimal point, dates and times are ISO, yes and no are `true` and
    `false`, bytes are read as UTF-8.
    """
    if isinstance(column.dtype, pd.StringDtype):
        return column if column.dtype.na_value is not pd.NA else column.astype("str")
    if column.dtype == object:
        return pd.Series([_text(value) for value in column], index=column.index, dtype="str")
    array = pa.array(column, from_pandas=True)
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    series = to_series(_arrow_text(array))
    series.index = column.index
    return series


def to_series(array: pa.Array | pa.ChunkedArray) -> pd.Series:
    """Return an Arrow array as a column: text as `str`, anything else as its Arrow type."""
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return pd.Series(pd.array(array.cast(pa.large_string()), dtype="str"))
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))


def to_arrow(column: pd.Series) -> pa.Array:
    """Return a text column as one Arrow array."""
    return typed_array(column, pa.large_string())


def typed_array(column: pd.Series, arrow: pa.DataType) -> pa.Array:
    """Return a column as one Arrow array of a type that its values have."""
    array = pa.array(column, type=arrow, from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def blank_to_none(column: pd.Series) -> pd.Series:
    """Return a text column with white space alone as missing."""
    array = to_arrow(column)
    blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(array)), 0)
    if not pc.any(blank).as_py():
        return column
    series = to_series(pc.if_else(blank, pa.scalar(None, pa.large_string()), array))
    series.index = column.index
    return series


def glue(*parts: pa.Array | str, separator: str = "") -> pa.Array:
    """Return texts joined row by row; a missing part makes the whole missing."""
    return pc.binary_join_element_wise(*_wide(parts), pa.scalar(separator, pa.large_string()))


def glue_present(*parts: pa.Array, separator: str) -> pa.Array:
    """Return texts joined row by row, missing parts left out; empty where all are missing."""
    # Without the constant at the front, pyarrow 26 drops rows in which every part is missing.
    joined = pc.binary_join_element_wise(
        *_wide(("", *parts)), pa.scalar(separator, pa.large_string()), null_handling="skip"
    )
    return pc.utf8_slice_codeunits(joined, start=len(separator))


def _wide(parts: Sequence[pa.Array | str]) -> list[pa.Array | pa.Scalar]:
    wide = pa.large_string()
    return [pa.scalar(part, wide) if isinstance(part, str) else part.cast(wide) for part in parts]


def _arrow_text(array: pa.Array) -> pa.Array:
    if pa.types.is_null(array.type):
        return array.cast(pa.string())
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        return pa.array([_text(value) for value in array.to_pylist()], pa.string())
    if pa.types.is_nested(array.type):
        return pa.array([_text(value) for value in array.to_pylist()], pa.string())
    text = array.cast(pa.string())
    if pa.types.is_floating(array.type):
        return pc.replace_substring_regex(text, pattern=r"^(-?\d+)\.0+$", replacement=r"\1")
    return text


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    if not pd.api.types.is_scalar(value):
        return str(value)
    if value is None or value is pd.NaT or pd.isna(value):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).encode("utf-8", "replace").decode("utf-8")
