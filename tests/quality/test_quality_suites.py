"""The declared rules: every file loads, every rule is known, reasoned, and able to run."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from migrator_kit.engagement import slug
from migrator_kit.errors import ConfigError
from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.engine import build_suite
from migrator_kit.quality.model import Severity, Stage, Suite
from migrator_kit.quality.suites import (
    FOLDER_VARIABLE,
    expectations_folder,
    load_suites,
    suite_path,
)

AS_OF = date(2026, 11, 22)
ALL = [(stage, name, suite) for stage in Stage for name, suite in load_suites(stage).items()]
NOT_SHAPED = {ObjectName.RULE}


@pytest.mark.parametrize("stage", Stage)
def test_every_object_has_a_suite_where_it_applies(stage: Stage) -> None:
    expected = set(ObjectName) - (NOT_SHAPED if stage is Stage.SHAPED else set())
    assert set(load_suites(stage)) == expected


@pytest.mark.parametrize(("stage", "name", "suite"), ALL, ids=[s.name for *_, s in ALL])
def test_rules_are_known_to_great_expectations(
    stage: Stage, name: ObjectName, suite: Suite
) -> None:
    built = build_suite(suite.name, suite.expectations, as_of=AS_OF)
    assert [e.expectation_type for e in built.expectations] == [r.type for r in suite.expectations]
    assert [e.severity.value for e in built.expectations] == [
        str(r.severity) for r in suite.expectations
    ]


@pytest.mark.parametrize(("stage", "name", "suite"), ALL, ids=[s.name for *_, s in ALL])
def test_rules_are_declared_in_full(stage: Stage, name: ObjectName, suite: Suite) -> None:
    assert any(rule.severity is Severity.CRITICAL for rule in suite.expectations)
    for rule in suite.expectations:
        assert rule.meta.why.endswith("."), rule.type
        assert rule.meta.owner
        if "pair" in rule.type:
            assert rule.kwargs["ignore_row_if"] == "either_value_is_missing", rule.type
        if "compound" in rule.type:
            assert rule.kwargs["ignore_row_if"] == "any_value_is_missing"
        pattern = rule.kwargs.get("regex", "")
        assert re.compile(pattern).groups == 0, "groups in a pattern need (?:...)"


@pytest.mark.parametrize(("stage", "name", "suite"), ALL, ids=[s.name for *_, s in ALL])
def test_files_have_one_format(stage: Stage, name: ObjectName, suite: Suite) -> None:
    path = suite_path(stage, name)
    text = path.read_text(encoding="utf-8")
    assert json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n" == text
    assert path.stem == slug(name)


def test_a_practice_without_its_rules_is_told_where_they_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match=FOLDER_VARIABLE):
        expectations_folder()


def test_suites_can_be_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in Stage:
        (tmp_path / stage).mkdir()
    own = suite_path(Stage.SOURCE, ObjectName.PATIENT)
    (tmp_path / "source" / "patient.json").write_bytes(own.read_bytes())
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert list(load_suites(Stage.SOURCE)) == [ObjectName.PATIENT]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "source.other"}, "name must be 'source.patient'"),
        ({"expectations": [{"type": "expect_x"}]}, "kwargs"),
        ({"expectations": "many"}, "expectations"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_suite_file_is_one_clear_error(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    (tmp_path / "source").mkdir()
    tree = {"name": "source.patient", "expectations": []} | change
    (tmp_path / "source" / "patient.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        load_suites(Stage.SOURCE, tmp_path)
    assert "patient.json" in str(caught.value)


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    tree = json.loads(suite_path(Stage.SOURCE, ObjectName.PATIENT).read_text(encoding="utf-8"))
    tree["expectations"] += tree["expectations"][:1]
    (tmp_path / "source" / "patient.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(ConfigError, match="same name"):
        load_suites(Stage.SOURCE, tmp_path)


def test_a_suite_of_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "patients.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"patients\.json is a suite of no object"):
        load_suites(Stage.SOURCE, tmp_path)
