"""The packaged profiles: complete, with the names that were promised, fit for Zoho CRM."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest

from migrator_kit.errors import MappingError
from migrator_kit.mapping.bindings import against_snapshot
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.digests import mapping_digest, row_digest
from migrator_kit.mapping.files import (
    PROFILES,
    default_mapping,
    detect_profile,
    profile_path,
    read_mapping,
)
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.mapping.objects import SnapshotTables
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.mapping.targets import slot_target, target_type
from migrator_kit.mapping.writing import write_mapping
from migrator_kit.sample.schema import TABLES
from migrator_kit.yamlfile import load_model

OPEN_DENTAL = (
    Path(__file__).parents[2].parent
    / "shared/data/04_opendental_synthetic_rows/opendental_synth.sqlite"
)
LANDINGS = {
    "Practice": (Landing.RECORDS, "Accounts"), "Patient": (Landing.RECORDS, "Contacts"),
    "Insurance": (Landing.FIELDS, "Contacts"), "Treatment Plan": (Landing.RECORDS, "Deals"),
    "Treatment Plan ID": (Landing.FIELDS, "Deals"), "Appointment": (Landing.RECORDS, "Tasks"),
    "Call Log": (Landing.RECORDS, "Events"), "Clinical Note": (Landing.NOTES, "Notes"),
    "Attachment": (Landing.FILES, "Attachments"), "Reminder Rule": (Landing.REFERENCE, None),
}  # fmt: skip
PROMISED = {
    "Practice": {"Source_System_ID__c"},
    "Patient": {"Source_System_ID__c"},
    "Insurance": {"Insurance_Carrier__c", "Insurance_Group_Number__c", "Insurance_Member_ID__c"},
    "Treatment Plan": {"Treatment_Plan_ID__c", "Treatment_Stage__c"},
}
STAGES = {
    "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers",
    "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
    "Closed-Lost to Competition",
}  # fmt: skip


def columns_of(profile: str) -> dict[str, list[str]]:
    if profile == "dent_o_soft":
        return {table.name: list(table.column_names) for table in TABLES}
    if not OPEN_DENTAL.is_file():
        pytest.skip("the Open Dental rows are not on this machine")
    with sqlite3.connect(f"file:{OPEN_DENTAL}?mode=ro", uri=True) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for (table,) in names
        }


@pytest.mark.parametrize("profile", PROFILES)
def test_all_ten_objects_land_where_they_were_promised(profile: str) -> None:
    mapping = default_mapping(profile)
    found = {str(item.object): (item.landing, item.module) for item in mapping.objects}
    assert found == LANDINGS
    for name, promised in PROMISED.items():
        assert promised <= {row.target for row in mapping.object(ObjectName(name)).fields}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_source_column_has_a_disposition(profile: str) -> None:
    mapping = default_mapping(profile)
    named = {s.lower() for item in mapping.objects for row in item.fields for s in row.sources}
    named |= {source.lower() for entry in mapping.not_moved for source in entry.sources}
    missing = [
        f"{table}.{column}"
        for table, columns in columns_of(profile).items()
        for column in columns
        if f"{table}.{column}".lower() not in named and f"{table}.*".lower() not in named
    ]
    assert missing == []


@pytest.mark.parametrize("profile", PROFILES)
def test_record_modules_keep_key_owner_and_original_times(profile: str) -> None:
    mapping = default_mapping(profile)
    for item in mapping.objects:
        if item.landing is not Landing.RECORDS:
            continue
        key = item.field(item.key or "")
        assert key is not None
        assert key.create is not None
        assert key.create.unique
        targets = {row.target: row for row in item.fields}
        if item.object is not ObjectName.PRACTICE:
            assert "Owner" in targets
            assert any(re.search("Source_Modified|Source_Created", name) for name in targets)
        required = [n for n, field in STANDARD_FIELDS[item.module or ""].items() if field.required]
        assert set(required) - set(targets) <= {"Pipeline"}


@pytest.mark.parametrize("profile", PROFILES)
def test_stages_and_types_are_known_to_zoho(profile: str) -> None:
    mapping = default_mapping(profile)
    stage = mapping.object(ObjectName.PLAN).field("Stage")
    assert stage is not None
    assert set(stage.picklist) <= STAGES
    for item in mapping.objects:
        for row in item.fields:
            assert target_type(item, row) is not None
            assert all(len(choice) <= 25 for choice in row.picklist)


@pytest.mark.parametrize("profile", PROFILES)
def test_patient_data_is_classed_as_such(profile: str) -> None:
    mapping = default_mapping(profile)
    for name, targets in {
        ObjectName.PATIENT: ("First_Name", "Last_Name", "Email", "Mobile", "Date_of_Birth",
                             "Mailing_Street", "Medical_Alerts__c", "Contact_As_Recorded__c"),
        ObjectName.INSURANCE: ("Insurance_Member_ID__c", "Insurance_Carrier__c"),
        ObjectName.NOTE: ("Note_Content",),
        ObjectName.CALL_LOG: ("Description",),
    }.items():  # fmt: skip
        for target in targets:
            row = mapping.object(name).field(target)
            assert row is not None
            assert row.data_class.is_phi, target


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", ["VARCHAR", "BIGINT"])
def test_selects_run_however_the_source_types_its_columns(profile: str, kind: str) -> None:
    """Exports give everything as text, lax databases give numbers where text was meant."""

    def connect(**_: Any) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        for table, columns in columns_of(profile).items():
            listed = ", ".join(f'"{column}" {kind}' for column in columns)
            connection.execute(f'CREATE TABLE "{table}" ({listed})')
        return connection

    snapshot = cast(SnapshotTables, SimpleNamespace(connect=connect))
    assert list(against_snapshot(default_mapping(profile), snapshot)) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_are_told_apart_by_their_tables(profile: str) -> None:
    tables = {name: set(columns) for name, columns in columns_of(profile).items()}
    assert detect_profile(tables) == profile
    tables.popitem()
    assert detect_profile(tables) == profile
    assert detect_profile({"other": {"a", "b"}}) is None


@pytest.mark.parametrize("profile", PROFILES)
def test_a_mapping_is_written_and_read_again_as_it_was(profile: str, tmp_path: Path) -> None:
    mapping, path = default_mapping(profile), tmp_path / "mapping.yml"
    write_mapping(path, mapping)
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith("# What becomes of every column")
    assert load_model(path, Mapping) == mapping
    assert mapping_digest(load_model(path, Mapping)) == mapping_digest(mapping)
    check_mapping(mapping, path)
    write_mapping(path, load_model(path, Mapping))
    assert path.read_text(encoding="utf-8") == text


def test_numbered_fields_keep_their_suffix() -> None:
    assert slot_target("Insurance_Carrier__c", 1) == "Insurance_Carrier__c"
    assert slot_target("Insurance_Carrier__c", 2) == "Insurance_Carrier_2__c"


def test_what_a_row_says_about_itself_does_not_change_its_digest() -> None:
    row = default_mapping("dent_o_soft").object(ObjectName.PATIENT).field("Email")
    assert row is not None
    talked = row.model_copy(update={"reasons": ("because",), "confidence": 0.3})
    assert row_digest(talked) == row_digest(row)
    changed = row.model_copy(update={"values": {"reasons": "kept"}})
    assert row_digest(changed) != row_digest(row)


Edit = Callable[[dict[str, Any]], None]


def edited(change: Edit, tmp_path: Path, *, write: bool = True) -> tuple[Mapping, Path]:
    tree = default_mapping("dent_o_soft").model_dump(mode="json", exclude_defaults=True)
    change(tree)
    mapping = Mapping.model_validate({"version": 1, **tree})
    path = tmp_path / "mapping.yml"
    if write:
        write_mapping(path, mapping)
    return mapping, path


def patient_row(tree: dict[str, Any], target: str) -> dict[str, Any]:
    return next(row for row in tree["objects"][1]["fields"] if row["target"] == target)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["objects"].append(t["objects"][0]), "Practice stands twice"),
        (lambda t: t["objects"][1]["fields"].append(patient_row(t, "Email")),
         r"Patient\.Email stands twice"),
        (lambda t: t["objects"].pop(0), "Practice, which is not mapped"),
        (lambda t: t["objects"][2].update(into="Clinical Note"), "which has no records"),
        (lambda t: t["objects"][1].update(key="Nothing__c"), "no row fills the key field"),
        (lambda t: patient_row(t, "Email").update(columns=[]), "neither columns nor a constant"),
        (lambda t: patient_row(t, "Email").update(constant="x"), "both columns and a constant"),
        (lambda t: patient_row(t, "Email").update(columns=["email", "title"]),
         r"'email' takes one column, not 2"),
        (lambda t: patient_row(t, "Email").update(target="Emial"),
         r"Contacts has no field 'Emial' \(did you mean 'Email'"),
        (lambda t: patient_row(t, "Email").update(transform=[{"name": "emial"}]),
         r"no transform 'emial'. \(Did you mean 'email'"),
        (lambda t: patient_row(t, "Sex__c").update(values={}, transform=[{"name": "picklist"}]),
         "a picklist without a value map"),
        (lambda t: patient_row(t, "Sex__c").update(values={"M": "M" * 26}),
         "longer than 25 characters"),
        (lambda t: patient_row(t, "VIP__c")["create"].update(label="VIP Notes"),
         "refuses the word 'Notes'"),
        (lambda t: patient_row(t, "VIP__c")["create"].update(label="Mobile"),
         "has a field with the label 'Mobile' already"),
        (lambda t: patient_row(t, "VIP__c")["create"].update(label="Language"), "is taken by"),
        (lambda t: patient_row(t, "Language__c")["create"].update(length=300), "at most 255"),
        (lambda t: patient_row(t, "Medical_Alerts__c")["create"].update(length=900),
         "2,000 or 32,000 or 50,000"),
        (lambda t: t["objects"][2]["fields"][1]["create"].update(label="Insurance Carrier Comp X"),
         "leaves no room for a number"),
        (lambda t: t["objects"][7]["fields"].pop(1), "needs a row for Note_Content"),
        (lambda t: patient_row(t, "Account_Name").update(columns=["practice_id", "title"]),
         "one column for each object"),
    ],
)  # fmt: skip
def test_mistakes_are_found_without_a_snapshot(change: Edit, message: str, tmp_path: Path) -> None:
    mapping, path = edited(change, tmp_path, write=False)
    with pytest.raises(MappingError, match=message):
        check_mapping(mapping, path)


def test_labels_of_tasks_and_events_share_one_space(tmp_path: Path) -> None:
    def same_label(tree: dict[str, Any]) -> None:
        call = next(row for row in tree["objects"][6]["fields"] if row["target"] == "Call_Phone__c")
        call["create"]["label"] = "Chair"

    mapping, path = edited(same_label, tmp_path, write=False)
    with pytest.raises(MappingError, match="'Chair' is taken by Chair__c"):
        check_mapping(mapping, path)


def test_all_mistakes_are_collected_in_the_order_of_the_file(tmp_path: Path) -> None:
    def two(tree: dict[str, Any]) -> None:
        patient_row(tree, "VIP__c")["create"]["label"] = "Keyword"
        patient_row(tree, "Email")["target"] = "Emial"

    mapping, path = edited(two, tmp_path)
    with pytest.raises(MappingError) as caught:
        check_mapping(mapping, path)
    lines = [int(finding.place.split(":")[1]) for finding in caught.value.findings]
    assert len(lines) == 2
    assert lines == sorted(lines)
    text = path.read_text(encoding="utf-8").splitlines()
    assert "Emial" in text[lines[0] - 1]


def test_lines_are_right_where_an_object_lands_in_its_other_module(tmp_path: Path) -> None:
    text = profile_path("dent_o_soft").read_text(encoding="utf-8")
    head, appointments = text.split("  - object: Appointment\n")
    appointments, calls = appointments.split("  - object: Call Log\n")
    calls = calls.replace("module: Events\n", "module: Calls\n", 1)
    moved = appointments.replace("module: Tasks\n", "module: Events\n", 1)
    moved = f"{moved}  - object: Call Log\n{calls}"
    path = tmp_path / "mapping.yml"

    def line_found(wrong: str) -> str:
        path.write_text(f"{head}  - object: Appointment\n{wrong}", encoding="utf-8")
        with pytest.raises(MappingError) as caught:
            check_mapping(read_mapping(path), path)
        (finding,) = caught.value.findings
        return path.read_text(encoding="utf-8").splitlines()[int(finding.place.split(":")[1]) - 1]

    start = "transform: datetime, required: true}"
    assert "Start_DateTime" in line_found(moved.replace(start, "transform: datetim}", 1))
    assert "Start_DateTime" in line_found(moved.replace(start, "required: perhaps}", 1))
    assert "Due_Date" in line_found(moved.replace("transform: date}", "required: perhaps}", 1))


def field(api_name: str, **more: Any) -> Any:
    known = {"label": api_name, "data_type": "text", "length": 50, "required": False,
             "custom": True, "read_only": False}  # fmt: skip
    return SimpleNamespace(api_name=api_name, **{**known, **more})


def test_the_orgs_own_fields_decide_where_they_are_known(tmp_path: Path) -> None:
    metadata: dict[str, dict[str, Any]] = {
        module: {name: field(name, read_only=name == "Salutation") for name in fields}
        for module, fields in STANDARD_FIELDS.items()
    }
    metadata["Contacts"]["Language"] = field("Language")

    def existing(tree: dict[str, Any]) -> None:
        patient_row(tree, "Language__c").pop("create")

    mapping, path = edited(existing, tmp_path, write=False)
    with pytest.raises(MappingError, match="'Language__c'"):
        check_mapping(mapping, path)
    with pytest.raises(MappingError, match=r"Salutation cannot be written") as caught:
        check_mapping(mapping, path, metadata=metadata)
    assert len(caught.value.findings) == 1
    del metadata["Tasks"]
    with pytest.raises(MappingError, match="the org has no module 'Tasks'"):
        check_mapping(mapping, path, metadata=metadata)


def test_packaged_profiles_are_read_from_their_files() -> None:
    assert all(profile_path(profile).is_file() for profile in PROFILES)
