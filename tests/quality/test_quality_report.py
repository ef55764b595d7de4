"""Verdicts from counts, the gate, waivers, the table and the tree of the report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.errors import ConfigError, GateClosed
from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.model import Outcome, Rule, Severity, Stage, Suite
from migrator_kit.quality.report import QualityReport, RuleResult
from migrator_kit.quality.run import run_suites
from migrator_kit.quality.tally import KEY_LIMIT, Tally, judge, merge
from migrator_kit.quality.waivers import FILE_NAME, Waiver, load_waivers, waive

PATIENT = ObjectName.PATIENT
EMAIL = "shaped.patient.Email.match_regex"
REASON = "The practice mends them after the move"


def rule(column: str = "Email", *, severity: str = "critical", mostly: float = 1.0) -> Rule:
    return Rule.model_validate(
        {
            "type": "expect_column_values_to_match_regex",
            "kwargs": {"column": column, "regex": "@", "mostly": mostly},
            "severity": severity,
            "meta": {"why": "Zoho CRM refuses others.", "owner": "tests"},
        }
    )


def suite(*rules: Rule) -> Suite:
    return Suite(name="shaped.patient", expectations=rules)


def report(tally: Tally, *, waivers: tuple[Waiver, ...] = (), **options: Any) -> QualityReport:
    one = rule(**options)
    result = RuleResult.of(PATIENT, suite(one), one, tally)
    return QualityReport(Stage.SHAPED, (result,), waivers)


def waiver(**changes: Any) -> Waiver:
    given = {"rule": EMAIL, "by": "A. Analyst", "reason": REASON, "when": datetime(2026, 1, 1)}
    return Waiver(**(given | changes))


BAD = Tally(considered=10, unexpected=2, keys=("P1", "P2"))


@pytest.mark.parametrize(
    ("tally", "mostly", "outcome"),
    [
        (Tally(considered=100, unexpected=1), 0.99, Outcome.PASSED),
        (Tally(considered=100, unexpected=2), 0.99, Outcome.FAILED),
        (Tally(considered=3, unexpected=0), 1.0, Outcome.PASSED),
        (Tally(considered=0), 0.0, Outcome.NOT_APPLICABLE),
        (Tally(considered=5, error="TypeError"), 0.0, Outcome.ERROR),
        (Tally(holds=True), 1.0, Outcome.PASSED),
        (Tally(holds=False), 0.5, Outcome.FAILED),
    ],
)
def test_the_verdict_follows_from_the_counts(tally: Tally, mostly: float, outcome: Outcome) -> None:
    assert judge(tally, mostly) is outcome


TALLIES = st.builds(
    Tally,
    considered=st.integers(0, 50),
    unexpected=st.just(0),
    error=st.sampled_from(["", "", "ValueError"]),
)


@given(st.lists(TALLIES, min_size=1, max_size=6), st.floats(0, 1))
def test_a_rule_that_could_not_run_on_a_part_is_never_passed_or_failed(
    parts: list[Tally], mostly: float
) -> None:
    outcome = judge(merge(parts), mostly)
    assert (outcome is Outcome.ERROR) == any(part.error for part in parts)


def test_counts_are_complete_where_keys_are_cut() -> None:
    part = Tally(considered=900, unexpected=900, keys=tuple(str(i) for i in range(900)))
    whole = merge([part, part])
    assert (whole.considered, whole.unexpected, len(whole.keys)) == (1800, 1800, KEY_LIMIT)


def test_a_critical_failure_closes_the_gate_and_says_what_opens_it() -> None:
    with pytest.raises(GateClosed) as caught:
        report(BAD).require_passed()
    assert caught.value.gate == "quality"
    assert caught.value.exit_code == 3
    said = str(caught.value)
    assert EMAIL in said
    assert "2 of 10 rows" in said
    assert FILE_NAME in said


def test_a_critical_rule_that_could_not_run_closes_the_gate() -> None:
    with pytest.raises(GateClosed, match="could not be run"):
        report(Tally(error="TypeError")).require_passed()


@pytest.mark.parametrize(
    ("tally", "severity"),
    [
        (BAD, "warning"),
        (BAD, "info"),
        (Tally(reason="no rows"), "critical"),
        (Tally(considered=10), "critical"),
    ],
)
def test_other_outcomes_leave_the_gate_open(tally: Tally, severity: str) -> None:
    report(tally, severity=severity).require_passed()


def test_a_waiver_opens_the_gate_and_stands_in_the_report() -> None:
    waived = report(BAD, waivers=(waiver(),))
    waived.require_passed()
    row = waived.table().iloc[0]
    assert row["outcome"] == "failed"
    assert row["remark"] == f"waived by A. Analyst: {REASON}"
    assert waived.to_json()["waivers"][0]["reason"] == REASON


@pytest.mark.parametrize(("up_to", "is_open"), [(1, False), (2, True), (None, True)])
def test_a_bounded_waiver_does_not_cover_more_rows_than_it_says(
    up_to: int | None, is_open: bool
) -> None:
    assert (not report(BAD, waivers=(waiver(up_to=up_to),)).critical_failures) is is_open


def test_a_waiver_of_a_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"shaped\.patient\.Emial"):
        run_suites("shaped", {}, waivers=[waiver(rule="shaped.patient.Emial.match_regex")])


def test_waivers_of_other_stages_are_left_alone() -> None:
    assert run_suites("source", {}, waivers=[waiver()]).waivers == ()


def test_waivers_are_kept_in_the_engagement(tmp_path: Path) -> None:
    assert load_waivers(tmp_path) == ()
    waive(tmp_path, EMAIL, by="A. Analyst", reason="They are mended later", up_to=3)
    waive(tmp_path, "target.patient.zoho_id.be_unique", by="B. Analyst", reason=REASON)
    waive(tmp_path, EMAIL, by="B. Analyst", reason=REASON)
    found = load_waivers(tmp_path)
    assert [(w.rule, w.by, w.reason) for w in found] == [
        ("target.patient.zoho_id.be_unique", "B. Analyst", REASON),
        (EMAIL, "B. Analyst", REASON),
    ]
    assert all(w.when.tzinfo is not None for w in found)


def test_a_waiver_leaves_what_people_wrote_alone(tmp_path: Path) -> None:
    text = f"""# Agreed on the telephone
