"""Widths of columns: numbers keep their room, long texts share the rest, narrow tables are free."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator_kit.evidence.fitting import column_shares
from migrator_kit.evidence.tables import Table


def shares_of(frame: pd.DataFrame, *, wide: bool = False) -> list[float] | None:
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame]
    return column_shares(list(frame), frame.astype("str"), numeric, wide=wide)


def test_a_narrow_table_is_left_alone():
    frame = pd.DataFrame({"object": ["Patient"], "rows": [100]})

    assert shares_of(frame) is None
    assert "fitted" not in Table(frame).html()


def test_long_texts_take_what_numbers_leave():
    frame = pd.DataFrame(
        {"object": ["Appointment"], "records": [1_234_567], "field": ["Source_System_ID__c"],
         "remedy": ["Look at the field that keeps the text as recorded. " * 3],
         "expected": ["a phone number of its country's numbering plan, written in any way"]}
    )  # fmt: skip

    shares = shares_of(frame)

    assert shares is not None
    assert sum(shares) == pytest.approx(1)
    assert shares[3] > shares[2] > shares[1]
    assert Table(frame).html().count("<col style") == 5


def test_in_a_crowded_table_short_columns_keep_their_room():
    short = {f"count{n}": [12345] for n in range(8)}
    frame = pd.DataFrame(short | {f"text{n}": ["some words " * 20] for n in range(5)})

    shares = shares_of(frame, wide=True)

    assert shares is not None
    assert all(share * 150 >= len("count1") for share in shares[:8])
    assert sum(shares) == pytest.approx(1)


def test_names_of_several_words_stay_on_one_line():
    frame = pd.DataFrame(
        {"object": ["Treatment Plan"] * 9 + ["Appointment"], "table": ["insurance_policies"] * 10,
         **{f"count{n}": [0] * 10 for n in range(6)}, "way": ["text, then truncate"] * 10}
    )  # fmt: skip

    shares = shares_of(frame, wide=True)

    assert shares is not None
    assert shares[0] * 150 >= len("Treatment Plan")
    assert shares[1] * 150 >= len("insurance_policies")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.text(max_size=60), min_size=1, max_size=4),
    st.integers(1, 14),
)
def test_shares_are_always_a_whole(cells, columns):
    frame = pd.DataFrame({f"c{n}": pd.Series(cells, dtype="str") for n in range(columns)})

    shares = shares_of(frame, wide=columns >= 9)

    assert shares is None or (sum(shares) == pytest.approx(1) and min(shares) > 0)
