"""Every request of the client against the vendor's own OpenAPI files, where they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrator_kit.errors import MigratorError
from migrator_kit.zoho import FieldSpec, ZohoClient
from migrator_kit.zoho.bulkjobs import BulkColumn, BulkWrite
from migrator_kit.zoho.calls import Call
from tests.zoho.sent_requests import is_defect
from tests.zoho.vendor_files import FOLDER, VendorFiles

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the vendor's files are not at hand")


def everything(client: ZohoClient, folder: Path) -> list[Any]:
    """Every operation of the client, once."""
    path = folder / "a.txt"
    path.write_text("x")
    row = {"Last_Name": "x", "Source_System_ID": "1"}
    column = BulkColumn("Source_System_ID")
    records, notes, files, bulk = client.records, client.notes, client.attachments, client.bulk
    spec = FieldSpec("Key", "text", length=50, unique=True, tooltip="Key in the old system")
    return [
        lambda: client.users(),
        lambda: client.metadata.modules(),
        lambda: client.metadata.fields("Contacts"),
        lambda: client.metadata.layouts("Deals"),
        lambda: client.metadata.create_fields("Contacts", [spec]),
        lambda: client.metadata.add_picklist_values("Contacts", "9", ["a"]),
        lambda: client.metadata.delete_field("Contacts", "9"),
        lambda: records.insert("Contacts", [row]),
        lambda: records.update("Contacts", [{**row, "id": "9"}]),
        lambda: records.upsert("Contacts", [row], duplicate_check_fields=["Source_System_ID"]),
        lambda: records.delete("Contacts", ["9"]),
        lambda: records.mass_delete("Contacts", ["9"]),
        lambda: records.get("Contacts", "9", ["Last_Name"]),
        lambda: list(records.list("Contacts", ["Last_Name"])),
        lambda: list(records.deleted("Contacts")),
        lambda: list(records.coql(["Last_Name"], "Contacts")),
        lambda: records.count("Notes"),
        lambda: notes.create([{"Note_Content": "x", "Parent_Id": notes.parent("Contacts", "9")}]),
        lambda: notes.delete(["9"]),
        lambda: list(notes.list_all()),
        lambda: list(notes.list_for("Contacts", "9")),
        lambda: files.upload("Contacts", "9", path, "a.txt"),
        lambda: files.link("Contacts", "9", "https://example.org/a", "a"),
        lambda: files.list("Contacts", "9"),
        lambda: files.digest("Contacts", "9", "8"),
        lambda: files.delete("Contacts", "9", "8"),
        lambda: bulk.upload(path),
        lambda: bulk.start_write(BulkWrite("Contacts", "insert", (column,)), "7"),
        lambda: bulk.write_status("7"),
        lambda: bulk.start_read("Contacts", ["Last_Name"]),
        lambda: bulk.start_read("Contacts", page_token="t"),
        lambda: bulk.read_status("7"),
        lambda: client.recycle_bin.restore(["9"]),
    ]


def test_every_request_is_one_that_the_vendor_describes(
    toy, make_client, reply, sent_requests, tmp_path, monkeypatch
):
    monkeypatch.setattr(toy, "scripts", _Permissive(toy.scripts, reply))
    client = make_client()
    for run in everything(client, tmp_path):
        before = len(toy.seen)
        try:
            run()
        except MigratorError:
            assert len(toy.seen) > before
    asked = {f"{seen.method} {seen.path}" for seen in toy.seen if "/oauth/" not in seen.path}
    assert len(asked) >= 30
    assert asked <= sent_requests.places
    assert sent_requests.take_wrong() == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "fault"),
    [
        ("GET", "/crm/v8/settings/stages", {}, None, "address"),
        ("PATCH", "/crm/v8/Contacts", {}, {}, "address"),
        ("GET", "/crm/v8/Contacts", {"fields", "cursor"}, None, "parameter cursor"),
        ("POST", "/crm/v8/coql", {}, {"query": "x"}, "body.query"),
        ("POST", "/crm/v8/coql", {}, {"select_query": 1}, "body.select_query: integer"),
        ("POST", "/crm/bulk/v8/write", {}, {"operation": "add"}, "body.operation: 'add'"),
        ("POST", "/crm/v8/Notes", {}, {"data": [{"Text": "x"}]}, "body.data[].Text"),
    ],
)
def test_a_request_that_the_vendor_does_not_describe_is_seen(method, path, query, body, fault):
    found = VendorFiles().faults(method, path, set(query), body)
    assert [each for each in found if not is_defect(f"{method} {path}", each)] == [fault]


def test_a_wrong_request_is_kept_for_the_test_that_sent_it(make_client, sent_requests):
    with make_client() as client:
        client._transport.send(Call("GET", "/crm/v8/org", {"stages": "1"}))
    assert sent_requests.take_wrong() == ["GET /crm/v8/org: parameter stages"]
    assert sent_requests.take_wrong() == []


class _Permissive(dict):
    """Answers every place that has no script of its own with an empty success."""

    def __init__(self, scripts: dict, reply: Any) -> None:
        super().__init__(scripts)
        self._reply = reply

    def get(self, key: Any, default: Any = None) -> Any:
        if key in self:
            return self[key]
        assert default
        read = key[0] == "GET" or key[1].endswith("/coql")
        return [self._reply(204) if read else self._reply(200, {"data": []})]
