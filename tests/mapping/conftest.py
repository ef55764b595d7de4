"""A snapshot made of frames: Parquet parts as DuckDB views, as the real one gives them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.mapping.model import Mapping


@dataclass(frozen=True)
class FrameSnapshot:
    folder: Path

    @property
    def snapshot_id(self) -> str:
        return self.folder.name

    @property
    def digest(self) -> str:
        whole = hashlib.sha256()
        for path in sorted(self.folder.glob("*.parquet")):
            whole.update(path.name.encode() + path.read_bytes())
        return whole.hexdigest()

    notation_digest = ""
    decimal_commas: frozenset[str] = frozenset()

    def connect(self, **_: object) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        for path in sorted(self.folder.glob("*.parquet")):
            connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM read_parquet('{path}')")
        return connection


SnapshotMaker = Callable[..., FrameSnapshot]


@pytest.fixture
def snapshot_of(tmp_path: Path) -> SnapshotMaker:
    """Make a snapshot of tables given as dicts of columns."""

    def make(**tables: dict[str, Any]) -> FrameSnapshot:
        folder = tmp_path / f"snapshot-{len(list(tmp_path.glob('snapshot-*')))}"
        folder.mkdir()
        for name, columns in tables.items():
            table = pa.table({column: pa.array(values) for column, values in columns.items()})
            pq.write_table(table, folder / f"{name}.parquet")
        return FrameSnapshot(folder)

    return make


@pytest.fixture
def small_engagement(tmp_path: Path) -> Engagement:
    source = SourceSettings(url="nowhere", time_zone="Europe/Athens", region="GR", part_rows=1_000)
    return Engagement.create(tmp_path / "engagement", EngagementFile(client="Test", source=source))


@pytest.fixture
def small_mapping() -> Mapping:
    """Practices, patients with insurance, plans, visits, notes and files, a few columns each."""
    return Mapping.model_validate({"profile": "small", "objects": OBJECTS})


def record(name: str, module: str, key: str, select: str, *rows: dict[str, Any]) -> dict[str, Any]:
    label = key.removesuffix("__c").replace("_", " ")
    own = {"target": key, "columns": "source_id", "create": {"label": label, "data_type": "text"}}
    return {
        "object": name, "landing": "records", "module": module, "key": key,
        "select": select, "fields": [own, *rows],
    }  # fmt: skip


PRACTICES = "SELECT id AS source_id, * FROM practices"
PLANS = "SELECT id AS source_id, * FROM plans"
POLICIES = "SELECT id AS source_id, patient AS parent_id, rank AS slot_order, * FROM policies"
OBJECTS: list[dict[str, Any]] = [
    record("Practice", "Accounts", "Source_System_ID__c", PRACTICES,
           {"target": "Account_Name", "columns": "name"}),
    record("Patient", "Contacts", "Source_System_ID__c", "SELECT id AS source_id, * FROM patients",
           {"target": "Last_Name", "columns": "name"},
           {"target": "Phone", "columns": "phone", "transform": "phone"},
           {"target": "Date_of_Birth", "columns": "born", "transform": "date"},
           {"target": "Account_Name", "columns": "practice", "lookup": "Practice",
            "on_missing": "unlink"}),
    {
        "object": "Insurance", "landing": "fields", "module": "Contacts", "into": "Patient",
        "slots": 2,
        "select": POLICIES,
        "fields": [
            {"target": "Insurance_Carrier__c", "columns": "carrier",
             "create": {"label": "Insurance Carrier", "data_type": "text"}},
            {"target": "Insurance_From__c", "columns": "since", "transform": "date",
             "create": {"label": "Insurance From", "data_type": "date"}},
        ],
    },
    record("Treatment Plan", "Deals", "Treatment_Plan_ID__c", PLANS,
           {"target": "Deal_Name", "columns": ["title", "source_id"],
            "transform": {"template": {"template": "{title} ({source_id})"}}},
           {"target": "Stage", "columns": "status", "transform": "picklist",
            "values": {"open": "Qualification", "done": "Closed Won"}},
           {"target": "Amount", "columns": "fee", "transform": "decimal"},
           {"target": "Contact_Name", "columns": "patient", "lookup": "Patient", "required": True}),
    {
        "object": "Treatment Plan ID", "landing": "fields", "module": "Deals",
        "into": "Treatment Plan", "select": "SELECT id AS source_id, id AS parent_id FROM plans",
        "fields": [{"target": "Treatment_Plan_ID__c", "columns": "source_id"}],
    },
    record("Appointment", "Tasks", "Source_Task_ID__c", "SELECT id AS source_id, * FROM visits",
           {"target": "Subject", "columns": "reason"},
           {"target": "Start__c", "columns": "at", "transform": "datetime",
            "create": {"label": "Appointment Time", "data_type": "datetime"}},
           {"target": "Who_Id", "columns": "patient", "lookup": "Patient", "required": True},
           {"target": "What_Id", "columns": ["plan", "practice"],
            "lookup": ["Treatment Plan", "Practice"], "on_missing": "unlink"}),
    {
        "object": "Clinical Note", "landing": "notes", "module": "Notes",
        "select": "SELECT id AS source_id, * FROM notes",
        "fields": [
            {"target": "Note_Content", "columns": ["source_id", "at", "author", "body"],
             "transform": "note", "required": True},
            {"target": "Parent_Id", "columns": ["plan", "patient"],
             "lookup": ["Treatment Plan", "Patient"], "required": True},
        ],
    },
]  # fmt: skip


@pytest.fixture
def small_tables() -> dict[str, dict[str, Any]]:
    """Tables for `small_mapping` with one fault of each kind."""
    return {
        "practices": {"id": ["P1", "P2"], "name": ["North", None]},
        "patients": {
            "id": ["1", "2", "3", "4", "4", None, "5"],
            "name": ["Berg", "Kern", None, "Lang", "Lange", "Nobody", "Meyer"],
            "phone": ["2101234567", "12", None, None, None, None, "6912345678"],
            "born": ["1980-02-03", "1980-02-31", None, None, None, None, "1900-01-01"],
            "practice": ["P1", "P2", "P1", "P9", None, "P1", None],
        },
        "policies": {
            "id": ["a", "b", "c", "d", "e"],
            "patient": ["1", "1", "1", "3", None],
            "rank": [2, 1, None, 1, 1],
            "carrier": ["Second", "First", "Third", "Lost", "None"],
            "since": ["2020-01-01", None, None, None, None],
        },
        "plans": {
            "id": ["T1", "T2", "T3", "T4"],
            "title": ["Crown", "Bridge", "Implant", None],
            "status": ["open", "DONE", "strange", "open"],
            "fee": [100.455, None, 3.0, 4.0],
            "patient": ["1", "3", "1", "77"],
        },
        "visits": {
            "id": ["v1", "v2", "v3", "v4"],
            "reason": ["Check", "Check", "Check", "Check"],
            "at": ["2024-01-10 09:00", "2024-03-31 03:30", None, "x"],
            "patient": ["1", "1", "3", "2"],
            "plan": ["T1", "T2", None, None],
            "practice": ["P1", "P1", "P1", "P9"],
        },
        "notes": {
            "id": ["n1", "n2", "n3", "n4"],
            "at": ["2024-01-10 09:00", None, None, None],
            "author": ["Dr A", None, None, None],
            "body": ["text", "text", " ", "text"],
            "plan": ["T1", "T2", None, "T2"],
            "patient": ["1", "1", "1", "3"],
        },
    }
