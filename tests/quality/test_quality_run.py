"""Running rules on frames: counts, outcomes, keys, parts, privacy."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrator_kit.errors import ConfigError
from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.frames import as_text, parquet_frames, typed, view
from migrator_kit.quality.model import Outcome, Stage, Suite
from migrator_kit.quality.report import QualityReport, RuleResult
from migrator_kit.quality.run import run_suites

PATIENT = ObjectName.PATIENT
AS_OF = date(2026, 11, 22)
META = {"why": "It is needed here.", "owner": "tests"}


def suite(stage: str, *rules: tuple[str, dict[str, Any]], severity: str = "critical") -> Suite:
    declared = [
        {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "meta": META}
        for kind, kwargs in rules
    ]
    return Suite.model_validate({"name": f"{stage}.patient", "expectations": declared})


def judge(stage: str, frames: Any, *rules: tuple[str, dict[str, Any]]) -> list[RuleResult]:
    parts = [frames] if isinstance(frames, pd.DataFrame) else frames
    suites = {PATIENT: suite(stage, *rules)}
    report = run_suites(stage, {PATIENT: parts}, suites=suites, as_of=AS_OF)
    return list(report.results)


def patients(**columns: Any) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({"source_id": [f"{i:03d}" for i in range(rows)], **columns})


def test_the_four_outcomes_are_kept_apart() -> None:
    frame = patients(email=["a@x.org", "bad", None], mixed=[1, "two", None])
    passed, failed, absent, error = judge(
        "shaped",
        frame,
        ("column_values_to_be_unique", {"column": "source_id"}),
        ("column_values_to_match_regex", {"column": "email", "regex": "@"}),
        ("column_values_to_not_be_null", {"column": "phone"}),
        ("column_values_to_be_between", {"column": "mixed", "min_value": 0}),
    )
    assert passed.outcome is Outcome.PASSED
    assert failed.outcome is Outcome.FAILED
    assert (failed.tally.unexpected, failed.tally.considered, failed.tally.keys) == (1, 2, ("001",))
    assert absent.outcome is Outcome.NOT_APPLICABLE
    assert absent.remark == "no column phone"
    assert error.outcome is Outcome.ERROR
    assert error.remark == "stopped by TypeError"


def test_an_empty_frame_passes_nothing() -> None:
    frame = patients(email=["a@x.org"]).iloc[:0]
    rules = (
        ("column_values_to_not_be_null", {"column": "email"}),
        ("column_values_to_be_unique", {"column": "source_id"}),
        ("table_row_count_to_be_between", {"min_value": 1}),
    )
    for parts in ([frame], [frame, frame], []):
        outcomes = [result.outcome for result in judge("shaped", parts, *rules)]
        assert outcomes == [Outcome.NOT_APPLICABLE, Outcome.NOT_APPLICABLE, Outcome.FAILED]


def test_a_column_without_any_value_passes_nothing_but_the_null_rules() -> None:
    frame = patients(email=pd.array([None, None], dtype="str"), born=[pd.NaT, pd.NaT])
    results = judge(
        "shaped",
        frame,
        ("column_values_to_match_regex", {"column": "email", "regex": "@"}),
        ("column_values_to_be_between", {"column": "born", "min_value": "1900-01-01"}),
        ("column_values_to_not_be_null", {"column": "email"}),
        ("column_values_to_be_null", {"column": "email"}),
    )
    assert [result.outcome for result in results] == [
        Outcome.NOT_APPLICABLE,
        Outcome.NOT_APPLICABLE,
        Outcome.FAILED,
        Outcome.PASSED,
    ]


def test_an_object_that_was_not_given_is_not_applicable() -> None:
    report = run_suites("shaped", {}, as_of=AS_OF)
    assert report.results
    assert {result.outcome for result in report.results} == {Outcome.NOT_APPLICABLE}


def test_every_column_type_of_the_shaped_dataset_can_be_judged(tmp_path: Path) -> None:
    instant = datetime(2021, 5, 4, 10, 30, tzinfo=UTC)
    table = pa.table(
        {
            "source_id": ["1", "2", "3"],
            "Date_of_Birth": pa.array([date(1950, 1, 1), None, date(2050, 1, 1)], pa.date32()),
            "Closing_Date": pa.array([date(1900, 1, 1), date(1960, 1, 1), None], pa.date32()),
            "Started": pa.array([instant, None, instant], pa.timestamp("us", tz="UTC")),
            "Amount": pa.array([10.5, None, -1.0], pa.float64()),
            "Count": pa.array([1, None, 3], pa.int64()),
            "Opted": pa.array([True, None, False], pa.bool_()),
            "Choices": pa.array([["a"], None, ["b", "c"]], pa.list_(pa.string())),
            "Phone": pa.array(["+14155550100", None, "none"], pa.string()),
        }
    )
    path = tmp_path / "part-00000.parquet"
    pq.write_table(table, path)
    checks = suite(
        "shaped",
        ("column_values_to_be_between", {"column": "Date_of_Birth", "min_value": "1900-01-02",
                                         "max_value": {"$PARAMETER": "today"}}),
        ("column_pair_values_a_to_be_greater_than_b", {"column_A": "Date_of_Birth",
         "column_B": "Closing_Date", "ignore_row_if": "either_value_is_missing"}),
        ("column_values_to_be_between", {"column": "Started",
                                         "max_value": "2021-05-04T12:00:00+02:00"}),
        ("column_values_to_be_between", {"column": "Amount", "min_value": 0}),
        ("column_values_to_be_between", {"column": "Count", "max_value": 2}),
        ("column_values_to_be_in_set", {"column": "Opted", "value_set": [True]}),
        ("column_values_to_not_be_null", {"column": "Choices"}),
        ("column_values_to_match_regex", {"column": "Phone", "regex": r"^\+\d+$"}),
        ("column_value_lengths_to_be_between", {"column": "Phone", "max_value": 5}),
    )  # fmt: skip
    frames = {PATIENT: parquet_frames([path], checks)}
    report = run_suites("shaped", frames, suites={PATIENT: checks}, as_of=AS_OF)
    found = [(r.columns[0], r.tally.keys, r.tally.error) for r in report.results]
    assert found == [
        ("Date_of_Birth", ("3",), ""),
        ("Date_of_Birth", (), ""),
        ("Started", ("1", "3"), ""),
        ("Amount", ("3",), ""),
        ("Count", ("3",), ""),
        ("Opted", ("3",), ""),
        ("Choices", ("2",), ""),
        ("Phone", ("3",), ""),
        ("Phone", ("1",), ""),
    ]


def test_source_rows_are_judged_as_text_whatever_their_type() -> None:
    frame = pd.DataFrame(
        {
            "source_id": ["1", "2", "3"],
            "number": [1.0, None, 7.25],
            "money": [Decimal("10.50"), None, Decimal("-3")],
            "day": pd.to_datetime(pd.Series(["2021-05-04", None, "0201-01-01"])),
            "flag": [True, None, False],
            "blank": ["", "  ", "x"],
        }
    )
    results = judge(
        "source",
        frame,
        ("column_values_to_match_regex", {"column": "number", "regex": r"^\d+$"}),
        ("column_values_to_not_match_regex", {"column": "money", "regex": "^-"}),
        ("column_values_to_match_regex", {"column": "day", "regex": r"^2021-05-04"}),
        ("column_values_to_be_in_set", {"column": "flag", "value_set": ["True"]}),
        ("column_values_to_not_be_null", {"column": "blank"}),
    )
    assert [result.tally.keys for result in results] == [
        ("3",), ("3",), ("3",), ("3",), ("1", "2")
    ]  # fmt: skip


VALUES = st.lists(st.sampled_from(["a", "bb", "ccc", None]), min_size=1, max_size=24)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(keys=VALUES, names=VALUES, size=st.integers(1, 8))
def test_parts_give_the_same_verdict_as_the_whole(
    keys: list[str | None], names: list[str | None], size: int
) -> None:
    rows = min(len(keys), len(names))
    frame = pd.DataFrame({"source_id": keys[:rows], "name": names[:rows]}, dtype="str")
    rules = (
        ("column_values_to_be_unique", {"column": "source_id"}),
        ("column_values_to_not_be_null", {"column": "name", "mostly": 0.5}),
        ("column_values_to_match_regex", {"column": "name", "regex": "^b", "mostly": 0.5}),
        ("table_row_count_to_be_between", {"min_value": 3}),
        ("column_to_exist", {"column": "source_id"}),
    )
    parts = [frame.iloc[start : start + size] for start in range(0, rows, size)]
    whole, split = judge("shaped", frame, *rules), judge("shaped", parts, *rules)
    assert [r.outcome for r in whole] == [r.outcome for r in split]
    counted = [[(r.tally.unexpected, r.tally.considered) for r in side] for side in (whole, split)]
    assert counted[0] == counted[1]
    assert [sorted(r.tally.keys) for r in whole] == [sorted(r.tally.keys) for r in split]


def test_a_duplicate_across_parts_is_found() -> None:
    parts = [patients(name=["x", "y"]), patients(name=["z"])]
    (result,) = judge("shaped", parts, ("column_values_to_be_unique", {"column": "source_id"}))
    assert (result.tally.unexpected, result.tally.keys) == (2, ("000", "000"))


def test_nothing_that_a_report_says_holds_a_value() -> None:
    secret = "Papadopoulou"
    frame = patients(name=[secret, "x", None], mixed=[1, secret, None])
    results = judge(
        "shaped",
        frame,
        ("column_values_to_match_regex", {"column": "name", "regex": "^x"}),
        ("column_values_to_be_in_set", {"column": "name", "value_set": ["x"]}),
        ("column_values_to_be_unique", {"column": "name"}),
        ("column_values_to_be_between", {"column": "mixed", "min_value": 0}),
    )
    report = QualityReport(Stage.SHAPED, tuple(results))
    said = json.dumps(report.to_json()) + report.table().to_string() + repr(report)
    assert secret not in said
    assert report.counts[Outcome.ERROR] == 1


def test_rows_without_a_key_are_named_as_such() -> None:
    frame = pd.DataFrame({"source_id": ["1", None], "name": [None, None]}, dtype="str")
    (result,) = judge("shaped", frame, ("column_values_to_not_be_null", {"column": "name"}))
    assert result.tally.keys == ("1", "(no key)")


def test_a_run_says_nothing_on_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    judge("shaped", patients(name=["x", None]), ("column_values_to_be_unique", {"column": "name"}))
    assert capfd.readouterr() == ("", "")


def test_great_expectations_is_imported_only_when_rules_run() -> None:
    code = "import sys, migrator_kit.quality.run; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_expectation_is_one_clear_error() -> None:
    with pytest.raises(ConfigError, match="expect_column_values_to_be_lovely"):
        judge("shaped", patients(name=["x"]), ("column_values_to_be_lovely", {"column": "name"}))
    with pytest.raises(ConfigError, match="colour"):
        judge(
            "shaped",
            patients(name=["x"]),
            ("column_values_to_be_unique", {"column": "name", "colour": 1}),
        )


def test_only_the_columns_that_rules_read_are_kept() -> None:
    frame = patients(name=["x"], other=["y"])
    checks = suite("shaped", ("column_values_to_be_unique", {"column": "name"}))
    assert list(view(frame, checks, Stage.SHAPED).columns) == ["source_id", "name"]


def test_instants_lose_their_zone_and_keep_their_moment() -> None:
    athens = pd.to_datetime(pd.Series(["2021-05-04T10:30:00+03:00", None]))
    assert typed(athens).iloc[0] == pd.Timestamp("2021-05-04T07:30:00")


@given(st.lists(st.one_of(st.none(), st.text(), st.integers(), st.booleans()), max_size=20))
def test_text_is_blank_or_kept(values: list[Any]) -> None:
    text = as_text(pd.Series(values, dtype=object))
    assert list(text.isna()) == [v is None or not str(v).strip() for v in values]
