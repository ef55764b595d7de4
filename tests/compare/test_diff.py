"""Field-level diff: every planted difference is found and named, nothing else is reported."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from migrator_kit.compare import diff
from migrator_kit.compare.diff import DiffReport, field_diff
from migrator_kit.compare.sides import People, Scope
from migrator_kit.mapping.model import ObjectName

PEOPLE = People({f"DR{n:02d}": f"dr{n}@example.org" for n in range(3)}, "admin@example.org")


def compare(practice, **changes) -> DiffReport:
    files = practice.files() if ObjectName.ATTACHMENT in practice.shaped else None
    scope = Scope(**({"people": PEOPLE, "files": files} | changes))
    folder = practice.folder / "diff"
    return field_diff(practice, practice.read_back(), practice.mapping, folder, scope=scope)


def put(frame: pd.DataFrame, source_id: str, column: str, value: object) -> None:
    row = frame.index[frame["source_id"] == source_id][0]
    frame.at[row, column] = value


def test_a_faithful_copy_has_no_difference(practice):
    report = compare(practice)

    assert report.clean
    assert report.differences().empty
    assert (report.fields["compared"] == report.fields["equal"]).all()
    assert report.records.set_index("object")["compared"].to_dict() == {
        "Practice": 2, "Patient": 100, "Insurance": len(practice.shaped[ObjectName.INSURANCE]),
        "Treatment Plan": 100, "Treatment Plan ID": 100, "Appointment": 200,
        "Clinical Note": 100, "Attachment": 25,
    }  # fmt: skip


def test_every_target_field_is_compared(practice):
    fields = compare(practice).fields
    compared = set(zip(fields["object"], fields["field"], strict=True))

    assert ("Patient", "Insurance_Carrier_2__c") in compared
    assert ("Insurance", "Insurance_Member_ID__c") in compared
    assert ("Treatment Plan ID", "Treatment_Plan_ID__c") in compared
    assert ("Attachment", "sha256") in compared
    assert ("Appointment", "What_Id") in compared
    assert ("Appointment", "What_Id_object") not in compared
    assert ("Attachment", "file_path") not in compared


def _shift(hours: float) -> Callable[[pd.Timestamp], pd.Timestamp]:
    return lambda moment: moment + timedelta(hours=hours)


CHANGED, LOST, UNEXPECTED = "changed_by_zoho", "lost", "unexpected"
PLANTED = [
    ("Treatment Plan", "TP000007", "Amount", round, CHANGED, "rounded"),
    ("Treatment Plan", "TP000008", "Amount", lambda v: -v, CHANGED, "sign"),
    ("Treatment Plan", "TP000009", "Amount", lambda v: v + 0.01, CHANGED, "other amount"),
    ("Treatment Plan", "TP000004", "Contact_Name", "000001", CHANGED, "other parent"),
    ("Treatment Plan", "TP000005", "Contact_Name", "zoho:57", CHANGED,
     "parent unknown to the ledger"),
    ("Treatment Plan", "TP000006", "Contact_Name", None, LOST, "empty in Zoho"),
    ("Treatment Plan", "TP000004", "Stage", "Closed Lost", CHANGED, "other value"),
    ("Appointment", "A000003", "What_Id_object", "Patient", CHANGED, "other parent"),
    ("Appointment", "A000003", "Starts_At__c", _shift(1), CHANGED, "shifted by +1.00 h"),
    ("Appointment", "A000004", "Starts_At__c", _shift(-5.5), CHANGED, "shifted by -5.50 h"),
    ("Appointment", "A000005", "Starts_At__c", _shift(0.1), CHANGED, "other time"),
    ("Appointment", "A000003", "Duration__c", lambda v: v + 1, CHANGED, "other number"),
    ("Clinical Note", "N000010", "Note_Content", lambda v: v.split("\n")[0], CHANGED, "cut"),
    ("Clinical Note", "N000011", "Note_Content", lambda v: v.replace("one", "two"), CHANGED,
     "other text"),
    ("Clinical Note", "N000012", "Note_Content", lambda v: v.replace("\n", " "), CHANGED,
     "white space inside"),
    ("Patient", "000002", "Last_Name", str.upper, CHANGED, "letter case"),
    ("Patient", "000003", "Last_Name", None, LOST, "empty in Zoho"),
    ("Patient", "000001", "Insurance_Carrier__c", "Ghost", UNEXPECTED,
     "filled in Zoho, empty in the source"),
    ("Patient", "000002", "Date_of_Birth", lambda v: v + timedelta(days=1), CHANGED,
     "shifted by +1 day"),
    ("Patient", "000029", "Date_of_Birth", lambda v: v.replace(month=v.day, day=v.month),
     CHANGED, "day and month exchanged"),
    ("Patient", "000005", "Date_of_Birth", lambda v: v.replace(year=1900), CHANGED, "other date"),
    ("Patient", "000002", "Owner", "dr2@example.org", CHANGED, "other person"),
    ("Patient", "000002", "SMS_Consent__c", lambda v: not v, CHANGED, "other answer"),
    ("Patient", "000001", "Allergies__c", ["Latex"], CHANGED, "other values"),
    ("Patient", "000002", "Patient_Status__c", "VIP", CHANGED, "other value"),
    ("Attachment", "D000003", "sha256", "0" * 64, CHANGED, "other bytes"),
    ("Attachment", "D000004", "size", lambda v: v - 1, CHANGED, "other number"),
    ("Attachment", "D000005", "Parent_Id", "000099", CHANGED, "other parent"),
]  # fmt: skip


@pytest.fixture(scope="module")
def damaged(tmp_path_factory, new_practice) -> DiffReport:
    practice = new_practice(tmp_path_factory.mktemp("damaged"))
    for name, source_id, column, change, _, _ in PLANTED:
        frame = practice.landed[ObjectName(name)]
        old = frame.loc[frame["source_id"] == source_id, column].iloc[0]
        put(frame, source_id, column, change(old) if callable(change) else change)
    return compare(practice)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda row: f"{row[0]}-{row[2]}-{row[5]}")
def test_a_planted_difference_is_found_and_named(damaged, planted):
    name, source_id, column, _, verdict, nature = planted
    found = damaged.differences().set_index(["object", "source_id", "field"])

    here = found.loc[[(name, source_id, column.removesuffix("_object"))]]

    assert here.to_numpy().tolist() == [[verdict, nature]]


def test_nothing_but_the_planted_differences_is_reported(damaged):
    assert len(damaged.differences()) == len(PLANTED)
    assert not damaged.clean
    different = damaged.fields[[CHANGED, LOST, UNEXPECTED]].sum(axis=1)
    assert different.sum() == len(PLANTED)
    assert (damaged.fields["compared"] - damaged.fields["equal"] == different).all()


def test_a_lost_second_policy_is_lost_for_patient_and_insurance(practice):
    practice.keep(ObjectName.PATIENT, ObjectName.INSURANCE)
    second = practice.shaped[ObjectName.INSURANCE].query("slot == 2").iloc[0]
    put(practice.landed[ObjectName.PATIENT], second["parent_id"], "Insurance_Member_ID_2__c", None)

    found = compare(practice).differences()

    assert found[["object", "source_id", "field", "verdict"]].to_numpy().tolist() == [
        ["Patient", second["parent_id"], "Insurance_Member_ID_2__c", "lost"],
        ["Insurance", second["source_id"], "Insurance_Member_ID__c", "lost"],
    ]


@pytest.mark.parametrize(
    ("name", "source_id", "column", "change", "rule"),
    [
        ("Patient", "000002", "Last_Name", lambda v: v, "white space at the ends, line ends"),
        ("Appointment", "A000003", "Starts_At__c", lambda v: v.floor("s"), "whole seconds"),
        ("Patient", "000001", "Allergies__c", ["Penicillin", "Latex"],
         "order of the choices"),
        ("Treatment Plan", "TP000007", "Amount", lambda v: v + 1e-9, "two decimals"),
    ],
)  # fmt: skip
def test_forms_that_zoho_changes_are_equal_after_a_named_rule(
    practice, name, source_id, column, change, rule
):
    practice.keep(ObjectName(name))
    if column == "Last_Name":
        put(practice.shaped[ObjectName.PATIENT], source_id, column, " Family1\r\n")
    if column == "Starts_At__c":
        frame = practice.shaped[ObjectName(name)]
        old = frame.loc[frame["source_id"] == source_id, column].iloc[0]
        put(frame, source_id, column, old + pd.Timedelta(microseconds=250_000))
    frame = practice.landed[ObjectName(name)]
    old = frame.loc[frame["source_id"] == source_id, column].iloc[0]
    put(frame, source_id, column, change(old) if callable(change) else change)

    report = compare(practice)

    assert report.clean
    natures = report.natures()
    assert natures[["object", "field", "verdict", "nature", "records"]].to_numpy().tolist() == [
        [name, column, "equal_after_rule", rule, 1]
    ]


def test_missing_extra_and_duplicate_records_are_named(practice):
    plans = practice.landed[ObjectName.PLAN]
    practice.landed[ObjectName.PLAN] = plans[plans["source_id"] != "TP000009"]
    notes = practice.landed[ObjectName.NOTE]
    again = notes[notes["source_id"] == "N000005"].assign(zoho_id="1", known=False)
    stray = notes[notes["source_id"] == "N000006"].assign(source_id="N999999", zoho_id="2")
    practice.landed[ObjectName.NOTE] = pd.concat([notes, again, stray], ignore_index=True)

    report = compare(practice)
    found = report.differences()

    assert found[["object", "source_id", "verdict", "nature"]].to_numpy().tolist() == [
        ["Treatment Plan", "TP000009", "missing_record", "not there"],
        ["Treatment Plan ID", "TP000009", "missing_record", "not there"],
        ["Clinical Note", "N000005", "duplicate_record", "there 2 times"],
        ["Clinical Note", "N999999", "extra_record", "not expected"],
    ]
    plan = report.records.set_index("object").loc["Treatment Plan"]
    assert plan[["expected", "landed", "compared", "missing_record"]].tolist() == [100, 99, 99, 1]


def test_the_copy_that_the_ledger_knows_is_the_one_compared(practice):
    practice.keep(ObjectName.NOTE)
    notes = practice.landed[ObjectName.NOTE]
    again = notes[notes["source_id"] == "N000005"].assign(
        zoho_id="1", known=False, Note_Content="[source N000005 | later] edited copy"
    )
    practice.landed[ObjectName.NOTE] = pd.concat([again, notes], ignore_index=True)

    found = compare(practice).differences()

    assert found["verdict"].tolist() == ["duplicate_record"]


def test_hidden_health_fields_are_reported_as_hidden_not_lost(practice):
    practice.keep(ObjectName.PATIENT)
    practice.landed[ObjectName.PATIENT]["Allergies__c"] = None
    practice.hidden.add("Allergies__c")

    report = compare(practice)
    row = report.fields.query("object == 'Patient' and field == 'Allergies__c'").iloc[0]

    assert row["lost"] == 0
    assert row["hidden"] == 17
    assert not report.clean
    assert set(report.natures()["nature"]) == {"not shown by Zoho"}


def test_a_field_that_zoho_does_not_have_is_lost_where_it_had_a_value(practice):
    practice.keep(ObjectName.PATIENT)
    del practice.landed[ObjectName.PATIENT]["Balance__c"]

    row = compare(practice).fields.query("object == 'Patient' and field == 'Balance__c'").iloc[0]

    assert row["lost"] == 100


def test_what_did_not_move_is_not_expected(practice):
    practice.keep(ObjectName.PLAN, ObjectName.PLAN_ID)
    plans = practice.landed[ObjectName.PLAN]
    practice.landed[ObjectName.PLAN] = plans[plans["source_id"] != "TP000009"]
    gone = pd.DataFrame({"object": ["Treatment Plan", "Treatment Plan ID"],
                         "source_id": ["TP000009"] * 2})  # fmt: skip

    report = compare(practice, not_moved=gone)

    assert report.clean
    assert report.records.set_index("object").loc["Treatment Plan", "expected"] == 99


def test_children_of_a_merged_patient_are_compared_with_the_one_that_stayed(practice):
    patients = practice.landed[ObjectName.PATIENT]
    practice.landed[ObjectName.PATIENT] = patients[patients["source_id"] != "000008"]
    for name, column in ((ObjectName.PLAN, "Contact_Name"), (ObjectName.NOTE, "Parent_Id"),
                         (ObjectName.APPOINTMENT, "Who_Id"), (ObjectName.APPOINTMENT, "What_Id"),
                         (ObjectName.ATTACHMENT, "Parent_Id")):  # fmt: skip
        frame = practice.landed[name]
        frame.loc[frame[column] == "000008", column] = "000005"
    insurance = practice.shaped[ObjectName.INSURANCE].query("parent_id == '000008'")
    merged = pd.DataFrame({"object": ["Patient"], "source_id": ["000008"], "into": ["000005"]})
    also = pd.DataFrame({"object": "Insurance", "source_id": insurance["source_id"]})

    assert compare(practice, merged=merged, not_moved=also).clean


def test_a_scope_compares_its_records_only(practice):
    put(practice.landed[ObjectName.PATIENT], "000002", "Last_Name", "Changed")
    put(practice.landed[ObjectName.PATIENT], "000003", "Last_Name", "Changed")
    keys = pd.DataFrame({"object": ["Patient", "Treatment Plan"],
                         "source_id": ["000002", "TP000001"]})  # fmt: skip

    report = compare(practice, keys=keys)

    assert report.differences()["source_id"].tolist() == ["000002"]
    assert report.records.set_index("object")["expected"].to_dict() == {
        "Practice": 0, "Patient": 1, "Insurance": 2, "Treatment Plan": 1, "Treatment Plan ID": 1,
        "Appointment": 0, "Clinical Note": 0, "Attachment": 0,
    }  # fmt: skip


def test_slices_give_the_same_answer_as_one_pass(practice, monkeypatch):
    practice.keep(ObjectName.PATIENT, ObjectName.APPOINTMENT)
    put(practice.landed[ObjectName.PATIENT], "000002", "Last_Name", "Changed")
    put(practice.landed[ObjectName.APPOINTMENT], "A000003", "Duration__c", 1)
    whole = compare(practice)
    cells = duckdb.read_parquet(str(whole.cells)).df()

    monkeypatch.setattr(diff, "CELLS_IN_MEMORY", 800)
    sliced = compare(practice)

    pd.testing.assert_frame_equal(whole.fields, sliced.fields)
    pd.testing.assert_frame_equal(whole.records, sliced.records)
    pd.testing.assert_frame_equal(cells, duckdb.read_parquet(str(sliced.cells)).df())


def test_values_are_in_the_cells_file_alone(practice):
    practice.keep(ObjectName.PATIENT)
    put(practice.landed[ObjectName.PATIENT], "000002", "Last_Name", "Changed")

    report = compare(practice)
    cells = duckdb.read_parquet(str(report.cells)).df()

    assert cells[["expected", "actual"]].to_numpy().tolist() == [["Family1", "Changed"]]
    shown = report.differences().to_string() + report.fields.to_string() + repr(report)
    assert "Family1" not in shown
    assert "Changed" not in shown


def test_nothing_landed_at_all_is_reported_as_missing(practice):
    practice.landed = {}

    report = compare(practice)

    assert (report.records["missing_record"] == report.records["expected"]).all()
    assert (report.fields["compared"] == 0).all()


def test_a_date_kept_as_text_in_zoho_is_compared_as_text(practice):
    patients = practice.keep(ObjectName.PATIENT).landed[ObjectName.PATIENT]
    patients["Date_of_Birth"] = patients["Date_of_Birth"].astype("str")
    practice.landed_as["Date_of_Birth"] = pa.string()

    assert compare(practice).clean
    put(patients, "000002", "Date_of_Birth", "3.4.1931")
    found = compare(practice).differences()
    assert found[["source_id", "field"]].to_numpy().tolist() == [["000002", "Date_of_Birth"]]
