"""The emulator must not be the bottleneck of the benchmarks. Run with `-m benchmark`."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = pytest.mark.benchmark
RECORDS = 20_000
ROWS = 25_000
FIELDS = {
    "First_Name": "Ina",
    "Phone": "+49 30 123456",
    "Mobile": "+49 170 123456",
    "Date_of_Birth": "1980-02-28",
    "Mailing_Street": "Hauptstr. 1",
    "Mailing_City": "Berlin",
    "Mailing_Zip": "10115",
    "Mailing_Country": "Germany",
    "Description": "some text " * 5,
}


@pytest.fixture(autouse=True)
def only_when_asked_for(request: pytest.FixtureRequest) -> None:
    if "benchmark" not in (request.config.getoption("-m") or ""):
        pytest.skip("measured only with -m benchmark")


def test_five_thousand_upserts_a_second(api: Any) -> None:
    key = api.key("Contacts")
    account = api.create("Accounts", Account_Name="North")
    own = threading.local()

    def body(start: int) -> str:
        rows = [
            {**FIELDS, "Last_Name": f"N{n}", key: f"PAT-{n}", "Account_Name": {"id": account}}
            for n in range(start, start + 100)
        ]
        return json.dumps({"data": rows, "duplicate_check_fields": [key], "trigger": []})

    bodies = [body(start) for start in range(0, RECORDS, 100)]

    def send(text: str) -> int:
        if not hasattr(own, "api"):
            own.api = type(api)(api.emulator)
        return int(own.api.call("POST", "Contacts/upsert", data=text).status_code)

    for label in ("inserted", "updated"):
        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(send, bodies)) == {200}
        rate = RECORDS / (time.monotonic() - started)
        print(f"{label}: {rate:,.0f} records/s")
        assert rate >= 5_000


def test_twenty_five_thousand_bulk_rows_in_three_seconds(api: Any, bulk: Any) -> None:
    key = api.key("Contacts")
    header = [key, "Last_Name", *FIELDS]
    rows = [header, *([f"PAT-{n}", f"N{n}", *FIELDS.values()] for n in range(ROWS))]
    request = bulk.request(api, "Contacts", rows, operation="upsert", find_by=key)
    started = time.monotonic()
    job = api.post("/crm/bulk/v8/write", request).json()["details"]["id"]
    status, _ = bulk.finish(api, job)
    spent = time.monotonic() - started
    print(f"bulk: {ROWS} rows in {spent:.2f} s, result included")
    assert status["resource"][0]["file"]["added_count"] == ROWS
    assert spent < 3
