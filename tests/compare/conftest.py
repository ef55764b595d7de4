"""A small practice as shaped Parquet, and a faithful copy of it as read back from Zoho CRM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from migrator_kit.compare.datasets import Landed, LandedField, LandedObject
from migrator_kit.engagement import slug
from migrator_kit.mapping.model import Mapping, ObjectName

TEXT, MONEY, INSTANT = pa.string(), pa.float64(), pa.timestamp("us", tz="UTC")

SCHEMAS: dict[ObjectName, dict[str, pa.DataType]] = {
    ObjectName.PRACTICE: {
        "source_id": TEXT, "Source_System_ID__c": TEXT, "Account_Name": TEXT, "Phone": TEXT,
    },
    ObjectName.PATIENT: {
        "source_id": TEXT, "Source_System_ID__c": TEXT, "First_Name": TEXT, "Last_Name": TEXT,
        "Date_of_Birth": pa.date32(), "Account_Name": TEXT, "Owner": TEXT,
        "Balance__c": MONEY, "SMS_Consent__c": pa.bool_(), "Patient_Status__c": TEXT,
        "Allergies__c": pa.list_(TEXT), "Source_Created_Time__c": INSTANT,
        "Insurance_Carrier__c": TEXT, "Insurance_Carrier_2__c": TEXT,
        "Insurance_Member_ID__c": TEXT, "Insurance_Member_ID_2__c": TEXT,
    },
    ObjectName.INSURANCE: {
        "source_id": TEXT, "parent_id": TEXT, "slot": pa.int64(),
        "Insurance_Carrier__c": TEXT, "Insurance_Member_ID__c": TEXT,
    },
    ObjectName.PLAN: {
        "source_id": TEXT, "Treatment_Plan_ID__c": TEXT, "Deal_Name": TEXT, "Contact_Name": TEXT,
        "Stage": TEXT, "Amount": MONEY, "Closing_Date": pa.date32(), "Owner": TEXT,
    },
    ObjectName.PLAN_ID: {"source_id": TEXT, "parent_id": TEXT, "Treatment_Plan_ID__c": TEXT},
    ObjectName.APPOINTMENT: {
        "source_id": TEXT, "Source_Task_ID__c": TEXT, "Subject": TEXT, "Who_Id": TEXT,
        "What_Id": TEXT, "What_Id_object": TEXT, "Starts_At__c": INSTANT, "Status": TEXT,
        "Duration__c": pa.int64(),
    },
    ObjectName.NOTE: {
        "source_id": TEXT, "Note_Title": TEXT, "Note_Content": TEXT, "Parent_Id": TEXT,
        "Parent_Id_object": TEXT,
    },
    ObjectName.ATTACHMENT: {
        "source_id": TEXT, "file_path": TEXT, "File_Name": TEXT, "title": TEXT, "category": TEXT,
        "taken_at": INSTANT, "Parent_Id": TEXT, "Parent_Id_object": TEXT,
    },
}  # fmt: skip

LANDED_EXTRA = {"zoho_id": TEXT, "known": pa.bool_(), "named": pa.bool_()}
FILE_EXTRA = {"sha256": TEXT, "size": pa.int64()}
ZOHO_TYPES = {
    "Balance__c": "currency", "Amount": "currency", "Patient_Status__c": "picklist",
    "Stage": "picklist", "Status": "picklist",
}  # fmt: skip


CREATED: dict[str, dict[str, object]] = {
    "Source_System_ID__c": {"label": "Source System ID", "data_type": "text", "unique": True},
    "Treatment_Plan_ID__c": {"label": "Treatment Plan ID", "data_type": "text", "unique": True},
    "Source_Task_ID__c": {"label": "Source Task ID", "data_type": "text"},
    "Balance__c": {"label": "Balance", "data_type": "currency"},
    "SMS_Consent__c": {"label": "SMS Consent", "data_type": "boolean"},
    "Patient_Status__c": {"label": "Patient Status", "data_type": "picklist",
                          "picklist": ["Active", "Inactive", "Archived"]},
    "Allergies__c": {"label": "Allergies", "data_type": "multiselectpicklist",
                     "picklist": ["Latex", "Penicillin"]},
    "Source_Created_Time__c": {"label": "Source Created Time", "data_type": "datetime"},
    "Insurance_Carrier__c": {"label": "Insurance Carrier", "data_type": "text"},
    "Insurance_Member_ID__c": {"label": "Insurance Member ID", "data_type": "text"},
    "Starts_At__c": {"label": "Starts At", "data_type": "datetime"},
    "Duration__c": {"label": "Duration", "data_type": "integer"},
}  # fmt: skip


def practice_mapping() -> Mapping:
    """The mapping of the fixture: nine objects, each with the rows the tests need."""
    lookup = {"Account_Name": "Practice", "Contact_Name": "Patient", "Who_Id": "Patient"}
    money = {"Balance__c", "Amount"}
    stages = {"proposed": "Qualification", "done": "Closed Won", "declined": "Closed Lost"}
    values = {"Stage": stages, "Status": {"0": "Not Started", "1": "Completed"}}

    def row(name: ObjectName, target: str) -> dict[str, object]:
        tree: dict[str, object] = {"target": target, "columns": [target.lower()]}
        if target in lookup and name is not ObjectName.PRACTICE:
            tree["lookup"] = lookup[target]
        if target == "What_Id":
            tree["lookup"] = ["Treatment Plan", "Practice"]
        if target == "Parent_Id":
            tree["lookup"] = ["Treatment Plan", "Patient"]
        if target in values:
            tree["values"] = values[target]
        if target in money:
            tree["transform"] = ["decimal"]
        if target in CREATED:
            tree["create"] = CREATED[target]
        return tree

    landing = {
        ObjectName.PRACTICE: ("records", "Accounts", "Source_System_ID__c"),
        ObjectName.PATIENT: ("records", "Contacts", "Source_System_ID__c"),
        ObjectName.INSURANCE: ("fields", "Contacts", None),
        ObjectName.PLAN: ("records", "Deals", "Treatment_Plan_ID__c"),
        ObjectName.PLAN_ID: ("fields", "Deals", None),
        ObjectName.APPOINTMENT: ("records", "Tasks", "Source_Task_ID__c"),
        ObjectName.NOTE: ("notes", "Notes", None),
        ObjectName.ATTACHMENT: ("files", "Attachments", None),
    }
    into = {ObjectName.INSURANCE: "Patient", ObjectName.PLAN_ID: "Treatment Plan"}
    skip = {"source_id", "parent_id", "slot", "What_Id_object", "Parent_Id_object"}
    skip |= {"Insurance_Carrier_2__c", "Insurance_Member_ID_2__c"}
    objects: list[dict[str, object]] = []
    for name, (how, module, key) in landing.items():
        inherited = {"Insurance_Carrier__c", "Insurance_Member_ID__c"}
        targets = [t for t in SCHEMAS[name] if t not in skip]
        if name is ObjectName.PATIENT:
            targets = [t for t in targets if t not in inherited]
        objects.append(
            {
                "object": name.value, "landing": how, "module": module, "key": key,
                "into": into.get(name), "slots": 2 if name is ObjectName.INSURANCE else 1,
                "select": "select 1 as source_id", "fields": [row(name, t) for t in targets],
            }
        )  # fmt: skip
    objects.append(
        {"object": "Reminder Rule", "landing": "reference", "select": "select 1 as source_id"}
    )
    return Mapping.model_validate({"profile": "test", "objects": objects})


def shaped_frames(patients: int) -> dict[ObjectName, pd.DataFrame]:
    """The rows of a practice with a patient for each number, and something for each patient."""
    ids = [f"{n:06d}" for n in range(1, patients + 1)]
    born = [date(1930 + n % 80, 1 + n % 12, 1 + n % 28) for n in range(patients)]
    moments = [datetime(2019, 1 + n % 12, 1 + n % 28, 8, 30, tzinfo=UTC) for n in range(patients)]
    carriers = [None if n % 3 == 0 else f"Carrier {n % 5}" for n in range(patients)]
    second = [f"Other {n % 2}" if n % 7 == 1 and carriers[n] else None for n in range(patients)]
    patient = {
        "source_id": ids, "Source_System_ID__c": ids,
        "First_Name": [f"Given{n}" for n in range(patients)],
        "Last_Name": [f"Family{n}" for n in range(patients)],
        "Date_of_Birth": born,
        "Account_Name": ["P01" if n % 2 else "P02" for n in range(patients)],
        "Owner": [None if n % 9 == 0 else f"DR{n % 4:02d}" for n in range(patients)],
        "Balance__c": [round(n * 1.37, 2) for n in range(patients)],
        "SMS_Consent__c": [n % 4 != 0 for n in range(patients)],
        "Patient_Status__c": ["Active" if n % 5 else "Inactive" for n in range(patients)],
        "Allergies__c": [["Latex", "Penicillin"] if n % 6 == 0 else None for n in range(patients)],
        "Source_Created_Time__c": moments,
        "Insurance_Carrier__c": carriers, "Insurance_Carrier_2__c": second,
        "Insurance_Member_ID__c": [f"M{n}" if carriers[n] else None for n in range(patients)],
        "Insurance_Member_ID_2__c": [f"S{n}" if second[n] else None for n in range(patients)],
    }  # fmt: skip
    policies = [(ids[n], 1, carriers[n], f"M{n}") for n in range(patients) if carriers[n]]
    policies += [(ids[n], 2, second[n], f"S{n}") for n in range(patients) if second[n]]
    insurance = {
        "source_id": [f"I{n}" for n in range(len(policies))],
        "parent_id": [p[0] for p in policies], "slot": [p[1] for p in policies],
        "Insurance_Carrier__c": [p[2] for p in policies],
        "Insurance_Member_ID__c": [p[3] for p in policies],
    }  # fmt: skip
    plan_ids = [f"TP{n:06d}" for n in range(patients)]
    plan = {
        "source_id": plan_ids, "Treatment_Plan_ID__c": plan_ids,
        "Deal_Name": [f"Crown {n}" for n in range(patients)], "Contact_Name": ids,
        "Stage": ["Qualification" if n % 3 else "Closed Won" for n in range(patients)],
        "Amount": [100 + n * 12.35 for n in range(patients)],
        "Closing_Date": [date(2021, 1 + n % 12, 15) for n in range(patients)],
        "Owner": [f"DR{n % 4:02d}" for n in range(patients)],
    }  # fmt: skip
    task_ids = [f"A{n:06d}" for n in range(patients * 2)]
    who = [ids[n % patients] for n in range(patients * 2)]
    to_plan = [n % 3 == 0 for n in range(patients * 2)]
    task = {
        "source_id": task_ids, "Source_Task_ID__c": task_ids,
        "Subject": [f"Check-up {n}" for n in range(patients * 2)], "Who_Id": who,
        "What_Id": [plan_ids[n % patients] if t else "P01" for n, t in enumerate(to_plan)],
        "What_Id_object": ["Treatment Plan" if t else "Practice" for t in to_plan],
        "Starts_At__c": [datetime(2022, 3, 1 + n % 28, 7, 15, tzinfo=UTC)
                         for n in range(patients * 2)],
        "Status": ["Completed" if n % 2 else "Not Started" for n in range(patients * 2)],
        "Duration__c": [30 + 15 * (n % 3) for n in range(patients * 2)],
    }  # fmt: skip
    note_ids = [f"N{n:06d}" for n in range(patients)]
    note = {
        "source_id": note_ids, "Note_Title": [f"Note {n}" for n in range(patients)],
        "Note_Content": [f"[source {i} | 2021-05-04 10:30 +02:00 | Dr Who]\nLine one.\nLine two."
                         for i in note_ids],
        "Parent_Id": ids, "Parent_Id_object": ["Patient"] * patients,
    }  # fmt: skip
    files = max(4, patients // 4)
    kinds = ["jpg", "pdf", "dcm", "png"]
    attachment = {
        "source_id": [f"D{n:06d}" for n in range(files)],
        "file_path": [f"IMG/{n}.{kinds[n % 4]}" for n in range(files)],
        "File_Name": [f"{n}.{kinds[n % 4]}" for n in range(files)],
        "title": [f"File {n}" for n in range(files)],
        "category": ["xray"] * files, "taken_at": [moments[0]] * files,
        "Parent_Id": [ids[n % patients] for n in range(files)],
        "Parent_Id_object": ["Patient"] * files,
    }  # fmt: skip
    practice = {
        "source_id": ["P01", "P02"], "Source_System_ID__c": ["P01", "P02"],
        "Account_Name": ["North", "South"], "Phone": ["+12125550100", None],
    }  # fmt: skip
    rows = {
        ObjectName.PRACTICE: practice, ObjectName.PATIENT: patient,
        ObjectName.INSURANCE: insurance, ObjectName.PLAN: plan,
        ObjectName.PLAN_ID: {"source_id": plan_ids, "parent_id": plan_ids,
                             "Treatment_Plan_ID__c": plan_ids},
        ObjectName.APPOINTMENT: task, ObjectName.NOTE: note, ObjectName.ATTACHMENT: attachment,
    }  # fmt: skip
    return {name: pd.DataFrame(columns) for name, columns in rows.items()}


@dataclass
class Practice:
    """Both sides of a comparison on disk, and what a test may change before it compares."""

    folder: Path
    mapping: Mapping
    shaped: dict[ObjectName, pd.DataFrame]
    landed: dict[ObjectName, pd.DataFrame]
    hidden: set[str] = field(default_factory=set)
    types: dict[str, pa.DataType] = field(default_factory=dict)
    landed_as: dict[str, pa.DataType] = field(default_factory=dict)
    part_rows: int = 40
    digest: str = "practice"

    def keep(self, *names: ObjectName) -> Practice:
        """Leave only some objects, for tests that need no others."""
        self.shaped = {name: self.shaped[name] for name in names}
        self.landed = {name: self.landed[name] for name in names if name in self.landed}
        return self

    def parts(self, name: ObjectName, /) -> list[Path]:
        """The shaped parts, written on first use."""
        folder = self.folder / "shaped" / slug(name)
        if not folder.exists() and name in self.shaped:
            write_parts(folder, self.shaped[name], SCHEMAS[name] | self.types, self.part_rows)
        return sorted(folder.glob("*.parquet"))

    def rows(self, name: ObjectName, /) -> int:
        """How many rows were shaped."""
        return len(self.shaped.get(name, ()))

    def source_rows(self, name: ObjectName, practice: str | None = None) -> int:  # noqa: ARG002
        """How many rows the source has: as many, for nothing is excluded while shaping."""
        return self.rows(name)

    def rejects(self) -> pd.DataFrame:
        """What was rejected while shaping: nothing, unless a test says so."""
        columns = ["object", "source_id", "field", "reason", "action"]
        return pd.DataFrame({column: pd.Series(dtype="str") for column in columns})

    def read_back(self, name: str = "landed") -> Landed:
        """The landed side, written anew."""
        folder = self.folder / name
        objects = {}
        for key, frame in self.landed.items():
            extra = FILE_EXTRA if key is ObjectName.ATTACHMENT else {}
            schema = SCHEMAS[key] | LANDED_EXTRA | extra | self.types | self.landed_as
            schema = {column: kind for column, kind in schema.items() if column in frame}
            write_parts(folder / slug(key), frame, schema, self.part_rows)
            known = {
                column: LandedField(column, ZOHO_TYPES.get(column, "text"), column in self.hidden)
                for column in schema
            }
            objects[key] = LandedObject(None, len(frame), known)
        landed = Landed(folder, objects, "2026-11-22T10:00:00+00:00")
        landed.save()
        return landed

    def files(self) -> pd.DataFrame:
        """Digest and size of the practice's own files."""
        frame = self.shaped[ObjectName.ATTACHMENT][["source_id"]].copy()
        frame["sha256"] = [digest(i) for i in frame["source_id"]]
        frame["size"] = [1_000 + n for n in range(len(frame))]
        return frame


