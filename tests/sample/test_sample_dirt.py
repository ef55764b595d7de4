"""Each kind of dirt is in the data as often as the table of rates says."""

from __future__ import annotations

import math
import re
import sqlite3

import numpy as np
import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.sample import generate
from migrator_kit.sample.columns import ANCHOR
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw

NO_PATIENT = "patient_id NOT IN (SELECT patient_id FROM patients)"
NO_PROVIDER = "provider_id NOT IN (SELECT provider_id FROM providers)"
DEPARTED = "provider_id IN (SELECT provider_id FROM providers WHERE active = 0)"
PATIENT_STATUS = "('active', 'inactive', 'archived', 'deceased')"
PLAN_STATUS = (
    "('proposed', 'presented', 'accepted', 'scheduled', 'in_progress', 'completed', 'declined', "
    "'cancelled')"
)
VISIT_STATUS = "('scheduled', 'confirmed', 'arrived', 'completed', 'cancelled', 'no_show')"
OUTCOMES = "('reached', 'voicemail', 'no_answer', 'wrong_number', 'callback')"

# What a person who audits the database would count.
VISIBLE = {
    "TEST_PATIENT": "patients WHERE first_name = 'TEST'",
    "FIRST_NAME_MISSING": "patients WHERE first_name IS NULL",
    "LAST_NAME_MISSING": "patients WHERE last_name IS NULL",
    "NAME_TOO_LONG": "patients WHERE length(last_name) > 80 AND length(first_name) > 40",
    "BIRTH_MISSING": "patients WHERE birth_date IS NULL",
    "BIRTH_1900": "patients WHERE birth_date = '1900-01-01'",
    "BIRTH_YEAR_ONE": "patients WHERE birth_date = '0001-01-01'",
    "BIRTH_1899": "patients WHERE birth_date = '1899-12-30'",
    "BIRTH_FUTURE": "patients WHERE birth_date > '2026-06-30' AND birth_date GLOB '20??-??-??'",
    "PHONE_ZEROS": "patients WHERE replace(phone_mobile, '-', '') IN "
    "('0000000000', '(999) 9999999')",
    "PHONE_EXTENSION": "patients WHERE phone_mobile LIKE '%ext.%'",
    "EMAIL_TOO_LONG": "patients WHERE length(email) > 100",
    "STREET_TOO_LONG": "patients WHERE length(street) > 250",
    "SEX_UNKNOWN": "patients WHERE sex NOT IN ('M', 'F', 'U')",
    "PATIENT_STATUS_UNKNOWN": f"patients WHERE status NOT IN {PATIENT_STATUS}",
    "PATIENT_PROVIDER_UNKNOWN": f"patients WHERE {NO_PROVIDER}",
    "PATIENT_PROVIDER_DEPARTED": f"patients WHERE {DEPARTED}",
    "PATIENT_PRACTICE_UNKNOWN": "patients WHERE practice_id IS NULL OR practice_id = 'P09'",
    "BALANCE_BELOW_10000": "patients WHERE balance < -10000",
    "PATIENT_CREATED_YEAR_ONE": "patients WHERE created_at = '0001-01-01 00:00:00'",
    "INSURANCE_ORPHAN": f"insurance_policies WHERE {NO_PATIENT}",
    "CARRIER_MISSING": "insurance_policies WHERE carrier_name IS NULL",
    "MEMBER_ID_EMPTY": "insurance_policies WHERE member_id = ''",
    "VALID_TO_FIRST": "insurance_policies WHERE valid_to < valid_from",
    "ANNUAL_MAX_TEXT": "insurance_policies WHERE typeof(annual_max) = 'text'",
    "PLAN_ORPHAN": f"treatment_plans WHERE {NO_PATIENT}",
    "PLAN_STATUS_UNKNOWN": f"treatment_plans WHERE status NOT IN {PLAN_STATUS}",
    "PLAN_TITLE_TOO_LONG": "treatment_plans WHERE length(title) > 120",
    "PLAN_TEETH_MISSING": "treatment_plans WHERE teeth IS NULL",
    "PLAN_ESTIMATE_PLACEHOLDER": "treatment_plans WHERE insurance_estimate = -1",
    "PLAN_COMPLETED_FIRST": "treatment_plans WHERE completed_on < proposed_on",
    "APPOINTMENT_STILL_SCHEDULED": "appointments WHERE status = 'scheduled' "
    "AND starts_at < '2026-06-30 18:00:00'",
    "APPOINTMENT_STATUS_UNKNOWN": f"appointments WHERE status NOT IN {VISIT_STATUS}",
    "APPOINTMENT_ORPHAN": f"appointments WHERE {NO_PATIENT}",
    "APPOINTMENT_WITHOUT_PATIENT": "appointments WHERE patient_id IS NULL",
    "APPOINTMENT_PROVIDER_UNKNOWN": f"appointments WHERE {NO_PROVIDER}",
    "APPOINTMENT_PLAN_ORPHAN": "appointments WHERE "
    "plan_id NOT IN (SELECT plan_id FROM treatment_plans)",
    "APPOINTMENT_DST_GAP": "appointments WHERE starts_at = '2023-03-12 02:30:00'",
    "APPOINTMENT_NO_DATE": "appointments WHERE starts_at < '1900-01-01'",
    "APPOINTMENT_REASON_TOO_LONG": "appointments WHERE length(reason) > 255",
    "CALL_WITHOUT_USER": "call_logs WHERE provider_id IS NULL",
    "CALL_BY_DEPARTED": f"call_logs WHERE {DEPARTED}",
    "CALL_ENTRY_TIME_MISSING": "call_logs WHERE created_at IS NULL",
    "CALL_ORPHAN": f"call_logs WHERE {NO_PATIENT}",
    "CALL_OUTCOME_UNKNOWN": f"call_logs WHERE outcome NOT IN {OUTCOMES}",
    "CALL_DST_OVERLAP": "call_logs WHERE called_at = '2022-11-06 01:30:00'",
    "NOTE_PROVIDER_UNKNOWN": f"clinical_notes WHERE {NO_PROVIDER}",
    "NOTE_ORPHAN": f"clinical_notes WHERE {NO_PATIENT}",
    "NOTE_TOO_LONG": "clinical_notes WHERE length(body) > 32000",
    "NOTE_FORMAT_WRONG": "clinical_notes WHERE body_format = 'text' "
    "AND (body LIKE '{\\rtf%' OR body LIKE '<html>%')",
    "NOTE_EMPTY": "clinical_notes WHERE trim(coalesce(body, ''), ' ' || char(13, 10)) IN "
    "('', '{\\rtf1\\ansi\\pard\\par}', '<p>&nbsp;</p>')",
    "DOCUMENT_ORPHAN": f"documents WHERE {NO_PATIENT}",
}


