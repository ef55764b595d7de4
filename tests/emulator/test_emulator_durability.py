"""Killing the process at any moment loses nothing that was acknowledged."""

from __future__ import annotations

import threading
import time
from typing import Any

import requests


def test_acknowledged_writes_outlive_a_killed_process(api: Any) -> None:
    key = api.key("Contacts")
    acknowledged: list[str] = []

    def load() -> None:
        number = 0
        while True:
            rows = [{"Last_Name": "x", key: f"P-{number + n}"} for n in range(20)]
            try:
                items = api.write("Contacts", *rows)
            except requests.RequestException:
                return
            acknowledged.extend(item["details"]["id"] for item in items)
            number += 20

    loader = threading.Thread(target=load)
    loader.start()
    time.sleep(0.7)
    api.emulator.kill()
    loader.join(20)
    api.emulator.restart()
    again = type(api)(api.emulator)
    assert len(acknowledged) > 100
    stored: set[str] = set()
    last = "0"
    while True:
        query = f"select id from Contacts where id > {last} order by id asc limit 2000"
        answer = again.coql(query)
        if answer.status_code == 204:
            break
        rows = answer.json()["data"]
        stored.update(row["id"] for row in rows)
        last = rows[-1]["id"]
    assert set(acknowledged) <= stored
    fresh = again.create("Contacts", Last_Name="new")
    assert fresh not in stored, "ids are never given twice"
    (item,) = again.write("Contacts", {"Last_Name": "x", key: "P-0"})
    assert item["code"] == "DUPLICATE_DATA", "keys are still unique"


def test_files_settings_and_users_outlive_it_too(api: Any) -> None:
    number = api.create("Contacts", Last_Name="x")
    place = f"Contacts/{number}/Attachments"
    answer = api.call("POST", place, files={"file": ("a.txt", b"kept")})
    attachment = answer.json()["data"][0]["details"]["id"]
    api.emulator.settings(coql_in_values=7)
    api.emulator.add_users([{"email": "new@practice.example"}])
    api.emulator.restart(kill=True)
    again = type(api)(api.emulator)
    assert again.get(f"{place}/{attachment}").content == b"kept"
    assert api.emulator.settings()["coql_in_values"] == 7
    emails = [user["email"] for user in again.get("users").json()["users"]]
    assert "new@practice.example" in emails
    assert api.get("org").status_code == 200, "tokens stay valid"


def test_a_killed_job_goes_on(api: Any, bulk: Any) -> None:
    key = api.key("Contacts")
    rows = [[key, "Last_Name"], *([f"P-{n}", "x"] for n in range(20_000))]
    job = bulk.start(api, "Contacts", rows, operation="upsert", find_by=key)
    while api.emulator.stats()["records"]["Contacts"] < 1_000:
        time.sleep(0.01)
    api.emulator.restart(kill=True)
    again = type(api)(api.emulator)
    status, result = bulk.finish(again, job)
    assert status["resource"][0]["file"]["added_count"] == 20_000
    assert status["resource"][0]["file"]["updated_count"] == 0
    assert len(result) == 20_001
    assert api.emulator.stats()["records"]["Contacts"] == 20_000


def test_slow_and_failed_jobs(api: Any, bulk: Any) -> None:
    api.emulator.faults({"rules": [{"do": "slow_job", "seconds": 0.5, "times": 1}]})
    job = bulk.start(api, "Contacts", [["Last_Name"], ["x"]])
    assert api.get(f"/crm/bulk/v8/write/{job}").json()["status"] == "ADDED"
    assert bulk.finish(api, job)[0]["status"] == "COMPLETED"
    api.emulator.faults({"rules": [{"do": "fail_job", "match": "POST */write", "times": 1}]})
    job = bulk.start(api, "Contacts", [["Last_Name"], ["y"]])
    status, _ = bulk.finish(api, job)
    assert status["status"] == "FAILED"
    assert "result" not in status
    assert api.emulator.stats()["records"]["Contacts"] == 1
