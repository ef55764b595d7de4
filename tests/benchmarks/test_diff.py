"""The field diff measured against datacompy, each in a process of its own, one after the other.

`make bench ARGS="-k diff"`; MIGRATOR_BENCH_ROWS sets another number of rows than two million.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.diff_sides import datacompy_polars, make_sides, ours
from tests.benchmarks.measuring import measured
from tests.benchmarks.own_python import own_python

pytestmark = pytest.mark.benchmark

ROWS = int(os.environ.get("MIGRATOR_BENCH_ROWS", "2000000"))


def test_field_diff(record: Callable[[str, float, str], None], tmp_path: Path) -> None:
    python = own_python("datacompy", "datacompy==1.1.0", "polars", "pyarrow", "pandas>=3.0,<3.1")
    make_sides(str(tmp_path), ROWS)
    own = measured(ours, folder=str(tmp_path))
    other = measured(datacompy_polars, python=python, folder=str(tmp_path))
    assert own.result == other.result
    size = "" if ROWS == 2_000_000 else f", at {ROWS:,} rows"
    times = f"{own.seconds:.1f} s, {other.seconds:.1f} s{size}"
    memory = f"{own.tree_megabytes:,.0f} MB, {other.tree_megabytes:,.0f} MB{size}"
    faster, share = other.seconds / own.seconds, own.tree_megabytes / other.tree_megabytes
    record("diff-time", faster, f"{faster:.1f} × ({times})")
    record("diff-memory", share, f"{share:.2f} ({memory})")
