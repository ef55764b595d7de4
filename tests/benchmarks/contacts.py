"""Contacts for the benchmarks of the load: shaped as the mapping room would, any number of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from migrator_kit.engagement import slug
from migrator_kit.mapping.model import Mapping, ObjectName

PART_ROWS = 50_000

KEY = "Source_System_ID__c"
_OWN = [
    {"target": KEY, "create": {"label": "Source System ID", "data_type": "text", "length": 100,
                               "unique": True}},
    {"target": "Source_Created_Time__c",
     "create": {"label": "Source Created Time", "data_type": "datetime"}},
    {"target": "Insurance_Carrier__c",
     "create": {"label": "Insurance Carrier", "data_type": "text", "length": 100}},
]  # fmt: skip
STANDARD = (
    "Last_Name", "First_Name", "Email", "Phone", "Mobile", "Date_of_Birth", "Mailing_Street",
    "Mailing_City", "Mailing_Zip", "Mailing_Country",
)  # fmt: skip
_ACCOUNT = {"target": "Account_Name", "lookup": ["Practice"]}
MAPPING = Mapping.model_validate(
    {
        "profile": "benchmark",
        "objects": [
            {"object": "Practice", "landing": "records", "module": "Accounts", "key": KEY,
             "select": "-", "fields": [{"target": "Account_Name"}, _OWN[0]]},
            {"object": "Patient", "landing": "records", "module": "Contacts", "key": KEY,
             "select": "-", "fields": [*({"target": name} for name in STANDARD), _ACCOUNT, *_OWN]},
        ],
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShapedContacts:
    """Two practices with their patients, as Parquet parts."""

    folder: Path
    count: int
    digest: str = "benchmark"

    def parts(self, name: ObjectName) -> list[Path]:
        return sorted((self.folder / slug(name)).glob("part-*.parquet"))

    def rows(self, name: ObjectName) -> int:
        return {ObjectName.PRACTICE: 2, ObjectName.PATIENT: self.count}.get(name, 0)

    def source_rows(self, name: ObjectName) -> int:
        return self.rows(name)

    def rejects(self) -> pd.DataFrame:
        columns = ["object", "source_id", "field", "reason", "action", "expected", "remedy"]
        return pd.DataFrame(columns=columns, dtype="str")


def shaped_contacts(folder: Path, count: int) -> ShapedContacts:
    """Write `count` patients of two practices and return them."""
    practices = {"source_id": ["P1", "P2"], "Account_Name": ["North", "South"], KEY: ["P1", "P2"]}
    _write(folder, ObjectName.PRACTICE, pa.table(practices), 0)
    for number, start in enumerate(range(0, count, PART_ROWS)):
        numbers = np.arange(start, min(start + PART_ROWS, count))
        _write(folder, ObjectName.PATIENT, pa.table(_patients(numbers)), number)
    return ShapedContacts(folder, count)


def _write(folder: Path, name: ObjectName, table: pa.Table, number: int) -> None:
    into = folder / slug(name)
    into.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, into / f"part-{number:05}.parquet")


def _patients(numbers: np.ndarray[Any, Any]) -> dict[str, Any]:
    text = pd.Series(numbers).astype(str)
    keys = "PAT-" + text.str.zfill(8)
    day = np.datetime64("1940-01-01") + (numbers * 17) % 25_000
    instant = np.datetime64("2019-01-01T08:00:00") + numbers * np.timedelta64(977, "s")
    columns = {
        "source_id": keys, "Last_Name": "Wintersberger" + text, "First_Name": "Annemarie" + text,
        "Email": "a.w" + text + "@mail.example", "Phone": "+49 30 " + text.str.zfill(9),
        "Mobile": "+49 170 " + text.str.zfill(9), "Mailing_Street": "Lindenallee " + text,
        "Mailing_City": "Ahrensfelde", "Mailing_Zip": "16356", "Mailing_Country": "Germany",
        "Account_Name": np.where(numbers % 2, "P1", "P2"), KEY: keys,
        "Insurance_Carrier__c": "Mutual of the North",
    }  # fmt: skip
    frame, utc = pd.DataFrame(columns).astype("str"), pa.timestamp("us", "UTC")
    return {
        **{name: pa.array(frame[name], pa.string()) for name in frame},
        "Date_of_Birth": pa.array(day.astype("datetime64[D]")),
        "Source_Created_Time__c": pa.array(instant.astype("datetime64[us]"), utc),
    }
