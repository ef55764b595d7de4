"""Bulk write and bulk read, from upload to result."""

from __future__ import annotations

import time
from typing import Any

import pytest

Rows = list[list[Any]]
# The smallest zip: an empty one.
ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture(scope="module")
def key(shared: Any) -> str:
    """The same source key on accounts and contacts, and one practice."""
    shared.key("Accounts")
    name = shared.key("Contacts")
    shared.create("Accounts", Account_Name="North", **{name: "P01"})
    return str(name)


def test_rows_are_inserted_updated_and_refused_one_by_one(shared: Any, bulk: Any, key: str) -> None:
    header = [key, "Last_Name", "Practice", "Born", "Staff", "Flag"]
    mappings = [
        {"api_name": key, "index": 0},
        {"api_name": "Last_Name", "index": 1},
        {"api_name": "Account_Name", "index": 2, "find_by": key, "module": "Accounts"},
        {"api_name": "Date_of_Birth", "index": 3, "format": "dd.MM.yyyy"},
        {"api_name": "Owner", "index": 4, "find_by": "email"},
        {"api_name": "Email_Opt_Out", "index": 5},
        {"api_name": "Lead_Source", "default_value": {"value": "Partner"}},
    ]
    bruno = "bruno.keller@practice.example"
    rows: Rows = [
        header,
        ["B-1", "Becker", "P01", "29.02.1980", bruno, "true"],
        ["B-2", "", "P01", "", "", ""],
        ["B-3", "Cole", "P99", "", "", ""],
        ["B-4", "Daly", "", "1980", "", ""],
        ["b-1", "Becker-Mann", "", "", "", ""],
    ]
    status, result = bulk.run(
        shared, "Contacts", rows, operation="upsert", find_by=key, field_mappings=mappings
    )
    assert status["resource"][0]["file"] == {
        "status": "COMPLETED",
        "name": "rows.csv",
        "added_count": 1,
        "updated_count": 1,
        "skipped_count": 3,
        "total_count": 5,
    }
    assert result[0] == [key, "Last_Name", "Practice", "STATUS", "RECORD_ID", "ERRORS"]
    assert [(row[3], row[5]) for row in result[1:]] == [
        ("added", ""),
        ("skipped", "MANDATORY_NOT_FOUND-Last_Name"),
        ("skipped", "INVALID_DATA-Account_Name"),
        ("skipped", "INVALID_DATA-Date_of_Birth"),
        ("updated", ""),
    ]
    record = shared.record("Contacts", result[1][4])
    assert record["Last_Name"] == "Becker-Mann"
    assert record["Account_Name"]["name"] == "North", "ignore_empty keeps what is there"
    assert record["Date_of_Birth"] == "1980-02-29"
    assert record["Owner"]["email"] == bruno
    assert (record["Email_Opt_Out"], record["Lead_Source"]) == (True, "Partner")


def test_headers_map_themselves_and_empty_cells_blank(shared: Any, bulk: Any, key: str) -> None:
    number = shared.create("Contacts", Last_Name="Blank", Title="Dr", **{key: "H-1"})
    rows: Rows = [["id", "Last_Name", "Title"], [number, "Blanked", ""], ["77", "x", ""]]
    status, result = bulk.run(
        shared, "Contacts", rows, operation="update", find_by="id", ignore_empty=False
    )
    assert status["status"] == "COMPLETED"
    assert [row[-1] for row in result[1:]] == ["", "INVALID_DATA-id"]
    record = shared.record("Contacts", number)
    assert (record["Last_Name"], record["Title"]) == ("Blanked", None)


def test_insert_skips_what_find_by_finds(shared: Any, bulk: Any, key: str) -> None:
    shared.create("Contacts", Last_Name="There", **{key: "S-1"})
    rows: Rows = [[key, "Last_Name"], ["S-1", "x"], ["S-2", "y"]]
    _, result = bulk.run(shared, "Contacts", rows, find_by=key)
    assert [row[-1] for row in result[1:]] == [f"DUPLICATE_DATA-{key}", ""]


def test_tasks_are_upserted_with_links(shared: Any, bulk: Any, key: str) -> None:
    task_key = shared.key("Tasks", "Source Task ID")
    contact = shared.create("Contacts", Last_Name="Linked", **{key: "T-1"})
    rows: Rows = [[task_key, "Subject", "Patient", "Practice"], ["T1", "Call", "T-1", "P01"]]
    mappings = [
        {"api_name": task_key, "index": 0},
        {"api_name": "Subject", "index": 1},
        {"api_name": "Who_Id", "index": 2, "find_by": key, "module": "Contacts"},
        {"api_name": "What_Id", "index": 3, "find_by": key, "module": "Accounts"},
    ]
    _, result = bulk.run(
        shared, "Tasks", rows, operation="upsert", find_by=task_key, field_mappings=mappings
    )
    record = shared.record("Tasks", result[1][-2])
    assert record["Who_Id"]["id"] == contact
    assert (record["What_Id"]["name"], record["$se_module"]) == ("North", "Accounts")


