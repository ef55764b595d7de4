from __future__ import annotations

import pytest

from migrator_kit.spelling import correction, meant

ROWS = ("Patient.Source_System_ID__c", "Patient.First_Name", "Patient.Last_Name", "Patient.Email")


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("Patient.FirstName", "Patient.First_Name"),
        ("patient.last_name", "Patient.Last_Name"),
        ("Patient.Emial", "Patient.Email"),
        ("Patient.Nonsense", None),
        ("Last_Name", "Patient.Last_Name"),
        ("Balance", None),
    ],
)
def test_only_a_near_word_is_offered(written: str, word: str | None) -> None:
    assert meant(written, ROWS) == word
    said = f"did you mean {word!r}?" if word else "correct the name"
    assert correction(written, ROWS) == said


def test_nothing_is_offered_where_nothing_is_known() -> None:
    assert meant("Patient.Email", ()) is None
