"""The audit's profile and twenty expectations on a million rows of thirty columns.

Each side runs in a process of its own on the same Parquet file. The scan in pandas does for every
column what WhiteRabbit and data profilers do: nulls, distinct values, the most frequent ones,
lengths, extremes and quartiles, and the share of values that look like dates, numbers, e-mails.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.model import Outcome, Stage, Suite
from migrator_kit.quality.run import run_suites
from migrator_kit.source.profile import profile_table
from tests.benchmarks.measuring import measured
from tests.benchmarks.wide_table import PART, write

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

_ROWS = int(os.environ.get("WIDE_BENCHMARK_ROWS", "1000000"))
Record = Callable[[str, float, str], None]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wide") / "patients.parquet"
    write(_ROWS, path)
    return path


def profile_by_audit(path: str) -> int:
    connection = duckdb.connect(config={"memory_limit": "1500MB", "threads": 2})
    connection.from_parquet(path).create_view("patients")
    columns = {field.name: str(field.type) for field in pq.read_schema(path)}
    return sum(column.distinct for column in profile_table(connection, "patients", columns))


def profile_by_pandas(path: str) -> int:
    frame = pd.read_parquet(path)
    return sum(_scanned(frame[name]) for name in frame.columns)


_PATTERNS = (
    r"^\d{4}-\d{2}-\d{2}", r"^\d{1,2}[/.]\d{1,2}[/.]\d{2,4}", r"^[+-]?\d+$",
    r"^[+-]?\d+[.,]\d+$", r"^[^@\s]+@[^@\s]+\.[^@\s]+$", r"^[+(]?\d[\d\s().\-/+]{6,}\d$",
)  # fmt: skip


def _scanned(column: pd.Series) -> int:
    """Return the distinct values of a column after all that a profiler asks of it."""
    counts = column.value_counts()
    column.isna().sum()
    counts.head(50)
    if pd.api.types.is_numeric_dtype(column):
        column.describe(percentiles=[0.25, 0.5, 0.75])
        return len(counts)
    text = column.dropna()
    text.str.len().agg(["min", "max", "mean"])
    (text.str.strip() == "").sum()
    for pattern in _PATTERNS:
        text.str.contains(pattern, regex=True).sum()
    text.str.replace(r"[a-z]+", "a", regex=True).str.replace(r"\d+", "9", regex=True).value_counts()
    pd.to_datetime(text.where(text.str.match(_PATTERNS[0])), errors="coerce").agg(["min", "max"])
    return len(counts)


def test_the_profile_against_a_scan_in_pandas(table: Path, record: Record) -> None:
    ours = measured(profile_by_audit, path=str(table))
    theirs = measured(profile_by_pandas, path=str(table))
    assert ours.result == theirs.result, "both count the same distinct values"
    record(
        "audit-profile", theirs.seconds / ours.seconds,
        f"{theirs.seconds / ours.seconds:.1f} × faster: {ours.seconds:.0f} s, "
        f"{ours.megabytes:,.0f} MB; pandas {theirs.seconds:.0f} s, {theirs.megabytes:,.0f} MB",
    )  # fmt: skip


def rules() -> list[dict[str, Any]]:
    """Twenty rules of six kinds, as a suite holds them."""
    dates = [("expect_column_values_to_match_regex", f"date_{n}", {"regex": r"^\d{4}-\d\d-\d\d$"})
             for n in range(6)]  # fmt: skip
    filled = [("expect_column_values_to_not_be_null", f"text_{n}", {"mostly": 0.6})
              for n in range(6)]  # fmt: skip
    lengths = [("expect_column_value_lengths_to_be_between", f"text_{n}",
                {"min_value": 1, "max_value": 80}) for n in range(4)]  # fmt: skip
    others = [
        ("expect_column_values_to_be_unique", "source_id", {}),
        ("expect_column_values_to_be_in_set", "status",
         {"value_set": ["active", "inactive", "archived", "deceased"]}),
        ("expect_column_values_to_be_between", "balance", {"min_value": 0, "max_value": 1_000_000}),
        ("expect_column_values_to_match_regex", "email", {"regex": "@"}),
    ]  # fmt: skip
    return [
        {"type": kind, "kwargs": {"column": column, **kwargs}}
        for kind, column, kwargs in [*dates, *filled, *lengths, *others]
    ]


def expectations_by_parts(path: str) -> int:
    """Judge the table as a stage of the workbench: part by part."""
    meta = {"owner": "benchmark", "why": "measured beside the library alone"}
    declared = [{**rule, "severity": "warning", "meta": meta} for rule in rules()]
    suite = Suite.model_validate({"name": "shaped.patient", "expectations": declared})
    frames = (
        batch.to_pandas() for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(PART)
    )
    patients = ObjectName.PATIENT
    report = run_suites(Stage.SHAPED, {patients: frames}, suites={patients: suite})
    return report.counts[Outcome.PASSED]


def expectations_on_one_frame(path: str) -> int:
    """Judge the table as the library's own guide does: one frame, one batch."""
    import great_expectations
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.expectations.registry import get_expectation_impl

    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("patients")
    batches = asset.add_batch_definition_whole_dataframe("whole")
    batch = batches.get_batch(batch_parameters={"dataframe": pd.read_parquet(path)})
    asked = [get_expectation_impl(rule["type"])(**rule["kwargs"]) for rule in rules()]
    found = batch.validate(ExpectationSuite(name="patients", expectations=asked))
    return sum(bool(result.success) for result in found.results)


def test_expectations_against_one_frame(table: Path, record: Record) -> None:
    ours = measured(expectations_by_parts, path=str(table))
    theirs = measured(expectations_on_one_frame, path=str(table))
    assert ours.result == theirs.result == len(rules())
    record(
        "expectations-time", ours.seconds / theirs.seconds,
        f"{ours.seconds / theirs.seconds:.2f} ×: {ours.seconds:.1f} s against "
        f"{theirs.seconds:.1f} s",
    )  # fmt: skip
    record(
        "expectations-memory", ours.megabytes / theirs.megabytes,
        f"{ours.megabytes / theirs.megabytes:.2f} ×: {ours.megabytes:,.0f} MB against "
        f"{theirs.megabytes:,.0f} MB",
    )  # fmt: skip
