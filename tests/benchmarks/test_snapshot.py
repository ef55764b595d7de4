"""The snapshot of a SQLite file measured against pandas, each in a process of its own.

`make bench ARGS="-k snapshot"`; MIGRATOR_BENCH_ROWS sets another number of rows than two million.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.measuring import measured

pytestmark = pytest.mark.benchmark

ROWS = int(os.environ.get("MIGRATOR_BENCH_ROWS", "2000000"))


def make_database(path: Path, rows: int) -> None:
    """Write a table of appointments: keys, times, amounts, words and gaps, twelve columns."""
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE appointments (appointment_id INTEGER PRIMARY KEY, patient_id TEXT, "
            "provider_id TEXT, starts_at TEXT, duration_min INTEGER, status TEXT, chair TEXT, "
            "reason TEXT, remarks TEXT, fee REAL, created_at TEXT, modified_at TEXT)"
        )
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO appointments SELECT i, printf('P%07d', i % 300000), "
            "printf('DR%02d', i % 20), datetime('2015-01-01', '+' || (i % 5000000) || ' minutes'), "
            "15 * (1 + i % 6), CASE i % 4 WHEN 0 THEN 'completed' WHEN 1 THEN 'no_show' "
            "ELSE 'scheduled' END, 'Chair ' || (i % 8), 'Visit for tooth ' || (i % 32), "
            "CASE WHEN i % 5 = 0 THEN NULL ELSE 'remark ' || (i * 7919 % 100003) END, "
            "(i % 90000) / 100.0, datetime('2015-01-01', '+' || (i % 4000000) || ' minutes'), "
            "datetime('2016-01-01', '+' || (i % 4000000) || ' minutes') FROM n",
            (rows,),
        )


def ours(database: str, folder: str) -> int:
    """Take the snapshot; return its rows."""
    from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
    from migrator_kit.source.snapshot import take_snapshot

    settings = EngagementFile(client="Benchmark", source=SourceSettings(url=database))
    taken = take_snapshot(Engagement.create(Path(folder), settings))
    return taken.manifest.tables["appointments"].rows


def with_pandas(database: str, folder: str) -> int:
    """Read the table as a frame and write it as Parquet; return its rows."""
    import pandas as pd

    with sqlite3.connect(database) as connection:
        frame = pd.read_sql("SELECT * FROM appointments", connection)
    frame.to_parquet(Path(folder) / "appointments.parquet", compression="zstd")
    return len(frame)


def test_snapshot_of_sqlite(record: Callable[[str, float, str], None], tmp_path: Path) -> None:
    database = tmp_path / "practice.db"
    make_database(database, ROWS)
    own = measured(ours, database=str(database), folder=str(tmp_path / "engagement"))
    other = measured(with_pandas, database=str(database), folder=str(tmp_path))
    assert own.result == other.result == ROWS
    size = "" if ROWS == 2_000_000 else f", at {ROWS:,} rows"
    faster, share = other.seconds / own.seconds, own.tree_megabytes / other.tree_megabytes
    times = f"{own.seconds:.1f} s, {other.seconds:.1f} s{size}"
    memory = f"{own.tree_megabytes:,.0f} MB, {other.tree_megabytes:,.0f} MB{size}"
    record("snapshot-time", faster, f"{faster:.1f} × ({times})")
    record("snapshot-memory", share, f"{share:.2f} ({memory})")
