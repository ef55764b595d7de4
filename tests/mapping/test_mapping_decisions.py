"""Decisions: nothing confirms itself, and a confirmation leaves the rest of the file alone."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.errors import ConfigError, GateClosed, MappingError, ParameterError
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.decisions import (
    coverage,
    decide,
    pending,
    require_confirmed,
    row_names,
)
from migrator_kit.mapping.files import (
    PROFILES,
    default_mapping,
    detect_profile,
    known_columns,
    load_mapping,
    profile_path,
    write_default,
)
from migrator_kit.mapping.values import value_counts
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import Snapshot, latest_snapshot, take_snapshot

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    folder = tmp_path_factory.mktemp("engagement")
    made = generate(folder / "practice", patients=40, seed=3)
    settings = SourceSettings(url=str(made.database), profile="dent_o_soft")
    engagement = Engagement.create(folder, EngagementFile(client="Riverside", source=settings))
    take_snapshot(engagement)
    return engagement


@pytest.fixture
def engagement(practice: Engagement, tmp_path: Path) -> Engagement:
    shutil.copy(practice.folder / "engagement.yml", tmp_path)
    shutil.copytree(practice.snapshots, tmp_path / "snapshots")
    copy = Engagement.open(tmp_path)
    write_default(copy, "dent_o_soft")
    return copy


@pytest.fixture
def snapshot(engagement: Engagement) -> Snapshot:
    return latest_snapshot(engagement)


@pytest.mark.parametrize("profile", PROFILES)
def test_packaged_profiles_hold_no_decision_and_no_mistake(profile: str) -> None:
    mapping = default_mapping(profile)
    check_mapping(mapping, profile_path(profile))
    assert len(mapping.objects) == 10
    assert pending(mapping) == tuple(row_names(mapping))


def test_a_new_mapping_closes_the_gate_and_names_how_to_open_it(
    engagement: Engagement, snapshot: Snapshot
) -> None:
    with pytest.raises(GateClosed, match=r"wait for confirmation.*Practice\.Account_Name") as gate:
        require_confirmed(load_mapping(engagement), snapshot)
    assert "migrator confirm" in str(gate.value)


def test_confirming_everything_opens_the_gate(engagement: Engagement, snapshot: Snapshot) -> None:
    decide(engagement, by="Ana Reviewer", note="read with the practice", when=WHEN)
    mapping = load_mapping(engagement)
    state = require_confirmed(mapping, snapshot)
    assert state.complete
    decision = mapping.objects[0].fields[0].decision
    assert decision is not None
    assert (decision.by, decision.when, decision.note) == (
        "Ana Reviewer", WHEN, "read with the practice",
    )  # fmt: skip


def test_one_decision_changes_nothing_else_in_the_file(engagement: Engagement) -> None:
    before = engagement.mapping_path.read_text(encoding="utf-8")
    decide(engagement, by="Ana", rows=["Patient.Email"], when=WHEN)
    decide(engagement, by="Ana", rows=["Patient.Email"], when=WHEN)
    once = engagement.mapping_path.read_text(encoding="utf-8")
    decide(engagement, by="Ana", rows=["Patient.Mobile"], when=WHEN)
    after = engagement.mapping_path.read_text(encoding="utf-8")
    assert after != once
    comments = [line for line in before.splitlines() if line.lstrip().startswith("#")]
    assert comments
    assert all(line in after for line in comments)
    added = len(after.splitlines()) - len(once.splitlines())
    assert 0 <= added <= 2
    confirmed = set(row_names(load_mapping(engagement))) - set(pending(load_mapping(engagement)))
    assert confirmed == {"Patient.Email", "Patient.Mobile"}


def test_a_row_that_was_changed_after_its_confirmation_waits_again(
    engagement: Engagement, snapshot: Snapshot
) -> None:
    decide(engagement, by="Ana")
    text = engagement.mapping_path.read_text(encoding="utf-8")
    changed = text.replace("truncate: {length: 200}", "truncate: {length: 150}")
    assert changed != text
    engagement.mapping_path.write_text(changed, encoding="utf-8")
    with pytest.raises(GateClosed, match=r"changed after its confirmation \(Practice\.Account"):
        require_confirmed(load_mapping(engagement), snapshot)
    decide(engagement, by="Ana")
    require_confirmed(load_mapping(engagement), snapshot)


def test_a_rejected_row_keeps_the_gate_closed(engagement: Engagement, snapshot: Snapshot) -> None:
    decide(engagement, by="Ana")
    decide(engagement, by="Ana", rows=["Patient.Email"], state="rejected", note="ask again")
    with pytest.raises(GateClosed, match=r"Patient\.Email"):
        require_confirmed(load_mapping(engagement), snapshot)


def test_a_column_without_a_disposition_keeps_the_gate_closed(
    engagement: Engagement, snapshot: Snapshot
) -> None:
    text = engagement.mapping_path.read_text(encoding="utf-8")
    without = re.sub(r"  - sources: documents\.created_at\n(    .*\n)+", "", text)
    assert without != text
    engagement.mapping_path.write_text(without, encoding="utf-8")
    decide(engagement, by="Ana")
    state = coverage(load_mapping(engagement), snapshot)
    assert state.open_columns.to_dict("records") == [{"table": "documents", "column": "created_at"}]
    with pytest.raises(GateClosed, match=r"documents\.created_at"):
        require_confirmed(load_mapping(engagement), snapshot)


def test_an_undecided_picklist_value_keeps_the_gate_closed(
    engagement: Engagement, snapshot: Snapshot
) -> None:
    text = engagement.mapping_path.read_text(encoding="utf-8")
    text = text.replace("values: {in: Incoming, out: Outgoing}", "values: {in: Incoming}")
    engagement.mapping_path.write_text(text, encoding="utf-8")
    decide(engagement, by="Ana")
    with pytest.raises(GateClosed, match=r"Call Log\.Call_Direction__c"):
        require_confirmed(load_mapping(engagement), snapshot)
    values = coverage(load_mapping(engagement), snapshot).open_values
    assert values["value"].tolist() == ["out"]
    assert values["records"].iloc[0] > 0


def test_value_maps_show_codes_that_the_mapping_names_and_mask_what_else_patients_have(
    engagement: Engagement, snapshot: Snapshot
) -> None:
    counts = value_counts(load_mapping(engagement), snapshot)
    sex = counts[counts["field"] == "Sex__c"].set_index("value")["becomes"]
    assert sex["M"] == "Male"
    others = set(sex.index) - {"M", "F", "U"}
    assert others <= {"A", "Aa", "a", "9", "?"}
    stage = counts[counts["field"] == "Stage"]["value"]
    assert "completed" in set(stage)


def test_a_row_that_does_not_exist_is_named_with_the_nearest(engagement: Engagement) -> None:
    with pytest.raises(ParameterError, match=r"Patient\.Emial.*\n.*Patient\.Email"):
        decide(engagement, by="Ana", rows=["Patient.Emial"])


def test_a_mapping_is_never_written_over(engagement: Engagement) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        write_default(engagement, "dent_o_soft")


def test_profiles_are_recognised_by_their_columns() -> None:
    tables: dict[str, set[str]] = {}
    for name in known_columns(default_mapping("open_dental")):
        table, column = name.split(".")
        tables.setdefault(table, set()).add(column.upper())
    assert detect_profile(tables) == "open_dental"
    assert detect_profile({"kunden": {"name", "ort"}}) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("FROM practices", "FROM practises", r"no table 'practises' \(did you mean 'practices'"),
        ("columns: website", "columns: websites", r"no column 'websites' \(did you mean 'website'"),
        ("transform: website", "transform: web site", r"There is no transform 'web site'"),
        ("target: Website", "target: Web_Page", r"Accounts has no field 'Web_Page'"),
        ("sources: practices.phone", "sources: practices.fone", r"no column 'fone'"),
        ("truncate: {length: 200}", "truncate: {size: 200}", r"Wrong options for 'truncate'"),
        ("label: Opened On,", "label: Opened Notes,", r"Zoho refuses the word 'Notes'"),
        ("label: Opened On,", "label: Practice Email,", r"'Practice Email' is taken by"),
    ],
)
def test_each_mistake_in_a_mapping_is_named_with_file_and_line(
    engagement: Engagement, snapshot: Snapshot, old: str, new: str, message: str
) -> None:
    text = engagement.mapping_path.read_text(encoding="utf-8")
    assert old in text
    engagement.mapping_path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MappingError, match=message) as caught:
        check_mapping(load_mapping(engagement), engagement.mapping_path, snapshot)
    assert all(f.place.startswith("mapping.yml:") for f in caught.value.findings)


def test_a_mapping_that_does_not_fit_the_model_names_every_line(engagement: Engagement) -> None:
    text = engagement.mapping_path.read_text(encoding="utf-8")
    text = text.replace("landing: records", "landing: rockets", 1).replace("slots: 3", "slots: 30")
    engagement.mapping_path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(engagement)
    assert len(caught.value.findings) == 2


def test_a_file_edited_by_hand_comes_back_line_by_line(engagement: Engagement) -> None:
    text = engagement.mapping_path.read_text(encoding="utf-8")
    found = re.search(r"      - \{target: Website, .*\}", text)
    assert found
    mine = (
        "      # asked Anna on Monday: the old address is gone\n"
        "      - target: 'Website'  # with quotes of its own\n"
        '        columns: "website"\n'
        "        sources: practices.website\n"
        "        transform: website\n"
        f"        reasons: ['{'a long reason that nobody should wrap ' * 5}']"
    )
    engagement.mapping_path.write_text(text.replace(found[0], mine), encoding="utf-8")
    before = engagement.mapping_path.read_text(encoding="utf-8").splitlines()
    decide(engagement, by="Ana", rows=["Practice.Website", "documents.created_at"], when=WHEN)
    after = engagement.mapping_path.read_text(encoding="utf-8").splitlines()
    assert [line for line in before if line not in after] == []
    added = [line for line in after if line not in before]
    assert len(added) == 2
    assert all("decision: {state: confirmed, by: Ana, when: '2026-01-02" in line for line in added)


def test_a_group_of_columns_is_decided_by_any_of_its_names(engagement: Engagement) -> None:
    decide(engagement, by="Ana", rows=["recall_rules.*"], when=WHEN)
    confirmed = [entry for entry in load_mapping(engagement).not_moved if entry.decision]
    assert [entry.sources for entry in confirmed] == [("reminder_rules.*", "recall_rules.*")]