def test_no_automation_runs(shared: Any, bulk: Any, key: str) -> None:
    before = shared.emulator.fired()["total"]
    bulk.run(shared, "Contacts", [[key, "Last_Name"], ["Q-1", "x"]])
    assert shared.emulator.fired()["total"] == before


@pytest.mark.parametrize("module", ["Events", "Calls", "Notes", "Attachments"])
def test_modules_without_bulk(shared: Any, bulk: Any, key: str, module: str) -> None:
    answer = shared.post("/crm/bulk/v8/write", bulk.request(shared, module, [["x"], ["y"]]))
    assert answer.json()["code"] == "MODULE_NOT_AVAILABLE"


@pytest.mark.parametrize(
    ("module", "header", "more", "code"),
    [
        ("Deals", ["Deal_Name", "Stage", "Pipeline"], {}, "MANDATORY_FIELDS_NOT_MAPPED"),
        ("Contacts", ["Last_Name"], {"operation": "upsert"}, "MISSING_REQUIRED_KEY"),
        ("Contacts", ["Last_Name"], {"operation": "merge"}, "INVALID_DATA"),
        (
            "Contacts",
            ["Last_Name"],
            {"operation": "upsert", "find_by": "Email"},
            "FIELD_NOT_AVAILABLE",
        ),
        (
            "Contacts",
            ["Last_Name"],
            {"field_mappings": [{"api_name": "Last_Name", "index": 4}]},
            "COLUMN_INDEX_NOT_FOUND",
        ),
        (
            "Contacts",
            ["Last_Name"],
            {"field_mappings": [{"api_name": "Created_Time", "index": 0}]},
            "FIELD_NOT_AVAILABLE",
        ),
        ("Contacts", [f"C{n}" for n in range(201)], {}, "HEADER_LIMIT_EXCEEDED"),
    ],
)
def test_requests_that_cannot_work(
    shared: Any,
    bulk: Any,
    key: str,
    module: str,
    header: list[str],
    more: dict[str, Any],
    code: str,
) -> None:
    rows: Rows = [header, ["x"] * len(header)]
    answer = shared.post("/crm/bulk/v8/write", bulk.request(shared, module, rows, **more))
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_uploads_that_are_refused(shared: Any, bulk: Any) -> None:
    assert bulk.upload(shared, b"no zip").json()["code"] == "INVALID_FILE_FORMAT"
    assert bulk.upload(shared, ZIP[:2] + ZIP[9:]).json()["code"] == "INVALID_FILE_FORMAT"
    assert bulk.upload(shared, ZIP, feature="x").json()["code"] == "NOT_SUPPORTED_FEATURE"
    answer = shared.call("POST", "upload", files={"file": ("a.zip", ZIP)})
    assert answer.json()["code"] == "MANDATORY_NOT_FOUND"
    shared.emulator.settings(bulk_zip_bytes=10)
    try:
        assert bulk.upload(shared, ZIP).json()["code"] == "INVALID_DATA"
    finally:
        shared.emulator.settings(bulk_zip_bytes=25 * 1024 * 1024)
    answer = shared.get("/crm/bulk/v8/write/99")
    assert (answer.status_code, answer.json()["code"]) == (404, "RESOURCE_NOT_FOUND")


def test_twenty_five_thousand_rows_are_the_most(shared: Any, bulk: Any, key: str) -> None:
    rows: Rows = [["Last_Name"], *(["x"] for _ in range(25_001))]
    status, _ = bulk.run(shared, "Leads", rows, field_mappings=[
        {"api_name": "Last_Name", "index": 0},
        {"api_name": "Company", "default_value": {"value": "x"}}])  # fmt: skip
    assert status["status"] == "FAILED"
    assert status["resource"][0]["code"] == "LIMIT_EXCEEDED"


def test_results_expire_after_a_week(api: Any, bulk: Any) -> None:
    status, _ = bulk.run(api, "Contacts", [["Last_Name"], ["x"]])
    api.emulator.settings(clock_offset_s=8 * 86_400.0)
    late = type(api)(api.emulator)
    assert late.get(status["result"]["download_url"]).status_code == 404


