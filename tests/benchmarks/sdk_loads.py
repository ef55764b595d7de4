"""The vendor's Python SDK in a loop of a hundred records a call, as its samples do."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.crm.api import HeaderMap, Initializer
from zohocrmsdk.src.com.zoho.crm.api import record as records
from zohocrmsdk.src.com.zoho.crm.api.dc import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig

from tests.benchmarks.loads import contact_rows


def sdk_load(url: str, folder: str, count: int) -> dict[str, Any]:
    """Upsert `count` contacts and return records and seconds, sign-in and metadata left out."""
    environment = DataCenter.Environment(url, f"{url}/oauth/v2/token", url)
    token = OAuthToken(client_id="any", client_secret="any", refresh_token="emulator",
                       find_user=False)  # fmt: skip
    Initializer.initialize(
        environment, token, store=FileStore(str(Path(folder) / "tokens.txt")),
        sdk_config=SDKConfig(update_api_domain=False), resource_path=folder,
    )  # fmt: skip
    rows = contact_rows(count + 100)
    _upsert(rows[:100])
    began = time.perf_counter()
    for start in range(100, len(rows), 100):
        _upsert(rows[start : start + 100])
    return {"records": count, "seconds": time.perf_counter() - began}


def _upsert(rows: list[dict[str, Any]]) -> None:
    body = records.BodyWrapper()
    body.set_data([_record(row) for row in rows])
    body.set_trigger([])
    body.set_duplicate_check_fields(["Email"])
    answer = records.RecordOperations("Contacts").upsert_records(body, HeaderMap())
    results = answer.get_object().get_data()
    assert all(isinstance(one, records.SuccessResponse) for one in results)


def _record(row: dict[str, Any]) -> Any:
    record = records.Record()
    for name, value in row.items():
        is_date = name == "Date_of_Birth"
        record.add_key_value(name, date.fromisoformat(value) if is_date else value)
    return record
