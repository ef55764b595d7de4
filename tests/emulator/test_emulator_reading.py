"""Lists, page tokens, related lists, time zones, search."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def contacts(shared: Any) -> list[str]:
    """450 contacts, oldest first."""
    ids: list[str] = []
    for start in range(0, 450, 90):
        rows = [{"Last_Name": f"N{n:03d}"} for n in range(start, start + 90)]
        ids += [item["details"]["id"] for item in shared.write("Contacts", *rows)]
    return ids


def test_pages_by_token_give_every_record_once(shared: Any, contacts: list[str]) -> None:
    seen: list[str] = []
    params = {"fields": "Last_Name", "per_page": 200}
    page = shared.get("Contacts", **params).json()
    assert page["info"]["more_records"]
    while True:
        seen += [record["id"] for record in page["data"]]
        token = page["info"]["next_page_token"]
        if token is None:
            break
        page = shared.get("Contacts", **params, page_token=token).json()
    assert sorted(seen) == sorted(contacts)
    assert seen == sorted(seen, reverse=True), "newest first by default"


def test_page_numbers_end_at_two_thousand(shared: Any, contacts: list[str]) -> None:
    second = shared.get("Contacts", fields="Last_Name", page=2, per_page=200).json()
    assert len(second["data"]) == 200
    answer = shared.get("Contacts", fields="Last_Name", page=11, per_page=200)
    assert answer.json()["code"] == "DISCRETE_PAGINATION_LIMIT_EXCEEDED"
    assert answer.json()["details"] == {"limit": 2000}


def test_tokens_are_bound_to_user_and_parameters_and_expire(
    shared: Any, contacts: list[str]
) -> None:
    token = shared.get("Contacts", fields="Last_Name").json()["info"]["next_page_token"]
    other = shared.get("Contacts", fields="First_Name", page_token=token)
    assert other.json()["code"] == "TOKEN_BOUND_DATA_MISMATCH"
    both = shared.get("Contacts", fields="Last_Name", page_token=token, page=2)
    assert both.json()["code"] == "AMBIGUITY_DURING_PROCESSING"
    broken = shared.get("Contacts", fields="Last_Name", page_token="x" + token)
    assert broken.json()["code"] == "INVALID_DATA"
    colleague = type(shared)(shared.emulator, "emulator:bruno.keller@practice.example")
    assert colleague.get("Contacts", fields="Last_Name", page_token=token).status_code == 400
    shared.emulator.settings(clock_offset_s=25 * 3600.0, token_seconds=10**6)
    try:
        late = type(shared)(shared.emulator)
        answer = late.get("Contacts", fields="Last_Name", page_token=token)
        assert answer.json()["code"] == "EXPIRED_VALUE"
    finally:
        shared.emulator.settings(clock_offset_s=0.0, token_seconds=3600)


def test_lists_end_where_the_vendor_ends_them(shared: Any, contacts: list[str]) -> None:
    shared.emulator.settings(token_page_limit=400)
    try:
        token = None
        for _ in range(2):
            params = {"page_token": token} if token else {}
            page = shared.get("Contacts", fields="Last_Name", per_page=200, **params).json()
            token = page["info"]["next_page_token"]
        answer = shared.get("Contacts", fields="Last_Name", per_page=200, page_token=token)
        assert answer.json()["code"] == "PAGINATION_LIMIT_EXCEEDED"
    finally:
        shared.emulator.settings(token_page_limit=100_000)


def test_lists_need_fields_and_take_fifty(shared: Any, contacts: list[str]) -> None:
    answer = shared.get("Contacts")
    assert answer.json()["code"] == "REQUIRED_PARAM_MISSING"
    assert answer.json()["details"] == {"param_name": "fields"}
    answer = shared.get("Contacts", fields=",".join(f"F{n}" for n in range(51)))
    assert answer.json()["details"] == {"limit": 50, "param_name": "fields"}
    answer = shared.get("Contacts", fields="Last_Name", sort_by="Last_Name")
    assert answer.json()["code"] == "INVALID_DATA"


def test_sorting_and_ids(shared: Any, contacts: list[str]) -> None:
    page = shared.get(
        "Contacts", fields="Last_Name", sort_by="Created_Time", sort_order="asc", per_page=5
    ).json()
    assert [record["id"] for record in page["data"]] == contacts[:5]
    rest = shared.get(
        "Contacts",
        fields="Last_Name",
        sort_by="Created_Time",
        sort_order="asc",
        per_page=5,
        page_token=page["info"]["next_page_token"],
    ).json()
    assert [record["id"] for record in rest["data"]] == contacts[5:10]
    some = shared.get("Contacts", fields="Last_Name", ids=",".join(contacts[3:6])).json()
    assert {record["id"] for record in some["data"]} == set(contacts[3:6])


def test_nothing_found_is_204_and_nothing_new_is_304(shared: Any, contacts: list[str]) -> None:
    empty = shared.get("Leads", fields="Last_Name")
    assert (empty.status_code, empty.content) == (204, b"")
    assert shared.get("Contacts/554023000999999999").status_code == 204
    assert shared.get("Contacts/not-a-number").status_code == 400
    headers = {"If-Modified-Since": "2099-01-01T00:00:00+00:00"}
    answer = shared.call("GET", "Contacts", params={"fields": "Last_Name"}, headers=headers)
    assert answer.status_code == 304


def test_instants_are_answered_in_the_zone_of_the_calling_user(shared: Any) -> None:
    shared.emulator.add_users([{"email": "tokyo@practice.example", "time_zone": "Asia/Tokyo"}])
    moments = {
        "Start_DateTime": "2026-07-01T09:30:00+02:00",
        "End_DateTime": "2026-01-01T10:00:00-05:00",
    }
    number = shared.create("Events", Event_Title="x", **moments)
    here = shared.record("Events", number)
    assert here["Start_DateTime"] == "2026-07-01T09:30:00+02:00"
    assert here["End_DateTime"] == "2026-01-01T16:00:00+01:00"
    there = type(shared)(shared.emulator, "emulator:tokyo@practice.example")
    assert there.record("Events", number)["Start_DateTime"] == "2026-07-01T16:30:00+09:00"


def test_related_lists_show_the_children(shared: Any) -> None:
    account = shared.create("Accounts", Account_Name="P")
    child = shared.create("Contacts", Last_Name="Child", Account_Name={"id": account})
    page = shared.get(f"Accounts/{account}/Contacts", fields="Last_Name").json()
    assert [record["id"] for record in page["data"]] == [child]
    names = shared.get("settings/related_lists", module="Accounts").json()["related_lists"]
    assert {"Notes", "Attachments", "Contacts", "Deals"} <= {row["api_name"] for row in names}
    answer = shared.get("Accounts/123/Contacts", fields="Last_Name")
    assert answer.json()["message"] == "the related id given seems to be invalid"


def test_search_is_loose_and_no_proof_of_identity(shared: Any) -> None:
    key = shared.key("Accounts")
    for number in ("PAT-1", "PAT-10", "PAT_1", "QAT-1"):
        shared.create("Accounts", Account_Name="x", **{key: number})
    found = shared.get(
        "Accounts/search", criteria=f"(({key}:equals:PAT-1) and (Account_Name:starts_with:x))",
        fields=key,
    ).json()["data"]  # fmt: skip
    assert {record[key] for record in found} == {"PAT-1", "PAT-10", "PAT_1"}
    assert (
        shared.get("Accounts/search", criteria=f"({key}:equals:zzz)", fields=key).status_code == 204
    )
    assert (
        shared.get("Accounts/search", criteria=f"({key}:equals:a) drop", fields=key).status_code
        == 400
    )
    assert shared.get("Accounts/actions/count").json()["count"] >= 4


def test_an_external_field_stands_for_the_id(shared: Any) -> None:
    name = shared.field("Contacts", "Ext Key", external={"type": "org", "show": False})
    number = shared.create("Contacts", Last_Name="Ext", **{name: "E 1"})
    headers = {"X-EXTERNAL": f"Contacts.{name}"}
    answer = shared.call("GET", "Contacts/E 1", headers=headers)
    assert answer.json()["data"][0]["id"] == number
