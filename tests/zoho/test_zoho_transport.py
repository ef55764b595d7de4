from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrator_kit.errors import (
    AmbiguousError,
    BudgetExhausted,
    MigratorError,
    TerminalError,
    TransientError,
)
from migrator_kit.zoho import Reason, ZohoClient, ZohoSettings
from migrator_kit.zoho.settings import Retries

CONTACTS = "/crm/v8/Contacts"
ADDED = {
    "code": "SUCCESS",
    "status": "success",
    "message": "record added",
    "details": {"id": "5725767000001234001", "Modified_Time": "2026-10-01T10:00:00+02:00"},
}
MISSING = {
    "code": "MANDATORY_NOT_FOUND",
    "status": "error",
    "message": "required field not found",
    "details": {"api_name": "Last_Name", "json_path": "$.data[1].Last_Name"},
}
ROWS = [{"Last_Name": "Papadaki"}, {"First_Name": "Eleni"}]


def test_mixed_answer_gives_one_result_per_record(toy, client, reply):
    toy.on("POST", CONTACTS, reply(207, {"data": [ADDED, MISSING]}))
    first, second = client.records.insert("Contacts", ROWS)
    assert (first.ok, first.id, first.action) == (True, "5725767000001234001", "insert")
    assert first.modified_time == "2026-10-01T10:00:00+02:00"
    assert (second.ok, second.reason, second.field) == (False, Reason.MISSING_REQUIRED, "Last_Name")
    assert second.remedy


@pytest.mark.parametrize("status", [200, 201, 202, 207, 400])
def test_outcomes_are_read_whatever_the_status(toy, client, reply, status):
    toy.on("POST", CONTACTS, reply(status, {"data": [MISSING, MISSING]}))
    results = client.records.insert("Contacts", ROWS)
    assert [result.ok for result in results] == [False, False]
    assert len(toy.calls(CONTACTS)) == 1


def test_writes_are_quiet_unless_asked(toy, client, reply):
    toy.on("POST", CONTACTS, reply(201, {"data": [ADDED]}))
    toy.on("PUT", CONTACTS, reply(200, {"data": [ADDED]}))
    toy.on("POST", f"{CONTACTS}/upsert", reply(200, {"data": [ADDED]}))
    toy.on("DELETE", CONTACTS, reply(200, {"data": [ADDED]}))
    key = {"Source_System_ID": "1"}
    client.records.insert("Contacts", [key])
    client.records.update("Contacts", [{**key, "id": "1"}])
    client.records.upsert("Contacts", [key], duplicate_check_fields=["Source_System_ID"])
    bodies = [seen.json() for seen in toy.seen if seen.path.startswith(CONTACTS)]
    assert [body["trigger"] for body in bodies] == [[], [], []]
    assert [[part["action"] for part in body["skip_feature_execution"]] for body in bodies] == [
        ["insert"],
        ["update"],
        ["insert", "update"],
    ]
    client.records.delete("Contacts", ["5725767000001234001"])
    assert toy.seen[-1].query["wf_trigger"] == "false"
    client.records.insert("Contacts", [key], quiet=False)
    client.records.delete("Contacts", ["5725767000001234001"], quiet=False)
    assert "trigger" not in toy.seen[-2].json()
    assert "wf_trigger" not in toy.seen[-1].query


@pytest.mark.parametrize(
    "fault",
    [
        {"cut": True},
        {"status": 200, "body": {"data": [ADDED, ADDED]}, "half": True},
        {"status": 500, "body": {"code": "INTERNAL_ERROR", "status": "error"}},
        {"status": 502, "body": b"<html>bad gateway</html>", "media": "text/html"},
        {"status": 503},
        {"status": 200, "body": b"<html>sign in</html>", "media": "text/html"},
        {"status": 200, "body": b""},
        {"status": 200, "body": {"data": [ADDED]}},
        {"status": 200, "body": {"data": [ADDED, ADDED]}, "delay": 1.3},
    ],
    ids=["cut", "half", "500", "502", "503", "html", "empty", "one-of-two", "read-timeout"],
)
def test_lost_answer_to_a_write_is_ambiguous_and_never_sent_twice(toy, client, reply, fault):
    toy.on("POST", CONTACTS, reply(**fault))
    with pytest.raises(AmbiguousError) as caught:
        client.records.insert("Contacts", ROWS)
    assert len(toy.calls(CONTACTS)) == 1
    assert "Papadaki" not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        {"cut": True},
        {"status": 200, "body": {"data": [{"id": "1"}]}, "half": True},
        {"status": 500},
        {"status": 502, "body": b"<html/>", "media": "text/html"},
        {"status": 429, "body": {"code": "TOO_MANY_REQUESTS", "status": "error"}},
        {"status": 200, "body": b"<html/>", "media": "text/html"},
    ],
    ids=["cut", "half", "500", "502", "429", "html"],
)
def test_a_read_is_sent_again_until_it_is_answered(toy, client, waits, reply, fault):
    good = reply(body={"data": [{"id": "7", "Last_Name": "X"}]})
    toy.on("GET", f"{CONTACTS}/7", reply(**fault), reply(**fault), good)
    assert client.records.get("Contacts", "7", ["Last_Name"]) == {"id": "7", "Last_Name": "X"}
    assert len(waits) == 2


