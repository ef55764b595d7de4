"""One record side by side."""

from __future__ import annotations

from migrator_kit.compare.record_view import COLUMNS, record_view
from migrator_kit.mapping.model import ObjectName
from migrator_kit.privacy import DataClass


def view(practice, name: ObjectName, source_id: str):
    return record_view(
        practice, practice.read_back(), practice.mapping, name, source_id, practice.folder / "work"
    )


def test_every_field_of_one_record_stands_side_by_side(tmp_path, new_practice):
    practice = new_practice(tmp_path, patients=12).keep(ObjectName.PATIENT)
    patients = practice.landed[ObjectName.PATIENT]
    patients.loc[patients["source_id"] == "000002", "Last_Name"] = "FAMILY1"

    shown = view(practice, ObjectName.PATIENT, "000002").set_index("field")

    assert {shown.index.name, *shown.columns} == set(COLUMNS)
    assert shown.loc["Last_Name", ["expected", "actual", "verdict", "nature"]].tolist() == [
        "Family1", "FAMILY1", "changed_by_zoho", "letter case",
    ]  # fmt: skip
    assert shown.loc["First_Name", ["expected", "verdict"]].tolist() == ["Given1", "equal"]
    assert (shown["verdict"] == "equal").sum() == len(shown) - 1
    assert set(shown["data_class"]) == {DataClass.OPERATIONAL}


def test_a_record_that_is_on_one_side_only_gives_nothing(tmp_path, new_practice):
    practice = new_practice(tmp_path, patients=12).keep(ObjectName.PATIENT)

    shown = view(practice, ObjectName.PATIENT, "999999")

    assert shown.empty
    assert list(shown.columns) == list(COLUMNS)


def test_names_of_files_may_be_those_of_patients(tmp_path, new_practice):
    practice = new_practice(tmp_path, patients=12).keep(ObjectName.ATTACHMENT)

    shown = view(practice, ObjectName.ATTACHMENT, "D000001").set_index("field")

    assert shown.loc["File_Name", "data_class"] == DataClass.FREE_TEXT
