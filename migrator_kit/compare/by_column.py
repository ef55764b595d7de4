"""Plain columns of both sides compared as columns: nothing is joined to find the few that differ.

The rows of the two sides are paired once, by their keys; then one column after the other is read,
laid beside its pair, and let go. So memory is bounded by a column, whatever the width of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migrator_kit.compare.datasets import columns_of, quoted
from migrator_kit.compare.rules import FieldRule, Kind
from migrator_kit.compare.sides import Sides

LARGEST_COLUMN = 600 * 2**20
"""Bytes of a column that are laid side by side; a larger one is compared in slices of rows."""

_BY_JOIN = {Kind.LINK, Kind.PERSON, Kind.FILE, Kind.CHOICES}
"""Kinds whose expected value is not what stands in the shaped part, or that are lists."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which row of the shaped parts stands beside which row of the landed ones.

    `left` and `right` are the numbers of the rows, in the order of the shaped parts.
    """

    shaped: tuple[Path, ...]
    landed: tuple[Path, ...]
    left: np.ndarray
    right: np.ndarray


def pair_rows(sides: Sides) -> Pairs | None:
    """Return the pairs of an object's rows.

    None where its rows cannot be paired without a choice: copies of a record, values that lie in
    another object's records, a sample.
    """
    if not sides.own_records or sides.scope.keys is not None or sides.rows("duplicates"):
        return None
    shaped = tuple(sides.shaped.parts(sides.item.object))
    landed = tuple(sides.landed.parts(sides.item.object))
    if not shaped or not landed:
        return None
    ours, theirs = _column(shaped, "source_id"), _column(landed, "source_id")
    places = pc.index_in(ours, value_set=theirs)
    left_out = pa.array(sides.left_out.to_numpy(dtype=object), ours.type)
    both = pc.and_not(pc.is_valid(places), pc.is_in(ours, value_set=left_out))
    left = np.flatnonzero(both.to_numpy(zero_copy_only=False))
    right = places.filter(both).to_numpy(zero_copy_only=False)
    return Pairs(shaped, landed, left, right.astype("int64"))


def by_column(rules: Sequence[FieldRule], pairs: Pairs) -> list[FieldRule]:
    """Return the rules whose two sides are plain columns of one type, and not too large."""
    shaped, landed = columns_of(pairs.shaped), columns_of(pairs.landed)
    sizes = _sizes(pairs.shaped), _sizes(pairs.landed)
    return [
        rule
        for rule in rules
        if rule.kind not in _BY_JOIN
        and (rule.expected, rule.actual) == (f"s.{quoted(rule.target)}", f"t.{quoted(rule.target)}")
        and shaped.get(rule.target) == landed.get(rule.target)
        and all(size.get(rule.target, 0) <= LARGEST_COLUMN for size in sizes)
    ]


def differing(name: str, pairs: Pairs) -> pa.Table:
    """Return the rows in which a column may differ: `source_id`, `expected`, `actual`."""
    expected = _column(pairs.shaped, name).take(pairs.left)
    actual = _column(pairs.landed, name).take(pairs.right)
    unequal = pc.fill_null(pc.not_equal(expected, actual), False)
    one_empty = pc.xor(pc.is_null(expected), pc.is_null(actual))
    found = np.flatnonzero(pc.or_(unequal, one_empty).to_numpy(zero_copy_only=False))
    ids = _column(pairs.shaped, "source_id").take(pairs.left[found]) if len(found) else []
    return pa.table(
        {
            "source_id": pa.array(ids, pa.string()),
            "expected": expected.take(found),
            "actual": actual.take(found),
        }
    )


def alone(rule: FieldRule) -> FieldRule:
    """Return a rule as it reads the columns that `differing` gives."""
    return replace(rule, expected="d.expected", actual="d.actual")


def _column(paths: Sequence[Path], name: str) -> pa.Array:
    chunks = [pq.read_table(path, columns=[name], use_threads=False)[name] for path in paths]
    whole = pa.chunked_array([chunk for one in chunks for chunk in one.chunks], chunks[0].type)
    return whole.combine_chunks()


def _sizes(paths: Sequence[Path]) -> dict[str, int]:
    """Return the bytes of each column, uncompressed, over all parts."""
    found: dict[str, int] = {}
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                column = metadata.row_group(group).column(place)
                size = found.get(column.path_in_schema, 0) + column.total_uncompressed_size
                found[column.path_in_schema] = size
    return found
