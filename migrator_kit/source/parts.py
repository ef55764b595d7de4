"""Streams of rows cut into parts whose size in memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import pyarrow as pa

PART_BYTES = 128 * 2**20
"""A part never holds more than this, however few rows that are (scanned images in a column)."""

CHUNK_BYTES = 8 * 2**20
"""Rows fetched at once from a cursor."""

_FIRST_FETCH = 64
_LARGEST_FETCH = 20_000

Row = TypeVar("Row")


def in_parts(tables: Iterable[pa.Table], part_rows: int, schema: pa.Schema) -> Iterator[pa.Table]:
    """Regroup small tables into parts of `part_rows` rows, fewer where they are large.

    A part keeps the chunks it came in: whoever writes it combines them, in a thread of its own.
    Always gives at least one part, so that an empty table keeps its columns.
    """
    waiting: list[pa.Table] = []
    rows = size = parts = 0
    for incoming in tables:
        table = incoming
        while table.num_rows:
            head = table.slice(0, part_rows - rows)
            table = table.slice(head.num_rows)
            waiting.append(head)
            rows += head.num_rows
            size += head.nbytes
            if rows >= part_rows or size >= PART_BYTES:
                yield pa.concat_tables(waiting)
                waiting, rows, size, parts = [], 0, 0, parts + 1
    if waiting or not parts:
        yield pa.concat_tables(waiting) if waiting else schema.empty_table()


def chunks(
    fetch: Callable[[int], list[Row]], size_of: Callable[[list[Row]], int]
) -> Iterator[list[Row]]:
    """Yield rows of a cursor in lists of about CHUNK_BYTES, found by feeling the way.

    The first fetch is small; each one after it takes as many rows as fit at the size seen last.
    """
    count = _FIRST_FETCH
    while rows := fetch(count):
        yield rows
        each = max(size_of(rows) // len(rows), 1)
        count = max(1, min(CHUNK_BYTES // each, count * 8, _LARGEST_FETCH))
