"""The rules on whole practices: a generated one with its dirt, and Open Dental's rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings, slug
from migrator_kit.errors import GateClosed
from migrator_kit.mapping.files import PROFILES, default_mapping
from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.objects import object_rows
from migrator_kit.mapping.shape import ShapedDataset, shape
from migrator_kit.quality.frames import parquet_frames
from migrator_kit.quality.model import Outcome, Stage
from migrator_kit.quality.report import QualityReport
from migrator_kit.quality.run import run_suites
from migrator_kit.quality.suites import load_suites
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot

PATIENTS = 200
OPEN_DENTAL = (
    Path(__file__).parents[2].parent
    / "shared/data/04_opendental_synthetic_rows/opendental_synth.sqlite"
)
Frames = dict[ObjectName, list[pd.DataFrame]]

# Columns that every landing has beside the mapping's targets.
HELPERS = {"source_id", "parent_id", "slot", "Parent_Id_object"}
READ_BACK = HELPERS | {"zoho_id", "found_by", "sha256", "size"}


@dataclass(frozen=True)
class Practice:
    """A practice on its way: its rows by the mapping's SELECTs, and shaped."""

    source: Path
    rows: Frames
    shaped: ShapedDataset

    def shaped_rows(self) -> Frames:
        suites = load_suites(Stage.SHAPED)
        return {n: list(parquet_frames(self.shaped.parts(n), suites[n])) for n in suites}

    def landed_rows(self) -> Frames:
        """Return rows as a perfect load would leave them in Zoho CRM."""
        suites = load_suites(Stage.TARGET)
        return {
            name: [
                part.assign(
                    zoho_id=name + part["source_id"], found_by="key", sha256="0f" * 32, size=1
                )
                for part in parquet_frames(self.shaped.parts(name), suites[name])
            ]
            for name in suites
            if name is not ObjectName.RULE
        }


def prepare(folder: Path, source: Path, profile: str) -> Practice:
    settings = SourceSettings(url=str(source), profile=profile)
    engagement = Engagement.create(folder, EngagementFile(client="Test", source=settings))
    snapshot, mapping = take_snapshot(engagement), default_mapping(profile)
    rows = {o.object: list(object_rows(snapshot, mapping, o.object)) for o in mapping.objects}
    return Practice(source, rows, shape(engagement, snapshot, mapping))


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Practice:
    folder = tmp_path_factory.mktemp("practice")
    generate(folder / "source", patients=PATIENTS, seed=3)
    return prepare(folder / "engagement", folder / "source" / "practice.db", "dent_o_soft")


@pytest.fixture(scope="module")
def report(practice: Practice) -> QualityReport:
    return run_suites(Stage.SOURCE, practice.rows)


def test_every_rule_runs_on_a_generated_practice(report: QualityReport) -> None:
    assert report.counts[Outcome.ERROR] == 0
    silent = [r for r in report.results if r.outcome is Outcome.NOT_APPLICABLE]
    assert {column for r in silent for column in r.columns} == _columns_of_open_dental()


def test_a_practice_with_ordinary_dirt_passes_the_gate(report: QualityReport) -> None:
    report.require_passed()
    assert report.counts[Outcome.FAILED] > 0


def test_the_rows_named_are_the_rows_that_are_dirty(
    report: QualityReport, practice: Practice
) -> None:
    known = "('active', 'inactive', 'archived', 'deceased')"
    with sqlite3.connect(practice.source) as connection:
        rows = connection.execute(f"select patient_id from patients where status not in {known}")
        dirty = {key for (key,) in rows}
    assert dirty
    keys = report.failing_keys()
    found = keys[keys["rule"] == "source.patient.status.be_in_set"]["source_id"]
    assert set(found) == dirty


def test_shaped_rows_pass_the_gate_and_every_rule_runs(practice: Practice) -> None:
    report = run_suites(Stage.SHAPED, practice.shaped_rows())
    assert {r.name: r.remark for r in report.results if r.outcome is Outcome.ERROR} == {}
    assert {r.name for r in report.results if r.outcome is Outcome.NOT_APPLICABLE} == set()
    report.require_passed()