def test_a_read_that_never_works_is_transient_after_all_attempts(toy, client, reply):
    toy.on("GET", f"{CONTACTS}/7", reply(503))
    with pytest.raises(TransientError) as caught:
        client.records.get("Contacts", "7")
    assert caught.value.status == 503
    assert len(toy.calls(f"{CONTACTS}/7")) == 4


def test_throttled_writes_are_sent_again_for_nothing_was_written(toy, client, waits, reply):
    busy = reply(429, {"code": "TOO_MANY_REQUESTS", "status": "error", "details": {}})
    toy.on("POST", CONTACTS, busy, busy, reply(201, {"data": [ADDED]}))
    assert client.records.insert("Contacts", ROWS[:1])[0].ok
    assert len(waits) == 2
    assert 0 <= waits[0] <= 0.5
    assert 0 <= waits[1] <= 1.0


def test_retry_after_is_honoured(toy, client, waits, reply):
    busy = reply(429, {"code": "TOO_MANY_REQUESTS", "status": "error"}, {"Retry-After": "17"})
    toy.on("POST", CONTACTS, busy, reply(201, {"data": [ADDED]}))
    client.records.insert("Contacts", ROWS[:1])
    assert waits == [17.0]


def test_a_429_halves_the_calls_in_flight(toy, client, reply):
    busy = reply(429, {"code": "TOO_MANY_REQUESTS", "status": "error"})
    toy.on("POST", CONTACTS, busy, reply(201, {"data": [ADDED]}))
    client.org()
    before = client._transport.pacer.calls.allowed
    client.records.insert("Contacts", ROWS[:1])
    assert client._transport.pacer.calls.allowed == before // 2


def test_no_connection_is_transient_also_for_a_write(toy, make_client, waits):
    client = make_client()
    client.org()
    toy.server.shutdown()
    toy.server.server_close()
    client._transport._sessions.close()
    with pytest.raises(TransientError, match="no connection"):
        client.records.insert("Contacts", ROWS)
    assert len(waits) == 3
    assert client.credits.spent == 1


def test_refused_call_is_terminal_and_names_the_place_not_the_value(toy, client, reply):
    body = {
        "code": "INVALID_DATA",
        "status": "error",
        "message": "invalid data Papadaki",
        "details": {"expected_data_type": "jsonarray", "api_name": "data", "json_path": "$.data"},
    }
    toy.on("POST", CONTACTS, reply(400, body))
    with pytest.raises(TerminalError) as caught:
        client.records.insert("Contacts", ROWS)
    assert caught.value.code == "INVALID_DATA"
    assert "$.data" in str(caught.value)
    assert "Papadaki" not in str(caught.value)


def test_unknown_module_and_missing_permission_are_terminal(toy, client, reply):
    toy.on("GET", "/crm/v8/Nothing/1", reply(400, {"code": "INVALID_MODULE", "status": "error"}))
    with pytest.raises(TerminalError) as caught:
        client.records.get("Nothing", "1")
    assert caught.value.code == "INVALID_MODULE"
    toy.on("GET", "/crm/v8/Deals/1", reply(403, {"code": "NO_PERMISSION", "status": "error"}))
    with pytest.raises(TerminalError, match="NO_PERMISSION"):
        client.records.get("Deals", "1")


def test_unknown_record_is_none(toy, client, reply):
    toy.on("GET", f"{CONTACTS}/1", reply(204))
    assert client.records.get("Contacts", "1") is None
    malformed = {"code": "INVALID_DATA", "status": "error", "details": {"id": "1"}}
    toy.on("GET", f"{CONTACTS}/x", reply(400, malformed))
    assert client.records.get("Contacts", "x") is None


def test_credits_gone_at_the_org_stop_the_run_with_a_time(toy, client, reply):
    gone = reply(429, {"code": "LIMIT_EXCEEDED", "status": "error"})
    toy.on("POST", CONTACTS, gone)
    with pytest.raises(BudgetExhausted) as caught:
        client.records.insert("Contacts", ROWS)
    assert caught.value.resume_at > "2026"
    with pytest.raises(BudgetExhausted):
        client.records.insert("Contacts", ROWS)
    assert len(toy.calls(CONTACTS)) == 1


def test_calls_in_flight_stay_below_the_limits(toy, make_client, reply):
    gate = threading.Event()
    toy.on("POST", CONTACTS, reply(201, {"data": [ADDED] * 20}, delay=0.05, wait_for=gate))
    toy.on("GET", f"{CONTACTS}/1", reply(204, delay=0.05, wait_for=gate))
    client = make_client()
    client.org()
    rows = [{"Last_Name": str(index)} for index in range(20)]
    with ThreadPoolExecutor(30) as pool:
        writes = [pool.submit(client.records.insert, "Contacts", rows) for _ in range(24)]
        reads = [pool.submit(client.records.get, "Contacts", "1") for _ in range(24)]
        assert all(len(write.result()) == 20 for write in writes)
        assert all(read.result() is None for read in reads)
    assert client._transport.pacer.writers.peak <= client.limits.sub_concurrency == 10
    assert toy.peak <= client.limits.calls_in_flight == 16


