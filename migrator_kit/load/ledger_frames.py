"""Rows of the ledger as frames: a part at a time, for Python's own take ten times their memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Row, Select, Text

_AT_ONCE = 20_000


def frame_of(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    """Return the rows of a query, texts as texts and numbers as whole numbers that may be missing.

    By way of Arrow: as floats, large numbers beside missing ones would lose digits.
    """
    kinds = [
        pa.string() if isinstance(column.type, Text) else pa.int64()
        for column in query.selected_columns
    ]
    result = connection.execute(query.execution_options(yield_per=_AT_ONCE))
    fields = pa.schema(zip(result.keys(), kinds, strict=True))
    parts = [_table(rows, fields) for rows in result.partitions()]
    table = pa.concat_tables(parts) if parts else fields.empty_table()
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def _table(rows: Sequence[Row[Any]], fields: pa.Schema) -> pa.Table:
    columns = zip(zip(*rows, strict=True), fields.types, strict=True)
    return pa.table([pa.array(values, kind) for values, kind in columns], schema=fields)
