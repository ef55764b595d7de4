"""The sample: coverage, closure over parents, bounds, seeds, and what it says of itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.compare.sample import choose_sample
from migrator_kit.errors import EvidenceError
from migrator_kit.mapping.model import ObjectName


@pytest.fixture(scope="module")
def big(tmp_path_factory, new_practice):
    practice = new_practice(tmp_path_factory.mktemp("big"), patients=250)
    documents = practice.folder / "documents"
    for number, path in enumerate(practice.shaped[ObjectName.ATTACHMENT]["file_path"]):
        if number == 7:
            continue
        (documents / path).parent.mkdir(parents=True, exist_ok=True)
        size = [0, 40_000, 700_000, 30_000_000][number % 4]
        with (documents / path).open("wb") as stream:
            stream.truncate(size)
    return practice


@pytest.fixture(scope="module")
def sample(big):
    return choose_sample(big, big.mapping, 80, 7, documents=big.folder / "documents")


def as_keys(frame: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(frame["object"], frame["source_id"], strict=True))


def test_the_sample_has_the_size_asked_for(sample):
    assert len(sample.keys) == 80
    assert not sample.keys.duplicated(["object", "source_id"]).any()
    assert sample.keys["why"].str.len().min() > 0


@pytest.mark.parametrize("size", [50, 100])
def test_every_size_between_fifty_and_a_hundred_can_be_had(big, size):
    assert len(choose_sample(big, big.mapping, size, 1).keys) == size


def test_every_parent_of_a_sampled_record_is_sampled(big, sample):
    keys = as_keys(sample.keys)
    links = {
        ObjectName.PATIENT: [("Account_Name", "Practice")],
        ObjectName.PLAN: [("Contact_Name", "Patient")],
        ObjectName.APPOINTMENT: [("Who_Id", "Patient"), ("What_Id", None)],
        ObjectName.NOTE: [("Parent_Id", None)],
        ObjectName.ATTACHMENT: [("Parent_Id", None)],
    }
    checked = 0
    for name, columns in links.items():
        rows = big.shaped[name].set_index("source_id")
        for object_name, source_id in keys:
            if object_name != name:
                continue
            for column, parent in columns:
                row = rows.loc[source_id]
                assert (parent or row[f"{column}_object"], row[column]) in keys
                checked += 1
    assert checked > 40


def test_fields_of_other_records_are_no_records_of_their_own(sample):
    assert not set(sample.keys["object"]) & {"Insurance", "Treatment Plan ID", "Reminder Rule"}


def test_values_owners_slots_files_and_parents_are_all_exercised(sample):
    coverage = sample.coverage
    must = ["picklist value", "owner", "policies on a record", "kind of file", "size of file",
            "kind of parent", "field filled", "field empty", "transform"]  # fmt: skip
    present = coverage[coverage["kind"].isin(must) & (coverage["records"] > 0)]

    assert set(present["kind"]) == set(must)
    assert set(present["state"]) == {"exercised"}
    sizes = coverage[coverage["kind"] == "size of file"]
    assert set(sizes["value"]) == {"empty", "up to 100 kB", "up to 1 MB", "over the limit",
                                   "not there"}  # fmt: skip


def test_the_coverage_counts_what_the_sample_holds(big, sample):
    patients = big.shaped[ObjectName.PATIENT].set_index("source_id")
    chosen = patients.loc[sample.keys.query("object == 'Patient'")["source_id"]]
    coverage = sample.coverage.set_index(["object", "kind", "field", "value"])

    row = coverage.loc[("Patient", "field filled", "Allergies__c", "")]
    assert row["records"] == patients["Allergies__c"].notna().sum()
    assert row["in_sample"] == chosen["Allergies__c"].notna().sum()
    value = coverage.loc[("Patient", "picklist value", "Patient_Status__c", "Inactive")]
    assert value["in_sample"] == (chosen["Patient_Status__c"] == "Inactive").sum()


def test_values_that_no_record_has_are_named(sample):
    nowhere = sample.coverage.query("state == 'no record'")
    named = set(zip(nowhere["field"], nowhere["value"], strict=True))

    assert named == {("Stage", "Closed Lost"), ("Patient_Status__c", "Archived")}
    summary = sample.summary().set_index("kind")
    assert summary.loc["picklist value", "share"] == 1.0
    assert summary.loc["picklist value", "no record"] == 2


def test_a_rare_value_is_always_found(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=220)
    patients = practice.shaped[ObjectName.PATIENT]
    patients.loc[patients["source_id"] == "000217", "Patient_Status__c"] = "Archived"
    patients.loc[patients["source_id"] == "000218", "Date_of_Birth"] = date(1850, 1, 1)
    patients.loc[patients["source_id"] == "000219", "First_Name"] = None

    keys = as_keys(choose_sample(practice, practice.mapping, 50, 3).keys)

    assert {("Patient", "000217"), ("Patient", "000219")} <= keys


def test_every_kind_of_reject_is_exercised(big, monkeypatch):
    insurance = big.shaped[ObjectName.INSURANCE].iloc[5]
    rows = [
        ("Patient", "000111", "Phone", "bad_phone", "emptied"),
        ("Patient", "000112", "Date_of_Birth", "bad_date", "emptied"),
        ("Patient", "999999", "Last_Name", "missing_required", "excluded"),
        ("Insurance", insurance["source_id"], "Insurance_Carrier__c", "too_long", "adjusted"),
    ]
    columns = ["object", "source_id", "field", "reason", "action"]
    rejects = pd.DataFrame(rows, columns=columns, dtype="str")
    monkeypatch.setattr(big, "rejects", lambda: rejects)

    sample = choose_sample(big, big.mapping, 60, 7)

    keys = as_keys(sample.keys)
    assert {("Patient", "000111"), ("Patient", "000112")} <= keys
    assert ("Patient", insurance["parent_id"]) in keys
    found = sample.coverage.query("kind == 'rejected value'")
    assert set(found["value"]) == {"bad_phone", "bad_date", "too_long"}
    assert set(found["state"]) == {"exercised"}


def test_children_of_sampled_patients_are_in_the_sample(sample):
    why = sample.keys["why"]
    assert why.str.contains("child of a chosen patient").sum() >= 5


def test_a_small_practice_is_taken_whole(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=6)
    everything = sum(
        len(frame)
        for name, frame in practice.shaped.items()
        if name not in (ObjectName.INSURANCE, ObjectName.PLAN_ID)
    )

    assert len(choose_sample(practice, practice.mapping, 80, 7).keys) == everything == 36


def test_a_parent_that_does_not_move_is_not_in_the_sample(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=60)
    practice.shaped[ObjectName.NOTE]["Parent_Id"] = "000999"

    keys = choose_sample(practice, practice.mapping, 60, 7).keys

    assert "000999" not in set(keys["source_id"])


def test_nothing_shaped_is_an_error_with_a_remedy(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=5)
    practice.shaped = {}

    with pytest.raises(EvidenceError, match="no record to choose"):
        choose_sample(practice, practice.mapping, 80, 7)


def test_the_same_seed_gives_the_same_sample(big, sample):
    again = choose_sample(big, big.mapping, 80, 7, documents=big.folder / "documents")

    pd.testing.assert_frame_equal(sample.keys, again.keys)
    pd.testing.assert_frame_equal(sample.coverage, again.coverage)


def test_another_seed_gives_another_sample(big, sample):
    other = choose_sample(big, big.mapping, 80, 8, documents=big.folder / "documents")

    assert as_keys(other.keys) != as_keys(sample.keys)