def test_no_value_and_no_secret_in_logs(toy, make_client, reply, caplog):
    caplog.set_level(logging.DEBUG)
    client = make_client(client_secret="s3cr3t-word", refresh_token="1000.refresh-word")
    busy = reply(429, {"code": "TOO_MANY_REQUESTS", "status": "error"})
    toy.on("POST", CONTACTS, busy, reply(207, {"data": [ADDED, MISSING]}))
    client.records.insert("Contacts", ROWS)
    toy.on("POST", "/crm/v8/coql", reply(204))
    list(client.records.coql(["Last_Name"], "Contacts", "Last_Name = 'Papadaki'"))
    own = [record for record in caplog.records if record.name.startswith("migrator_kit")]
    assert own
    text = caplog.text + repr(client.settings) + repr(client._transport.tokens.token())
    for word in ("Papadaki", "Eleni", "s3cr3t-word", "1000.refresh-word", "1000.token-1"):
        assert word not in text


def test_expected_kind_refuses_the_first_write(toy, make_client, reply):
    client = make_client(expected_kind="production")
    toy.on("POST", CONTACTS, reply(201, {"data": [ADDED]}))
    toy.on("GET", f"{CONTACTS}/1", reply(204))
    assert client.records.get("Contacts", "1") is None
    with pytest.raises(TerminalError, match="kind production"):
        client.records.insert("Contacts", ROWS)
    assert toy.calls(CONTACTS) == []


def test_kinds_of_org(toy, client):
    assert client.require_org_kind("emulator").type == "sandbox"
    assert client.require_org_kind("sandbox").edition == "enterprise"
    with pytest.raises(TerminalError):
        client.require_org_kind("developer")


def test_a_value_json_cannot_carry_is_one_clear_error(toy, client):
    with pytest.raises(TerminalError, match="JSON cannot carry") as caught:
        client.records.insert("Contacts", [{"Amount": float("nan")}])
    assert "nan" not in str(caught.value).lower()


def test_write_refuses_what_cannot_work_before_it_is_sent(toy, client):
    rows = [{"Source_System_ID": "1"}, {"Source_System_ID": "1"}]
    with pytest.raises(TerminalError, match="twice"):
        client.records.upsert("Contacts", rows, duplicate_check_fields=["Source_System_ID"])
    with pytest.raises(TerminalError, match="cannot be upserted"):
        client.records.upsert("Tasks", rows[:1], duplicate_check_fields=["Source_Task_ID"])
    with pytest.raises(TerminalError, match="at most 100"):
        client.records.insert("Contacts", [{"Last_Name": "x"}] * 101)
    with pytest.raises(TerminalError, match="without an id"):
        client.records.update("Contacts", [{"Last_Name": "x"}])
    assert client.records.insert("Contacts", []) == []
    assert toy.seen == []


@pytest.mark.parametrize(
    "body",
    [
        {"org": None}, {"org": [None]}, {"org": "x"}, {"org": [[]]}, [], "x", {"data": []},
        b"[" * 5_000, b'{"org": ' + b"[" * 5_000,
    ],
    ids=str,
)  # fmt: skip
def test_an_org_of_another_shape_is_one_clear_error(toy, client, reply, body):
    toy.on("GET", "/crm/v8/org", reply(body=body))
    with pytest.raises(MigratorError):
        client.org(refresh=True)


@pytest.mark.parametrize(
    "body",
    [
        {"data": None}, {"data": [None]}, {"data": "x"}, {"data": [["id"]]}, {"data": [{}]}, [1],
        {"data": [{"id": "1"}], "info": []}, b"[" * 5_000,
    ],
    ids=str,
)  # fmt: skip
def test_a_list_of_another_shape_is_one_clear_error(toy, client, reply, body):
    toy.on("GET", CONTACTS, reply(body=body))
    try:
        rows = list(client.records.list("Contacts", ["id"]))
    except MigratorError:
        return
    assert all(isinstance(row, dict) for row in rows)


def test_settings_refuse_clear_text_to_another_host():
    with pytest.raises(Exception, match="clear text"):
        ZohoSettings("http://accounts.example.org", "a", "b", "c")
    with pytest.raises(Exception, match="clear text"):
        ZohoSettings("http://127.evil.example", "a", "b", "c")


def test_delete_results_follow_the_order_of_ids(toy, client, reply):
    def item(identifier: str) -> dict:
        return {"code": "SUCCESS", "status": "success", "details": {"id": identifier}}

    toy.on("DELETE", CONTACTS, reply(200, {"data": [item("12345"), item("67890")]}))
    results = client.records.delete("Contacts", ["67890", "12345"])
    assert [result.id for result in results] == ["67890", "12345"]


def test_client_works_as_context_manager(toy):
    settings = ZohoSettings.for_emulator(toy.url, retries=Retries(attempts=1))
    with ZohoClient(settings) as client:
        assert client.org().zgid == "808232144"
