"""Bulk write: the same end as by record calls, whatever happens to the job on its way."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.errors import TargetError
from migrator_kit.load import bulk_sending
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.job import BULK_FROM
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.paths import create_cost, trays
from migrator_kit.load.plan import plan_job
from migrator_kit.load.quiet import quiet_proof
from migrator_kit.load.rollback import rollback
from migrator_kit.load.states import Call, Status
from migrator_kit.load.target import Target
from migrator_kit.load.writer import Writer
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.zoho import limits
from migrator_kit.zoho.bulk import Bulk

PATIENTS, LEAST = 5, 5
BY_BULK = {"Contacts", "Deals", "Tasks"}
START = "POST /crm/bulk/v8/write"


@pytest.fixture
def patients() -> int:
    return PATIENTS


@pytest.fixture(scope="module")
def uniquely(mapping: Mapping) -> Mapping:
    """The small mapping with a unique source key of tasks, as the profiles have it."""
    text = mapping.model_dump_json()
    plain = '"label":"Source Task ID","data_type":"text","length":100,"unique":false'
    assert plain in text
    return Mapping.model_validate_json(text.replace(plain, plain.replace("false", "true")))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_sending, "PAUSES", (0.3,) * 20)


@pytest.fixture
def bulk_job(job_of: Any, uniquely: Mapping, tmp_path: Path) -> Callable[..., Any]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return partial(job_of, uses=uniquely, bulk_from=LEAST, scratch=scratch)


@pytest.fixture(scope="module")
def known_digest() -> list[str]:
    return []


@pytest.fixture
def by_calls(
    emulator_module: Any, tmp_path: Path, open_org: Any, practice_in: Any, job_on: Any,
    uniquely: Mapping, digest_of: Any, known_digest: list[str],
) -> str:  # fmt: skip
    """The digest of an org loaded by record calls alone."""
    if not known_digest:
        folder = tmp_path / "by-calls"
        target = open_org(emulator_module.url)
        ledger = Ledger(f"sqlite:///{tmp_path / 'by-calls.db'}", "engagement")
        practice = practice_in(folder, PATIENTS)
        load(job_on(practice, target, ledger, uses=uniquely, bulk_from=None), "run-1")
        known_digest.append(digest_of(target))
        ledger.close()
        target.close()
    return known_digest[0]


def jobs_started(emulator: Any) -> int:
    requests = emulator.stats()["requests"]
    return int(requests.get(START, 0))


def assert_complete(ledger: Ledger, practice: Any, mapping: Mapping) -> None:
    counts = object_counts(ledger, practice, mapping)
    assert all(count["remainder"] == 0 and count["failed"] == 0 for count in counts.values())
    assert counts["Patient"]["created"] == counts["Treatment Plan"]["created"] == PATIENTS
    assert counts["Appointment"]["created"] == PATIENTS
    assert ledger.verify_audit().ok
    assert ledger.unsettled() == []


def test_the_org_is_the_same_as_after_record_calls(
    emulator: Any, target: Target, ledger: Ledger, uniquely: Mapping, practice: Any,
    bulk_job: Any, by_calls: str, digest_of: Any, tmp_path: Path,
) -> None:  # fmt: skip
    plan = plan_job(bulk_job(target, ledger, planning=True, provision=False))
    planned = {one.module for one in plan.modules if one.path == "bulk"}
    assert planned == BY_BULK, "planned before there is any field in the org"
    before = emulator.stats()["records"]
    load(bulk_job(target, ledger), "run-1")
    calls = ledger.calls()
    assert set(calls.loc[calls["call"] == Call.BULK, "module"]) == planned
    assert set(calls.loc[calls["call"].isin([Call.UPSERT, Call.INSERT]), "module"]) == {
        "Accounts", "Events",
    }  # fmt: skip
    assert jobs_started(emulator) == len(BY_BULK)
    assert digest_of(target) == by_calls
    assert_complete(ledger, practice, uniquely)
    assert emulator.fired()["total"] == 0
    assert list((tmp_path / "scratch").iterdir()) == [], "no file with values stays behind"
    written = ledger.crosswalk("Patient")["modified_time"]
    assert written.notna().all(), "edits are told from our own write by its time"

    again = load(bulk_job(target, ledger, provision=False), "run-2")
    assert again.written == 0
    assert jobs_started(emulator) == len(BY_BULK)
    assert len(ledger.audit()) == len(ledger.audit().drop_duplicates("seq"))

    practice.row(ObjectName.PATIENT, "000001")["First_Name"] = "Renamed"
    practice.write()
    assert load(bulk_job(target, ledger, provision=False), "run-3").written == 1
    undone = rollback(bulk_job(target, ledger, provision=False), "run-4")
    assert undone.complete, undone.held
    assert emulator.stats()["records"] == before
    assert ledger.landed().empty


def test_trays_split_and_the_rest_goes_by_record_calls(
    emulator: Any, target: Target, ledger: Ledger, uniquely: Mapping, practice: Any,
    bulk_job: Any, by_calls: str, digest_of: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(limits, "BULK_ROWS", 2)
    job = bulk_job(target, ledger, bulk_from=2)
    planned = plan_job(replace(job, planning=True))
    report = load(job, "run-1")
    calls = ledger.calls()[["module", "call", "calls", "rows"]].to_numpy().tolist()
    assert ["Contacts", "bulk", 2, 4] in calls
    assert ["Contacts", "upsert", 1, 1] in calls
    assert ["Tasks", "insert", 1, 1] in calls
    assert digest_of(target) == by_calls
    assert_complete(ledger, practice, uniquely)
    assert report.credits == pytest.approx(planned.credits, rel=0.1)


def test_keys_that_are_not_unique_and_modules_without_bulk_write_keep_to_record_calls(
    target: Target, ledger: Ledger, job_of: Any
) -> None:
    job = job_of(target, ledger, bulk_from=1, planning=True)
    paths = {one.module: str(one.path) for one in plan_job(job).modules}
    assert paths == {
        "Accounts": "bulk", "Contacts": "bulk", "Deals": "bulk", "Tasks": "rest", "Events": "rest",
        "Notes": "rest", "Attachments": "rest",
    }  # fmt: skip


def test_a_refused_row_is_told_with_its_reason_and_the_rest_lands(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, bulk_job: Any
) -> None:
    practice.row(ObjectName.PATIENT, "000003")["Email"] = "no address"
    practice.write()
    load(bulk_job(target, ledger), "run-1")
    failed = ledger.open_failures("Patient")
    assert failed[["source_id", "code", "field"]].to_numpy().tolist() == [
        ["000003", "INVALID_DATA", "Email"]
    ]
    assert failed["reason"].tolist() == ["invalid_value"]
    assert len(ledger.crosswalk("Patient")) == PATIENTS - 1
    jobs = jobs_started(emulator)
    assert load(bulk_job(target, ledger, provision=False), "run-2").written == 0
    assert jobs_started(emulator) == jobs, "what was refused is not sent again unchanged"
    practice.row(ObjectName.PATIENT, "000003")["Email"] = "p3@mail.example"
    practice.write()
    load(bulk_job(target, ledger, provision=False), "run-3")
    assert ledger.open_failures("Patient").empty


def test_values_of_every_form_arrive_as_they_were_meant(
    target: Target, ledger: Ledger, practice: Any, bulk_job: Any
) -> None:
    odd = ['comma, "quote"', "line\nbreak; two\r\nlines", "bare\rreturn", "=1+1", " NA null äß€ "]
    for number, text in enumerate(odd, 1):
        patient = practice.row(ObjectName.PATIENT, f"{number:06}")
        patient.update(Insurance_Carrier__c=text, First_Name=None, Date_of_Birth=None)
        practice.row(ObjectName.PLAN, f"TP{number:06}")["Amount"] = [0.0, 1e6, 0.1, 7.0, -3.5][
            number - 1
        ]
    practice.write()
    job = bulk_job(target, ledger)
    load(job, "run-1")
    assert set(ledger.calls().query("call == 'bulk'")["module"]) == BY_BULK
    proof = quiet_proof(job, "run-1")
    assert proof.checked > 3 * PATIENTS
    assert proof.quiet, proof.signs[["object", "source_id", "sign", "what"]]


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "fail_job", "match": START, "times": 2},
        {"do": "cut", "when": "after", "match": START, "times": 2},
        pytest.param(
            {"do": "cut", "when": "before", "match": START, "times": 1}, marks=pytest.mark.slow
        ),
        {"do": "answer", "status": 404, "match": "GET /crm/bulk/v8/write/*", "times": 2},
        {"do": "answer", "status": 400, "code": "MANDATORY_FIELDS_NOT_MAPPED", "match": START},
    ],
    ids=[
        "job fails",
        "answer to the start lost",
        "start never arrives",
        "job unknown",
        "bulk write refused",
    ],
)
def test_trouble_with_a_job_doubles_and_loses_nothing(
    fault: dict[str, Any], emulator: Any, target: Target, ledger: Ledger, uniquely: Mapping,
    practice: Any, bulk_job: Any, by_calls: str, digest_of: Any,
) -> None:  # fmt: skip
    job = bulk_job(target, ledger)
    emulator.faults({"rules": [fault]})
    load(job, "run-1")
    emulator.faults({})
    assert digest_of(target) == by_calls
    assert_complete(ledger, practice, uniquely)


def test_a_job_that_cannot_be_asked_and_runs_late_is_nobody_s_edit(
    emulator: Any, target: Target, ledger: Ledger, bulk_job: Any, by_calls: str, digest_of: Any,
) -> None:  # fmt: skip
    job = bulk_job(target, ledger)
    slow = {"do": "slow_job", "match": START, "seconds": 3.0, "times": 1}
    unknown = {"do": "answer", "status": 404, "match": "GET /crm/bulk/v8/write/*", "times": 1}
    emulator.faults({"rules": [slow, unknown]})
    load(job, "run-1")
    assert emulator.struck() == [1, 1]
    time.sleep(2.0)
    assert digest_of(target) == by_calls
    proof = quiet_proof(job, "run-1")
    assert proof.quiet, proof.signs.to_string()
    report = rollback(bulk_job(target, ledger, provision=False), "undo")
    assert report.complete, report.held.to_string()


def test_a_stop_while_a_job_runs_leaves_it_to_the_next_run(
    emulator: Any, target: Target, ledger: Ledger, uniquely: Mapping, practice: Any,
    bulk_job: Any, by_calls: str, digest_of: Any,
) -> None:  # fmt: skip
    job = bulk_job(target, ledger)
    poll = {"do": "answer", "status": 503, "match": "GET /crm/bulk/v8/write/*"}
    emulator.faults({"rules": [poll]})
    with pytest.raises(TargetError):
        load(job, "run-1")
    (left,) = ledger.unsettled()
    assert left.call is Call.BULK
    assert left.job_id is not None
    emulator.faults({})
    jobs = jobs_started(emulator)
    report = load(bulk_job(target, ledger, provision=False), "run-2")
    assert report.recovered == 1
    assert jobs_started(emulator) == jobs + len(BY_BULK) - 1, "the job of before is not repeated"
    assert digest_of(target) == by_calls
    assert_complete(ledger, practice, uniquely)
    assert set(ledger.crosswalk("Patient")["state"]) == {Status.CREATED}


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def dying(owner: type, name: str, when: str) -> Iterator[None]:
    """Kill the process before or after the first call of a method."""
    original = getattr(owner, name)

    def after(*arguments: Any, **named: Any) -> None:
        original(*arguments, **named)
        _die()

    setattr(owner, name, _die if when == "before" else after)
    yield
    setattr(owner, name, original)


@pytest.mark.parametrize(
    ("owner", "name", "when"),
    [
        (Bulk, "start_write", "before"),
        (Bulk, "start_write", "after"),
        (Writer, "job_started", "after"),
        pytest.param(Bulk, "write_results", "after", marks=pytest.mark.slow),
    ],
    ids=["before the start", "before the id is kept", "before the first poll", "before the end"],
)
def test_killed_at_any_moment_of_a_job(
    owner: type, name: str, when: str, emulator: Any, target: Target, ledger: Ledger,
    uniquely: Mapping, practice: Any, bulk_job: Any, by_calls: str, digest_of: Any,
    open_org: Any, tmp_path: Path, ledger_url: str,
) -> None:  # fmt: skip
    bulk_job(target, ledger)

    def child() -> None:
        with dying(owner, name, when):
            own = Ledger(ledger_url, "engagement")
            load(bulk_job(open_org(emulator.url), own, provision=False), "1")
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    (left,) = ledger.unsettled()
    assert (left.job_id is not None) == (owner is not Bulk or name == "write_results")
    jobs = jobs_started(emulator)
    report = load(bulk_job(target, ledger, provision=False), "run-2")
    assert report.recovered == 1
    again = name == "start_write" and when == "before"
    assert jobs_started(emulator) == jobs + len(BY_BULK) - (0 if again else 1)
    assert digest_of(target) == by_calls
    assert_complete(ledger, practice, uniquely)
    assert set(ledger.crosswalk("Patient")["state"]) == {Status.CREATED}
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_planner_spends_a_quarter_of_the_credits_of_record_calls() -> None:
    def credits(count: int, least: int | None) -> int:
        # What is asked first, which keys are there already, costs the same on both ways.
        pages = -(-count // limits.COQL_PAGE)
        asked = pages * limits.credits_for_coql(limits.COQL_PAGE)
        return asked + create_cost(count, least, Call.UPSERT, lambda _: 1.0).credits

    assert credits(100_000, BULK_FROM) <= 0.25 * credits(100_000, None)
    for count in (5_000, BULK_FROM, 8_000, 25_001, 29_000, 31_000, 2_000_000):
        assert credits(count, BULK_FROM) <= credits(count, None)
    assert trays(26_000, BULK_FROM) == [25_000], "a small rest is cheaper by record calls"
    assert trays(2_000_000, None) == []
