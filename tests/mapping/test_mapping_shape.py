"""Shaping: what moves, what does not and why, and that every row is accounted for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, MappingError, MigratorError, SnapshotChanged
from migrator_kit.mapping.dataset import ShapedDataset
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.mapping.objects import count, object_rows
from migrator_kit.mapping.shape import ShapeContext, open_shaped, shape, shape_part
from migrator_kit.mapping.transforms import Locale

SnapshotMaker = Callable[..., Any]


@pytest.fixture
def shaped(
    small_engagement: Engagement,
    small_mapping: Mapping,
    small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker,
) -> ShapedDataset:
    return shape(small_engagement, snapshot_of(**small_tables), small_mapping)


def rows(dataset: ShapedDataset, name: ObjectName) -> pd.DataFrame:
    parts = [pq.read_table(path) for path in dataset.parts(name)]
    return pa.concat_tables(parts).to_pandas().set_index("source_id")


def reasons(dataset: ShapedDataset, name: ObjectName) -> set[tuple[str, str, str, str]]:
    found = dataset.rejects()
    found = found[found["object"] == str(name)]
    return set(found[["source_id", "field", "reason", "action"]].itertuples(index=False, name=None))


def test_every_row_is_shaped_or_excluded(shaped: ShapedDataset) -> None:
    excluded = shaped.rejects().query("action == 'excluded'")
    for name, one in shaped.manifest.objects.items():
        gone = excluded[excluded["object"] == str(name)]["source_id"].nunique()
        assert one.source_rows == one.rows + gone
        assert one.rows == len(rows(shaped, name))
        assert one.excluded == gone == shaped.excluded(name)
    counts = {str(name): (one.source_rows, one.rows) for name, one in
              shaped.manifest.objects.items()}  # fmt: skip
    assert counts == {
        "Practice": (2, 1), "Patient": (7, 4), "Insurance": (5, 2), "Treatment Plan": (4, 1),
        "Treatment Plan ID": (4, 1), "Appointment": (4, 3), "Clinical Note": (4, 2),
    }  # fmt: skip


def test_rows_without_key_name_or_parent_do_not_move_and_say_why(shaped: ShapedDataset) -> None:
    assert reasons(shaped, ObjectName.PRACTICE) == {
        ("P2", "Account_Name", "missing_required", "excluded")
    }
    assert reasons(shaped, ObjectName.PATIENT) == {
        ("#1", "source_id", "missing_key", "excluded"),
        ("4#2", "source_id", "duplicate_key", "excluded"),
        ("3", "Last_Name", "missing_required", "excluded"),
        ("2", "Phone", "bad_phone", "emptied"),
        ("2", "Date_of_Birth", "bad_date", "emptied"),
        ("5", "Date_of_Birth", "sentinel_date", "emptied"),
        ("2", "Account_Name", "orphan_parent", "emptied"),
        ("4", "Account_Name", "orphan_parent", "emptied"),
    }
    assert reasons(shaped, ObjectName.PLAN) == {
        ("T2", "Contact_Name", "orphan_parent", "excluded"),
        ("T3", "Stage", "missing_required", "excluded"),
        ("T4", "Contact_Name", "orphan_parent", "excluded"),
    }


def test_children_of_what_does_not_move_do_not_move_either(shaped: ShapedDataset) -> None:
    assert ("d", "parent_id", "orphan_parent", "excluded") in reasons(shaped, ObjectName.INSURANCE)
    assert ("v3", "Who_Id", "orphan_parent", "excluded") in reasons(shaped, ObjectName.APPOINTMENT)
    assert {row[0] for row in reasons(shaped, ObjectName.PLAN_ID)} == {"T2", "T3", "T4"}
    assert ("n4", "Parent_Id", "orphan_parent", "excluded") in reasons(shaped, ObjectName.NOTE)


def test_a_lookup_with_several_objects_takes_the_first_that_moves(shaped: ShapedDataset) -> None:
    visits = rows(shaped, ObjectName.APPOINTMENT)
    assert visits.loc["v1", ["What_Id", "What_Id_object"]].tolist() == ["T1", "Treatment Plan"]
    assert visits.loc["v2", ["What_Id", "What_Id_object"]].tolist() == ["P1", "Practice"]
    assert visits.loc["v4", ["What_Id", "What_Id_object"]].isna().all()
    found = reasons(shaped, ObjectName.APPOINTMENT)
    assert ("v2", "What_Id", "orphan_parent", "adjusted") in found
    assert ("v4", "What_Id", "orphan_parent", "emptied") in found
    notes = rows(shaped, ObjectName.NOTE)
    assert notes.loc["n2", ["Parent_Id", "Parent_Id_object"]].tolist() == ["1", "Patient"]


def test_insurance_is_numbered_by_rank_and_carried_by_the_patient(shaped: ShapedDataset) -> None:
    policies = rows(shaped, ObjectName.INSURANCE)
    assert policies["slot"].to_dict() == {"a": 2, "b": 1}
    assert ("c", "slot", "too_many_slots", "excluded") in reasons(shaped, ObjectName.INSURANCE)
    patients = rows(shaped, ObjectName.PATIENT)
    carried = ["Insurance_Carrier__c", "Insurance_Carrier_2__c", "Insurance_From_2__c"]
    assert patients.loc["1", carried].astype(str).tolist() == ["First", "Second", "2020-01-01"]
    assert patients.loc["2", carried].isna().all()
    assert list(rows(shaped, ObjectName.PLAN_ID)["parent_id"]) == ["T1"]


def test_columns_have_the_types_of_their_fields(shaped: ShapedDataset) -> None:
    types = {
        ObjectName.PATIENT: {"source_id": "string", "Date_of_Birth": "date32[day]",
                             "Insurance_From__c": "date32[day]", "Account_Name": "string"},
        ObjectName.PLAN: {"Amount": "double", "Deal_Name": "string"},
        ObjectName.APPOINTMENT: {"Start__c": "timestamp[us, tz=UTC]"},
        ObjectName.INSURANCE: {"slot": "int64"},
    }  # fmt: skip
    for name, expected in types.items():
        schema = pq.read_schema(shaped.parts(name)[0])
        assert {column: str(schema.field(column).type) for column in expected} == expected
    assert rows(shaped, ObjectName.PLAN).loc["T1", "Amount"] == 100.46
    start = rows(shaped, ObjectName.APPOINTMENT)["Start__c"]
    assert start["v1"].isoformat() == "2024-01-10T07:00:00+00:00"
    assert ("v2", "Start__c", "dst_gap", "adjusted") in reasons(shaped, ObjectName.APPOINTMENT)


def test_shaping_the_same_again_gives_the_same_folder(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker,
) -> None:  # fmt: skip
    first = shape(small_engagement, snapshot_of(**small_tables), small_mapping)
    stamps = {path: path.stat().st_mtime_ns for path in first.folder.rglob("part-*.parquet")}
    again = shape(small_engagement, snapshot_of(**small_tables), small_mapping)
    assert again.folder == first.folder == open_shaped(small_engagement).folder
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    small_tables["patients"]["name"][0] = "Bergmann"
    other = shape(small_engagement, snapshot_of(**small_tables), small_mapping)
    assert other.folder != first.folder
    # A clock that was set back, or a copied folder, does not bring the first one back.
    os.utime(first.folder / "manifest.json", (4e9, 4e9))
    assert open_shaped(small_engagement).folder == other.folder
    assert open_shaped(small_engagement).digest == other.digest
    assert not list(small_engagement.shaped.glob(".*"))


def test_reasons_and_decisions_do_not_change_the_digest(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker,
) -> None:  # fmt: skip
    snapshot = snapshot_of(**small_tables)
    digest = shape(small_engagement, snapshot, small_mapping).digest
    first = small_mapping.objects[0]
    said = first.fields[1].model_copy(update={"reasons": ("asked Anna",), "confidence": 0.5})
    talked = first.model_copy(update={"fields": (first.fields[0], said)})
    mapping = small_mapping.model_copy(update={"objects": (talked, *small_mapping.objects[1:])})
    assert shape(small_engagement, snapshot, mapping).digest == digest


def test_empty_tables_give_empty_parts_with_all_columns(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker,
) -> None:  # fmt: skip
    empty = {name: {column: pa.array([], pa.string()) for column in table}
             for name, table in small_tables.items()}  # fmt: skip
    shaped = shape(small_engagement, snapshot_of(**empty), small_mapping)
    assert all(one.rows == one.source_rows == 0 for one in shaped.manifest.objects.values())
    assert "Insurance_Carrier_2__c" in rows(shaped, ObjectName.PATIENT).columns
    assert shaped.rejects().empty
    assert shaped.parts(ObjectName.RULE) == []
    assert shaped.rows(ObjectName.RULE) == shaped.source_rows(ObjectName.RULE) == 0


def test_parts_are_bounded_and_keep_the_order_of_the_keys(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker,
) -> None:  # fmt: skip
    ids = [f"{n:05d}" for n in range(2_500)]
    small_tables["practices"] = {"id": ids[::-1], "name": [f"Practice {n}" for n in ids[::-1]]}
    shaped = shape(small_engagement, snapshot_of(**small_tables), small_mapping)
    sizes = [pq.read_metadata(path).num_rows for path in shaped.parts(ObjectName.PRACTICE)]
    assert sum(sizes) == 2_500
    assert max(sizes) <= 2_048
    assert len(sizes) > 1
    assert list(rows(shaped, ObjectName.PRACTICE).index) == ids


def test_keys_that_differ_by_case_alone_would_be_one_record_in_zoho(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker,
) -> None:  # fmt: skip
    small_tables["practices"] = {"id": ["p1", "P1"], "name": ["One", "Other"]}
    shaped = shape(small_engagement, snapshot_of(**small_tables), small_mapping)
    assert shaped.rows(ObjectName.PRACTICE) == 1
    assert {row[2] for row in reasons(shaped, ObjectName.PRACTICE)} == {"duplicate_key"}


def test_a_record_that_points_to_itself_or_in_a_circle_is_settled(
    small_engagement: Engagement, snapshot_of: SnapshotMaker
) -> None:
    mapping = Mapping.model_validate({"profile": "small", "objects": [{
        "object": "Patient", "landing": "records", "module": "Contacts", "key": "Key__c",
        "select": "SELECT id AS source_id, * FROM people",
        "fields": [
            {"target": "Key__c", "columns": "source_id",
             "create": {"label": "Key", "data_type": "text"}},
            {"target": "Last_Name", "columns": "name"},
            {"target": "Reporting_To", "columns": "payer", "lookup": "Patient"},
        ],
    }]})  # fmt: skip
    people = {
        "id": ["1", "2", "3", "4", "5", "6"],
        "name": ["a", "b", "c", "d", "e", None],
        "payer": ["1", "3", "2", "5", "6", "6"],
    }
    shaped = shape(small_engagement, snapshot_of(people=people), mapping)
    assert list(rows(shaped, ObjectName.PATIENT).index) == ["1", "2", "3"]


def test_a_part_is_shaped_without_anything_else(small_mapping: Mapping) -> None:
    frame = pd.DataFrame({
        "source_id": [" 1 ", "2"], "name": ["Berg", ""], "phone": ["210 1234567", None],
        "born": [None, None], "practice": ["P1", "P1"],
    })  # fmt: skip
    context = ShapeContext(Locale("Europe/Athens", "GR"))
    mapping = small_mapping.object(ObjectName.PATIENT)
    part = shape_part(frame, mapping, context)
    assert part.frame[["source_id", "Last_Name", "Phone"]].values.tolist() == [
        ["1", "Berg", "+302101234567"]
    ]
    assert part.rejects["reason"].tolist() == ["missing_required"]
    pd.testing.assert_frame_equal(shape_part(frame, mapping, context).frame, part.frame)


def test_long_text_is_cut_and_other_long_values_are_refused(small_mapping: Mapping) -> None:
    frame = pd.DataFrame({
        "source_id": ["1"], "name": ["x" * 90], "phone": ["2101234567"], "born": [None],
        "practice": [None],
    })  # fmt: skip
    mapping = small_mapping.object(ObjectName.PATIENT)
    part = shape_part(frame, mapping, ShapeContext(Locale("UTC", "GR")))
    assert part.frame["Last_Name"].str.len().tolist() == [80]
    assert part.rejects[["field", "reason", "action"]].values.tolist() == [
        ["Last_Name", "too_long", "adjusted"]
    ]


def test_rows_of_an_object_come_ordered_and_counted(
    small_mapping: Mapping, small_tables: dict[str, Any], snapshot_of: SnapshotMaker
) -> None:
    snapshot = snapshot_of(**small_tables)
    frames = list(object_rows(snapshot, small_mapping, ObjectName.PATIENT))
    assert [len(frame) for frame in frames] == [7]
    assert frames[0]["source_id"].dropna().tolist() == ["1", "2", "3", "4", "4", "5"]
    assert frames[0]["_copy"].tolist().count(2) == 1
    assert count(snapshot, small_mapping, ObjectName.PATIENT) == 7


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("SELECT id AS source_id FROM patient", "no table 'patient'"),
        ("SELECT key AS source_id FROM patients", "no table of the SELECT has a column 'key'"),
        ("SELECT p.key AS source_id FROM patients p", "'p' has no column 'key'"),
        ("SELECT id FROM patients", "gives no column source_id"),
        ("SELECT id AS source_id FROM patients WHERE", "syntax error"),
    ],
)
def test_a_select_that_does_not_fit_is_one_clear_error(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker, select: str, message: str,
) -> None:  # fmt: skip
    patient = small_mapping.object(ObjectName.PATIENT).model_copy(update={"select": select})
    objects = [patient if one.object is patient.object else one for one in small_mapping.objects]
    mapping = small_mapping.model_copy(update={"objects": tuple(objects)})
    with pytest.raises(MappingError, match=message):
        shape(small_engagement, snapshot_of(**small_tables), mapping)
    with pytest.raises(GateClosed):
        open_shaped(small_engagement)


def test_an_error_on_the_data_holds_no_value_of_the_data(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker,
) -> None:  # fmt: skip
    select = "SELECT id AS source_id, CAST(name AS INTEGER) AS name FROM practices"
    practice = small_mapping.object(ObjectName.PRACTICE).model_copy(update={"select": select})
    mapping = small_mapping.model_copy(update={"objects": (practice, *small_mapping.objects[1:])})
    with pytest.raises(MappingError, match="TRY_CAST") as caught:
        shape(small_engagement, snapshot_of(**small_tables), mapping)
    assert "North" not in str(caught.value)


def test_a_damaged_dataset_is_named(shaped: ShapedDataset, small_engagement: Engagement) -> None:
    shaped.parts(ObjectName.PATIENT)[0].unlink()
    with pytest.raises(SnapshotChanged, match="damaged"):
        open_shaped(small_engagement)


def test_the_dataset_opens_as_a_database(shaped: ShapedDataset) -> None:
    with shaped.connect() as connection:
        found = connection.execute(
            "SELECT count(*) FROM treatment_plan t JOIN patient p ON p.source_id = t.Contact_Name"
        ).fetchone()
        assert found == (1,)
        assert connection.execute("SELECT count(*) FROM rejects").fetchone() == (
            len(shaped.rejects()),
        )


def test_nothing_is_left_of_an_unfinished_run(
    small_engagement: Engagement, small_mapping: Mapping, small_tables: dict[str, Any],
    snapshot_of: SnapshotMaker, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    snapshot = snapshot_of(**small_tables)
    with monkeypatch.context() as patch:
        patch.setattr("migrator_kit.mapping.shape.pq.write_table", full)
        with pytest.raises(MigratorError, match=r"disk of .* is full"):
            shape(small_engagement, snapshot, small_mapping)
    assert shape(small_engagement, snapshot, small_mapping).rows(ObjectName.PATIENT) == 4
    assert Path(open_shaped(small_engagement).folder).is_dir()
