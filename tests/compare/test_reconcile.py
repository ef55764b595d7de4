"""Reconciliation: agreement on a faithful copy, each planted fault in the right place and words."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from migrator_kit.compare.diff import field_diff
from migrator_kit.compare.reconcile import MASKED, Reconciliation, reconcile
from migrator_kit.compare.sides import People, Scope
from migrator_kit.compare.verdicts import Level, ObjectFacts, Recommendation, judge
from migrator_kit.mapping.model import ObjectName
from migrator_kit.privacy import DataClass

PEOPLE = People({f"DR{n:02d}": f"dr{n}@example.org" for n in range(3)}, "admin@example.org")


def account(**counts: int) -> dict[str, object]:
    empty = dict.fromkeys(
        ("source", "created", "updated", "matched", "excluded", "merged", "failed", "remainder"), 0
    )
    return {"module": "M", **empty, **counts}


def accounts_of(practice) -> dict[str, dict[str, object]]:
    counted = {
        name.value: account(source=len(frame), created=len(frame))
        for name, frame in practice.shaped.items()
    }
    return counted | {"Reminder Rule": account(source=4, excluded=4), "Call Log": account()}


def run(practice, accounts=None, *, with_diff=False, **changes) -> Reconciliation:
    files = practice.files() if ObjectName.ATTACHMENT in practice.shaped else None
    scope = Scope(people=PEOPLE, files=files)
    landed, folder = practice.read_back(), practice.folder / "work"
    diff = None
    if with_diff:
        diff = field_diff(practice, landed, practice.mapping, folder, scope=scope)
    accounts = accounts or accounts_of(practice)
    return reconcile(
        accounts, practice, landed, practice.mapping, folder, scope=scope, diff=diff, **changes
    )


@pytest.fixture(scope="module")
def faithful(tmp_path_factory, new_practice) -> Reconciliation:
    return run(new_practice(tmp_path_factory.mktemp("faithful")), with_diff=True)


def verdicts(reconciliation: Reconciliation) -> dict[str, str]:
    table = reconciliation.verdict_table()
    return dict(zip(table["object"], table["verdict"], strict=True))


def test_a_faithful_load_is_a_go_for_all_ten_objects(faithful):
    assert faithful.verdict is Recommendation.GO
    assert list(verdicts(faithful)) == [name.value for name in ObjectName]
    assert set(verdicts(faithful).values()) == {"go"}
    for frame in (faithful.totals, faithful.values, faithful.links, faithful.files):
        assert len(frame)
        assert frame["agrees"].all()


def test_the_balance_counts_what_stands_in_zoho(faithful):
    balance = faithful.balance.set_index("object")

    assert balance.loc["Patient", ["source", "created", "remainder", "in_zoho"]].tolist() == [
        100, 100, 0, 100,
    ]  # fmt: skip
    assert balance.loc["Insurance", "in_zoho"] == balance.loc["Insurance", "source"]
    assert pd.isna(balance.loc["Reminder Rule", "in_zoho"])


def test_the_words_say_what_was_proven(faithful):
    words = {one.object: one.words for one in faithful.verdicts}

    assert words["Treatment Plan"] == (
        "100 records of 100 arrived; 7 fields compared, no value differs."
    )
    assert words["Reminder Rule"] == ("4 rows exported as a reference; nothing is written to Zoho.")
    assert words["Call Log"] == "The source has none."


def test_sums_extremes_values_and_links_are_counted(faithful):
    totals = faithful.totals.set_index(["object", "field", "measure"])
    assert totals.loc[("Treatment Plan", "Amount", "sum"), "expected"] == "71,132.50"
    assert totals.loc[("Treatment Plan", "Closing_Date", "smallest"), "landed"] == "2021-01-15"
    values = faithful.values.set_index(["object", "field", "value"])
    assert values.loc[("Appointment", "Status", "Completed"), "landed"] == 100
    links = faithful.links.set_index(["object", "field", "parent"])
    assert links.loc[("Appointment", "What_Id", "Treatment Plan"), "landed"] == 67
    assert links.loc[("Clinical Note", "Parent_Id", "Patient"), "expected"] == 100
    assert faithful.files[["expected", "equal"]].to_numpy().tolist() == [[25, 25]]


def test_a_rounded_amount_a_wrong_parent_and_a_changed_file_are_named(tmp_path, new_practice):
    practice = new_practice(tmp_path)
    plans, files = practice.landed[ObjectName.PLAN], practice.landed[ObjectName.ATTACHMENT]
    plans.loc[plans["source_id"] == "TP000007", "Amount"] = 186
    plans.loc[plans["source_id"] == "TP000008", "Contact_Name"] = "000001"
    files.loc[files["source_id"] == "D000003", "sha256"] = "0" * 64

    found = run(practice, with_diff=True)

    totals = found.totals[~found.totals["agrees"]]
    assert totals[["object", "field", "measure"]].to_numpy().tolist() == [
        ["Treatment Plan", "Amount", "sum"]
    ]
    wrong = found.links[found.links["wrong"] > 0]
    assert wrong[["object", "field", "wrong"]].to_numpy().tolist() == [
        ["Treatment Plan", "Contact_Name", 1]
    ]
    assert found.files[["equal", "different"]].to_numpy().tolist() == [[24, 1]]
    assert verdicts(found)["Treatment Plan"] == "roll back"
    assert verdicts(found)["Attachment"] == "roll back"
    assert verdicts(found)["Patient"] == "go"
    assert found.verdict is Recommendation.ROLL_BACK
    assert found.observations[0].level is Level.PROBLEM
    texts = " ".join(one.text for one in found.observations)
    assert "1 record linked to another parent than in the source." in texts
    assert "1 value arrived changed or not at all." in texts


def test_missing_and_doubled_records_are_counted(tmp_path, new_practice):
    practice = new_practice(tmp_path).keep(ObjectName.NOTE)
    notes = practice.landed[ObjectName.NOTE]
    again = notes[notes["source_id"] == "N000005"].assign(zoho_id="1", known=False)
    practice.landed[ObjectName.NOTE] = pd.concat([notes.iloc[1:], again], ignore_index=True)

    found = run(practice)
    words = next(one.words for one in found.verdicts if one.object == "Clinical Note")

    assert "1 record reported as landed and not in Zoho." in words
    assert "1 record in Zoho more than once." in words


def test_excluded_and_failed_records_are_named_exceptions(tmp_path, new_practice):
    practice = new_practice(tmp_path).keep(ObjectName.PATIENT)
    accounts = accounts_of(practice)
    accounts["Patient"] = account(source=110, created=100, excluded=7, failed=3)

    found = run(practice, accounts)
    words = next(one.words for one in found.verdicts if one.object == "Patient")

    assert verdicts(found)["Patient"] == "go with named exceptions"
    assert found.verdict is Recommendation.EXCEPTIONS
    assert words.startswith("100 records of 110 arrived")
    assert "3 records not landed" in words
    assert "7 records excluded" in words


def test_a_remainder_is_a_reason_to_roll_back():
    verdict = judge(ObjectFacts("Patient", source=10, created=9, remainder=1, in_zoho=9))

    assert verdict.recommendation is Recommendation.ROLL_BACK
    assert "1 row of the source cannot be accounted for." in verdict.words


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, Recommendation.EXCEPTIONS), (11, Recommendation.ROLL_BACK)],
)
def test_single_faults_are_exceptions_many_are_not(count, expected):
    facts = ObjectFacts(
        "Patient", source=1_000, created=1_000, in_zoho=1_000 - count, missing=count
    )

    assert judge(facts).recommendation is expected


def test_zoho_and_the_load_disagreeing_is_said():
    verdict = judge(ObjectFacts("Patient", source=100, created=100, in_zoho=90))

    assert "90 are in Zoho, the load reports 100." in verdict.words
    assert verdict.recommendation is Recommendation.ROLL_BACK


def test_extremes_of_patient_data_are_compared_but_not_shown(tmp_path, new_practice):
    practice = new_practice(tmp_path, patients=30).keep(ObjectName.PATIENT)
    item = practice.mapping.object(ObjectName.PATIENT)
    rows = tuple(
        row.model_copy(update={"data_class": DataClass.IDENTIFIER})
        if row.target in ("Date_of_Birth", "Patient_Status__c")
        else row
        for row in item.fields
    )
    objects = tuple(
        item.model_copy(update={"fields": rows}) if one.object is ObjectName.PATIENT else one
        for one in practice.mapping.objects
    )
    practice.mapping = practice.mapping.model_copy(update={"objects": objects})

    hidden = run(practice).totals.query("field == 'Date_of_Birth' and measure != 'filled'")
    shown = run(practice, reveal=True).totals.query("field == 'Date_of_Birth'")

    assert set(hidden["expected"]) == set(hidden["landed"]) == {MASKED}
    assert hidden["agrees"].all()
    assert "1930-01-01" in set(shown["expected"])
    # Words of the mapping's own vocabulary are nobody's data.
    assert set(run(practice).values.query("field == 'Patient_Status__c'")["value"]) == {
        "Active", "Inactive",
    }  # fmt: skip


def test_extremes_of_what_a_patient_carries_for_others_are_not_shown_either(tmp_path, new_practice):
    practice = new_practice(tmp_path, patients=30).keep(ObjectName.PATIENT)
    frame = practice.shaped[ObjectName.PATIENT]
    frame["Insurance_Member_ID_2__c"] = range(30)
    landed = practice.landed[ObjectName.PATIENT]
    landed["Insurance_Member_ID_2__c"] = landed["source_id"].astype("int64") - 1
    item = practice.mapping.object(ObjectName.INSURANCE)
    rows = tuple(row.model_copy(update={"data_class": DataClass.INSURANCE}) for row in item.fields)
    objects = tuple(
        item.model_copy(update={"fields": rows}) if one is item else one
        for one in practice.mapping.objects
    )
    practice.mapping = practice.mapping.model_copy(update={"objects": objects})
    practice.types["Insurance_Member_ID_2__c"] = pa.int64()

    totals = run(practice).totals.query("field == 'Insurance_Member_ID_2__c'")

    shown = dict(zip(totals["measure"], totals["expected"], strict=True))
    assert shown == {"filled": "30", "smallest": MASKED, "largest": MASKED}
    assert totals["agrees"].all()