def digest(source_id: str) -> str:
    """The digest that a file of the fixture has."""
    return (source_id.lower().encode().hex() * 8)[:64]


def write_parts(
    folder: Path, frame: pd.DataFrame, schema: dict[str, pa.DataType], rows: int
) -> None:
    """Write a frame as Parquet parts of at most `rows` rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.parquet"):
        old.unlink()
    wanted = pa.schema(list(schema.items()))
    for number, start in enumerate(range(0, len(frame), rows)):
        piece = frame.iloc[start : start + rows]
        table = pa.Table.from_pandas(piece, schema=wanted, preserve_index=False)
        pq.write_table(table, folder / f"part-{number:05d}.parquet")


PEOPLE = {f"DR{n:02d}": f"dr{n}@example.org" for n in range(3)}
DEFAULT_PERSON = "admin@example.org"


def faithful_copy(shaped: dict[ObjectName, pd.DataFrame]) -> dict[ObjectName, pd.DataFrame]:
    """What Zoho CRM holds after a load without any fault."""
    landed = {}
    number = 0
    for name, frame in shaped.items():
        if name in (ObjectName.INSURANCE, ObjectName.PLAN_ID):
            continue
        copy = frame.copy(deep=True)
        copy["zoho_id"] = [str(5_725_767_000_000_000_000 + number + n) for n in range(len(copy))]
        number += len(copy)
        copy["known"] = True
        copy["named"] = True
        if "Owner" in copy:
            copy["Owner"] = copy["Owner"].map(PEOPLE).fillna(DEFAULT_PERSON)
        if name is ObjectName.ATTACHMENT:
            copy = copy.drop(columns=["file_path", "title", "category", "taken_at"])
            copy["sha256"] = [digest(i) for i in copy["source_id"]]
            copy["size"] = [1_000 + n for n in range(len(copy))]
        # Zoho lists by record id of its own, never in our order.
        landed[name] = copy.sample(frac=1, random_state=3).reset_index(drop=True)
    return landed


def make_practice(folder: Path, patients: int = 100) -> Practice:
    """A practice that arrived without a fault."""
    shaped = shaped_frames(patients)
    return Practice(folder, practice_mapping(), shaped, faithful_copy(shaped))


@pytest.fixture
def practice(tmp_path: Path) -> Practice:
    """A practice of a hundred patients that arrived without a fault."""
    return make_practice(tmp_path)


@pytest.fixture(scope="session")
def new_practice() -> Callable[..., Practice]:
    """Makes further practices: `new_practice(folder, patients=100)`."""
    return make_practice
