"""Each operation of the client under each fault: the right class of error, no loss, no twin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from migrator_kit.errors import AmbiguousError, BudgetExhausted
from migrator_kit.zoho import FieldSpec, ZohoClient, ZohoSettings, bulkfiles, limits
from migrator_kit.zoho.bulkjobs import BulkColumn, BulkWrite
from migrator_kit.zoho.settings import Retries, Timeouts

KEY = "Source_System_ID"
NUMBERS = count(1)
LOST = {
    "500 before": {"do": "answer", "status": 500, "when": "before"},
    "500 after": {"do": "answer", "status": 500, "when": "after"},
    "502 before": {"do": "answer", "status": 502, "when": "before"},
    "503 after": {"do": "answer", "status": 503, "when": "after"},
    "cut before": {"do": "cut", "when": "before"},
    "cut after": {"do": "cut", "when": "after"},
    "half an answer": {"do": "half"},
}
HARMLESS = {
    "429": {"do": "answer", "status": 429, "when": "before"},
    "token revoked": {"do": "revoke_token"},
}


@dataclass
class World:
    """An org with one contact, and what the operations need."""

    emulator: Any
    client: ZohoClient
    path: Path
    contact: str
    file_id: str
    zip_path: Path
    zip_id: str

    def effects(self) -> int:
        """Everything that was created, updated or deleted so far."""
        writes = self.emulator.stats()["writes"]
        done = ("created", "updated", "deleted", "restored")
        custom = [field for field in self.client.metadata.fields("Accounts") if field.custom]
        shaped = len(custom) + sum(len(field.picklist) + field.unique for field in custom)
        return sum(n for m in writes.values() for name, n in m.items() if name in done) + shaped


@pytest.fixture(scope="module")
def world(emulator_module, tmp_path_factory) -> Iterator[World]:
    settings = ZohoSettings.for_emulator(
        emulator_module.url,
        retries=Retries(attempts=8, first_wait=0.01, longest_wait=0.02),
        timeouts=Timeouts(connect=2, read=0.6, upload=0.6),
    )
    path = tmp_path_factory.mktemp("files") / "a.txt"
    # Tokens are revoked far more often here than the quota of ten in ten minutes would bear.
    patch = pytest.MonkeyPatch()
    patch.setattr(limits, "TOKENS_PER_WINDOW", 10_000)
    path.write_bytes(b"0123456789" * 100)
    with ZohoClient(settings, sleep=lambda wait: time.sleep(min(wait, 0.02))) as client:
        client.metadata.create_fields(
            "Contacts", [FieldSpec("Source System ID", "text", unique=True)]
        )
        (made,) = client.records.insert("Contacts", [{"Last_Name": "x", KEY: "0"}])
        contact = made.id or ""
        file_id = client.attachments.upload("Contacts", contact, path, "a.txt").id or ""
        (rows,) = bulkfiles.write_zips(
            pd.DataFrame({"Last_Name": ["x"]}), path.parent, "Contacts", key="Last_Name"
        )
        zip_id = client.bulk.upload(rows.path)
        world = World(emulator_module, client, path, contact, file_id, rows.path, zip_id)
        noted(world)
        client.records.delete("Contacts", [doomed(world)])
        yield world
    patch.undo()


def fresh() -> dict[str, object]:
    return {"Last_Name": "x", KEY: f"K{next(NUMBERS)}"}


def doomed(world: World) -> str:
    return world.client.records.insert("Contacts", [fresh()])[0].id or ""


def noted(world: World) -> str:
    parent = world.client.notes.parent("Contacts", world.contact)
    row = {"Note_Content": "n", "Parent_Id": parent}
    return world.client.notes.create([row])[0].id or ""


def extra(world: World, *picklist: str) -> str:
    """A field of Accounts, to be changed."""
    kind = "picklist" if picklist else "text"
    spec = FieldSpec(f"More {next(NUMBERS)}", kind, picklist=picklist)
    return world.client.metadata.create_fields("Accounts", [spec])[0].id or ""


Run = Callable[[], Any]


def insert(world: World) -> Run:
    rows = [fresh(), fresh()]
    return lambda: world.client.records.insert("Contacts", rows)


def update(world: World) -> Run:
    rows = [{"id": world.contact, "Phone": f"210 {next(NUMBERS)}"}]
    return lambda: world.client.records.update("Contacts", rows)


def upsert(world: World) -> Run:
    rows = [fresh()]
    return lambda: world.client.records.upsert("Contacts", rows, duplicate_check_fields=[KEY])


def delete(world: World) -> Run:
    ids = [doomed(world)]
    return lambda: world.client.records.delete("Contacts", ids)


def note(world: World) -> Run:
    parent = world.client.notes.parent("Contacts", world.contact)
    return lambda: world.client.notes.create([{"Note_Content": "n", "Parent_Id": parent}])


def changed_note(world: World) -> Run:
    rows = [{"id": noted(world), "Note_Content": "m"}]
    return lambda: world.client.notes.update(rows)


def deleted_note(world: World) -> Run:
    ids = [noted(world)]
    return lambda: world.client.notes.delete(ids)


def mass_delete(world: World) -> Run:
    ids = [doomed(world), doomed(world)]
    return lambda: world.client.records.mass_delete("Contacts", ids)


def restore(world: World) -> Run:
    ids = [doomed(world)]
    world.client.records.delete("Contacts", ids)
    return lambda: world.client.recycle_bin.restore(ids)


def link(world: World) -> Run:
    url = "https://files.example/scan.jpg"
    return lambda: [world.client.attachments.link("Contacts", world.contact, url, "scan")]


def deleted_file(world: World) -> Run:
    files = world.client.attachments
    number = files.upload("Contacts", world.contact, world.path, "c.txt").id or ""
    return lambda: [files.delete("Contacts", world.contact, number)]


def upload(world: World) -> Run:
    return lambda: [world.client.attachments.upload("Contacts", world.contact, world.path, "b.txt")]


def field(world: World) -> Run:
    specs = [FieldSpec(f"Extra {next(NUMBERS)}", "text")]
    return lambda: world.client.metadata.create_fields("Accounts", specs)


def options(world: World) -> Run:
    number = extra(world, "a", "b")
    return lambda: [world.client.metadata.add_picklist_values("Accounts", number, ["c"])]


def unique(world: World) -> Run:
    for known in world.client.metadata.fields("Accounts"):
        if known.custom and known.unique:
            world.client.metadata.delete_field("Accounts", known.id)
    number = extra(world)
    return lambda: [world.client.metadata.set_unique("Accounts", number)]


WRITES = {
    "insert": (insert, "POST /crm/v8/Contacts", 2),
    "update": (update, "PUT /crm/v8/Contacts", 1),
    "upsert": (upsert, "POST /crm/v8/Contacts/upsert", 1),
    "delete": (delete, "DELETE /crm/v8/Contacts", 1),
    "note": (note, "POST /crm/v8/Notes", 1),
    "upload": (upload, "POST /crm/v8/Contacts/*/Attachments", 1),
    "field": (field, "POST /crm/v8/settings/fields", 1),
    "note update": (changed_note, "PUT /crm/v8/Notes", 1),
    "note delete": (deleted_note, "DELETE /crm/v8/Notes", 1),
    "mass delete": (mass_delete, "POST /crm/v8/Contacts/actions/mass_delete", 2),
    "restore": (restore, "POST /crm/v8/settings/recycle_bin/actions/restore", 1),
    "link": (link, "POST /crm/v8/Contacts/*/Attachments", 1),
    "file delete": (deleted_file, "DELETE /crm/v8/Contacts/*/Attachments/*", 1),
    "picklist values": (options, "PATCH /crm/v8/settings/fields/*", 1),
    "unique": (unique, "PATCH /crm/v8/settings/fields/*", 1),
}
READS: dict[str, tuple[Callable[[World], Any], str]] = {
    "get": (lambda w: w.client.records.get("Contacts", w.contact, [KEY]), "GET /crm/v8/Contacts/*"),
    "list": (lambda w: next(w.client.records.list("Contacts", [KEY])), "GET /crm/v8/Contacts"),
    "coql": (
        lambda w: w.client.records.find("Contacts", KEY, ["0"])["0"][0],
        "POST /crm/v8/coql",
    ),
    "fields": (lambda w: w.client.metadata.fields("Contacts"), "GET /crm/v8/settings/fields"),
    "users": (lambda w: w.client.users(), "GET /crm/v8/users"),
    "files": (
        lambda w: w.client.attachments.list("Contacts", w.contact),
        "GET /crm/v8/Contacts/*/Attachments",
    ),
    "digest": (
        lambda w: w.client.attachments.digest("Contacts", w.contact, w.file_id).size,
        "GET /crm/v8/Contacts/*/Attachments/*",
    ),
    "org": (lambda w: w.client.org(refresh=True), "GET /crm/v8/org"),
    "modules": (lambda w: w.client.metadata.modules(), "GET /crm/v8/settings/modules"),
    "layouts": (lambda w: w.client.metadata.layouts("Deals"), "GET /crm/v8/settings/layouts"),
    "pipelines": (lambda w: w.client.metadata.pipelines(), "GET /crm/v8/settings/pipeline"),
    "deleted": (lambda w: next(w.client.records.deleted("Contacts")), "GET /crm/v8/*/deleted"),
    "count": (lambda w: w.client.records.count("Contacts"), "POST /crm/v8/coql"),
    "notes": (
        lambda w: next(w.client.notes.list_for("Contacts", w.contact)),
        "GET /crm/v8/Contacts/*/Notes",
    ),
    "bulk upload": (lambda w: bool(w.client.bulk.upload(w.zip_path)), "POST /crm/v8/upload"),
    "bulk read start": (lambda world: bulk_read(world), "POST /crm/bulk/v8/read"),
    "bulk read status": (lambda world: bulk_read(world), "GET /crm/bulk/v8/read/*"),
    "bulk read result": (lambda world: bulk_read(world), "GET /crm/bulk/v8/read/*/result"),
}


def bulk_read(world: World) -> int:
    """Rows of a module without records that these tests write."""
    job = world.client.bulk.wait_read(world.client.bulk.start_read("Deals", ["Deal_Name"]))
    return world.client.bulk.read_to_parquet(job, world.path.parent / "deals.parquet")


@pytest.fixture
def faults(world: World) -> Iterator[Callable[..., None]]:
    def put(rule: dict[str, Any], match: str, times: int = 1) -> None:
        rules = [{"seed": 7, "rules": [{**rule, "match": match, "times": times}]}]
        world.emulator.faults(rules[0])

    yield put
    world.emulator.faults({})


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("operation", WRITES)
def test_a_write_whose_answer_is_lost_lands_at_most_once(world, faults, operation, fault):
    prepare, match, effect = WRITES[operation]
    run = prepare(world)
    before = world.effects()
    faults(LOST[fault], match)
    with pytest.raises(AmbiguousError):
        run()
    landed = 0 if "before" in fault else effect
    assert world.effects() - before == landed


@pytest.mark.parametrize("fault", HARMLESS)
@pytest.mark.parametrize("operation", WRITES)
def test_a_write_that_was_not_carried_out_is_sent_again(world, faults, operation, fault):
    prepare, match, effect = WRITES[operation]
    run = prepare(world)
    before = world.effects()
    faults(HARMLESS[fault], match)
    assert all(result.ok for result in run())
    assert world.effects() - before == effect


@pytest.mark.parametrize("fault", [*LOST, *HARMLESS])
@pytest.mark.parametrize("operation", READS)
def test_a_read_gives_the_same_under_every_fault(world, faults, operation, fault):
    run, match = READS[operation]
    whole = run(world)
    faults({**LOST, **HARMLESS}[fault], match, times=1 if fault == "token revoked" else 2)
    assert run(world) == whole


@pytest.mark.parametrize("fault", LOST)
def test_a_bulk_write_whose_answer_is_lost_runs_at_most_once(world, faults, fault):
    job = BulkWrite("Contacts", "insert", (BulkColumn("Last_Name"),))
    before = world.effects()
    faults(LOST[fault], "POST /crm/bulk/v8/write")
    with pytest.raises(AmbiguousError):
        world.client.bulk.start_write(job, world.zip_id)
    # Jobs run in the order in which they were started: the second one ends after the lost one.
    done = world.client.bulk.wait_write(world.client.bulk.start_write(job, world.zip_id))
    assert done.ok
    assert world.effects() - before == (1 if "before" in fault else 2)


@pytest.mark.parametrize("operation", ["insert", "upload"])
def test_a_slow_answer_to_a_write_is_ambiguous(world, faults, operation):
    prepare, match, effect = WRITES[operation]
    run = prepare(world)
    before = world.effects()
    faults({"do": "delay", "seconds": 0.9}, match)
    with pytest.raises(AmbiguousError):
        run()
    threading.Event().wait(0.6)
    assert world.effects() - before in (0, effect)


def test_many_workers_under_random_faults_lose_nothing_and_double_nothing(world, faults):
    """What a loader does: after an ambiguous answer read back by key, then send what is missing."""
    keys = [f"M{n:04d}" for n in range(400)]
    chance = {"seed": 11, "rules": [
        {"do": "cut", "when": "after", "match": "POST /crm/v8/Contacts*", "chance": 0.15},
        {"do": "answer", "status": 503, "when": "before", "match": "*Contacts*", "chance": 0.1},
        {"do": "answer", "status": 429, "match": "*/crm/v8/*", "chance": 0.1},
        {"do": "revoke_token", "match": "*Contacts*", "skip": 30, "times": 1},
    ]}  # fmt: skip
    world.emulator.faults(chance)

    def load(part: list[str]) -> int:
        left, lost = part, 0
        while left:
            try:
                rows = [{"Last_Name": "x", KEY: key} for key in left]
                results = world.client.records.insert("Contacts", rows)
                left = [k for k, r in zip(left, results, strict=True) if not r.ok]
            except AmbiguousError:
                lost += 1
                found = world.client.records.find("Contacts", KEY, left)
                left = [key for key in left if not found[key]]
        return lost

    with ThreadPoolExecutor(8) as pool:
        lost = sum(pool.map(load, [keys[n : n + 10] for n in range(0, len(keys), 10)]))
    world.emulator.faults({})
    assert lost > 0
    found = world.client.records.find("Contacts", KEY, keys)
    assert all(len(rows) == 1 for rows in found.values())


def test_credits_that_run_out_stop_with_a_time(emulator):
    with ZohoClient(ZohoSettings.for_emulator(emulator.url)) as client:
        client.org()
        emulator.faults({"rules": [{"do": "drain_credits", "remaining": 0, "times": 1}]})
        with pytest.raises(BudgetExhausted) as caught:
            client.records.insert("Accounts", [{"Account_Name": "x"}])
        assert caught.value.resume_at
        assert emulator.stats()["writes"] == {}


def test_a_client_outlives_a_restart_of_the_server(emulator):
    with ZohoClient(ZohoSettings.for_emulator(emulator.url)) as client:
        assert client.records.insert("Accounts", [{"Account_Name": "x"}])[0].ok
        emulator.restart(kill=True)
        assert client.records.count("Accounts") == 1
        assert client.records.insert("Accounts", [{"Account_Name": "y"}])[0].ok
