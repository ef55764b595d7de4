"""Every request of the client against the vendor's own OpenAPI files, where they are at hand."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.errors import MigratorError
from migrator_kit.zoho import FieldSpec, ZohoClient
from migrator_kit.zoho.bulkjobs import BulkColumn, BulkWrite

SPECS = Path(__file__).parents[2].parent / "shared" / "zoho_oas"
pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="the vendor's files are not at hand")

PREFIX = re.compile(r"^/(crm/)?(bulk/)?(v8|\{version\})(?=/)")
EXCUSED_BODY = {
    "skip_feature_execution",  # documented for records in general, not for notes
    "ignore_empty",  # in every documented sample of a bulk write, not in the files
    "page_token",  # documented on the page of bulk read jobs, not in the files
    "trigger",  # likewise
}


class Documented:
    """Methods, paths, parameters and body keys of both generations of the files."""

    def __init__(self) -> None:
        self.paths: dict[str, list[tuple[re.Pattern[str], dict[str, Any]]]] = defaultdict(list)
        for file in sorted(SPECS.glob("*/*.json")):
            document = json.loads(file.read_text(encoding="utf-8"))
            bulk = "/bulk" if "bulk" in file.name and "2026" in str(file) else ""
            for template, operations in document.get("paths", {}).items():
                path = PREFIX.sub("", template)
                if bulk and not template.startswith("/upload"):
                    path = bulk + path
                pattern = re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path)) + "$")
                for method, operation in operations.items():
                    if isinstance(operation, dict) and "responses" in operation:
                        facts = self.facts(document, operations, operation)
                        self.paths[method.upper()].append((pattern, facts))

    def facts(self, document: Any, shared: Any, operation: Any) -> dict[str, Any]:
        given = [*operation.get("parameters", []), *shared.get("parameters", [])]
        names = {self.name(document, parameter) for parameter in given}
        content = (operation.get("requestBody") or {}).get("content") or {}
        schema = next((part.get("schema") for part in content.values()), None)
        return {"query": names, "body": self.keys(document, schema)}

    def name(self, document: Any, parameter: Any) -> str:
        if "$ref" not in parameter:
            return str(parameter["name"])
        last = parameter["$ref"].rsplit("/", 1)[-1]
        local = document.get("components", {}).get("parameters", {}).get(last, {})
        return str(local.get("name", last))

    def keys(self, document: Any, schema: Any) -> set[str] | None:
        """The names of a body, or None where the file leaves them open."""
        if not isinstance(schema, dict):
            return None
        if "$ref" in schema:
            last = schema["$ref"].rsplit("/", 1)[-1]
            return self.keys(document, document.get("components", {}).get("schemas", {}).get(last))
        found = set(schema.get("properties", {}))
        for part in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
            found |= self.keys(document, part) or set()
        return found or None

    def match(self, method: str, path: str) -> list[dict[str, Any]]:
        plain = re.sub(r"^/crm(/bulk)?/v8", lambda m: m[1] or "", path)
        return [facts for pattern, facts in self.paths[method] if pattern.match(plain)]


@pytest.fixture(scope="module")
def documented() -> Documented:
    return Documented()


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
    toy, make_client, reply, documented, tmp_path, monkeypatch
):
    monkeypatch.setattr(toy, "scripts", _Permissive(toy.scripts, reply))
    client = make_client()
    for run in everything(client, tmp_path):
        before = len(toy.seen)
        try:
            run()
        except MigratorError:
            assert len(toy.seen) > before
    asked = [seen for seen in toy.seen if not seen.path.startswith("/oauth")]
    assert len(asked) >= 33
    wrong = []
    for seen in asked:
        found = documented.match(seen.method, seen.path)
        if not found:
            wrong.append(f"{seen.method} {seen.path}: not described")
            continue
        names = set().union(*(facts["query"] for facts in found))
        wrong += [
            f"{seen.method} {seen.path}: parameter {name}"
            for name in seen.query
            if name not in names
        ]
        bodies = [facts["body"] for facts in found]
        if seen.body[:1] == b"{" and all(bodies):
            known = set().union(*bodies) | EXCUSED_BODY
            extra = set(seen.json()) - known
            wrong += [f"{seen.method} {seen.path}: body key {name}" for name in extra]
    assert wrong == []


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
