"""Patients who are likely one person: found, named by record id, merged by nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.sample.generator import generate
from migrator_kit.source.inventory import Inventory, inventory
from migrator_kit.source.likely_duplicates import LikelyDuplicates
from migrator_kit.source.snapshot import latest_snapshot, take_snapshot

New = Callable[..., Engagement]


def scored(inventory_: Inventory) -> LikelyDuplicates:
    assert inventory_.likely_duplicates is not None
    return inventory_.likely_duplicates


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated practice with a known share of patients entered twice, and households."""
    folder = tmp_path_factory.mktemp("practice")
    generate(folder / "dental", patients=1_000, seed=5, documents=False)
    return folder / "dental" / "practice.db"


@pytest.fixture(scope="module")
def engagement(practice: Path, tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    settings = EngagementFile(client="Twins", source=SourceSettings(url=str(practice)))
    made = Engagement.create(tmp_path_factory.mktemp("twins") / "engagement", settings)
    take_snapshot(made)
    return made


def pairs_in(engagement: Engagement, folder: Path) -> LikelyDuplicates:
    snapshot = latest_snapshot(engagement)
    return scored(inventory(snapshot, likely_duplicates=True, scored_in=folder))


@pytest.fixture(scope="module")
def likely(engagement: Engagement) -> LikelyDuplicates:
    return pairs_in(engagement, engagement.private / "pairs")


def test_patients_entered_twice_are_found_and_households_are_not(likely: LikelyDuplicates) -> None:
    # One in forty patients of the sample is a second record of an earlier one.
    assert len(likely.pairs) == pytest.approx(1_000 / 40, rel=0.25)
    assert likely.pairs["score"].between(0.5, 1).all()
    own = likely.pairs["agree"] + likely.pairs["nearly"]
    assert own.str.contains("birth_date|first_name").mean() > 0.95
    assert not set(likely.pairs["record"]) - {f"{n:06d}" for n in range(1_001)}


def test_the_same_snapshot_gives_the_same_pairs(
    engagement: Engagement, likely: LikelyDuplicates, tmp_path: Path
) -> None:
    assert pairs_in(engagement, tmp_path / "anew").pairs.equals(likely.pairs)


def test_a_second_audit_of_a_snapshot_does_not_score_again(
    engagement: Engagement, likely: LikelyDuplicates, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = engagement.private / "pairs"
    with monkeypatch.context() as patched:
        patched.setattr("migrator_kit.source.inventory.score_duplicates", pytest.fail)
        again = pairs_in(engagement, folder)
    assert again.pairs.equals(likely.pairs)
    assert again.to_json() == likely.to_json()
    assert (folder.stat().st_mode & 0o777, len(list(folder.iterdir()))) == (0o700, 1)


def test_a_list_for_review_holds_tokens_and_the_json_counts_alone(
    exports: Path, new_engagement: New
) -> None:
    rows = [f"{n},Name{n},Family{n},19{n % 70 + 20}-01-{n % 28 + 1:02d}" for n in range(1000, 1060)]
    rows += ["2000,Katherine,Papadaki,1980-05-06", "2001,Katharine,Papadaki,1980-05-06"]
    text = "\n".join(["patient_id,first_name,last_name,birth_date", *rows])
    (exports / "patients.csv").write_text(text)
    engagement = new_engagement(exports)
    found = inventory(take_snapshot(engagement), likely_duplicates=True)
    pairs = scored(found).pairs
    assert pairs[["record", "like"]].to_numpy().tolist() == [["2000", "2001"]]
    assert pairs["agree"].tolist() == ["last_name, birth_date"]
    assert pairs["nearly"].tolist() == ["first_name"]
    shown = scored(found).for_review(engagement.key())
    assert "2000" not in shown.to_csv() + json.dumps(found.to_json())
    assert shown["record"].str.startswith("‹").all()
    assert found.to_json()["duplicates"]["likely"]["pairs"] == 1


@pytest.mark.parametrize("rows", ["", "1,Ann,Roe,1990-05-05\n", "1,,,\n2,,,\n3,,,\n"])
def test_nothing_to_compare_is_no_error(rows: str, exports: Path, new_engagement: New) -> None:
    (exports / "patients.csv").write_text("id,first_name,last_name,birth_date\n" + rows)
    likely = scored(inventory(take_snapshot(new_engagement(exports)), likely_duplicates=True))
    assert likely.pairs.empty
    assert likely.to_json()["pairs"] == 0


def test_a_source_without_patients_has_none_twice(exports: Path, new_engagement: New) -> None:
    (exports / "fees.csv").write_text("code,fee\nD1,10\nD2,20\n")
    likely = scored(inventory(take_snapshot(new_engagement(exports)), likely_duplicates=True))
    assert likely.table is None


def test_linkage_is_imported_when_patients_are_scored_and_not_before() -> None:
    code = "import sys, migrator_kit.source.inventory; print('splink' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
