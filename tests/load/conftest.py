"""An org, a ledger, a practice and the people at work: what every test of the load needs."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from migrator_kit.engagement import TargetKind
from migrator_kit.load import readback
from migrator_kit.load.job import LoadJob, Scope
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.opening import new_job
from migrator_kit.load.owners import How, Owners
from migrator_kit.load.provision import apply_provisioning, provisioning_plan
from migrator_kit.load.target import Target
from migrator_kit.load.vault import Vault
from migrator_kit.mapping.model import Mapping, OnConflict
from migrator_kit.zoho.client import ZohoClient
from migrator_kit.zoho.settings import Retries, Timeouts, ZohoSettings
from tests.load.small_practice import MAPPING, SmallPractice, small_practice

FILE_LIMIT = 64 * 1024
KEY = b"k" * 32


@pytest.fixture(autouse=True)
def an_org_that_comes_to_rest_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readback, "STILL_AT_WORK", 0.3)


@pytest.fixture
def patients() -> int:
    """How many patients the small practice has."""
    return 12


@pytest.fixture
def practice(tmp_path: Path, patients: int) -> SmallPractice:
    return small_practice(tmp_path / "practice", patients)


@pytest.fixture(scope="session")
def mapping() -> Mapping:
    return Mapping.model_validate(MAPPING)


def _open_org(url: str, **changes: Any) -> Target:
    """Connect to an emulator as the loader would, with short waits."""
    quick = Retries(attempts=3, first_wait=0.01, longest_wait=0.05, quota_wait=1.0)
    settings = ZohoSettings.for_emulator(
        url, retries=quick, timeouts=Timeouts(connect=5, read=10, upload=20), **changes
    )
    client = ZohoClient(settings)
    org = client.require_org_kind("emulator")
    users = tuple(client.users("AllUsers"))
    return Target(client, org, users, client.current_user(), TargetKind.EMULATOR, url)


@pytest.fixture(scope="session")
def open_org() -> Callable[..., Target]:
    return _open_org


@pytest.fixture
def target(emulator: Any) -> Iterator[Target]:
    opened = _open_org(emulator.url)
    yield opened
    opened.close()


POSTGRES = "MIGRATOR_TEST_POSTGRES_URL"
"""Where it is set, every test of the load runs with its ledger in SQLite and in PostgreSQL."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "new_ledger_url" in metafunc.fixturenames and os.environ.get(POSTGRES):
        metafunc.parametrize("new_ledger_url", ["sqlite", "postgresql"], indirect=True)


NewUrl = Callable[[Path], str]


@pytest.fixture
def new_ledger_url(request: pytest.FixtureRequest) -> NewUrl:
    """A function that gives the URL of a new ledger, in a folder where it is a file."""
    if getattr(request, "param", "sqlite") == "postgresql":
        new_database = request.getfixturevalue("new_postgres_url")
        return lambda _: str(new_database())
    return lambda folder: f"sqlite:///{folder / 'ledger.db'}"


@pytest.fixture
def ledger_url(tmp_path: Path, new_ledger_url: NewUrl) -> str:
    """The URL of the test's ledger, for tests that open it in a process of their own."""
    return new_ledger_url(tmp_path)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = Ledger(ledger_url, "engagement")
    yield opened
    opened.close()


@pytest.fixture
def new_postgres_url() -> Iterator[Callable[[], str]]:
    """A function that makes a PostgreSQL database, where the machine offers it to the tests."""
    given = os.environ.get(POSTGRES)
    if not given:
        pytest.skip(f"{POSTGRES} is not set")
    server = create_engine(
        make_url(given).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    made: list[str] = []

    def new() -> str:
        # One for each ledger: the loader's lock is the database's, and tests run side by side.
        made.append(f"migrator_{uuid.uuid4().hex[:12]}")
        with server.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{made[-1]}"'))
        return make_url(given).set(database=made[-1]).render_as_string(hide_password=False)

    yield new
    with server.connect() as connection:
        for name in made:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    server.dispose()


@pytest.fixture
def postgres_url(new_postgres_url: Callable[[], str]) -> str:
    """A new PostgreSQL database for the ledger."""
    return new_postgres_url()


def _staff(emulator: Any, target: Target) -> Any:
    """Return a function by which another user of the org updates one record, or adds to it."""
    other = next(u for u in target.users if u.active and u.id != target.api_user.id)
    session = emulator.session(f"emulator:{other.email}")

    def update(module: str, zoho_id: str, **fields: Any) -> None:
        row = {"id": zoho_id, **fields}
        answer = session.put(f"{emulator.url}/crm/v8/{module}", json={"data": [row]}, timeout=10)
        assert answer.status_code == 200, answer.text

    def adds(kind: str, module: str, zoho_id: str, text: str) -> str:
        """Put a note, or a file of that name, on a record; returns its id."""
        if kind == "Notes":
            parent = {"module": {"api_name": module}, "id": zoho_id}
            sent: dict[str, Any] = {"json": {"data": [{"Note_Content": text, "Parent_Id": parent}]}}
            place = "Notes"
        else:
            place, sent = f"{module}/{zoho_id}/Attachments", {"files": {"file": (text, b"hand")}}
        answer = session.post(f"{emulator.url}/crm/v8/{place}", timeout=10, **sent)
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["data"][0]["details"]["id"])

    update.email = other.email  # type: ignore[attr-defined]
    update.adds = adds  # type: ignore[attr-defined]
    return update