def test_landed_rows_pass_the_gate_and_every_rule_runs(practice: Practice) -> None:
    report = run_suites(Stage.TARGET, practice.landed_rows())
    silent = {r.object for r in report.results if r.outcome is Outcome.NOT_APPLICABLE}
    assert report.counts[Outcome.ERROR] == 0
    assert silent == {ObjectName.RULE}
    report.require_passed()


@pytest.mark.parametrize(
    ("damage", "name", "rule"),
    [
        (lambda f: f.assign(Who_Id=None), ObjectName.CALL_LOG, "Who_Id.not_be_null"),
        (lambda f: f.assign(zoho_id="1"), ObjectName.PRACTICE, "zoho_id.be_unique"),
        (
            lambda f: pd.concat([f, f[:1].assign(zoho_id="2")]),
            ObjectName.NOTE,
            "source_id.be_unique",
        ),
        (
            lambda f: f.assign(Source_Task_ID__c=f["source_id"] + "0"),
            ObjectName.APPOINTMENT,
            "Source_Task_ID__c+source_id.be_equal",
        ),
        (
            lambda f: f.assign(Note_Content="no marker"),
            ObjectName.NOTE,
            "Note_Content.match_regex",
        ),
    ],
)
def test_damage_in_the_target_closes_the_gate(
    practice: Practice,
    damage: Callable[[pd.DataFrame], pd.DataFrame],
    name: ObjectName,
    rule: str,
) -> None:
    (landed,) = practice.landed_rows()[name]
    report = run_suites(Stage.TARGET, {name: [damage(landed)]})
    assert [failure.name for failure in report.critical_failures] == [f"target.{slug(name)}.{rule}"]


@pytest.mark.parametrize(
    ("breakage", "rule"),
    [
        ("keys lost", "source.patient.source_id.not_be_null"),
        ("rows multiplied by a join", "source.patient.source_id.be_unique"),
        ("no rows", "source.patient.table.row_count_to_be_between"),
        ("no key column", "source.patient.source_id.exist"),
    ],
)
def test_a_broken_table_closes_the_gate(practice: Practice, breakage: str, rule: str) -> None:
    patients = practice.rows[ObjectName.PATIENT][0]
    broken = {
        "keys lost": patients.assign(source_id=patients["source_id"].where(patients.index > 100)),
        "rows multiplied by a join": pd.concat([patients, patients]),
        "no rows": patients.iloc[:0],
        "no key column": patients.drop(columns="source_id"),
    }[breakage]
    outcome = run_suites(Stage.SOURCE, {ObjectName.PATIENT: [broken]})
    assert rule in {failure.name for failure in outcome.critical_failures}
    with pytest.raises(GateClosed):
        outcome.require_passed()


@pytest.mark.skipif(not OPEN_DENTAL.exists(), reason=f"{OPEN_DENTAL.name} is not on this machine")
def test_open_dental_rows_are_judged_and_pass_the_gate(tmp_path: Path) -> None:
    practice = prepare(tmp_path / "engagement", OPEN_DENTAL, "open_dental")
    for stage, frames in (
        (Stage.SOURCE, practice.rows),
        (Stage.SHAPED, practice.shaped_rows()),
        (Stage.TARGET, practice.landed_rows()),
    ):
        report = run_suites(stage, frames)
        assert report.counts[Outcome.ERROR] == 0
        judged = {r.object for r in report.results if r.outcome is not Outcome.NOT_APPLICABLE}
        assert judged == set(frames)
        report.require_passed()


@pytest.mark.parametrize("stage", [Stage.SHAPED, Stage.TARGET])
def test_rules_on_fields_name_fields_of_the_mapping(stage: Stage) -> None:
    mappings = [default_mapping(profile) for profile in PROFILES]
    for name, suite in load_suites(stage).items():
        if name is ObjectName.RULE:
            continue
        targets = {row.target for mapping in mappings for row in mapping.object(name).fields}
        helpers = HELPERS if stage is Stage.SHAPED else READ_BACK
        unknown = set(suite.columns) - targets - helpers
        assert not unknown, f"{suite.name} reads {unknown}"


def _columns_of_open_dental() -> set[str]:
    """Return the columns that only Open Dental's rows have, as the rules' notes say."""
    rules = [rule for suite in load_suites(Stage.SOURCE).values() for rule in suite.expectations]
    return {column for r in rules if "Open Dental" in r.meta.notes for column in r.columns}
