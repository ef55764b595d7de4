"""Tokens and their quotas, credits, simultaneous calls, editions, the process itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests


def token(emulator: Any, **more: str) -> dict[str, Any]:
    asked = {
        "grant_type": "refresh_token",
        "refresh_token": "emulator",
        "client_id": "any",
        "client_secret": "any",
        **more,
    }
    answer: dict[str, Any] = requests.post(
        f"{emulator.url}/oauth/v2/token", params=asked, timeout=10
    ).json()
    return answer


def test_a_token_names_the_host_of_later_calls(emulator: Any) -> None:
    answer = token(emulator)
    assert answer["api_domain"] == emulator.url
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)


def test_refusals_come_with_status_200_and_an_error_key(emulator: Any) -> None:
    url = f"{emulator.url}/oauth/v2/token"
    answer = requests.post(url, data={"grant_type": "refresh_token"}, timeout=10)
    assert (answer.status_code, answer.json()) == (200, {"error": "invalid_client"})
    assert token(emulator, refresh_token="stolen") == {"error": "invalid_code"}


def test_ten_tokens_in_ten_minutes(emulator: Any) -> None:
    emulator.settings(token_quota=10)
    answers = [token(emulator) for _ in range(11)]
    assert ["access_token" in answer for answer in answers] == [True] * 10 + [False]
    assert "too many requests" in answers[-1]["error_description"]
    emulator.settings(clock_offset_s=601.0)
    assert "access_token" in token(emulator)


def test_the_sixteenth_token_ends_the_first(emulator: Any) -> None:
    values = [token(emulator)["access_token"] for _ in range(16)]

    def status(value: str) -> int:
        headers = {"Authorization": f"Zoho-oauthtoken {value}"}
        return requests.get(f"{emulator.url}/crm/v8/org", headers=headers, timeout=10).status_code

    assert status(values[0]) == 401
    assert status(values[1]) == 200


def test_tokens_expire_and_can_be_revoked(api: Any) -> None:
    api.emulator.settings(clock_offset_s=3601.0)
    answer = api.get("org")
    assert answer.status_code == 401
    assert answer.json() == {
        "code": "INVALID_TOKEN",
        "details": {},
        "message": "invalid oauth token",
        "status": "error",
    }
    fresh = type(api)(api.emulator)
    assert fresh.get("org").status_code == 200
    fresh.call("POST", "/oauth/v2/token/revoke", params={"token": "emulator"})
    assert fresh.get("org").json()["code"] == "INVALID_TOKEN"
    bare = requests.get(f"{api.emulator.url}/crm/v8/org", timeout=10)
    assert (bare.status_code, bare.json()["code"]) == (401, "AUTHENTICATION_FAILURE")


def test_credits_are_counted_by_the_price_list(api: Any) -> None:
    def cost(act: Any) -> float:
        before = api.emulator.stats()["credits_used"]
        act()
        return float(api.emulator.stats()["credits_used"] - before)

    rows = [{"Last_Name": "x"}] * 100
    fields = [{"field_label": f"F{n}", "data_type": "text"} for n in range(3)]
    query = "select id from Contacts where id is not null limit"
    assert cost(lambda: api.write("Contacts", *rows)) == 10
    assert cost(lambda: api.write("Contacts", rows[0])) == 1
    assert cost(lambda: api.get("Contacts", fields="Last_Name")) == 1
    assert cost(lambda: api.coql(f"{query} 200")) == 1
    assert cost(lambda: api.coql(f"{query} 2000")) == 3
    assert cost(lambda: api.get("Contacts/deleted")) == 2
    assert cost(lambda: api.post("settings/fields?module=Contacts", {"fields": fields})) == 30
    assert cost(lambda: api.get("Contacts/actions/count")) == 50


def test_the_header_appears_when_half_is_used_and_then_calls_are_refused(
    tmp_path: Path, start_emulator: Any, api_type: Any
) -> None:
    emulator = start_emulator(tmp_path / "free.db", "--edition", "free")
    api = api_type(emulator)
    header = "X-API-CREDITS-REMAINING"
    assert header not in api.get("org").headers
    emulator.faults({"rules": [{"do": "drain_credits", "remaining": 12, "times": 1}]})
    assert api.get("org").headers[header] == "11"
    answer = api.post("Contacts", {"data": [{"Last_Name": "x"}] * 100, "trigger": []})
    assert answer.status_code == 201
    answer = api.post("Contacts", {"data": [{"Last_Name": "x"}] * 100, "trigger": []})
    assert (answer.status_code, answer.json()["code"]) == (429, "LIMIT_EXCEEDED")
    assert emulator.stats()["records"]["Contacts"] == 100
    emulator.restart()
    assert api_type(emulator).get("Contacts", fields="Last_Name").headers[header] == "0"
    emulator.settings(clock_offset_s=86_400.0 + 120)
    assert api_type(emulator).get("org").status_code == 200


def test_more_licences_make_a_larger_budget(api: Any) -> None:
    assert api.emulator.stats()["credits_budget"] == 60_000
    api.emulator.settings(licences=100)
    assert api.emulator.stats()["credits_budget"] == 150_000


def test_an_edition_without_api_refuses_every_call(
    tmp_path: Path, start_emulator: Any, api_type: Any
) -> None:
    api = api_type(start_emulator(tmp_path / "basic.db", "--edition", "basic"))
    assert api.get("org").json()["code"] == "FEATURE_NOT_SUPPORTED"


def test_simultaneous_calls_are_limited_by_edition(
    tmp_path: Path, start_emulator: Any, api_type: Any
) -> None:
    emulator = start_emulator(tmp_path / "free.db", "--edition", "free", "--latency-ms", "300")
    api = api_type(emulator)
    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda _: api.get("org"), range(9)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 5 + [429] * 4
    assert next(a for a in answers if a.status_code == 429).json()["code"] == "TOO_MANY_REQUESTS"
    assert emulator.stats()["peak_concurrency"] == 5


def test_heavy_calls_share_ten_slots(tmp_path: Path, start_emulator: Any, api_type: Any) -> None:
    emulator = start_emulator(tmp_path / "e.db", "--edition", "ultimate", "--latency-ms", "300")
    api = api_type(emulator)
    query = "select id from Contacts where id is not null"
    with ThreadPoolExecutor(14) as pool:
        heavy = list(pool.map(lambda _: api.coql(query).status_code, range(14)))
        light = list(pool.map(lambda _: api.get("org").status_code, range(14)))
    assert sorted(heavy) == [204] * 10 + [429] * 4
    assert set(light) == {200}


def test_latency_is_what_a_call_takes_with_its_own_work(
    tmp_path: Path, start_emulator: Any, api_type: Any
) -> None:
    emulator = start_emulator(tmp_path / "e.db", "--edition", "ultimate", "--latency-ms", "1500")
    api = api_type(emulator)
    rows = [{"Last_Name": f"N{n}"} for n in range(100)]
    began = time.monotonic()
    assert api.call("POST", "Contacts", json={"data": rows}).status_code == 201
    first = time.monotonic() - began
    # The write stands while the answer is still on its way.
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api.call, "POST", "Contacts", json={"data": rows})
        time.sleep(0.7)
        assert emulator.stats()["records"]["Contacts"] == 200
        assert waiting.result().status_code == 201
    assert 1.5 <= first < 2.5


def test_one_line_announces_the_address_and_the_end_is_clean(emulator: Any) -> None:
    assert emulator.url.startswith("http://127.0.0.1:")
    assert emulator.stop() == 0


def test_it_listens_on_one_loopback_address_alone(emulator: Any) -> None:
    port = urlsplit(emulator.url).port
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError):  # noqa: PT011 (refused, or not there: it differs by system)
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_faults_can_come_from_a_file(tmp_path: Path, start_emulator: Any, api_type: Any) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('{"rules": [{"do": "answer", "status": 502, "match": "GET */org"}]}')
    api = api_type(start_emulator(tmp_path / "e.db", "--faults", str(faults)))
    assert api.get("org").status_code == 502


def test_wrong_usage_is_said_in_one_line(tmp_path: Path, emulator: Any) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "migrator_kit.emulator", *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    second = run("--db", str(emulator.db))
    assert second.returncode == 2
    assert "another emulator" in second.stderr
    faults = tmp_path / "wrong.json"
    faults.write_text('{"rules": [{"do": "explode"}]}')
    wrong = run("--db", str(tmp_path / "x.db"), "--faults", str(faults))
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "rules[0]" in wrong.stderr
    port = emulator.url.rpartition(":")[2]
    taken = run("--db", str(tmp_path / "y.db"), "--port", port)
    assert (taken.returncode, taken.stdout) == (2, "")
    assert run("--db", str(tmp_path / "z.db"), "--edition", "gold").returncode == 2


def test_an_orphan_ends_by_itself(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as parent:
        command = [sys.executable, "-m", "migrator_kit.emulator", "--db", str(tmp_path / "e.db")]
        child = subprocess.Popen(
            [*command, "--parent", str(parent.pid)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline().startswith("listening on ")
        parent.kill()
        parent.wait()
        started = time.monotonic()
        assert child.wait(10) == 0
        assert time.monotonic() - started < 5
        child.stdout.close()