def read(api: Any, query: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    answer = api.post("/crm/bulk/v8/read", {"query": query, "file_type": "csv"})
    assert answer.status_code == 201, answer.text
    details = answer.json()["data"][0]["details"]
    assert details["state"] == "ADDED"
    for _ in range(500):
        status = api.get(f"/crm/bulk/v8/read/{details['id']}").json()["data"][0]
        if status["state"] in ("COMPLETED", "FAILURE"):
            break
        time.sleep(0.02)
    return status, api.get(f"/crm/bulk/v8/read/{details['id']}/result")


def test_bulk_read_gives_the_records_as_csv(api: Any, read_zip: Any) -> None:
    account = api.create("Accounts", Account_Name="North")
    for name, born in (("Abel", "1980-01-01"), ("Bode", None), ("Abt", "1990-01-01")):
        link = {"id": account}
        api.create("Contacts", Last_Name=name, Date_of_Birth=born, Account_Name=link)
    query = {
        "module": {"api_name": "Contacts"},
        "fields": ["Last_Name", "Date_of_Birth", "Account_Name", "Account_Name.Account_Name"],
        "page": 1,
        "criteria": {
            "group_operator": "and",
            "group": [
                {"field": {"api_name": "Last_Name"}, "comparator": "starts_with", "value": "A"},
                {
                    "field": {"api_name": "Created_Time"},
                    "comparator": "between",
                    "value": ["2020-01-01T00:00:00+01:00", "2099-12-31T23:59:59+01:00"],
                },
            ],
        },
    }
    status, answer = read(api, query)
    assert status["result"]["count"] == 2
    assert not status["result"]["more_records"]
    header, *rows = read_zip(answer.content)
    assert header == ["Id", *query["fields"]]
    assert [row[1:] for row in rows] == [
        ["Abel", "1980-01-01", account, "North"],
        ["Abt", "1990-01-01", account, "North"],
    ]
    api.emulator.settings(bulk_read_rows=2)
    first, answer = read(api, {"module": {"api_name": "Contacts"}, "fields": ["Last_Name"]})
    assert first["result"]["more_records"]
    second, rest = read(api, {"page_token": first["result"]["next_page_token"]})
    assert (second["result"]["page"], second["result"]["count"]) == (2, 1)
    names = [row[1] for page in (answer, rest) for row in read_zip(page.content)[1:]]
    assert names == ["Abel", "Bode", "Abt"]
    api.emulator.settings(bulk_read_rows=200_000)
    whole, answer = read(api, {"module": {"api_name": "Contacts"}})
    assert whole["result"]["count"] == 3
    assert "Created_Time" in read_zip(answer.content)[0]
    for _ in range(9):
        last = api.get(whole["result"]["download_url"])
    assert last.status_code == 200
    assert api.get(whole["result"]["download_url"]).status_code == 429
    api.emulator.settings(clock_offset_s=2 * 86_400.0)
    assert type(api)(api.emulator).get(whole["result"]["download_url"]).status_code == 404


def test_a_slow_read_is_seen_in_each_of_its_states(api: Any) -> None:
    def job() -> str:
        query = {"query": {"module": {"api_name": "Contacts"}}}
        details = api.post("/crm/bulk/v8/read", query).json()["data"][0]["details"]
        return f"/crm/bulk/v8/read/{details['id']}"

    api.emulator.faults({"rules": [{"do": "slow_job", "seconds": 1.0, "times": 1}]})
    first, second = job(), job()
    seen: dict[str, list[str]] = {first: [], second: []}
    while seen[second][-1:] != ["COMPLETED"]:
        for path, states in seen.items():
            state = api.get(path).json()["data"][0]["state"]
            if states[-1:] != [state]:
                states.append(state)
    assert seen[first] == ["ADDED", "IN PROGRESS", "COMPLETED"]
    assert seen[second][0] == "QUEUED"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"module": {"api_name": "Notes"}}, "MODULE_NOT_SUPPORTED"),
        ({"module": {"api_name": "Contacts"}, "fields": ["Nope"]}, "FIELD_NOT_AVAILABLE"),
        ({"module": {"api_name": "Contacts"}, "page": 501}, "PAGE_RANGE_EXCEEDED"),
        (
            {
                "module": {"api_name": "Contacts"},
                "criteria": {"field": {"api_name": "Last_Name"}, "comparator": "x", "value": "a"},
            },
            "INVALID_CRITERIA",
        ),
    ],
)
def test_reads_that_are_refused(shared: Any, query: dict[str, Any], code: str) -> None:
    answer = shared.post("/crm/bulk/v8/read", {"query": query})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
