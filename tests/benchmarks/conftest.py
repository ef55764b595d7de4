"""What every benchmark gets: `record`, which writes its line of the results table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.benchmarks.results import Result, write
from tests.benchmarks.table import BY_KEY

LONG = "MIGRATOR_BENCHMARK_LONG"
"""Set by `make bench-long`."""


@pytest.fixture
def long_run() -> None:
    """Skip what takes longer than all other benchmarks together, unless it was asked for."""
    if not os.environ.get(LONG):
        pytest.skip("takes an hour or two: make bench-long")


@pytest.fixture
def record() -> Iterator[Callable[[str, float, str], None]]:
    """A function `(key of the row, ratio, what to show)`.

    It writes the line at once. A missed promise fails the test only at its end, so that what is
    measured after it is written as well, and stops no other benchmark.
    """
    missed: list[str] = []

    def take(key: str, ratio: float, shown: str) -> None:
        result = Result(BY_KEY[key], ratio, shown)
        write(result)
        print(f"\n{result.line()}")
        if not result.row.holds(ratio):
            missed.append(f"{result.row.what}: {shown}, promised {result.row.promise}")

    yield take
    if missed:
        pytest.fail("\n".join(missed), pytrace=False)
