"""Both profiles on whole practices: a generated one with its dirt, and Open Dental's rows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.dataset import ShapedDataset
from migrator_kit.mapping.decisions import coverage
from migrator_kit.mapping.files import default_mapping, profile_path
from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.shape import shape
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot

OPEN_DENTAL = (
    Path(__file__).parents[2].parent
    / "shared/data/04_opendental_synthetic_rows/opendental_synth.sqlite"
)
BASE_TABLES = {
    ObjectName.PRACTICE: "clinic", ObjectName.PATIENT: "patient", ObjectName.INSURANCE: "patplan",
    ObjectName.APPOINTMENT: "appointment", ObjectName.CALL_LOG: "commlog",
    ObjectName.ATTACHMENT: "document", ObjectName.RULE: "recalltype",
}  # fmt: skip


def shaped_of(folder: Path, source: Path, profile: str) -> ShapedDataset:
    settings = SourceSettings(url=str(source), profile=profile)
    engagement = Engagement.create(folder, EngagementFile(client="Test", source=settings))
    snapshot, mapping = take_snapshot(engagement), default_mapping(profile)
    check_mapping(mapping, profile_path(profile), snapshot)
    state = coverage(mapping, snapshot)
    assert state.open_columns.empty
    assert state.open_values.empty
    return shape(engagement, snapshot, mapping)


@pytest.fixture(scope="module")
def open_dental(tmp_path_factory: pytest.TempPathFactory) -> ShapedDataset:
    if not OPEN_DENTAL.is_file():
        pytest.skip("the Open Dental rows are not on this machine")
    return shaped_of(tmp_path_factory.mktemp("open_dental"), OPEN_DENTAL, "open_dental")


@pytest.fixture(scope="module")
def dent_o_soft(tmp_path_factory: pytest.TempPathFactory) -> ShapedDataset:
    folder = tmp_path_factory.mktemp("practice")
    generate(folder, patients=400, seed=3)
    return shaped_of(tmp_path_factory.mktemp("dent_o_soft"), folder / "practice.db", "dent_o_soft")


def rows(dataset: ShapedDataset, name: ObjectName) -> pd.DataFrame:
    return pa.concat_tables([pq.read_table(path) for path in dataset.parts(name)]).to_pandas()


def accounted(dataset: ShapedDataset) -> None:
    excluded = dataset.rejects().query("action == 'excluded'")
    gone = excluded.groupby("object")["source_id"].nunique()
    print()
    for name, one in dataset.manifest.objects.items():
        print(f"{name:18} source {one.source_rows:6,} shaped {one.rows:6,} excluded {one.excluded}")
        assert one.source_rows == one.rows + int(gone.get(str(name), 0))
        assert rows(dataset, name)["source_id"].is_unique


def linked(dataset: ShapedDataset) -> None:
    """Every link of a shaped row points to a shaped row."""
    patients = set(rows(dataset, ObjectName.PATIENT)["source_id"])
    plans = set(rows(dataset, ObjectName.PLAN)["source_id"])
    practices = set(rows(dataset, ObjectName.PRACTICE)["source_id"])
    assert set(rows(dataset, ObjectName.PLAN)["Contact_Name"]) <= patients
    assert set(rows(dataset, ObjectName.INSURANCE)["parent_id"]) <= patients
    assert set(rows(dataset, ObjectName.CALL_LOG)["Who_Id"]) <= patients
    visits = rows(dataset, ObjectName.APPOINTMENT)
    assert set(visits["Who_Id"]) <= patients
    parents = {"Treatment Plan": plans, "Practice": practices, "Patient": patients}
    for name, target in (
        (ObjectName.APPOINTMENT, "What_Id"),
        (ObjectName.NOTE, "Parent_Id"),
        (ObjectName.ATTACHMENT, "Parent_Id"),
    ):
        frame = rows(dataset, name)
        which = f"{target}_object"
        if which not in frame:
            assert set(frame[target].dropna()) <= patients
            continue
        for parent, group in frame.dropna(subset=[target]).groupby(which):
            assert set(group[target]) <= parents[str(parent)]


def test_every_row_of_open_dental_is_accounted_for(open_dental: ShapedDataset) -> None:
    accounted(open_dental)
    with sqlite3.connect(f"file:{OPEN_DENTAL}?mode=ro", uri=True) as source:
        for name, table in BASE_TABLES.items():
            (expected,) = source.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert open_dental.source_rows(name) == expected
        (plans,) = source.execute(
            "SELECT count(*) FROM (SELECT DISTINCT PatNum, ProcDate FROM procedurelog)"
        ).fetchone()
        assert open_dental.source_rows(ObjectName.PLAN) == plans
        assert open_dental.source_rows(ObjectName.PLAN_ID) == plans
        texts = "Medical", "MedicalComp", "Service", "Treatment", "FamFinancial", "ApptPhone"
        expected = sum(
            source.execute(
                f"SELECT count(*) FROM patientnote WHERE trim(coalesce({text}, '')) <> ''"
            ).fetchone()[0]
            for text in texts
        )
        assert open_dental.source_rows(ObjectName.NOTE) == expected


def test_links_of_open_dental_hold(open_dental: ShapedDataset) -> None:
    linked(open_dental)
    visits = rows(open_dental, ObjectName.APPOINTMENT)
    with sqlite3.connect(f"file:{OPEN_DENTAL}?mode=ro", uri=True) as source:
        (treated,) = source.execute("SELECT count(DISTINCT AptNum) FROM procedurelog").fetchone()
    assert (visits["What_Id_object"] == "Treatment Plan").sum() == treated


def test_money_and_statuses_of_open_dental(open_dental: ShapedDataset) -> None:
    plans = rows(open_dental, ObjectName.PLAN).set_index("source_id")
    with sqlite3.connect(f"file:{OPEN_DENTAL}?mode=ro", uri=True) as source:
        lines = pd.read_sql(
            "SELECT PatNum, ProcDate, ProcStatus, ProcFee FROM procedurelog", source
        )
    lines["plan"] = lines["PatNum"].astype(str) + "-" + lines["ProcDate"].str.replace("-", "")
    states = lines.groupby("plan")["ProcStatus"].agg(lambda s: frozenset(s))
    for state, expected in {
        frozenset({1}): "proposed", frozenset({2}): "completed", frozenset({6}): "deleted",
        frozenset({1, 2}): "in_progress", frozenset({2, 6}): "completed",
        frozenset({1, 6}): "proposed",
    }.items():  # fmt: skip
        assert set(plans.loc[states.index[states == state], "Treatment_Stage__c"]) == {expected}
    live = lines[lines["ProcStatus"] != 6].groupby("plan")["ProcFee"].sum()
    assert (plans.loc[live.index, "Amount"] - live).abs().max() <= 0.005
    assert set(plans["Stage"]) <= {
        "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost", "Qualification",
    }  # fmt: skip


def test_refused_contacts_of_open_dental_stay_readable(open_dental: ShapedDataset) -> None:
    patients = rows(open_dental, ObjectName.PATIENT).set_index("source_id")
    refused = open_dental.rejects().query("reason == 'bad_phone'")
    assert len(refused)
    kept = patients.loc[refused["source_id"].unique(), "Contact_As_Recorded__c"]
    assert kept.notna().all()
    numbers = patients["Mobile"].dropna()
    assert numbers.str.fullmatch(r"\+\d{8,15}(?: x\d{1,7})?").all()


def test_calls_of_open_dental_last_five_minutes(open_dental: ShapedDataset) -> None:
    calls = rows(open_dental, ObjectName.CALL_LOG)
    lasted = calls["End_DateTime"] - calls["Start_DateTime"]
    assert set(lasted) == {pd.Timedelta(minutes=5)}


def test_insurance_of_open_dental_is_on_the_patient(open_dental: ShapedDataset) -> None:
    patients = rows(open_dental, ObjectName.PATIENT).set_index("source_id")
    policies = rows(open_dental, ObjectName.INSURANCE)
    second = policies[policies["slot"] == 2].set_index("parent_id")
    assert len(second)
    carried = patients.loc[second.index, "Insurance_Carrier_2__c"]
    assert carried.tolist() == second["Insurance_Carrier__c"].tolist()
    assert patients["Insurance_Carrier__c"].notna().sum() == (policies["slot"] == 1).sum()


def test_every_row_of_a_generated_practice_is_accounted_for(dent_o_soft: ShapedDataset) -> None:
    accounted(dent_o_soft)
    linked(dent_o_soft)
    found = set(dent_o_soft.rejects()["reason"])
    assert {
        "orphan_parent", "missing_required", "bad_phone", "bad_email", "bad_date", "sentinel_date",
        "too_long", "unknown_value", "broken_encoding",
    } <= found  # fmt: skip
    text = dent_o_soft.rejects()[["expected", "remedy"]]
    assert text.notna().all(axis=None)


def test_notes_of_a_generated_practice_begin_with_their_marker(dent_o_soft: ShapedDataset) -> None:
    notes = rows(dent_o_soft, ObjectName.NOTE)
    first = notes["Note_Content"].str.split("\n").str[0]
    assert (first.str.removeprefix("[source ").str.split(" ").str[0] == notes["source_id"]).all()
    assert not notes["Note_Content"].str.contains(r"\\par|<p>|\r", regex=True).any()
    assert first.is_unique