@pytest.fixture(scope="session")
def staff() -> Callable[[Any, Target], Any]:
    return _staff


@pytest.fixture
def front_desk(emulator: Any, target: Target) -> Any:
    """Another user of the org at work: a function that updates one record."""
    return _staff(emulator, target)


def owners_of(target: Target) -> Owners:
    """DR0 and DR1 are users of the org, DR2 is not and takes the default owner."""
    others = [u for u in target.users if u.active and u.id != target.api_user.id][:2]
    rows = [
        ("DR0", "One", others[0].email, 1, others[0].id, How.EMAIL),
        ("DR1", "Two", others[1].email, 1, others[1].id, How.EMAIL),
        ("DR2", "Three", "gone@mail.example", 0, target.api_user.id, How.NO_USER),
    ]
    columns = ["owner_key", "name", "email", "active", "zoho_user_id", "how"]
    return Owners(pd.DataFrame(rows, columns=columns), target.api_user)


def with_policy(mapping: Mapping, **policies: str) -> Mapping:
    """Return the mapping with `on_conflict` of some fields set, on every object that has them."""
    objects = []
    for one in mapping.objects:
        fields = [
            row.model_copy(update={"on_conflict": OnConflict(policies[row.target])})
            if row.target in policies else row
            for row in one.fields
        ]  # fmt: skip
        objects.append(one.model_copy(update={"fields": tuple(fields)}))
    return mapping.model_copy(update={"objects": tuple(objects)})


@pytest.fixture(scope="session")
def policies() -> Callable[..., Mapping]:
    return with_policy


OpenJob = Callable[..., LoadJob]


@pytest.fixture
def job_on(mapping: Mapping) -> Iterator[OpenJob]:
    """Return a function that provisions the org and opens a job on a practice.

    Images lie in one vault beside the practice, opened anew for each job.
    """
    vaults: list[Vault] = []

    def opened(
        practice: SmallPractice, target: Target, ledger: Ledger, *, scope: Scope | None = None,
        provision: bool = True, planning: bool = False, uses: Mapping | None = None,
        **changes: Any,
    ) -> LoadJob:  # fmt: skip
        used = uses or mapping
        if provision:
            plan = provisioning_plan(used, target, practice, ledger=ledger)
            apply_provisioning(plan, target, ledger)
        vaults.append(Vault(practice.folder / "images.db", KEY))
        job = new_job(
            practice, used, target, ledger, vaults[-1], owners_of(target), key=KEY,
            file_bytes=FILE_LIMIT, files_root=practice.documents, scope=scope, planning=planning,
        )  # fmt: skip
        return replace(job, **changes)

    yield opened
    for vault in vaults:
        vault.close()


@pytest.fixture
def job_of(job_on: OpenJob, practice: SmallPractice) -> OpenJob:
    """Return a function that opens a job on the small practice of the test."""
    return partial(job_on, practice)


@pytest.fixture(scope="session")
def practice_in() -> Callable[[Path, int], SmallPractice]:
    """Return a function that makes a small practice in a folder."""
    return small_practice


def _digest_of(target: Target) -> str:
    """Return what the org holds, ids and system times left out: one line for each thing."""
    lines: list[str] = []
    names: dict[str, str] = {}
    for module, fields in MODULES.items():
        for row in target.client.records.coql(fields, module):
            names[str(row["id"])] = str(row[fields[0]])
            lines.append(json.dumps([module, *(row.get(name) for name in fields)]))
    for note in target.client.notes.list_all():
        parent = names[str(note["Parent_Id"]["id"])]
        lines.append(json.dumps(["Notes", parent, note["Note_Title"], note["Note_Content"]]))
    for zoho_id, key in names.items():
        module = "Contacts" if len(key) == 6 else None
        for file in target.client.attachments.list(module, zoho_id) if module else ():
            content = target.client.attachments.digest(module, zoho_id, file.id).sha256
            lines.append(json.dumps(["Attachments", key, file.file_name, content]))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


MODULES = {
    "Accounts": ("Source_System_ID", "Account_Name"),
    "Contacts": ("Source_System_ID", "Last_Name", "First_Name", "Email",
                 "Account_Name.Account_Name"),
    "Deals": ("Treatment_Plan_ID", "Deal_Name", "Amount", "Stage", "Contact_Name.Last_Name"),
    "Tasks": ("Source_Task_ID", "Subject", "Who_Id.Last_Name"),
    "Events": ("Source_Event_ID", "Event_Title", "Start_DateTime", "Who_Id.Last_Name"),
}  # fmt: skip


@pytest.fixture(scope="session")
def digest_of() -> Callable[[Target], str]:
    """Return a function that digests what an org holds, whatever ids it gave."""
    return _digest_of
