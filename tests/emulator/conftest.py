"""A thin caller of the emulator's API, so that tests read as requests and answers."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile
from typing import Any

import pytest
import requests

QUIET: dict[str, Any] = {"trigger": [], "skip_feature_execution": [{"name": "cadences"}]}


class Api:
    """Calls of one signed-in user."""

    def __init__(self, emulator: Any, refresh_token: str = "emulator") -> None:
        self.emulator = emulator
        self.session = emulator.session(refresh_token)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Any call; a path without a leading slash is below /crm/v8."""
        url = self.emulator.url + (path if path.startswith("/") else f"/crm/v8/{path}")
        return self.session.request(method, url, timeout=30, **more)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, data=json.dumps(body), **more)

    def write(self, module: str, *rows: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        """Insert quietly; the per-record answers."""
        answer = self.post(module, {"data": list(rows), **QUIET, **more})
        return answer.json()["data"]

    def create(self, module: str, **values: Any) -> str:
        """Insert one record that must be accepted; its id."""
        (item,) = self.write(module, values)
        assert item["status"] == "success", item
        return str(item["details"]["id"])

    def record(self, module: str, number: str) -> dict[str, Any]:
        """A whole record."""
        return self.get(f"{module}/{number}").json()["data"][0]

    def field(self, module: str, label: str, data_type: str = "text", **more: Any) -> str:
        """Create a field that must be accepted; its API name, read back."""
        row = {"field_label": label, "data_type": data_type, **more}
        answer = self.post(f"settings/fields?module={module}", {"fields": [row]})
        assert answer.status_code == 201, answer.text
        fields = self.get("settings/fields", module=module).json()["fields"]
        return next(field["api_name"] for field in fields if field["field_label"] == label)

    def key(self, module: str, label: str = "Source System ID") -> str:
        """Create a unique text field."""
        return self.field(module, label, length=100, unique={"case_sensitive": False})

    def coql(self, query: str) -> requests.Response:
        return self.post("coql", {"select_query": query})


@pytest.fixture
def api(emulator: Any) -> Api:
    """Calls to an emulator of the test's own."""
    return Api(emulator)


@pytest.fixture(scope="module")
def shared(emulator_module: Any) -> Api:
    """Calls to the emulator of the file."""
    return Api(emulator_module)


def deal(**values: Any) -> dict[str, Any]:
    """A deal with what the system makes mandatory."""
    return {"Stage": "Qualification", "Pipeline": "Standard (Standard)", **values}


@pytest.fixture(scope="session")
def make_deal() -> Any:
    """The function that completes a deal."""
    return deal


@pytest.fixture(scope="session")
def api_type() -> type[Api]:
    """The caller's class, for tests that start emulators of their own."""
    return Api


class Bulk:
    """Bulk-write jobs from rows to result."""

    def request(self, api: Api, module: str, rows: list[list[Any]], **more: Any) -> dict[str, Any]:
        """Upload the rows; the body that asks for the job."""
        file_id = self.upload(api, zipped(rows)).json()["details"]["file_id"]
        resource = {"type": "data", "module": {"api_name": module}, "file_id": file_id}
        operation = more.pop("operation", "insert")
        ignore = more.pop("ignore_empty", True)
        return {
            "operation": operation,
            "character_encoding": "UTF-8",
            "ignore_empty": ignore,
            "resource": [{**resource, **more}],
        }

    def upload(self, api: Api, content: bytes, **headers: str) -> requests.Response:
        org = api.get("org").json()["org"][0]["zgid"]
        headers = {"feature": "bulk-write", "X-CRM-ORG": org, **headers}
        return api.call("POST", "upload", headers=headers, files={"file": ("rows.zip", content)})

    def start(self, api: Api, module: str, rows: list[list[Any]], **more: Any) -> str:
        """The id of a job that was accepted."""
        answer = api.post("/crm/bulk/v8/write", self.request(api, module, rows, **more))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["details"]["id"])

    def finish(self, api: Api, job: str) -> tuple[dict[str, Any], list[list[str]]]:
        """Wait for a job; its status and the rows of its result."""
        for _ in range(1000):
            status = api.get(f"/crm/bulk/v8/write/{job}").json()
            if status["status"] in ("COMPLETED", "FAILED"):
                break
            time.sleep(0.02)
        if status["status"] != "COMPLETED":
            return status, []
        return status, unzipped(api.get(status["result"]["download_url"]).content)

    def run(
        self, api: Api, module: str, rows: list[list[Any]], **more: Any
    ) -> tuple[dict[str, Any], list[list[str]]]:
        """A job from start to finish."""
        return self.finish(api, self.start(api, module, rows, **more))


def zipped(rows: list[list[Any]], name: str = "rows.csv") -> bytes:
    """The rows as a CSV in a zip."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text.getvalue())
    return buffer.getvalue()


def unzipped(content: bytes) -> list[list[str]]:
    """The rows of the one CSV in a zip."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return list(csv.reader(io.StringIO(archive.read(name).decode())))


@pytest.fixture(scope="session")
def bulk() -> Bulk:
    """Bulk-write jobs."""
    return Bulk()


@pytest.fixture(scope="session")
def read_zip() -> Any:
    """The function that reads the one CSV of a zip."""
    return unzipped
