"""Shaping measured against the same rules row by row, each in a process of its own.

`make bench ARGS="-k shaping"`; MIGRATOR_BENCH_PATIENTS sets another number than a million. Row by
row, time grows with the rows: a tenth of them is measured and counts ten times.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest

from tests.benchmarks.measuring import measured
from tests.benchmarks.own_python import own_python
from tests.benchmarks.shaping_sides import SHAPED_CSV, by_petl, ours, prepare

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

PATIENTS = int(os.environ.get("MIGRATOR_BENCH_PATIENTS", "1000000"))
SHARE = 10
LIBRARIES = ("phonenumbers", "email-validator", "ftfy", "striprtf", "beautifulsoup4")


def test_shaping_row_by_row(record: Callable[[str, float, str], None], tmp_path: Path) -> None:
    same = (f"{name}=={version(name)}" for name in LIBRARIES)
    python = own_python("petl", "petl==1.7.17", "tzdata", *same)
    rows = PATIENTS // SHARE
    locale = measured(prepare, folder=str(tmp_path), patients=PATIENTS, rows=rows).result
    own = measured(ours, folder=str(tmp_path))
    other = measured(by_petl, python=python, folder=str(tmp_path), **locale)
    assert own.result >= PATIENTS * 0.99
    assert other.result == rows
    alike = equal_share(tmp_path)
    assert alike > 0.995, "both sides follow the same rules"
    seconds = other.seconds * SHARE
    size = "" if PATIENTS == 1_000_000 else f" of {PATIENTS:,}"
    record(
        "shaping", seconds / own.seconds,
        f"{seconds / own.seconds:.1f} × ({own.seconds:.0f} s{size}, {own.tree_megabytes:,.0f} MB; "
        f"{seconds:,.0f} s row by row; {alike:.2%} of the values are the same)",
    )  # fmt: skip


def equal_share(folder: Path) -> float:
    """Return which share of the values both sides gave alike, records of both taken."""
    (shaped,) = (folder / "engagement").glob("**/shaped/*/patient")
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW theirs AS FROM read_csv('{folder / SHAPED_CSV}', all_varchar = true)"
        )
        connection.execute(f"CREATE VIEW own AS FROM '{shaped}/*.parquet'")
        names = [row[0] for row in connection.execute("DESCRIBE theirs").fetchall()]
        kinds = {row[0]: row[1] for row in connection.execute("DESCRIBE own").fetchall()}
        counts = ", ".join(
            f"count(*) FILTER ({_text(name, kinds[name])} IS NOT DISTINCT FROM "
            f"{_theirs(name, kinds[name])})"
            for name in names[1:]
        )
        found = connection.execute(
            f"SELECT count(*), {counts} FROM own JOIN theirs USING (source_id)"
        ).fetchall()[0]
    for name, same in zip(names[1:], found[1:], strict=True):
        if same < found[0]:
            print(f"{name}: {found[0] - same:,} of {found[0]:,} otherwise")
    return sum(found[1:]) / (found[0] * (len(names) - 1))


def _text(name: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return f"strftime(own.\"{name}\" AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S')"
    return f'CAST(own."{name}" AS VARCHAR)'


def _theirs(name: str, kind: str) -> str:
    return (
        f'CAST(CAST(theirs."{name}" AS {kind}) AS VARCHAR)'
        if kind in ("DOUBLE", "BOOLEAN")
        else f"nullif(theirs.\"{name}\", '')"
    )
