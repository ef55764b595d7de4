"""Loads that are measured, each in a process of its own: ours, without a ledger, and the SDK's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import requests

from migrator_kit.engagement import TargetKind
from migrator_kit.load.job import LoadJob
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.opening import new_job
from migrator_kit.load.owners import Owners
from migrator_kit.load.payload import Column, Layout, Links, build
from migrator_kit.load.provision import apply_provisioning, provisioning_plan
from migrator_kit.load.states import Status
from migrator_kit.load.target import Target
from migrator_kit.load.vault import Vault
from migrator_kit.load.writer import Writer
from migrator_kit.mapping.model import ObjectName
from migrator_kit.zoho.client import ZohoClient
from migrator_kit.zoho.settings import ZohoSettings
from tests.benchmarks.contacts import MAPPING, STANDARD, shaped_contacts

_OWNERS = ["owner_key", "name", "email", "active", "zoho_user_id", "how"]


@contextmanager
def open_org(url: str) -> Iterator[Target]:
    """Connect to an emulator as the loader does."""
    client = ZohoClient(ZohoSettings.for_emulator(url))
    org = client.require_org_kind("emulator")
    users = tuple(client.users("AllUsers"))
    yield Target(client, org, users, client.current_user(), TargetKind.EMULATOR, url)
    client.close()


@contextmanager
def open_job(url: str, folder: Path, count: int) -> Iterator[LoadJob]:
    """Shape the contacts, provision the org, and open the load of them."""
    shaped = shaped_contacts(folder / "shaped", count)
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", "benchmark")
    vault = Vault(folder / "images.db", b"k" * 32)
    with open_org(url) as target:
        plan = provisioning_plan(MAPPING, target, shaped, ledger=ledger)
        apply_provisioning(plan, target, ledger)
        owners = Owners(pd.DataFrame(columns=_OWNERS, dtype="str"), target.api_user)
        yield new_job(
            shaped, MAPPING, target, ledger, vault, owners, key=b"k" * 32, file_bytes=1,
            scratch=folder,
        )  # fmt: skip
    vault.close()
    ledger.close()


def load_contacts(
    url: str, folder: str, count: int, *, bulk: bool = False, kept: bool = True
) -> dict[str, Any]:
    """Load contacts into an org and return what it took.

    Without `kept` nothing goes into ledger, audit log and vault.
    """
    if not kept:
        _keep_nothing()
    with open_job(url, Path(folder), count) as job:
        report = load(job if bulk else replace(job, bulk_from=None), "benchmark")
    step = next(step for step in report.steps if step.module == "Contacts")
    return {
        "seconds": step.seconds, "records": step.counts.get(Status.CREATED, 0),
        "credits": report.credits, "calls": report.calls,
        "ledger_seconds": report.ledger_seconds,
    }  # fmt: skip


def _keep_nothing() -> None:
    """Make this process's loader forget the contacts; their parents it has to know."""
    exchange = Writer.exchange

    def of_parents(writer: Writer, settled: Any, opened: Any) -> None:
        exchange(
            writer,
            [one for one in settled if one.batch.object != ObjectName.PATIENT],
            [one for one in opened if one.object != ObjectName.PATIENT],
        )

    setattr(Writer, "exchange", of_parents)  # noqa: B010 (a method of the product is replaced)
    setattr(Writer, "record", lambda *_given: None)  # noqa: B010
    for name in ("keep_written", "keep_before"):
        setattr(Vault, name, lambda *_given: None)


def upserts(url: str, calls: int, *, plain: bool) -> dict[str, Any]:
    """Upsert the same hundred contacts again and again; return the CPU seconds of one call."""
    rows = contact_rows(100)
    with open_org(url) as target:
        send = _by_requests(target, rows) if plain else _by_client(target, rows)
        for _ in range(3):
            send()
        spent = time.process_time()
        for _ in range(calls):
            send()
        return {"cpu": (time.process_time() - spent) / calls}


def contact_rows(count: int) -> list[dict[str, Any]]:
    """Return contacts as they are sent, standard fields alone."""
    with TemporaryDirectory() as folder:
        (part,) = shaped_contacts(Path(folder), count).parts(ObjectName.PATIENT)
        columns = tuple(Column(name, name) for name in STANDARD)
        layout = Layout(ObjectName.PATIENT, "Contacts", columns)
        return build(pq.read_table(part), layout, Links({}, {}, None)).rows()


def _by_client(target: Target, rows: list[dict[str, Any]]) -> Callable[[], object]:
    records = target.client.records

    def send() -> object:
        results = records.upsert("Contacts", rows, duplicate_check_fields=["Email"])
        assert all(one.ok for one in results)
        return results

    return send


def _by_requests(target: Target, rows: list[dict[str, Any]]) -> Callable[[], object]:
    """As a script would: a session, `json=`, `.json()`, and a look at each answer."""
    session = requests.Session()
    session.trust_env = False
    asked = {"grant_type": "refresh_token", "refresh_token": "emulator"}
    asked |= {"client_id": "benchmark", "client_secret": "benchmark"}
    token = session.post(f"{target.url}/oauth/v2/token", data=asked).json()["access_token"]
    session.headers["Authorization"] = f"Zoho-oauthtoken {token}"
    body = {"data": rows, "duplicate_check_fields": ["Email"], "trigger": []}

    def send() -> object:
        answer = session.post(f"{target.url}/crm/v8/Contacts/upsert", json=body)
        results = answer.json()["data"]
        assert all(one["status"] == "success" for one in results)
        return results

    return send
