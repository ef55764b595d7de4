"""What is wrong in the sample practice, how often, and where the figure comes from.

`Dirt` is the single home of the rates. "OD" are data-quality findings published for a real
practice of 32,683 patients on Open Dental; where a finding counts rows of a table whose size it
does not give, the rate is that count over the patients, divided by the rows this generator makes
for each patient (0.8 plans, 2.5 appointments, 1.5 notes). Its 13,333 insurance rows follow from
"20 records, 0.15 %". "DW" are counts of one real migration off DentalWin. The rest are estimates.
"""

# ruff: noqa: E501  (a table of rates is read by row: one kind, one line)

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class Rate:
    """How often one kind of dirt falls on a column.

    `share` is a share of the rows that can have it (`of` says which when not all), `count` an
    absolute number for the whole practice.
    """

    column: str
    what: str
    share: float = 0.0
    count: int = 0
    source: str = ESTIMATE
    of: str = "all rows"


@unique
class Dirt(Enum):
    """Every kind of dirt with its rate."""

    # fmt: off
    DUPLICATE_PATIENT = Rate("patients.patient_id", "the same person twice, spelling or phone changed", 0.025)
    SHARED_FAMILY_PHONE = Rate("patients.phone_home", "household member with the household's home phone", 0.07)
    SHARED_FAMILY_EMAIL = Rate("patients.email", "household member with the household's e-mail and home phone", 0.09)
    TEST_PATIENT = Rate("patients.last_name", "a test record, not a person", 0.001)
    NAME_ALL_CAPS = Rate("patients.last_name", "names in capitals", 0.04)
    NAME_LOWER_CASE = Rate("patients.last_name", "names in small letters", 0.01)
    NAME_SPACES = Rate("patients.last_name", "leading, trailing, double spaces or tabs", 0.03)
    NAME_COMMA = Rate("patients.last_name", "suffix after a comma, or 'Last, First' in one field", 0.006)
    NAME_TITLE = Rate("patients.first_name", "title or nickname inside the first name", 0.006)
    NAME_MOJIBAKE = Rate("patients.last_name", "name with letters broken by a wrong encoding", 0.004)
    NAME_TOO_LONG = Rate("patients.last_name", "first name over 40 and last name over 80 characters", 0.002)
    FIRST_NAME_MISSING = Rate("patients.first_name", "no first name", 0.003)
    LAST_NAME_MISSING = Rate("patients.last_name", "no last name, which the target requires", 0.001)
    BIRTH_MISSING = Rate("patients.birth_date", "no birth date", 496 / 32_683, source="OD patient: 496 active patients without")
    BIRTH_1900 = Rate("patients.birth_date", "1900-01-01 as a filler", 9 / 32_683, source="OD patient: 9 older than 120")
    BIRTH_YEAR_ONE = Rate("patients.birth_date", "0001-01-01 as a filler", 0.004)
    BIRTH_1899 = Rate("patients.birth_date", "1899-12-30, the zero of spreadsheets", 0.003)
    BIRTH_IMPOSSIBLE = Rate("patients.birth_date", "a day that does not exist (31/02/1975)", 0.003)
    BIRTH_FUTURE = Rate("patients.birth_date", "born after the extract", 0.002)
    BIRTH_OTHER_FORMAT = Rate("patients.birth_date", "a date in another notation", 0.005)
    PHONE_NOT_GIVEN = Rate("patients.phone_mobile", "'n/a' and the like", 0.012, of="rows with a mobile phone")
    PHONE_TOO_SHORT = Rate("patients.phone_mobile", "digits missing", 0.012, of="rows with a mobile phone")
    PHONE_TWO_NUMBERS = Rate("patients.phone_mobile", "two numbers in one field", 0.01, of="rows with a mobile phone")
    PHONE_EXTENSION = Rate("patients.phone_mobile", "number with an extension", 0.012, of="rows with a mobile phone")
    PHONE_REMARK = Rate("patients.phone_mobile", "number with a remark", 0.008, of="rows with a mobile phone")
    PHONE_ZEROS = Rate("patients.phone_mobile", "000-000-0000", 0.004, of="rows with a mobile phone")
    EMAIL_INVALID = Rate("patients.email", "no valid address", 0.02, of="rows with an e-mail of their own")
    EMAIL_UNTRIMMED = Rate("patients.email", "spaces around it or in capitals", 0.02, of="rows with an e-mail of their own")
    EMAIL_TWO = Rate("patients.email", "two addresses in one field", 0.003, of="rows with an e-mail of their own")
    EMAIL_TOO_LONG = Rate("patients.email", "over 100 characters", 0.001, of="rows with an e-mail of their own")
    STREET_TOO_LONG = Rate("patients.street", "over 250 characters", 0.001)
    SEX_UNKNOWN = Rate("patients.sex", "a code outside the list", 0.01)
    PATIENT_STATUS_UNKNOWN = Rate("patients.status", "a code outside the list", 0.01)
    PATIENT_PROVIDER_UNKNOWN = Rate("patients.provider_id", "a provider that does not exist", 4_662 / 32_683, source="OD provider: 4,662 patients refer to one")
    PATIENT_PROVIDER_DEPARTED = Rate("patients.provider_id", "a provider who left", 0.08)
    PATIENT_PRACTICE_UNKNOWN = Rate("patients.practice_id", "a practice that does not exist, or none", 0.003)
    BALANCE_BELOW_1000 = Rate("patients.balance", "credit above 1,000", 29 / 32_683, source="OD patient: 29 below -1,000")
    BALANCE_BELOW_10000 = Rate("patients.balance", "credit above 10,000", 11 / 32_683, source="OD statement: 11 patients over 10,000")
    PATIENT_CREATED_YEAR_ONE = Rate("patients.created_at", "0001-01-01 00:00:00 as a filler", 0.02)
    PATIENT_MODIFIED_FIRST = Rate("patients.modified_at", "modified before it was created", 0.005)
    INSURANCE_ORPHAN = Rate("insurance_policies.patient_id", "a patient that does not exist", 2 / 13_333, source="OD patplan: 2 of about 13,333")
    CARRIER_MISSING = Rate("insurance_policies.carrier_name", "no carrier", 1 / 13_333, source="OD insplan: 1 of about 13,333")
    CARRIER_SPELLING = Rate("insurance_policies.carrier_name", "the carrier spelled another way", 0.05)
    MEMBER_ID_EMPTY = Rate("insurance_policies.member_id", "empty member id", 1 / 13_333, source="OD inssub: 1 of about 13,333")
    RELATIONSHIP_UNKNOWN = Rate("insurance_policies.relationship", "a code outside the list", 0.0002, source="OD claim: 0.02 %")
    VALID_FROM_IS_BIRTH_DATE = Rate("insurance_policies.valid_from", "the birth date entered as start", 0.0015, source="OD inssub: about 0.15 %")
    VALID_TO_FIRST = Rate("insurance_policies.valid_to", "ends before it starts", 1 / 13_333, source="OD inssub: 1 of about 13,333")
    ANNUAL_MAX_TEXT = Rate("insurance_policies.annual_max", "text where an amount belongs", 0.005)
    PLAN_ORPHAN = Rate("treatment_plans.patient_id", "a patient that does not exist", 0.002)
    PLAN_PROVIDER_DEPARTED = Rate("treatment_plans.provider_id", "a provider who left", 0.08)
    PLAN_STATUS_UNKNOWN = Rate("treatment_plans.status", "a code outside the list", 0.01)
    PLAN_TITLE_TOO_LONG = Rate("treatment_plans.title", "over 120 characters", 0.003)
    PLAN_TEETH_MISSING = Rate("treatment_plans.teeth", "no teeth given", 360 / 161_884, source="OD toothinitial: 360 of 161,884")
    PLAN_TEETH_OTHER_NOTATION = Rate("treatment_plans.teeth", "another tooth notation than FDI", 0.03)
    PLAN_FEE_OVER_15000 = Rate("treatment_plans.fee_total", "fee above 15,000", 17 / 32_683 / 0.8, source="OD procedurelog: 17 above 15,000")
    PLAN_ESTIMATE_PLACEHOLDER = Rate("treatment_plans.insurance_estimate", "-1 for 'not known yet' (OD proctp has it, without a figure)", 0.01)
    PLAN_COMPLETED_FIRST = Rate("treatment_plans.completed_on", "completed before it was proposed", 21 / 32_683 / 0.8 / 0.24, source="OD procedurelog: 21 completed too early", of="completed plans")
    PLAN_DATE_IMPOSSIBLE = Rate("treatment_plans.accepted_on", "a day that does not exist", 0.005, of="accepted plans")
    APPOINTMENT_STILL_SCHEDULED = Rate("appointments.status", "past, still 'scheduled'", 409 / 32_683 / 2.5, source="OD appointment: 409", of="past appointments")
    APPOINTMENT_STATUS_UNKNOWN = Rate("appointments.status", "a code outside the list", 0.008)
    APPOINTMENT_ORPHAN = Rate("appointments.patient_id", "a patient that does not exist", 6 / 32_683 / 2.5, source="OD histappointment: 6 with invalid patients")
    APPOINTMENT_WITHOUT_PATIENT = Rate("appointments.patient_id", "no patient: blocked time in the diary", 0.005)
    APPOINTMENT_PROVIDER_UNKNOWN = Rate("appointments.provider_id", "a provider that does not exist", 5 / 32_683 / 2.5, source="OD provider: 5 appointments")
    APPOINTMENT_PROVIDER_DEPARTED = Rate("appointments.provider_id", "a provider who left", 0.1)
    APPOINTMENT_PLAN_ORPHAN = Rate("appointments.plan_id", "a plan that does not exist", 44 / 32_683 / 2.5, source="OD procedurelog: 44 refer to missing planned appointments", of="rows with a plan")
    APPOINTMENT_DST_GAP = Rate("appointments.starts_at", "2023-03-12 02:30, which no clock in New York showed", 0.001, of="past appointments")
    APPOINTMENT_NO_DATE = Rate("appointments.starts_at", "0001-01-01 00:00:00 as a filler", 0.001, of="past appointments")
    APPOINTMENT_REASON_MISSING = Rate("appointments.reason", "no reason (OD appointment has it for missed ones, without a figure)", 0.01)
    APPOINTMENT_REASON_TOO_LONG = Rate("appointments.reason", "over 255 characters", 0.002)
    CALL_WITHOUT_USER = Rate("call_logs.provider_id", "no user named", 0.4322, source="OD commlog: 43.22 %")
    CALL_BY_DEPARTED = Rate("call_logs.provider_id", "a user who left (OD commlog has it, without a figure)", 0.06)
    CALL_ENTRY_TIME_MISSING = Rate("call_logs.created_at", "no entry time", 0.905, source="OD commlog: 90.50 %")
    CALL_ORPHAN = Rate("call_logs.patient_id", "a patient that does not exist", 0.003)
    CALL_OUTCOME_UNKNOWN = Rate("call_logs.outcome", "a code outside the list", 0.008)
    CALL_DST_OVERLAP = Rate("call_logs.called_at", "2022-11-06 01:30, which clocks in New York showed twice", 0.001)
    NOTE_EMPTY = Rate("clinical_notes.body", "no text, or nothing but markup", 933 / 32_683 / 1.5, source="OD procnote: 933 without content")
    NOTE_PROVIDER_UNKNOWN = Rate("clinical_notes.provider_id", "a provider that does not exist", 5_474 / 32_683 / 1.5, source="OD procnote: 5,474")
    NOTE_ORPHAN = Rate("clinical_notes.patient_id", "a patient that does not exist", 2 / 813, source="DW: 2 of 813 histories")
    NOTE_LONE_CR = Rate("clinical_notes.body", "lines end with CR alone", 0.1, of="plain text notes")
    NOTE_CONTROL_CHARACTERS = Rate("clinical_notes.body", "control characters", 0.015, of="plain text notes")
    NOTE_MOJIBAKE = Rate("clinical_notes.body", "letters broken by a wrong encoding", 0.02, of="plain text notes")
    NOTE_FORMAT_WRONG = Rate("clinical_notes.body_format", "says text, holds RTF or HTML", 0.005, of="RTF and HTML notes")
    NOTE_TOO_LONG = Rate("clinical_notes.body", "over 32,000 characters", count=2, of="plain text notes")
    DOCUMENT_ORPHAN = Rate("documents.patient_id", "a patient that does not exist", 6 / 179, source="DW: 6 of 179 radiographs")
    DOCUMENT_FILE_MISSING = Rate("documents.file_path", "no such file", 137 / 1_491, source="DW: 137 of 1,491 paths")
    DOCUMENT_FILE_EMPTY = Rate("documents.file_path", "a file of zero bytes", count=1)
    DOCUMENT_FILE_TOO_LARGE = Rate("documents.file_path", "a file over 25 MB", count=1)
    DOCUMENT_PATH_CASE = Rate("documents.file_path", "written in other letter case than the file", 0.03)
    DOCUMENT_NAME_UNUSUAL = Rate("documents.file_path", "umlauts, Greek, spaces or signs in the name", 0.04)
    # fmt: on

    @property
    def rate(self) -> Rate:
        """The rate as its own type."""
        return self.value