@pytest.mark.parametrize("kind", VISIBLE)
def test_what_an_auditor_counts_is_what_the_generator_says(practice, count, kind):
    assert count(VISIBLE[kind]) == practice.dirt[kind.lower()] > 0


def test_every_kind_is_in_the_default_practice(practice):
    assert set(practice.dirt) == {kind.name.lower() for kind in Dirt}
    assert all(practice.dirt.values())


def test_measured_rates_are_met(practice, count):
    rows = practice.counts
    assert practice.dirt["call_without_user"] / rows["call_logs"] == pytest.approx(0.4322, abs=1e-3)
    assert practice.dirt["call_entry_time_missing"] / rows["call_logs"] == pytest.approx(
        0.905, abs=1e-3
    )
    assert practice.dirt["patient_provider_unknown"] / 1_000 == pytest.approx(0.1426, abs=1e-3)
    assert practice.dirt["document_file_missing"] / rows["documents"] == pytest.approx(
        0.0919, abs=2e-3
    )
    past = count("appointments WHERE starts_at < '2026-06-30 18:00:00'")
    assert practice.dirt["appointment_still_scheduled"] / past == pytest.approx(0.005, abs=1e-3)


def test_every_kind_has_a_rate_and_a_source():
    for kind in Dirt:
        rate = kind.rate
        assert (0 < rate.share <= 1) != (rate.count > 0), kind.name
        assert rate.source == "estimate" or re.match(r"(OD [a-z]+|DW): ", rate.source), kind.name
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", rate.column), kind.name
    assert np.datetime64("2026-06-30T18:00:00") == ANCHOR


