"""The quality table of a page: what a person reads, and no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.model import Stage
from migrator_kit.quality.run import run_suites
from migrator_kit.quality.waivers import Waiver
from migrator_kit.workbench.quality import outcomes

READ = [
    "object", "expectation", "outcome", "severity", "unexpected", "considered", "allowed",
]  # fmt: skip


def practices(*names: str | None) -> pd.DataFrame:
    keys = [f"PR{number}" for number in range(len(names))]
    return pd.DataFrame({"source_id": keys, "name": list(names)}, dtype="str")


def test_columns_without_anything_to_say_are_left_out() -> None:
    report = run_suites(Stage.SOURCE, {ObjectName.PRACTICE: [practices("Riverside")]})
    table = outcomes(report)
    assert list(table.frame.columns) == [*READ, "why"]
    assert set(table.frame["outcome"]) == {"passed"}
    assert "0.0 %" in table.html()


def test_failing_keys_are_shown_where_there_are_some() -> None:
    report = run_suites(Stage.SOURCE, {ObjectName.PRACTICE: [practices("Riverside", None, None)]})
    table = outcomes(report).frame
    assert list(table.columns) == [*READ, "examples", "why"]
    assert table.iloc[0]["examples"] == "PR1, PR2"
    assert table.iloc[0]["expectation"] == "name is filled"


def test_a_waiver_is_named_with_its_reason() -> None:
    twice = practices("Riverside", "Lakeside").assign(source_id="PR0")
    report = run_suites(Stage.SOURCE, {ObjectName.PRACTICE: [twice]})
    (failed,) = report.critical_failures
    waiver = Waiver(
        rule=failed.name, by="A Person", reason="asked the practice",
        when=datetime(2026, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    waived = outcomes(report.with_waivers([waiver])).frame
    assert "waived by A Person: asked the practice" in set(waived["remark"])
