"""Lost answers, cut lines, killed loaders: the target is the same as after an undisturbed run."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from migrator_kit.errors import LedgerError, TargetError, TransientError
from migrator_kit.load import readback
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.rollback import rollback
from migrator_kit.load.target import Target
from migrator_kit.load.writer import Writer
from migrator_kit.mapping.model import Mapping, ObjectName
from tests.load.dying import Dies

PATIENTS = 4


@pytest.fixture
def patients() -> int:
    return PATIENTS


@pytest.fixture(scope="module")
def undisturbed(
    emulator_module: Any, tmp_path_factory: pytest.TempPathFactory, digest_of: Any
) -> Callable[[Any, Any], str]:
    """Return a function that loads once without trouble and gives the target's digest."""
    known: list[str] = []

    def digest(job_of: Any, open_org: Any) -> str:
        if not known:
            folder = tmp_path_factory.mktemp("undisturbed")
            target = open_org(emulator_module.url)
            ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", "engagement")
            load(job_of(target, ledger), "run-1")
            known.append(digest_of(target))
            target.close()
            ledger.close()
        return known[0]

    return digest


def drive(job_of: Any, target: Target, ledger: Ledger, attempts: int = 30) -> list[Any]:
    """Run until done, as a person would who starts again after each stop."""
    reports = []
    for attempt in range(attempts):
        try:
            reports.append(load(job_of(target, ledger, provision=False), f"run-{attempt}"))
        except TargetError:
            continue
        return reports
    raise AssertionError("the load never came to an end")


FAULTS = {
    "answer lost after the write": {"do": "cut", "when": "after", "chance": 0.3},
    "line cut before the write": {"do": "cut", "when": "before", "chance": 0.2},
    "half an answer": {"do": "half", "when": "after", "chance": 0.3},
    "500 after the write": {"do": "answer", "status": 500, "when": "after", "chance": 0.3},
    "503 before the write": {"do": "answer", "status": 503, "when": "before", "chance": 0.2},
    "429": {"do": "answer", "status": 429, "when": "before", "chance": 0.2},
    "tokens revoked": {"do": "revoke_token", "when": "before", "chance": 0.05},
}


QUICK = ("answer lost after the write", "tokens revoked")


@pytest.mark.parametrize(
    "fault", [f if f in QUICK else pytest.param(f, marks=pytest.mark.slow) for f in FAULTS]
)
def test_trouble_on_the_line_doubles_and_loses_nothing(
    fault: str, emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any,
    job_of: Any, open_org: Any, undisturbed: Any, digest_of: Any,
) -> None:  # fmt: skip
    job_of(target, ledger)
    emulator.faults({"seed": 11, "rules": [{"match": "* /crm/v8/*", **FAULTS[fault]}]})
    drive(job_of, target, ledger)
    emulator.faults({})
    assert digest_of(target) == undisturbed(job_of, open_org)
    counts = object_counts(ledger, practice, mapping)
    assert all(count["remainder"] == 0 and count["failed"] == 0 for count in counts.values())
    assert counts["Patient"]["created"] == PATIENTS
    assert ledger.verify_audit().ok
    assert ledger.unsettled() == []
    assert emulator.fired()["total"] == 0


