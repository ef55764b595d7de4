"""Columns of a frame as plain Python values, missing ones as None."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa


def plain_rows(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of some columns as tuples of Python values."""
    lists = [pa.array(frame[name], from_pandas=True).to_pylist() for name in columns]
    return zip(*lists, strict=True)
