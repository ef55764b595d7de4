"""The database has the reference schema, with real types, keys and references."""

from __future__ import annotations

import pytest

# What the profile `dent_o_soft` maps. Written out here on purpose: a change of the generator's
# schema has to be a change of this list as well.
COLUMNS = {
    "practices": "practice_id name street city postcode region country phone email website "
    "opened_on created_at modified_at",
    "providers": "provider_id practice_id title first_name last_name role email active left_on "
    "created_at modified_at",
    "patients": "patient_id practice_id provider_id title first_name last_name birth_date sex "
    "phone_home phone_mobile email street street2 city postcode region country language status "
    "sms_consent email_consent medical_alerts referred_by balance created_at modified_at "
    "x_old_card_no x_vip x_loyalty_group",
    "insurance_policies": "policy_id patient_id priority carrier_name group_number member_id "
    "relationship valid_from valid_to annual_max created_at modified_at",
    "treatment_plans": "plan_id patient_id provider_id title status teeth fee_total "
    "insurance_estimate proposed_on accepted_on completed_on remarks created_at modified_at "
    "x_finance_code",
    "appointments": "appointment_id patient_id provider_id practice_id plan_id starts_at "
    "duration_min reason status chair remarks created_at modified_at",
    "call_logs": "call_id patient_id provider_id called_at duration_sec direction outcome phone "
    "summary created_at",
    "clinical_notes": "note_id patient_id plan_id provider_id noted_at body_format body "
    "created_at modified_at",
    "documents": "document_id patient_id plan_id category title file_path taken_at created_at",
    "reminder_rules": "rule_id name trigger_event offset_days send_at channel template condition "
    "consent_required frequency active created_at modified_at",
    "recall_rules": "rule_id name treatment_code interval_months channel template max_attempts "
    "grace_days active created_at modified_at",
}
REFERENCES = {
    "practice_id": "practices",
    "provider_id": "providers",
    "patient_id": "patients",
    "plan_id": "treatment_plans",
}
TYPES = {
    "birth_date": "DATE",
    "opened_on": "DATE",
    "created_at": "DATETIME",
    "starts_at": "DATETIME",
    "balance": "NUMERIC",
    "fee_total": "NUMERIC",
    "annual_max": "NUMERIC",
    "priority": "INTEGER",
    "x_vip": "INTEGER",
    "first_name": "TEXT",
    "file_path": "TEXT",
}


def test_tables_are_those_of_the_reference_schema(query):
    assert {name for (name,) in query("SELECT name FROM sqlite_master WHERE type = 'table'")} == (
        set(COLUMNS)
    )


@pytest.mark.parametrize("table", COLUMNS)
def test_columns_types_and_keys(query, table):
    info = query(f"PRAGMA table_info({table})")
    names = COLUMNS[table].split()
    assert [row[1] for row in info] == names
    assert [row[1] for row in info if row[5]] == names[:1]
    assert all(row[2] == TYPES.get(row[1], row[2]) for row in info)
    assert {row[2] for row in info} <= {"TEXT", "INTEGER", "NUMERIC", "DATE", "DATETIME"}


@pytest.mark.parametrize("table", COLUMNS)
def test_references_are_declared(query, table):
    declared = {row[3]: (row[2], row[4]) for row in query(f"PRAGMA foreign_key_list({table})")}
    expected = {
        name: (REFERENCES[name], name) for name in COLUMNS[table].split()[1:] if name in REFERENCES
    }
    assert declared == expected


def test_the_file_is_sound(query):
    assert query("PRAGMA integrity_check") == [("ok",)]


def test_keys_have_the_promised_form(query):
    patterns = {
        "practices": "P[0-9][0-9]",
        "providers": "DR[0-9][0-9]",
        "patients": "[0-9]" * 6,
        "treatment_plans": "TP" + "[0-9]" * 6,
    }
    for table, pattern in patterns.items():
        key = COLUMNS[table].split()[0]
        assert query(f"SELECT count(*) FROM {table} WHERE {key} NOT GLOB '{pattern}'") == [(0,)]
