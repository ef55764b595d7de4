"""Faults: what each one does, and that a seed repeats them."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

ROW = {"data": [{"Last_Name": "x"}], "trigger": []}


def rules(api: Any, *rows: dict[str, Any], **more: Any) -> None:
    api.emulator.faults({"rules": list(rows), **more})


def contacts(api: Any) -> int:
    return int(api.emulator.stats()["records"]["Contacts"])


@pytest.fixture
def calm(shared: Any) -> Any:
    """The file's emulator; faults end with the test."""
    yield shared
    shared.emulator.faults({})


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize(("when", "landed"), [("before", 0), ("after", 1)])
def test_an_error_before_or_after_the_commit(
    calm: Any, status: int, when: str, landed: int
) -> None:
    before = contacts(calm)
    rules(calm, {"do": "answer", "status": status, "when": when, "match": "POST *", "times": 1})
    answer = calm.post("Contacts", ROW)
    assert answer.status_code == status
    assert answer.json()["status"] == "error"
    assert contacts(calm) - before == landed
    assert calm.post("Contacts", ROW).status_code == 201


@pytest.mark.parametrize(("when", "landed"), [("before", 0), ("after", 1)])
def test_a_cut_connection_before_or_after_the_commit(calm: Any, when: str, landed: int) -> None:
    before = contacts(calm)
    rules(calm, {"do": "cut", "when": when, "match": "POST */Contacts", "times": 1})
    with pytest.raises(requests.ConnectionError):
        calm.post("Contacts", ROW)
    assert contacts(calm) - before == landed


def test_half_an_answer_after_the_commit(calm: Any) -> None:
    before = contacts(calm)
    rules(calm, {"do": "half", "match": "POST */Contacts", "times": 1})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        calm.post("Contacts", ROW)
    assert contacts(calm) - before == 1


def test_half_a_download(calm: Any) -> None:
    number = calm.create("Contacts", Last_Name="x")
    place = f"Contacts/{number}/Attachments"
    upload = calm.call("POST", place, files={"file": ("a.bin", b"x" * 100_000)})
    attachment = upload.json()["data"][0]["details"]["id"]
    rules(calm, {"do": "half", "match": "GET */Attachments/*", "times": 1})
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        calm.get(f"{place}/{attachment}")
    assert len(calm.get(f"{place}/{attachment}").content) == 100_000


def test_a_cut_upload_leaves_one_attachment(calm: Any) -> None:
    number = calm.create("Contacts", Last_Name="x")
    rules(calm, {"do": "cut", "when": "after", "match": "POST */Attachments", "times": 1})
    place = f"Contacts/{number}/Attachments"
    with pytest.raises(requests.ConnectionError):
        calm.call("POST", place, files={"file": ("a.txt", b"x")})
    assert len(calm.get(place, fields="File_Name").json()["data"]) == 1


def test_a_burst_of_refusals_with_a_hint_when_to_return(calm: Any) -> None:
    hint = {"Retry-After": "1"}
    rules(calm, {"do": "answer", "status": 429, "skip": 1, "times": 3, "headers": hint})
    answers = [calm.get("org") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 429, 200, 200]
    assert answers[1].headers["Retry-After"] == "1"


def test_a_token_revoked_in_mid_run(calm: Any) -> None:
    api = type(calm)(calm.emulator)
    rules(api, {"do": "revoke_token", "skip": 1, "times": 1})
    assert api.get("org").status_code == 200
    assert api.get("org").json()["code"] == "INVALID_TOKEN"
    calm.session.headers.update(type(calm)(calm.emulator).session.headers)
    assert calm.get("org").status_code == 200


def test_delay_and_latency(calm: Any) -> None:
    rules(calm, {"do": "delay", "seconds": 0.4, "times": 1})
    started = time.monotonic()
    calm.get("org")
    assert time.monotonic() - started >= 0.4
    calm.emulator.faults({"seed": 3, "latency": {"median_ms": 30, "p95_ms": 60}})
    started = time.monotonic()
    for _ in range(10):
        calm.get("org")
    assert 0.15 <= time.monotonic() - started <= 2


def test_a_colleague_edits_while_others_load(calm: Any) -> None:
    number = calm.create("Contacts", Last_Name="x")
    rules(calm, {"do": "edit", "match": "POST */Accounts", "field": "Title", "value": "Prof"})
    calm.create("Accounts", Account_Name="x")
    record = calm.record("Contacts", number)
    assert record["Title"] == "Prof"
    assert record["Modified_By"]["email"] != record["Created_By"]["email"]


def test_a_seed_repeats_the_faults(calm: Any) -> None:
    def pattern(seed: int) -> list[int]:
        rules(calm, {"do": "answer", "status": 503, "chance": 0.4}, seed=seed)
        return [calm.get("org").status_code for _ in range(20)]

    first = pattern(1)
    assert {200, 503} == set(first)
    assert pattern(1) == first
    assert pattern(2) != first
    state = calm.emulator.admin("GET", "faults")
    assert state["rules"][0]["matched"] == 20


@pytest.mark.parametrize(
    "document",
    [
        {"rules": [{"do": "explode"}]},
        {"rules": [{"do": "cut", "wen": "after"}]},
        {"rules": [{"do": "cut", "chance": 2}]},
        {"latency": {"median_ms": 0}},
        {"speed": 1},
    ],
)
def test_wrong_documents_are_refused_whole(calm: Any, document: dict[str, Any]) -> None:
    answer = calm.call("PUT", "/_emulator/faults", json=document)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("faults: ")


def test_settings_are_checked(calm: Any) -> None:
    for wrong in ({"token_quota": "many"}, {"colour": 1}, {"hipaa_restricted": 1}):
        assert calm.call("PUT", "/_emulator/settings", json=wrong).status_code == 400
    calm.emulator.settings(unknown_fields="refuse")
    try:
        (item,) = calm.write("Contacts", {"Last_Name": "x", "Sorce_ID": "1"})
        assert item["details"]["api_name"] == "Sorce_ID"
    finally:
        calm.emulator.settings(unknown_fields="ignore")
