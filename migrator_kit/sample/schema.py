"""The reference schema `dent_o_soft`.

An assumption: the vendor of Dent-O-Soft publishes no schema. The tables follow what dental practice
programs have in common; the `x_` columns stand for columns a practice had coded for itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column with its declared type and, for a foreign key, the table it refers to."""

    name: str
    type: str
    references: str | None = None


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of the reference schema. Its first column is the primary key."""

    name: str
    columns: tuple[SourceColumn, ...]

    @property
    def primary_key(self) -> str:
        """Name of the key column."""
        return self.columns[0].name

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in the order of the table."""
        return tuple(column.name for column in self.columns)

    def create_statement(self, keys: dict[str, str]) -> str:
        """Return the DDL. `keys` names the primary key of every table."""
        lines = [
            f"{column.name} {column.type}" + (" NOT NULL PRIMARY KEY" if position == 0 else "")
            for position, column in enumerate(self.columns)
        ]
        lines += [
            f"FOREIGN KEY ({column.name}) REFERENCES {column.references} "
            f"({keys[column.references]})"
            for column in self.columns
            if column.references
        ]
        return f"CREATE TABLE {self.name} (\n  " + ",\n  ".join(lines) + "\n)"


def _table(name: str, *columns: str) -> SourceTable:
    """Read `column TYPE` and `column TYPE -> table` lines."""
    parsed = []
    for line in columns:
        declaration, _, references = line.partition(" -> ")
        column, type_ = declaration.split()
        parsed.append(SourceColumn(column, type_, references or None))
    return SourceTable(name, tuple(parsed))


TABLES: tuple[SourceTable, ...] = (
    _table(
        "practices",
        *("practice_id TEXT", "name TEXT", "street TEXT", "city TEXT", "postcode TEXT"),
        *("region TEXT", "country TEXT", "phone TEXT", "email TEXT", "website TEXT"),
        *("opened_on DATE", "created_at DATETIME", "modified_at DATETIME"),
    ),
    _table(
        "providers",
        *("provider_id TEXT", "practice_id TEXT -> practices", "title TEXT", "first_name TEXT"),
        *("last_name TEXT", "role TEXT", "email TEXT", "active INTEGER", "left_on DATE"),
        *("created_at DATETIME", "modified_at DATETIME"),
    ),
    _table(
        "patients",
        *("patient_id TEXT", "practice_id TEXT -> practices", "provider_id TEXT -> providers"),
        *("title TEXT", "first_name TEXT", "last_name TEXT", "birth_date DATE", "sex TEXT"),
        *("phone_home TEXT", "phone_mobile TEXT", "email TEXT", "street TEXT", "street2 TEXT"),
        *("city TEXT", "postcode TEXT", "region TEXT", "country TEXT", "language TEXT"),
        *("status TEXT", "sms_consent INTEGER", "email_consent INTEGER", "medical_alerts TEXT"),
        *("referred_by TEXT", "balance NUMERIC", "created_at DATETIME", "modified_at DATETIME"),
        *("x_old_card_no TEXT", "x_vip INTEGER", "x_loyalty_group TEXT"),
    ),
    _table(
        "insurance_policies",
        *("policy_id TEXT", "patient_id TEXT -> patients", "priority INTEGER"),
        *("carrier_name TEXT", "group_number TEXT", "member_id TEXT", "relationship TEXT"),
        *("valid_from DATE", "valid_to DATE", "annual_max NUMERIC"),
        *("created_at DATETIME", "modified_at DATETIME"),
    ),
    _table(
        "treatment_plans",
        *("plan_id TEXT", "patient_id TEXT -> patients", "provider_id TEXT -> providers"),
        *("title TEXT", "status TEXT", "teeth TEXT", "fee_total NUMERIC"),
        *("insurance_estimate NUMERIC", "proposed_on DATE", "accepted_on DATE"),
        *("completed_on DATE", "remarks TEXT", "created_at DATETIME", "modified_at DATETIME"),
        "x_finance_code TEXT",
    ),
    _table(
        "appointments",
        *("appointment_id TEXT", "patient_id TEXT -> patients", "provider_id TEXT -> providers"),
        *("practice_id TEXT -> practices", "plan_id TEXT -> treatment_plans"),
        *("starts_at DATETIME", "duration_min INTEGER", "reason TEXT", "status TEXT"),
        *("chair TEXT", "remarks TEXT", "created_at DATETIME", "modified_at DATETIME"),
    ),
    _table(
        "call_logs",
        *("call_id TEXT", "patient_id TEXT -> patients", "provider_id TEXT -> providers"),
        *("called_at DATETIME", "duration_sec INTEGER", "direction TEXT", "outcome TEXT"),
        *("phone TEXT", "summary TEXT", "created_at DATETIME"),
    ),
    _table(
        "clinical_notes",
        *("note_id TEXT", "patient_id TEXT -> patients", "plan_id TEXT -> treatment_plans"),
        *("provider_id TEXT -> providers", "noted_at DATETIME", "body_format TEXT", "body TEXT"),
        *("created_at DATETIME", "modified_at DATETIME"),
    ),
    _table(
        "documents",
        *("document_id TEXT", "patient_id TEXT -> patients", "plan_id TEXT -> treatment_plans"),
        *("category TEXT", "title TEXT", "file_path TEXT", "taken_at DATETIME"),
        "created_at DATETIME",
    ),
    _table(
        "reminder_rules",
        *("rule_id TEXT", "name TEXT", "trigger_event TEXT", "offset_days INTEGER"),
        *("send_at TEXT", "channel TEXT", "template TEXT", "condition TEXT"),
        *("consent_required INTEGER", "frequency TEXT", "active INTEGER"),
        *("created_at DATETIME", "modified_at DATETIME"),
    ),
    _table(
        "recall_rules",
        *("rule_id TEXT", "name TEXT", "treatment_code TEXT", "interval_months INTEGER"),
        *("channel TEXT", "template TEXT", "max_attempts INTEGER", "grace_days INTEGER"),
        *("active INTEGER", "created_at DATETIME", "modified_at DATETIME"),
    ),
)

TABLE_BY_NAME: dict[str, SourceTable] = {table.name: table for table in TABLES}
