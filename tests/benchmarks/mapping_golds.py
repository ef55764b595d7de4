"""Pairs of schemas with known matches: the public golds, and our default mapping made into golds.

Each gold names the source columns it judges; a source column may have several right targets.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from migrator_kit.mapping.files import default_mapping
from migrator_kit.mapping.propose.catalogue import catalogue_frame

SHARED = Path(__file__).parents[3] / "shared" / "data"

Column = tuple[str, str]

NOT_JUDGED = frozenset(
    (
        "recall.PatNum",
        "recall.IsDisabled",
        "refattach.PatNum",
        "refattach.ReferralNum",
        "refattach.RefType",
        "patplan.Ordinal",
        "patplan.InsSubNum",
        "claimproc.ProcNum",
        "claimproc.Status",
        "definition.DefNum",
        "definition.ItemName",
        "definition.Category",
        "document.DocNum",
    )
)
"""Columns that the SELECTs of the Open Dental profile use to join, order and filter: no field
holds their values."""
ALSO_RIGHT = {
    "procedurelog.PatNum": ("Treatment Plan", "Contact_Name"),
    "procedurelog.ProcDate": ("Treatment Plan", "Closing_Date"),
    "procedurelog.ProcNum": ("Treatment Plan", "Treatment_Plan_ID__c"),
    "appointment.AptDateTime": ("Appointment", "Appointment_Time__c"),
    "patientnote.PatNum": ("Clinical Note", "Parent_Id"),
    "patplan.PatNum": ("Insurance", "Insurance_Policy_ID__c"),
    "patient.MedUrgNote": ("Patient", "Medical_Alerts__c"),
    "patient.AddrNote": ("Patient", "Description"),
    "patient.FamFinUrgNote": ("Patient", "Description"),
    "patient.ApptModNote": ("Patient", "Description"),
}
"""What a person would accept beside the profile's own row, since it holds the same value. Our
profile makes a note of each remark on a patient's row; the contact's description takes remarks as
well, as the gold of DentneD says of `patients_notes`."""


@dataclass(frozen=True)
class Gold:
    """A source schema, a target schema, and the right targets of each judged source column."""

    name: str
    source: pd.DataFrame
    target: pd.DataFrame
    right: dict[Column, set[Column]]

    def without_texts(self) -> Gold:
        """The same with names and types alone."""
        texts = ["description", "table_description", "label"]
        return replace(
            self,
            name=f"{self.name}, names alone",
            source=self.source.drop(columns=texts, errors="ignore"),
            target=self.target.drop(columns=texts, errors="ignore"),
        )

    def without_table_names(self) -> Gold:
        """The same with target tables that have numbers for names."""
        numbers = {name: f"T{n}" for n, name in enumerate(self.target["table"].unique())}
        right = {column: {(numbers[table], name) for table, name in told}
                 for column, told in self.right.items()}  # fmt: skip
        target = self.target.assign(table=self.target["table"].map(numbers))
        return replace(self, name=f"{self.name}, tables unnamed", target=target, right=right)

    def part(self, name: str, keep: Callable[[str], bool]) -> Gold:
        """The same with the source tables that `keep` chooses."""
        chosen = self.source[self.source["table"].map(keep)].reset_index(drop=True)
        right = {column: told for column, told in self.right.items() if keep(column[0])}
        return replace(self, name=name, source=chosen, right=right)


def half(table: str) -> int:
    """Which half of the tables a table belongs to, by a digest of its name: 0 trains, 1 tests."""
    return zlib.crc32(table.encode()) % 2


def open_dental_columns() -> pd.DataFrame:
    frame = pd.read_csv(SHARED / "03_opendental_schema/columns.csv", dtype=str)
    frame = frame.rename(columns={
        "column_summary": "description", "table_summary": "table_description", "fk": "references",
    })  # fmt: skip
    return frame.drop_duplicates(["table", "column"]).reset_index(drop=True)


def canonical() -> Gold:
    """13: Open Dental to the canonical names of a staging layer; a target table has its source's
    name, and the source its types and descriptions."""
    pairs = pd.read_csv(SHARED / "13_opendental_dbt_gold/gold_opendental_to_canonical.csv")
    pairs = pairs.drop_duplicates(["source_table", "source_column", "target_column"])
    source = pairs[["source_table", "source_column"]].drop_duplicates()
    source.columns = ["table", "column"]
    source = source.merge(open_dental_columns(), on=["table", "column"], how="left")
    target = pairs[["source_table", "target_column"]].drop_duplicates()
    target.columns = ["table", "column"]
    told = zip(pairs.source_table, pairs.source_column, pairs.source_table, pairs.target_column,
               strict=True)  # fmt: skip
    return Gold("Open Dental to canonical", source, target.reset_index(drop=True), _right(told))


def omop(name: str) -> Gold:
    """15: CMS or Synthea to OMOP, with the descriptions of both sides."""
    folder = SHARED / "15_smat_omap_gold"
    sides = [
        pd.read_csv(folder / f"omop_{name}_data_{side}_schema.csv", dtype=str)
        .rename(columns={"column_description": "description"})
        .map(lambda text: text.strip() if isinstance(text, str) else text)
        for side in ("source", "target")
    ]
    pairs = pd.read_csv(folder / f"omop_{name}_data_gold.csv", dtype=str)
    pairs = pairs.map(lambda text: text.strip() if isinstance(text, str) else text)
    return Gold(f"{name} to OMOP", sides[0], sides[1], _right(pairs.itertuples(index=False)))


def hubspot() -> Gold:
    """14: a practice system to HubSpot fields (low authority: it only helps to train)."""
    pairs = pd.read_csv(
        SHARED / "14_openmedical_hubspot_map/gold_openmedical_to_hubspot_subset.csv", dtype=str
    )
    tables = {"Contacts": "patient", "Appointments": "appointment", "Deals": "treatment"}
    pairs["source_table"] = pairs["target_object"].map(lambda name: tables.get(name, name))
    source = pairs[["source_table", "source_column", "source_type"]]
    source = source.set_axis(["table", "column", "type"], axis=1).drop_duplicates()
    target = pairs[["target_object", "target_field", "target_type"]]
    target = target.set_axis(["table", "column", "type"], axis=1).drop_duplicates()
    told = zip(pairs.source_table, pairs.source_column, pairs.target_object, pairs.target_field,
               strict=True)  # fmt: skip
    return Gold("Open Medical to HubSpot", source.reset_index(drop=True),
                target.reset_index(drop=True), _right(told))  # fmt: skip


def default_zoho(profile: str) -> Gold:
    """The columns that our own default mapping of a profile moves, to the fields it moves them to.

    A column that feeds a computed field counts for that field too.
    """
    mapping = default_mapping(profile)
    fields = catalogue_frame()
    known = set(zip(fields["table"], fields["column"], strict=True))
    told = [
        (*source.split("."), str(item.object), row.target)
        for item in mapping.objects
        for row in item.fields
        for source in row.sources
        if (str(item.object), row.target) in known
    ]
    right = _right(told)
    if profile == "open_dental":
        right = {column: found for column, found in right.items()
                 if ".".join(column) not in NOT_JUDGED}  # fmt: skip
        for name, place in ALSO_RIGHT.items():
            table, _, column = name.partition(".")
            right[table, column].add(place)
        columns = open_dental_columns()
        tables = {table for table, _ in right}
        source = columns[columns["table"].isin(tables)].reset_index(drop=True)
    else:
        rows = sorted(right)
        source = pd.DataFrame(rows, columns=["table", "column"])
    return Gold(f"{profile} to Zoho", source, fields, right)


def dentned(gold: Iterable[tuple[str, str, str, str]], *, labels: bool = True) -> Gold:
    """11: DentneD, from its SQL Server schema and screen labels, to our default Zoho mapping."""
    folder = SHARED / "11_dentned_mssql_ddl"
    text = (folder / "dentned-schema.sql").read_text(encoding="utf-8-sig").replace("\r", "")
    rows = []
    for table, body in re.findall(r"CREATE TABLE \[dbo\]\.\[(\w+)\]\((.*?)\n\)", text, re.S):
        found = re.findall(r"^\s*\[(\w+)\] \[(\w+)\](\([\w, ]+\))?", body, re.M)
        rows += [(table, name, kind + size) for name, kind, size in found]
    source = pd.DataFrame(rows, columns=["table", "column", "type"])
    if labels:
        told = _labels(json.loads((folder / "ui_labels_en.json").read_text("utf-8-sig")))
        source["label"] = source["column"].map(told).fillna("")
    fields = catalogue_frame()
    return Gold("DentneD to Zoho", source, fields, _right(gold))


def dentosys(gold: Iterable[tuple[str, str, str, str]]) -> Gold:
    """10: DentoSys, from its MariaDB dump with the keys that it declares, to our Zoho mapping."""
    text = (SHARED / "10_dentosys_mysql/dentosys_db.sql").read_text(encoding="utf-8")
    rows = []
    for table, body in re.findall(r"CREATE TABLE `(\w+)` \((.*?)\n\) ENGINE", text, re.S):
        primary = set(re.findall(r"PRIMARY KEY \(`(\w+)`\)", body))
        points = dict(re.findall(r"FOREIGN KEY \(`(\w+)`\) REFERENCES (`\w+` \(`\w+`)\)", body))
        for name, kind in re.findall(r"^  `(\w+)` (\w+(?:\([^)]*\))?)", body, re.M):
            told = points.get(name, "").replace("` (`", ".").strip("`")
            rows.append((table, name, kind, name in primary, told))
    source = pd.DataFrame(rows, columns=["table", "column", "type", "key", "references"])
    return Gold("DentoSys to Zoho", source, catalogue_frame(), _right(gold))


def _labels(texts: dict[str, str]) -> dict[str, str]:
    """Return the screen label of each column that one names: `…-patients_surnameLabel`."""
    found: dict[str, str] = {}
    for name, text in texts.items():
        key = re.sub(r"(Label|CheckBox|DataGridViewTextBoxColumn)$", "", name.rsplit("-", 1)[-1])
        if "_" in key and key.islower():
            found.setdefault(key, text.strip(" :"))
    return found


def _right(pairs: Iterable[tuple[str, str, str, str]]) -> dict[Column, set[Column]]:
    right: dict[Column, set[Column]] = {}
    for source_table, source_column, target_table, target_column in pairs:
        right.setdefault((source_table, source_column), set()).add((target_table, target_column))
    return right
