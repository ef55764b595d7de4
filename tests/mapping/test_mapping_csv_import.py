"""A mapping that somebody keeps as a list, laid over `mapping.yml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.errors import MappingError
from migrator_kit.mapping.csv_import import import_csv
from migrator_kit.mapping.decisions import changed_since, decide, row_names
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.writing import write_mapping
from tests.mapping.conftest import FrameSnapshot, SnapshotMaker

HEAD = "table,column,object,field,transform\n"


@pytest.fixture
def engagement(small_engagement: Engagement, small_mapping: Mapping) -> Engagement:
    tree = small_mapping.model_dump(mode="json", exclude_defaults=True)
    tree["objects"][1]["fields"][2]["sources"] = "patients.phone"
    tree["not_moved"] = [
        {"sources": ["plans.fee", "plans.title"], "disposition": "archived", "reason": "not asked"}
    ]
    write_mapping(small_engagement.mapping_path, Mapping.model_validate(tree))
    decide(small_engagement, by="Ana")
    return small_engagement


@pytest.fixture
def snapshot(snapshot_of: SnapshotMaker, small_tables: dict[str, dict[str, Any]]) -> FrameSnapshot:
    return snapshot_of(**small_tables)


def listed(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "client.csv"
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8-sig")
    return path


def test_lines_become_rows_that_wait_for_a_person(
    engagement: Engagement, snapshot: FrameSnapshot, tmp_path: Path
) -> None:
    path = listed(
        tmp_path,
        "patients,phone,Patient,Mobile,phone: {region: US}",
        'plans,title,Treatment Plan,Next_Step,"[text, truncate: {length: 20}]"',
        "patients,name,Patient,Last_Name,",
    )
    changed = import_csv(engagement, path, snapshot)
    assert changed == ("Patient.Mobile", "Treatment Plan.Next_Step")
    rows = row_names(load_mapping(engagement))
    assert "Patient.Phone" not in rows
    assert rows["Patient.Mobile"].transform[0].options == {"region": "US"}
    assert rows["Treatment Plan.Next_Step"].columns == ("title",)
    assert rows["Treatment Plan.Next_Step"].decision is None
    assert rows["plans.fee"].sources == ("plans.fee",)
    assert "Patient.Mobile" in changed_since(load_mapping(engagement))
    assert import_csv(engagement, path, snapshot) == ()


def test_everything_that_is_not_known_is_named_with_its_line(
    engagement: Engagement, snapshot: FrameSnapshot, tmp_path: Path
) -> None:
    before = engagement.mapping_path.read_bytes()
    path = listed(
        tmp_path,
        "patient,phone,Patient,Mobile,",
        "patients,phon,Patient,Fax,",
        "patients,phone,Client,Mobile,",
        "patients,phone,Patient,Mobil,",
        "patients,phone,Patient,Other_Phone,fone",
        "patients,phone,Patient,Home_Phone,phone: {reggion: US}",
        "patients,phone,Patient,Home_Phone,[phone",
    )
    with pytest.raises(MappingError) as caught:
        import_csv(engagement, path, snapshot)
    told = [(finding.place, finding.problem) for finding in caught.value.findings]
    for line, (cell, named) in enumerate(
        [
            ("table", "'patient'"), ("column", "'phon'"), ("object", "'Client'"),
            ("field", "'Mobil'"), ("transform", "'fone'"), ("transform", "reggion"),
            ("transform", "cannot be read"),
        ], 2
    ):  # fmt: skip
        assert any(
            place == f"client.csv:{line}, {cell}" and named in text for place, text in told
        ), (line, told)
    assert engagement.mapping_path.read_bytes() == before


def test_a_list_without_its_columns_is_refused(
    engagement: Engagement, snapshot: FrameSnapshot, tmp_path: Path
) -> None:
    path = tmp_path / "client.csv"
    path.write_text("table;column;field\n", encoding="utf-8")
    with pytest.raises(MappingError, match="object, transform"):
        import_csv(engagement, path, snapshot)