def test_calls_that_are_carried_out_after_their_line_was_cut_double_nothing(
    emulator: Any, target: Target, ledger: Ledger, job_of: Any, open_org: Any, undisturbed: Any,
    digest_of: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(readback, "STILL_AT_WORK", 1.5)
    job = job_of(target, ledger)
    late = {"do": "cut", "when": "late", "seconds": 0.8, "times": 1}
    calls = ("Notes", "Contacts/*/Attachments", "Tasks", "Contacts/upsert")
    emulator.faults({"rules": [{**late, "match": f"POST /crm/v8/{call}"} for call in calls]})
    load(job, "run-1")
    assert emulator.struck() == [1] * len(calls)
    time.sleep(0.9)
    assert digest_of(target) == undisturbed(job_of, open_org)


def test_an_undo_takes_back_what_a_late_call_of_ours_wrote_once_more(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    practice.row(ObjectName.PLAN, "TP000002")["Amount"] = 999.0
    practice.write()
    emulator.faults({"rules": [{"do": "cut", "when": "late", "seconds": 2.1, "times": 1,
                                "match": "PUT /crm/v8/Deals"}]})  # fmt: skip
    load(job_of(target, ledger, provision=False), "run-2", kind="delta")
    assert emulator.struck() == [1]
    time.sleep(2.2)
    report = rollback(job_of(target, ledger, provision=False), "undo")
    assert report.complete, report.held.to_string()


def test_a_load_that_stops_tells_why_and_goes_on(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    job_of(target, ledger)
    emulator.faults({"rules": [{"do": "answer", "status": 429, "match": "POST /crm/v8/Deals/*"}]})
    with pytest.raises(TransientError):
        load(job_of(target, ledger, provision=False), "run-1")
    assert ledger.runs()["state"].tolist() == ["stopped"]
    assert len(ledger.crosswalk("Patient")) == PATIENTS
    emulator.faults({})
    report = load(job_of(target, ledger, provision=False), "run-2")
    assert report.table().set_index("object").loc["Patient", "unchanged"] == PATIENTS
    assert report.recovered == 0, "a refused call is known to have done nothing"


def run_killed(job_of: Any, open_org: Any, url: str, ledger_url: str, dies: Dies) -> int:
    """Load in a process of its own that dies on the way. Returns its exit code."""

    def child() -> None:
        dies.install()
        target, ledger = open_org(url), Ledger(ledger_url, "engagement")
        load(job_of(target, ledger, provision=False), f"run-{os.getpid()}")
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.slow
def test_killed_between_any_two_writes_of_the_ledger(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any, job_of: Any,
    open_org: Any, undisturbed: Any, digest_of: Any, ledger_url: str,
) -> None:  # fmt: skip
    job_of(target, ledger)
    chance = random.Random(5)
    exits = Counter[int]()
    for attempt in range(60):
        dies = Dies(chance.randint(5, 12) if attempt < 40 else 10_000, before=chance.random() < 0.5)
        exits[run_killed(job_of, open_org, emulator.url, ledger_url, dies)] += 1
        if exits[0]:
            break
    assert exits[0] == 1
    assert exits[-signal.SIGKILL] >= 5, "the loader has to be killed on its way"
    assert digest_of(target) == undisturbed(job_of, open_org)
    counts = object_counts(ledger, practice, mapping)
    assert all(count["remainder"] == 0 and count["failed"] == 0 for count in counts.values())
    assert counts["Patient"]["created"] == PATIENTS
    assert ledger.verify_audit().ok


def test_a_second_loader_is_refused_while_the_first_is_at_work(
    target: Target, ledger: Ledger, job_of: Any, ledger_url: str
) -> None:
    job = job_of(target, ledger)
    other = Ledger(ledger_url, "engagement")
    with (
        other.writing("full load of somebody", "run-0"),
        pytest.raises(LedgerError, match="full load of somebody"),
    ):
        load(job, "run-1")
    other.close()
    assert load(job, "run-1").written > 0


def test_a_ledger_that_cannot_be_written_stops_the_load_and_nothing_is_doubled(
    emulator: Any, target: Target, ledger: Ledger, job_of: Any, open_org: Any, undisturbed: Any,
    digest_of: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    job_of(target, ledger)
    original, left = Writer.exchange, [2]

    def full(writer: Writer, settled: Any, opened: Any) -> None:
        left[0] -= bool(settled)
        if left[0] <= 0:
            raise LedgerError("The disk is full: the ledger cannot be written.")
        original(writer, settled, opened)

    monkeypatch.setattr(Writer, "exchange", full)
    with pytest.raises(LedgerError, match="disk is full"):
        load(job_of(target, ledger, provision=False), "run-1")
    monkeypatch.setattr(Writer, "exchange", original)
    report = load(job_of(target, ledger, provision=False), "run-2")
    assert report.recovered > 0
    assert digest_of(target) == undisturbed(job_of, open_org)