version: 1
waivers:
  - rule: {EMAIL}  # until May
    by: A. Analyst
    reason: {REASON}
    when: 2026-01-01T00:00:00Z
"""
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    waive(tmp_path, "target.patient.zoho_id.be_unique", by="B. Analyst", reason=REASON)
    assert (tmp_path / FILE_NAME).read_text(encoding="utf-8").startswith(text.rstrip("\n"))
    assert len(load_waivers(tmp_path)) == 2


def test_a_waiver_needs_a_person_and_a_reason(tmp_path: Path) -> None:
    for by, reason in (("", REASON), ("A. Analyst", "no")):
        with pytest.raises(ConfigError, match="not complete"):
            waive(tmp_path, EMAIL, by=by, reason=reason)
    assert not (tmp_path / FILE_NAME).exists()


def test_a_wrong_waiver_file_is_one_error_with_its_line(tmp_path: Path) -> None:
    text = f"version: 1\nwaivers:\n  - rule: {EMAIL}\n    by: A. Analyst\n    why: later\n"
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"waivers\.yml:\d") as caught:
        load_waivers(tmp_path)
    assert "reason" in str(caught.value)


def test_thresholds_are_judged_anew_without_another_run() -> None:
    stored = QualityReport.from_json(json.loads(json.dumps(report(BAD).to_json())))
    assert stored.critical_failures
    lenient = stored.rejudged({PATIENT: suite(rule(mostly=0.8))})
    assert not lenient.critical_failures
    assert lenient.results[0].outcome is Outcome.PASSED
    warned = stored.rejudged({PATIENT: suite(rule(severity="warning"), rule("Phone"))})
    assert [(r.severity, r.outcome, r.remark) for r in warned.results] == [
        (Severity.WARNING, Outcome.FAILED, ""),
        (Severity.CRITICAL, Outcome.NOT_APPLICABLE, "not run yet"),
    ]


def test_a_report_survives_its_tree() -> None:
    before = report(BAD, waivers=(waiver(when=datetime(2026, 1, 1, tzinfo=UTC)),))
    assert QualityReport.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_the_table_shows_first_what_needs_attention() -> None:
    frame = pd.DataFrame(
        {"source_id": ["1", "1"], "Email": ["a@x", "bad"], "Last_Name": ["A", "B"]}
    )
    rules = (
        rule("Last_Name", severity="info", mostly=0.0),
        rule("Mobile"),
        rule("Email", severity="warning"),
    )
    suites = {PATIENT: suite(*rules)}
    made = run_suites("shaped", {PATIENT: [frame]}, suites=suites)
    table = made.table()
    assert list(table["outcome"]) == ["failed", "passed", "not_applicable"]
    first = table.iloc[0]
    assert (first["object"], first["column"], first["examples"]) == ("Patient", "Email", "1")
    assert (first["unexpected"], first["considered"], first["share"]) == (1, 2, 0.5)
    assert first["expectation"] == "Email has the expected form"
    assert list(made.failing_keys().itertuples(index=False, name=None)) == [
        ("shaped.patient.Last_Name.match_regex", "Patient", "1"),
        ("shaped.patient.Last_Name.match_regex", "Patient", "1"),
        (EMAIL, "Patient", "1"),
    ]


def test_an_empty_report_is_a_table_with_its_columns() -> None:
    empty = QualityReport(Stage.TARGET, ())
    assert len(empty.table()) == 0
    assert "outcome" in empty.table().columns
    assert len(empty.failing_keys()) == 0
    empty.require_passed()
