from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.errors import TerminalError
from migrator_kit.zoho.coql import all_of, any_of
from migrator_kit.zoho.values import (
    coql_in,
    coql_literal,
    from_zoho_datetime,
    json_bytes,
    to_zoho_datetime,
)


def test_times_are_sent_with_offset_and_without_fractions():
    athens = ZoneInfo("Europe/Athens")
    assert (
        to_zoho_datetime(datetime(2026, 3, 29, 4, 30, 1, 999, tzinfo=athens))
        == "2026-03-29T04:30:01+03:00"
    )
    assert to_zoho_datetime(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00+00:00"
    with pytest.raises(TerminalError, match="time zone"):
        to_zoho_datetime(datetime(2026, 1, 1))


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_times_come_back_as_the_same_second(moment, minutes):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0)
    assert from_zoho_datetime(to_zoho_datetime(aware)) == aware


@given(st.text(max_size=30))
def test_a_literal_never_ends_early(text):
    literal = coql_literal(text)
    assert literal[0] == literal[-1] == "'"
    inner = literal[1:-1]
    position, out = 0, []
    while position < len(inner):
        if inner[position] == "\\":
            position += 1
        else:
            assert inner[position] != "'"
        out.append(inner[position])
        position += 1
    assert "".join(out) == text


def test_literals_by_type():
    assert coql_literal(True) == "'true'"
    assert coql_literal(7) == "7"
    assert coql_literal(Decimal("1.50")) == "1.50"
    assert coql_literal(date(2026, 2, 1)) == "'2026-02-01'"
    assert coql_in("Source_Task_ID", ["A1", "O'B"]) == "Source_Task_ID in ('A1', 'O\\'B')"


def test_criteria_nest_pairwise():
    assert all_of("a = 1", "", "b = 2", "c = 3") == "((a = 1 and b = 2) and c = 3)"
    assert any_of("a = 1") == "a = 1"
    assert all_of() == ""


def test_bodies_take_times_decimals_and_numpy_numbers():
    body = {
        "When": datetime(2026, 1, 1, tzinfo=UTC),
        "Day": date(2026, 1, 2),
        "Sum": Decimal("1.5"),
        "No": np.int64(3),
        "Text": "Ελένη",
    }
    assert json.loads(json_bytes(body)) == {
        "When": "2026-01-01T00:00:00+00:00",
        "Day": "2026-01-02",
        "Sum": 1.5,
        "No": 3,
        "Text": "Ελένη",
    }


@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, np.float32("nan"), np.float64("inf"), Decimal("NaN"), [math.nan]]
)
def test_a_number_that_is_none_is_refused_not_sent_as_empty(value):
    with pytest.raises(TerminalError, match="JSON cannot carry"):
        json_bytes({"data": [{"Amount": value}]})


def test_a_body_that_cannot_be_json_names_no_value():
    class Patient:
        def __repr__(self) -> str:
            return "Papadaki"

    with pytest.raises(TerminalError) as caught:
        json_bytes({"Contact": Patient()})
    assert "Papadaki" not in str(caught.value)
    assert "Patient" not in str(caught.value)
