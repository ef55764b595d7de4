"""What a server says that is no Zoho CRM, or one gone wrong: only the client's own errors."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import strategies as st

from migrator_kit.emulator.bulk_csv import BadArchive, open_sheet
from migrator_kit.emulator.coql_parser import CoqlError, parse
from migrator_kit.zoho import ZohoClient, ZohoSettings
from migrator_kit.zoho.bulkfiles import read_result, to_parquet
from migrator_kit.zoho.settings import Retries
from tests.fuzz.hunting import hunt, mutated, mutated_zip

RECORD = {
    "code": "SUCCESS",
    "status": "success",
    "message": "record added",
    "details": {"id": "4876876000000001", "Modified_Time": "2026-01-01T00:00:00+00:00"},
}
FAULT = {
    "code": "INVALID_DATA",
    "status": "error",
    "message": "invalid data",
    "details": {"api_name": "Phone", "json_path": "$.data[0].Phone", "maximum_length": 30},
}
FIELD = {
    "id": "1",
    "api_name": "Phone",
    "field_label": "Phone",
    "data_type": "phone",
    "length": 30,
    "unique": {},
    "pick_list_values": [{"id": "2", "actual_value": "a"}],
    "custom_field": False,
    "lookup": {"module": {"api_name": "Contacts"}},
}
CALLS: dict[str, tuple[Any, Callable[[ZohoClient], object]]] = {
    "org": ({"org": [{"id": "1", "zgid": "2", "type": "sandbox",
                      "license_details": {"paid_type": "enterprise", "paid": True}}]},
            lambda client: client.org(refresh=True)),
    "users": ({"users": [{"id": "1", "email": "A@b.c", "status": "active",
                          "profile": {"name": "Standard"}}], "info": {"more_records": False}},
              lambda client: client.users()),
    "fields": ({"fields": [FIELD]}, lambda client: client.metadata.fields("Contacts")),
    "layouts": ({"layouts": [{"id": "1", "name": "Standard", "status": "active", "sections": [
                    {"fields": [FIELD]}]}]}, lambda client: client.metadata.layouts("Contacts")),
    "modules": ({"modules": [{"api_name": "Contacts", "id": "1", "creatable": True}]},
                lambda client: client.metadata.modules()),
    "insert": ({"data": [RECORD, FAULT]},
               lambda client: client.records.insert("Contacts", [{"a": 1}, {"a": 2}])),
    "delete": ({"data": [RECORD]}, lambda client: client.records.delete("Contacts", ["1"])),
    "coql": ({"data": [{"id": "1", "Phone": None}], "info": {"count": 1, "more_records": False}},
             lambda client: list(client.records.find("Contacts", "Phone", ["1"], ["id"]))),
    "list": ({"data": [{"id": "1"}], "info": {"more_records": False}},
             lambda client: list(client.records.list("Contacts", ["id"]))),
}  # fmt: skip


@pytest.fixture(scope="module")
def answering() -> Any:
    """A server that answers everything with what it is told, and a client of it."""
    told = {"body": b""}

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1  # one packet an answer: two would wait for each other
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = b'{"access_token": "t", "expires_in": 3600, "scope": ""}'
            body = token if "oauth" in self.path else told["body"]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    settings = ZohoSettings.for_emulator(url, retries=Retries(attempts=2, first_wait=0))
    with ZohoClient(settings, sleep=lambda _: None) as client:
        client._transport.before_call = None
        yield told, client
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("call", CALLS)
def test_answers(call: str, answering: Any) -> None:
    told, client = answering
    content, use = CALLS[call]
    told["body"] = json.dumps(content).encode()
    use(client)

    def attempt(data: bytes) -> None:
        told["body"] = data
        use(client)

    text = mutated(told["body"], words=[b'"more_records": true', b"null", b'{"id": null}'])
    hunt(f"Zoho answer to {call}", attempt, text | _other_json(content), few=8)


def _other_json(content: Any) -> st.SearchStrategy[bytes]:
    """Return well-formed answers in which one value is of another kind."""
    places = list(_places(content))
    odd = st.sampled_from([None, 0, -1, 1e300, "", "x", "9" * 30, True, [], {}, [[]], [None],
                           {"id": None}, ["x"], {"x": {"y": []}}])  # fmt: skip
    return st.builds(
        lambda place, value: json.dumps(_replaced(content, place, value)).encode(),
        st.sampled_from(places),
        odd,
    )


def _places(tree: Any, here: tuple[Any, ...] = ()) -> Any:
    yield here
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _places(value, (*here, key))


def _replaced(tree: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[place[0]] = _replaced(tree[place[0]], place[1:], value)
    return copy


def test_coql() -> None:
    queries = (
        b"select id, Last_Name from Contacts where (Email = 'a@b.c' and Phone is not null) "
        b"order by id asc limit 0, 200",
        b"select COUNT(id) as n from Deals where Stage in ('a', 'b') group by Stage",
        b"select Account_Name.id from Contacts where Created_Time between "
        b"'2020-01-01T00:00:00+00:00' and '2021-01-01T00:00:00+00:00'",
    )
    hunt(
        "COQL",
        lambda data: parse(data.decode("utf-8", "replace")),
        mutated(*queries, words=[b" and ", b" or ", b"not like", b"''", b"((((", b"limit"]),
        allowed=(CoqlError,),
    )


def test_bulk_csv(tmp_path: Path) -> None:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("Contacts.csv", "Last_Name,Email\nBerg,a@b.c\n")

    def attempt(data: bytes) -> None:
        path = tmp_path / "upload.zip"
        path.write_bytes(data)
        with open_sheet(path, None, "UTF-8") as sheet:
            assert all(isinstance(row, list) for row in sheet.rows)

    hunt("bulk CSV of the emulator", attempt, mutated_zip(saved.getvalue()), allowed=(BadArchive,))


@pytest.mark.parametrize("reader", ["write", "read"])
def test_bulk_results(reader: str, tmp_path: Path) -> None:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as archive:
        rows = "Source_ID,STATUS,RECORD_ID,ERRORS\n1,ADDED,487,\n2,SKIPPED,,X-Y\n"
        archive.writestr("1.csv", rows)

    def attempt(data: bytes) -> None:
        path = tmp_path / "result.zip"
        path.write_bytes(data)
        if reader == "write":
            assert "ok" in read_result(path).columns
        else:
            assert to_parquet(path, tmp_path / "read.parquet") >= 0

    hunt(f"result of a bulk {reader}", attempt, mutated_zip(saved.getvalue()))