def test_duplicates_share_birth_date_and_differ_in_name_or_phone(practice, query):
    pairs = query(
        "SELECT a.first_name, a.last_name, a.phone_mobile, b.first_name, b.last_name, "
        "b.phone_mobile FROM patients a JOIN patients b USING (birth_date, street, postcode) "
        "WHERE a.patient_id < b.patient_id"
    )
    expected = practice.dirt["duplicate_patient"]
    # A twin whose birth date or street was spoiled as well is not found by them.
    assert expected * 0.8 <= len(pairs) <= expected * 1.2
    assert all(pair[:3] != pair[3:] for pair in pairs)


def test_families_share_addresses_and_nobody_else_does(practice, query):
    shared = query(
        "SELECT count(DISTINCT street), count(*) FROM patients WHERE email LIKE '_%@_%.%' "
        "AND email NOT LIKE '% %' GROUP BY lower(email) HAVING count(*) > 1"
    )
    sharers = sum(members - 1 for _, members in shared)
    assert sharers >= practice.dirt["shared_family_email"]
    assert sharers <= practice.dirt["shared_family_email"] + practice.dirt["duplicate_patient"] + 5
    homes = query(
        "SELECT count(*) FROM patients WHERE phone_home IS NOT NULL GROUP BY phone_home "
        "HAVING count(*) > 1"
    )
    assert sum(n - 1 for (n,) in homes) >= (
        practice.dirt["shared_family_phone"] + practice.dirt["shared_family_email"]
    )


def test_clean_phones_are_real_numbers_and_dirty_ones_are_few(practice, query):
    phones = [phone for (phone,) in query("SELECT phone_mobile FROM patients") if phone]
    plain = [phone for phone in phones if re.fullmatch(r"[-+(). \d]{10,}", phone)]
    valid = [p for p in plain if phonenumbers.is_valid_number(phonenumbers.parse(p, "US"))]
    spoiled = sum(rows for kind, rows in practice.dirt.items() if kind.startswith("phone_"))
    assert len(valid) == len(phones) - spoiled


def test_emails_are_valid_but_for_the_stated_ones(practice, query):
    invalid = 0
    for (email,) in query("SELECT email FROM patients WHERE email IS NOT NULL"):
        try:
            validate_email(email.strip(), check_deliverability=False)
        except EmailNotValidError:
            invalid += 1
    stated = sum(practice.dirt[f"email_{kind}"] for kind in ("invalid", "two"))
    assert invalid == stated


def test_names_of_four_languages(query):
    languages = dict(query("SELECT language, count(*) FROM patients GROUP BY language"))
    assert languages["en"] > 700
    assert all(languages[code] > 5 for code in ("el", "es", "de"))
    greek = query("SELECT last_name FROM patients WHERE language = 'el'")
    assert sum(bool(re.search("[α-ω]", name or "", re.IGNORECASE)) for (name,) in greek) > 50


def test_a_clean_practice_has_no_orphans_and_no_gaps(tmp_path):
    made = generate(tmp_path, patients=400, dirt_level=0)
    assert not any(made.dirt.values())
    connection = sqlite3.connect(made.database)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    for (where,) in [(VISIBLE[kind],) for kind in VISIBLE]:
        assert connection.execute(f"SELECT count(*) FROM {where}").fetchone() == (0,), where
    connection.close()


@given(
    parts=st.lists(st.integers(0, 400), min_size=1, max_size=12),
    level=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    seed=st.integers(0, 1_000),
)
def test_chunks_add_up_to_the_rounded_up_share(parts, level, seed):
    draw, rng = DirtDraw(level), np.random.default_rng(seed)
    kinds = (Dirt.SEX_UNKNOWN, Dirt.CALL_ORPHAN, Dirt.DOCUMENT_FILE_EMPTY)
    hit = dict.fromkeys(kinds, 0)
    for size in parts:
        drawn = draw.rows(rng, np.arange(10_000, 10_000 + size), *kinds)
        rows = np.concatenate(list(drawn.values()))
        assert len(np.unique(rows)) == len(rows)
        assert all(10_000 <= row < 10_000 + size for row in rows)
        for kind in kinds:
            hit[kind] += len(drawn[kind])
    assert hit == {kind: draw.counts[kind] for kind in kinds}
    for kind in kinds[:2]:
        quota = math.ceil(round(sum(parts) * kind.rate.share * level, 6))
        # Tiny chunks can have fewer rows than kinds that want one.
        assert quota - len(parts) <= hit[kind] <= quota
