"""Payloads: values in the form Zoho takes, links from the crosswalk, digests that tell changes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.load.payload import Column, Layout, Links, Parents, build, digest
from migrator_kit.mapping.model import MissingParent, ObjectName

KEY = b"secret"
TEXT = pa.string()


def parents(module: str, **ids: str) -> Parents:
    return Parents(module, pa.array(list(ids), TEXT), pa.array(list(ids.values()), TEXT))


LINKS = Links(
    {
        ObjectName.PATIENT: parents("Contacts", p1="11", p2="12"),
        ObjectName.PLAN: parents("Deals", t1="21"),
        ObjectName.PRACTICE: parents("Accounts", t1="31"),
    },
    {"DR1": "901"},
    "900",
)


def rows(columns: dict[str, pa.Array], *described: Column, constants: Any = None) -> list[Any]:
    count = len(next(iter(columns.values())))
    part = pa.table({"source_id": pa.array([str(n) for n in range(count)], TEXT), **columns})
    layout = Layout(ObjectName.APPOINTMENT, "Tasks", described, None, constants)
    return build(part, layout, LINKS).rows()


def test_values_take_the_form_of_the_fact_sheet() -> None:
    columns = {
        "day": pa.array([date(1980, 2, 29), None], pa.date32()),
        "at": pa.array([datetime(2024, 3, 31, 1, 30, 5, 999_999, UTC), None],
                       pa.timestamp("us", "UTC")),
        "paid": pa.array([120.5, float("nan")], pa.float64()),
        "big": pa.array([123_456_789_012, None], pa.int64()),
        "flag": pa.array([False, None], pa.bool_()),
        "many": pa.array([["a", "b"], None], pa.list_(TEXT)),
    }  # fmt: skip
    described = [Column(name, name, "bigint" if name == "big" else "text") for name in columns]
    first, second = rows(columns, *described)
    assert first == {
        "day": "1980-02-29", "at": "2024-03-31T01:30:05+00:00", "paid": 120.5,
        "big": "123456789012", "flag": False, "many": ["a", "b"],
    }  # fmt: skip
    assert second == {}, "what is empty is not sent"
    json.dumps(first, allow_nan=False)


def test_polymorphic_links_name_their_module() -> None:
    columns = {
        "Who_Id": pa.array(["p1", "p2", None], TEXT),
        "What_Id": pa.array(["t1", None, "t1"], TEXT),
        "What_Id_object": pa.array(["Treatment Plan", None, "Practice"], TEXT),
    }
    made = rows(
        columns,
        Column("Who_Id", "Who_Id", "lookup", (ObjectName.PATIENT,)),
        Column("What_Id", "What_Id", "lookup", (ObjectName.PLAN, ObjectName.PRACTICE)),
    )
    assert made == [
        {"Who_Id": {"id": "11"}, "What_Id": {"id": "21"}, "$se_module": "Deals"},
        {"Who_Id": {"id": "12"}, "$se_module": "Contacts"},
        {"What_Id": {"id": "31"}, "$se_module": "Accounts"},
    ]


def test_owners_and_constants() -> None:
    columns = {"Owner": pa.array(["DR1", "DR9", None], TEXT)}
    made = rows(columns, Column("Owner", "Owner"), constants={"Pipeline": "Standard"})
    assert [row["Owner"]["id"] for row in made] == ["901", "900", "900"]
    assert {row["Pipeline"] for row in made} == {"Standard"}


@pytest.mark.parametrize(
    ("on_missing", "waiting"),
    [(MissingParent.EXCLUDE, [None, "Who_Id", None]), (MissingParent.UNLINK, [None] * 3)],
)
def test_a_parent_that_has_not_landed(on_missing: MissingParent, waiting: list[Any]) -> None:
    part = pa.table({"source_id": ["a", "b", "c"], "Who_Id": pa.array(["p1", "gone", None], TEXT)})
    column = Column("Who_Id", "Who_Id", "lookup", (ObjectName.PATIENT,), on_missing)
    payload = build(part, Layout(ObjectName.APPOINTMENT, "Tasks", (column,)), LINKS)
    assert payload.waiting == waiting
    assert "Who_Id" not in payload.rows()[1]


# Numbers come out of Arrow columns: 64 bits are the most that a payload can hold.
INTEGERS = st.integers(-(2**63), 2**63 - 1)

values = st.dictionaries(
    st.text(min_size=1, max_size=5),
    st.one_of(st.text(), INTEGERS, st.booleans(), st.lists(st.text(), max_size=3)),
    max_size=5,
)


@given(values, values)
def test_digests_are_equal_exactly_when_payloads_are(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest(one, KEY) == digest(other, KEY)) == same
    assert digest(one, KEY) == digest(dict(reversed(one.items())), KEY)
    assert digest(one, KEY) != digest(one, b"another engagement")
