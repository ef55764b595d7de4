"""A small practice, shaped by hand as Parquet, with a mapping of all ten objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from migrator_kit.engagement import slug
from migrator_kit.mapping.model import ObjectName


def custom(target: str, label: str, data_type: str = "text", **more: Any) -> dict[str, Any]:
    created = {name: more.pop(name) for name in ("length", "unique", "picklist") if name in more}
    return {"target": target, "create": {"label": label, "data_type": data_type, **created}, **more}


STAGES = {"proposed": "Qualification", "accepted": "Negotiation/Review", "done": "Closed Won"}
MAPPING: dict[str, Any] = {
    "profile": "small",
    "objects": [
        {"object": "Practice", "landing": "records", "module": "Accounts",
         "key": "Source_System_ID__c", "select": "-",
         "fields": [{"target": "Account_Name"},
                    custom("Source_System_ID__c", "Source System ID", length=100, unique=True)]},
        {"object": "Patient", "landing": "records", "module": "Contacts",
         "key": "Source_System_ID__c", "select": "-",
         "fields": [{"target": "Last_Name"}, {"target": "First_Name"}, {"target": "Email"},
                    {"target": "Date_of_Birth"}, {"target": "Owner"},
                    {"target": "Account_Name", "lookup": ["Practice"]},
                    custom("Source_System_ID__c", "Source System ID", length=100, unique=True),
                    custom("Source_Created_Time__c", "Source Created Time", "datetime")]},
        {"object": "Insurance", "landing": "fields", "into": "Patient", "slots": 2, "select": "-",
         "fields": [custom("Insurance_Carrier__c", "Insurance Carrier")]},
        {"object": "Treatment Plan", "landing": "records", "module": "Deals",
         "key": "Treatment_Plan_ID__c", "select": "-",
         "fields": [{"target": "Deal_Name"}, {"target": "Amount"},
                    {"target": "Stage", "values": STAGES},
                    {"target": "Contact_Name", "lookup": ["Patient"]},
                    {"target": "Account_Name", "lookup": ["Practice"]},
                    custom("Treatment_Plan_ID__c", "Treatment Plan ID", length=100, unique=True),
                    custom("Treatment_Stage__c", "Treatment Stage", "picklist",
                           values={name: name for name in STAGES})]},
        {"object": "Treatment Plan ID", "landing": "fields", "into": "Treatment Plan",
         "select": "-", "fields": [{"target": "Treatment_Plan_ID__c"}]},
        {"object": "Appointment", "landing": "records", "module": "Tasks",
         "key": "Source_Task_ID__c", "select": "-",
         "fields": [{"target": "Subject"}, {"target": "Due_Date"},
                    {"target": "Who_Id", "lookup": ["Patient"]},
                    {"target": "What_Id", "lookup": ["Treatment Plan", "Practice"],
                     "on_missing": "unlink"},
                    custom("Source_Task_ID__c", "Source Task ID", length=100)]},
        {"object": "Call Log", "landing": "records", "module": "Events",
         "key": "Source_Event_ID__c", "select": "-",
         "fields": [{"target": "Event_Title"}, {"target": "Start_DateTime"},
                    {"target": "End_DateTime"}, {"target": "Who_Id", "lookup": ["Patient"]},
                    custom("Source_Event_ID__c", "Source Event ID", length=100)]},
        {"object": "Clinical Note", "landing": "notes", "select": "-",
         "fields": [{"target": "Note_Title"}, {"target": "Note_Content"},
                    {"target": "Parent_Id", "lookup": ["Treatment Plan", "Patient"]}]},
        {"object": "Attachment", "landing": "files", "select": "-",
         "fields": [{"target": "Parent_Id", "lookup": ["Patient", "Treatment Plan"]}]},
        {"object": "Reminder Rule", "landing": "reference", "select": "-", "fields": []},
    ],
}  # fmt: skip


@dataclass
class SmallPractice:
    """Shaped rows by object, written as Parquet: what the load takes from the mapping room."""

    folder: Path
    data: dict[ObjectName, list[dict[str, Any]]] = field(default_factory=dict)
    rejected: list[dict[str, str]] = field(default_factory=list)
    digest: str = "small-practice"
    part_rows: int = 1_000

    @property
    def documents(self) -> Path:
        return self.folder / "documents"

    def write(self) -> SmallPractice:
        for name, rows in self.data.items():
            folder = self.folder / "shaped" / slug(name)
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*.parquet"):
                old.unlink()
            for number, start in enumerate(range(0, len(rows), self.part_rows)):
                table = pa.Table.from_pylist(rows[start : start + self.part_rows], SCHEMAS[name])
                pq.write_table(table, folder / f"part-{number:05}.parquet")
        return self

    def row(self, name: ObjectName, source_id: str) -> dict[str, Any]:
        return next(row for row in self.data[name] if row["source_id"] == source_id)

    def parts(self, name: ObjectName) -> list[Path]:
        return sorted((self.folder / "shaped" / slug(name)).glob("part-*.parquet"))

    def rows(self, name: ObjectName) -> int:
        return len(self.data.get(name, []))

    def source_rows(self, name: ObjectName, practice: str | None = None) -> int:  # noqa: ARG002
        mine = [r for r in self.rejected if r["object"] == name]
        out = {r["source_id"] for r in mine if r["action"] == "excluded"}
        return len(self.data.get(name, [])) + len(out)

    def rejects(self) -> pd.DataFrame:
        columns = ["object", "source_id", "field", "reason", "action", "expected", "remedy"]
        return pd.DataFrame(self.rejected, columns=columns, dtype="str")


def _schema(**types: pa.DataType) -> pa.Schema:
    return pa.schema([("source_id", pa.string()), *types.items()])


TEXT, INSTANT = pa.string(), pa.timestamp("us", "UTC")
SCHEMAS = {
    ObjectName.PRACTICE: _schema(Account_Name=TEXT, Source_System_ID__c=TEXT),
    ObjectName.PATIENT: _schema(
        Last_Name=TEXT, First_Name=TEXT, Email=TEXT, Date_of_Birth=pa.date32(), Owner=TEXT,
        Account_Name=TEXT, Source_System_ID__c=TEXT, Source_Created_Time__c=INSTANT,
        Insurance_Carrier__c=TEXT, Insurance_Carrier_2__c=TEXT,
    ),
    ObjectName.INSURANCE: _schema(
        parent_id=TEXT, slot=pa.int64(), Insurance_Carrier__c=TEXT
    ),
    ObjectName.PLAN: _schema(
        Deal_Name=TEXT, Amount=pa.float64(), Stage=TEXT, Contact_Name=TEXT, Account_Name=TEXT,
        Treatment_Plan_ID__c=TEXT, Treatment_Stage__c=TEXT,
    ),
    ObjectName.PLAN_ID: _schema(parent_id=TEXT, Treatment_Plan_ID__c=TEXT),
    ObjectName.APPOINTMENT: _schema(
        Subject=TEXT, Due_Date=pa.date32(), Who_Id=TEXT, What_Id=TEXT, What_Id_object=TEXT,
        Source_Task_ID__c=TEXT,
    ),
    ObjectName.CALL_LOG: _schema(
        Event_Title=TEXT, Start_DateTime=INSTANT, End_DateTime=INSTANT, Who_Id=TEXT,
        Source_Event_ID__c=TEXT,
    ),
    ObjectName.NOTE: _schema(
        Note_Title=TEXT, Note_Content=TEXT, Parent_Id=TEXT, Parent_Id_object=TEXT
    ),
    ObjectName.ATTACHMENT: _schema(
        file_path=TEXT, File_Name=TEXT, title=TEXT, category=TEXT, taken_at=INSTANT,
        Parent_Id=TEXT, Parent_Id_object=TEXT,
    ),
    ObjectName.RULE: _schema(name=TEXT),
}  # fmt: skip


def small_practice(folder: Path, patients: int = 12) -> SmallPractice:
    """Two practices; each patient with a plan, an appointment, a call, two notes and a file."""
    made = SmallPractice(folder)
    rows: dict[ObjectName, list[dict[str, Any]]] = {name: [] for name in ObjectName}
    for number in (1, 2):
        key = f"P{number:02}"
        rows[ObjectName.PRACTICE].append(
            {"source_id": key, "Account_Name": f"Practice {number}", "Source_System_ID__c": key}
        )
    for number in range(1, patients + 1):
        for name, row in _patient(number, made.documents):
            rows[name].append(row)
    rows[ObjectName.RULE] = [{"source_id": "R1", "name": "recall"}]
    made.data = rows
    return made.write()


def _patient(number: int, documents: Path) -> Iterator[tuple[ObjectName, dict[str, Any]]]:
    key, plan, day = f"{number:06}", f"TP{number:06}", date(1970, 1, 1) + timedelta(number * 17)
    start = datetime(2024, 3, 1, 9, tzinfo=UTC) + timedelta(days=number)
    yield ObjectName.PATIENT, {
        "source_id": key, "Last_Name": f"Last{number}", "First_Name": f"First{number}",
        "Email": f"p{number}@mail.example", "Date_of_Birth": day, "Owner": f"DR{number % 3}",
        "Account_Name": f"P{number % 2 + 1:02}", "Source_System_ID__c": key,
        "Source_Created_Time__c": start, "Insurance_Carrier__c": "Mutual",
        "Insurance_Carrier_2__c": None,
    }  # fmt: skip
    yield (
        ObjectName.INSURANCE,
        {"source_id": f"I{key}", "parent_id": key, "slot": 1, "Insurance_Carrier__c": "Mutual"},
    )
    stage = list(STAGES)[number % 3]
    yield ObjectName.PLAN, {
        "source_id": plan, "Deal_Name": "Crown 46", "Amount": 100.5 + number,
        "Stage": STAGES[stage], "Treatment_Stage__c": stage, "Contact_Name": key,
        "Account_Name": f"P{number % 2 + 1:02}", "Treatment_Plan_ID__c": plan,
    }  # fmt: skip
    yield ObjectName.PLAN_ID, {"source_id": plan, "parent_id": plan, "Treatment_Plan_ID__c": plan}
    about = (plan, "Treatment Plan") if number % 2 else (None, None)
    yield ObjectName.APPOINTMENT, {
        "source_id": f"A{key}", "Subject": "Check-up", "Due_Date": start.date(), "Who_Id": key,
        "What_Id": about[0], "What_Id_object": about[1], "Source_Task_ID__c": f"A{key}",
    }  # fmt: skip
    yield ObjectName.CALL_LOG, {
        "source_id": f"C{key}", "Event_Title": "Call", "Start_DateTime": start,
        "End_DateTime": start + timedelta(minutes=5), "Who_Id": key,
        "Source_Event_ID__c": f"C{key}",
    }  # fmt: skip
    for suffix, parent, which in (("a", key, "Patient"), ("b", plan, "Treatment Plan")):
        note = f"N{key}{suffix}"
        yield ObjectName.NOTE, {
            "source_id": note, "Note_Title": "Finding", "Parent_Id": parent,
            "Note_Content": f"[source {note} | 2024-03-01 10:00 +01:00 | Dr One]\ntext of {note}",
            "Parent_Id_object": which,
        }  # fmt: skip
    path = documents / "IMG" / f"{key}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"image of {key}".encode() * 40)
    yield ObjectName.ATTACHMENT, {
        "source_id": f"D{key}", "file_path": f"IMG/{key}.jpg", "File_Name": "x-ray.jpg",
        "title": "X-ray", "category": "xray", "taken_at": start, "Parent_Id": key,
        "Parent_Id_object": "Patient",
    }  # fmt: skip
