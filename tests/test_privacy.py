"""Masking: nothing readable of a patient's value, yet enough to recognise a pattern."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.privacy import DataClass, mask, shape, token


def test_shapes_show_the_pattern_and_not_the_value() -> None:
    assert shape("Maria 12-B") == "Aa 9-A"
    assert shape("+30 210 1234567") == "+9 9 9"


@given(st.text(st.characters(categories=["L", "N"]), min_size=3))
def test_no_word_of_a_value_survives_its_shape(value: str) -> None:
    assert all(c in "Aa9" or not c.isalnum() for c in shape(value))


def test_patient_data_is_masked_and_operational_data_is_not() -> None:
    names = pd.Series(["Ana", None, "Bo"], dtype="str")
    masked = mask(names, DataClass.IDENTIFIER)
    assert masked.dropna().tolist() == ["Aa", "Aa"]
    assert masked.isna().tolist() == [False, True, False]
    assert mask(names, DataClass.OPERATIONAL).equals(names)
    assert mask(names, DataClass.IDENTIFIER, reveal=True).equals(names)


def test_tokens_are_keyed() -> None:
    assert token("Ana", b"one") == token("Ana", b"one")
    assert token("Ana", b"one") != token("Ana", b"two")
    assert "Ana" not in token("Ana", b"one")
