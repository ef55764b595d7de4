from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.source.inventory import Inventory, inventory
from migrator_kit.source.snapshot import take_snapshot

New = Callable[..., Engagement]


@pytest.fixture
def small(practice_db: Path, new_engagement: New) -> Inventory:
    snapshot = take_snapshot(new_engagement(practice_db))
    return inventory(
        snapshot,
        {"patients.patient_id", "Patients.First_Name", "appointments.*"},
        file_rows=pd.DataFrame({"file_path": ["a.jpg", None]}),
    )


def test_the_inventory_has_the_shape_that_others_rely_on(small: Inventory) -> None:
    tree = json.loads(json.dumps(small.to_json()))
    assert {"tables", "relations", "duplicates", "attachments", "rules"} <= set(tree)
    patients = next(table for table in tree["tables"] if table["name"] == "patients")
    assert {"name", "rows", "columns"} <= set(patients)
    column = patients["columns"][0]
    assert {"name", "type", "nulls", "distinct", "data_class", "custom"} <= set(column)
    (relation,) = tree["relations"]
    assert relation == {
        "from_table": "appointments", "from_columns": ["patient_id"],
        "to_table": "patients", "to_columns": ["patient_id"],
        "declared": True, "rows": 2, "orphans": 1, "confidence": 1.0,
        "reasons": ["declared by the source"], "false_friend": False,
    }  # fmt: skip
    assert (tree["attachments"]["rows"], tree["attachments"]["missing"]) == (2, 2)


def test_columns_that_the_profile_does_not_know_are_custom(small: Inventory) -> None:
    custom = small.custom_columns()
    assert set(custom["table"]) == {"patients", "nothing_yet"}
    assert "first_name" not in set(custom["column"])
    assert "photo" in set(custom["column"])
    tables = small.tables().set_index("table")
    assert tables.loc["appointments", "custom columns"] == 0
    assert tables.loc["patients", "key"] == "patient_id"


def test_without_a_profile_nothing_is_called_custom(practice_db: Path, new_engagement: New) -> None:
    found = inventory(take_snapshot(new_engagement(practice_db)))
    assert found.custom_columns().empty
    assert found.to_json()["tables"][0]["columns"][0]["custom"] is None


def test_no_patient_value_is_in_the_inventory(small: Inventory) -> None:
    shown = json.dumps(small.to_json(), ensure_ascii=False)
    for frame in (small.tables(), small.columns(), small.picklists(), small.relations()):
        shown += frame.to_csv()
    for value in ("Μαρία", "O'Neil", "1980-02", "000123", "Two"):
        assert value not in shown


def test_patients_entered_twice_are_counted(exports: Path, new_engagement: New) -> None:
    (exports / "patients.csv").write_text(
        "id,first_name,last_name,birth_date\n"
        "1,Élise,O'Neil,1980-01-02\n2,ELISE,ONEIL,02/01/1980\n3,oneil,Elise,1980-01-02\n"
        "4,Ann,Roe,1990-05-05\n5,Ann,Roe,1990-05-06\n6,,,1990-05-06\n7,,,1990-05-06\n"
        "8,Ann,Roe,0000-00-00\n"
    )
    found = inventory(take_snapshot(new_engagement(exports))).duplicates
    assert (found.table, found.patients) == ("patients", 8)
    assert (found.groups, found.records, found.surplus) == (1, 2, 1)


def test_both_kinds_of_source_give_the_same_inventory(
    open_dental_inventories: dict[str, Inventory],
) -> None:
    one, two = open_dental_inventories["database"], open_dental_inventories["exports"]
    alike = ["table", "column", "filled", "distinct"]
    pd.testing.assert_frame_equal(one.columns()[alike], two.columns()[alike])
    classes = one.columns()["data class"] == two.columns()["data class"]
    assert classes.mean() > 0.99
    assert one.relations()[["from", "to", "orphans"]].equals(
        two.relations()[["from", "to", "orphans"]]
    )
    assert one.duplicates == two.duplicates


def test_real_rows_show_what_an_analyst_needs(
    open_dental_inventories: dict[str, Inventory],
) -> None:
    found = open_dental_inventories["database"]
    columns = found.columns("patient").set_index("column")
    assert columns.loc["Birthdate", "data class"] == "direct identifier"
    assert columns.loc["HmPhone", "data class"] == "contact"
    assert columns.loc["PatNum", "data class"] == "technical"
    picklists = found.picklists()
    status = picklists[(picklists["table"] == "appointment") & (picklists["column"] == "AptStatus")]
    assert dict(zip(status["value"], status["rows"], strict=True)) == {"2": 1544, "5": 553}
    assert found.duplicates.table == "patient"


def test_files_are_judged_by_what_they_hold(exports: Path, new_engagement: New) -> None:
    (exports / "patients.csv").write_text("id,name\n1,Ann\n")
    documents = exports / "documents"
    documents.mkdir()
    (documents / "a.jpg").write_bytes(b"\xff\xd8\xff one")
    (documents / "b.jpg").write_bytes(b"\xff\xd8\xff one")
    (documents / "c.jpg").write_bytes(b"%PDF-1.7")
    (documents / "d.pdf").write_bytes(b"")
    found = inventory(take_snapshot(new_engagement(exports))).attachments
    assert found.by_kind == {"image/jpeg": 2, "application/pdf": 1}
    assert (found.files, found.duplicates, found.misnamed, found.empty) == (4, 1, 1, 1)
