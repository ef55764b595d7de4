"""What a changed rule does to records, told from a replay on the snapshot."""

from __future__ import annotations

from typing import Any

import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.mapping.confirmed import as_confirmed
from migrator_kit.mapping.decisions import decide, require_confirmed
from migrator_kit.mapping.edits import change_transform, set_value
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.impact import impact
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.shape import open_shaped, shape
from migrator_kit.mapping.writing import write_mapping
from tests.mapping.conftest import SnapshotMaker


@pytest.fixture
def engagement(small_engagement: Engagement, small_mapping: Mapping) -> Engagement:
    write_mapping(small_engagement.mapping_path, small_mapping)
    decide(small_engagement, by="Ana")
    return small_engagement


def test_changed_rules_are_told_by_the_records_that_they_change(
    engagement: Engagement, snapshot_of: SnapshotMaker, small_tables: dict[str, dict[str, Any]]
) -> None:
    snapshot = snapshot_of(**small_tables)
    shaped = shape(engagement, snapshot, load_mapping(engagement))
    change_transform(engagement, "Patient.Phone", "phone: {region: US}")
    set_value(engagement, "Treatment Plan.Stage", "done", "Closed Lost")
    set_value(engagement, "Treatment Plan.Stage", "open", "Needs Analysis")
    after = load_mapping(engagement)
    before = as_confirmed(engagement, after)
    assert before.objects[1].fields[2].transform[0].options == {}
    frame = impact(engagement, snapshot, before, after)
    told = dict(zip(frame["field"], frame["change"], strict=True))
    moved = shape(engagement, snapshot, before)
    with moved.connect() as connection:
        ((phones,),) = connection.execute(
            "SELECT count(*) FROM patient WHERE Phone IS NOT NULL"
        ).fetchall()
        ((plans,),) = connection.execute(
            "SELECT count(*) FROM treatment_plan WHERE Stage IS NOT NULL"
        ).fetchall()
    assert min(phones, plans) > 0
    assert told == {
        "Phone": f"{phones} Contacts change Phone",
        "Stage": f"{plans} Deals change Stage",
    }
    assert open_shaped(engagement).digest == shaped.digest, "a preview is never what is loaded"
    assert list(engagement.private.glob("replay-*")) == []


def test_records_that_begin_or_cease_to_move_are_told(
    engagement: Engagement,
    small_mapping: Mapping,
    snapshot_of: SnapshotMaker,
    small_tables: dict[str, dict[str, Any]],
) -> None:
    snapshot = snapshot_of(**small_tables)
    tree = small_mapping.model_dump(mode="json", exclude_defaults=True)
    tree["objects"][1]["fields"][2]["required"] = True
    stricter = Mapping.model_validate(tree)
    frame = impact(engagement, snapshot, small_mapping, stricter)
    patients = frame[frame["object"] == "Patient"]
    assert patients["change"].tolist()[-1].endswith("fewer Contacts: does not move any more")
    back = impact(engagement, snapshot, stricter, small_mapping)
    assert back[back["object"] == "Patient"]["records"].max() == patients["records"].max() > 0
    assert impact(engagement, snapshot, small_mapping, small_mapping).empty


def test_the_gate_says_which_share_of_columns_and_records_is_decided(
    engagement: Engagement, snapshot_of: SnapshotMaker, small_tables: dict[str, dict[str, Any]]
) -> None:
    snapshot = snapshot_of(**small_tables)
    with pytest.raises(Exception, match="strange") as caught:
        require_confirmed(load_mapping(engagement), snapshot)
    rows = {name: len(next(iter(table.values()))) for name, table in small_tables.items()}
    # The plan's id stands as an object of its own.
    records = sum(rows.values()) + rows["plans"]
    assert f"({records - 1} of {records})" in str(caught.value)
    change_transform(engagement, "Patient.Phone", "phone: {region: US}")
    with pytest.raises(Exception, match=r"Patient\.Phone") as caught:
        require_confirmed(load_mapping(engagement), snapshot)
    assert f"({records - 1 - rows['patients']} of {records})" in str(caught.value)
