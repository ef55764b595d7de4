"""Reject reasons: the closed list of what can be wrong with a source value or record.

A reject names object, record and field, never the value. Every reason says what was expected and
what to do, so that the lists a client reads need no other text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import pandas as pd


class RejectReason(StrEnum):
    """Why a value or a record did not move as it was."""

    MISSING_KEY = "missing_key"
    DUPLICATE_KEY = "duplicate_key"
    MISSING_REQUIRED = "missing_required"
    ORPHAN_PARENT = "orphan_parent"
    TOO_MANY_SLOTS = "too_many_slots"
    TOO_LONG = "too_long"
    UNKNOWN_VALUE = "unknown_value"
    NOT_GIVEN = "not_given"
    SEVERAL_VALUES = "several_values"
    EXTRA_TEXT = "extra_text"
    BROKEN_ENCODING = "broken_encoding"
    BROKEN_MARKUP = "broken_markup"
    BAD_DATE = "bad_date"
    SENTINEL_DATE = "sentinel_date"
    DST_GAP = "dst_gap"
    DST_OVERLAP = "dst_overlap"
    BAD_DURATION = "bad_duration"
    ASSUMED_DURATION = "assumed_duration"
    BAD_NUMBER = "bad_number"
    BAD_BOOLEAN = "bad_boolean"
    BAD_PHONE = "bad_phone"
    BAD_EMAIL = "bad_email"
    BAD_WEBSITE = "bad_website"
    BAD_TOOTH = "bad_tooth"
    BAD_ID = "bad_id"
    BAD_PATH = "bad_path"


class RejectAction(StrEnum):
    """What became of it."""

    EXCLUDED = "excluded"
    """The record does not move."""
    EMPTIED = "emptied"
    """The record moves, the field arrives empty."""
    ADJUSTED = "adjusted"
    """The field arrives, but not exactly as it was recorded."""


class Explanation(NamedTuple):
    """What was expected, and what a person can do."""

    expected: str
    remedy: str


_SOURCE = "Correct the record in the practice's program and take a new snapshot."
_KEPT = "Look at the field that keeps the text as recorded, and correct it in the source."

EXPLANATIONS: dict[RejectReason, Explanation] = {
    RejectReason.MISSING_KEY: Explanation("a key for every row", _SOURCE),
    RejectReason.DUPLICATE_KEY: Explanation(
        "a key that no other row has", "Decide which row is right; the first one moves."
    ),
    RejectReason.MISSING_REQUIRED: Explanation("a value that Zoho CRM requires", _SOURCE),
    RejectReason.ORPHAN_PARENT: Explanation(
        "a parent record that exists and moves", "Restore the parent or confirm the loss."
    ),
    RejectReason.TOO_MANY_SLOTS: Explanation(
        "no more rows for a record than it has numbered fields", "Raise `slots` in the mapping."
    ),
    RejectReason.TOO_LONG: Explanation(
        "a text within the length of the field",
        "The whole text stays in the snapshot; map it to a longer field where it matters.",
    ),
    RejectReason.UNKNOWN_VALUE: Explanation(
        "a value of the value map", "Give the value an entry under `values` in the mapping."
    ),
    RejectReason.NOT_GIVEN: Explanation(
        "a value, not a placeholder such as 'n/a'", "Nothing to do unless the value is known."
    ),
    RejectReason.SEVERAL_VALUES: Explanation("one value; the first was taken", _KEPT),
    RejectReason.EXTRA_TEXT: Explanation("a value without remarks around it", _KEPT),
    RejectReason.BROKEN_ENCODING: Explanation(
        "letters in their encoding; the text was repaired", "Check the repaired text."
    ),
    RejectReason.BROKEN_MARKUP: Explanation(
        "formatted text that can be read; what could be read was kept", "Check the text."
    ),
    RejectReason.BAD_DATE: Explanation("a date of the calendar, 1800 to 2100", _SOURCE),
    RejectReason.SENTINEL_DATE: Explanation(
        "a date, not a filler such as 1900-01-01", "Nothing to do unless the date is known."
    ),
    RejectReason.DST_GAP: Explanation(
        "a time that clocks showed; it was moved past the change to summer time", _SOURCE
    ),
    RejectReason.DST_OVERLAP: Explanation(
        "a time that clocks showed once; the first of two was taken",
        "Check the time: it may be one hour later.",
    ),
    RejectReason.BAD_DURATION: Explanation("a duration above zero", _SOURCE),
    RejectReason.ASSUMED_DURATION: Explanation(
        "a duration; the mapping's default was taken", "Nothing to do unless it is known."
    ),
    RejectReason.BAD_NUMBER: Explanation("a number within the field's digits", _SOURCE),
    RejectReason.BAD_BOOLEAN: Explanation("yes or no", _SOURCE),
    RejectReason.BAD_PHONE: Explanation("a phone number of its country's numbering plan", _KEPT),
    RejectReason.BAD_EMAIL: Explanation("one e-mail address", _KEPT),
    RejectReason.BAD_WEBSITE: Explanation("the address of a website", _SOURCE),
    RejectReason.BAD_TOOTH: Explanation(
        "teeth in the notation of the mapping; the text was kept", "Check the tooth numbers."
    ),
    RejectReason.BAD_ID: Explanation("a number whose check digit is right", _SOURCE),
    RejectReason.BAD_PATH: Explanation("a path inside the documents folder", _SOURCE),
}

COLUMNS = ("object", "source_id", "field", "reason", "action", "expected", "remedy")
"""Columns of every list of rejects."""


def no_rejects() -> pd.DataFrame:
    """Return an empty list of rejects."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in COLUMNS})


def reject_rows(
    object_name: str,
    field: str,
    source_ids: pd.Series,
    reasons: pd.Series,
    action: RejectAction | pd.Series,
) -> pd.DataFrame:
    """Return rejects as rows: one for each position where `reasons` is not empty."""
    hit = reasons.notna()
    found = reasons[hit]
    expected = {str(reason): text.expected for reason, text in EXPLANATIONS.items()}
    remedy = {str(reason): text.remedy for reason, text in EXPLANATIONS.items()}
    actions = action[hit] if isinstance(action, pd.Series) else str(action)
    frame = pd.DataFrame(
        {
            "object": object_name,
            "source_id": source_ids[hit],
            "field": field,
            "reason": found,
            "action": actions,
            "expected": found.map(expected),
            "remedy": found.map(remedy),
        }
    )
    return frame.astype("str").reset_index(drop=True)
