"""Upsert: which record is taken, unique fields, two rows with one key."""

from __future__ import annotations

from typing import Any

import pytest


def upsert(api: Any, module: str, rows: list[dict[str, Any]], fields: Any = None) -> Any:
    body: dict[str, Any] = {"data": rows, "trigger": []}
    if fields is not None:
        body["duplicate_check_fields"] = fields
    return api.post(f"{module}/upsert", body)


@pytest.fixture(scope="module")
def key(shared: Any) -> str:
    return str(shared.key("Contacts"))


def test_generated_name_has_single_underscores(key: str) -> None:
    assert key == "Source_System_ID"


def test_a_key_is_inserted_once_and_then_updated(shared: Any, key: str) -> None:
    first = upsert(shared, "Contacts", [{"Last_Name": "A", key: "PAT-1"}], [key])
    again = upsert(shared, "Contacts", [{"Last_Name": "B", key: "pat-1"}], [key])
    one, two = first.json()["data"][0], again.json()["data"][0]
    assert (one["action"], one["duplicate_field"]) == ("insert", None)
    assert (two["action"], two["duplicate_field"]) == ("update", key)
    assert one["details"]["id"] == two["details"]["id"]
    assert (first.status_code, again.status_code) == (200, 200)


def test_two_rows_with_one_key_make_one_record(shared: Any, key: str) -> None:
    rows = [{"Last_Name": "A", key: "PAT-2"}, {"First_Name": "B", key: "PAT-2"}]
    items = upsert(shared, "Contacts", rows, [key]).json()["data"]
    assert [item["action"] for item in items] == ["insert", "update"]
    record = shared.record("Contacts", items[0]["details"]["id"])
    assert (record["First_Name"], record["Last_Name"]) == ("B", "A")


def test_source_key_keeps_relatives_with_one_address_apart(shared: Any, key: str) -> None:
    rows = [
        {"Last_Name": "Kurz", "Email": "family@example.com", key: "PAT-10"},
        {"Last_Name": "Kurz", "Email": "family@example.com", key: "PAT-11"},
    ]
    kept = upsert(shared, "Contacts", rows, [key]).json()["data"]
    assert [item["action"] for item in kept] == ["insert", "insert"]
    merged = upsert(shared, "Contacts", [{"Last_Name": "Kurz", "Email": "family@example.com"}])
    assert merged.json()["data"][0]["duplicate_field"] == "Email"


def test_the_other_unique_fields_are_searched_too(shared: Any, key: str) -> None:
    second = shared.key("Contacts", "Card Number")
    upsert(shared, "Contacts", [{"Last_Name": "A", key: "PAT-20", second: "C-1"}], [key])
    answer = upsert(shared, "Contacts", [{"Last_Name": "B", key: "PAT-21", second: "C-1"}], [key])
    assert answer.json()["data"][0]["duplicate_field"] == second


def test_deals_merge_by_name_unless_told_otherwise(shared: Any, make_deal: Any) -> None:
    rows = [make_deal(Deal_Name="Crown 46"), make_deal(Deal_Name="Crown 46")]
    items = upsert(shared, "Deals", rows).json()["data"]
    assert [item["action"] for item in items] == ["insert", "update"]


def test_only_system_and_unique_fields_may_be_checked(shared: Any, key: str) -> None:
    answer = upsert(shared, "Contacts", [{"Last_Name": "A"}], ["Last_Name"])
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_DATA")


@pytest.mark.parametrize("module", ["Tasks", "Events", "Calls", "Notes"])
def test_activities_and_notes_cannot_be_upserted(shared: Any, module: str) -> None:
    answer = upsert(shared, module, [{"Subject": "x"}])
    assert (answer.status_code, answer.json()["code"]) == (400, "NOT_SUPPORTED")
    assert "not supported" in answer.json()["message"]


def test_insert_and_update_refuse_a_value_that_is_taken(shared: Any, key: str) -> None:
    holder = shared.create("Contacts", Last_Name="A", **{key: "PAT-30"})
    other = shared.create("Contacts", Last_Name="B")
    (item,) = shared.write("Contacts", {"Last_Name": "C", key: "PAT-30"})
    assert item["code"] == "DUPLICATE_DATA"
    assert item["details"]["id"] == holder
    assert item["details"]["duplicate_record"]["module"]["api_name"] == "Contacts"
    assert item["details"]["duplicate_record"]["Owner"]["name"]
    body = {"data": [{key: "PAT-30"}], "trigger": []}
    answer = shared.call("PUT", f"Contacts/{other}", json=body)
    assert answer.json()["data"][0]["code"] == "DUPLICATE_DATA"
    rows = [{"id": holder, key: "PAT-31"}, {"id": other, key: "PAT-30"}]
    answer = shared.call("PUT", "Contacts", json={"data": rows, "trigger": []})
    assert answer.status_code == 200, "a value set free by an earlier row may be taken"


def test_an_upsert_row_that_becomes_an_insert_needs_its_mandatory_fields(
    shared: Any, key: str
) -> None:
    answer = upsert(shared, "Contacts", [{key: "PAT-40"}], [key])
    assert answer.json()["data"][0]["code"] == "MANDATORY_NOT_FOUND"
