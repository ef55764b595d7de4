"""Killed at random moments, on a line that fails, against an org that restarts: the end is right.

Each case loads, loads a delta and undoes everything, each in processes that are killed and started
again until one comes to its end. Cases with an odd seed go by record calls, those with an even one
by bulk write. `MIGRATOR_CHAOS_CASES` sets how many there are (2 without it; the long form is 200
and more), `MIGRATOR_CHAOS_SEED` where they begin. `MIGRATOR_CHAOS_EVERY=1` also kills a load at
each single write of ledger and vault, before and after its commit (2: at every other one).
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from migrator_kit.errors import BudgetExhausted, LedgerError, TargetError
from migrator_kit.load import bulk_sending
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.job import LoadJob
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.org_state import org_state
from migrator_kit.load.rollback import rollback
from migrator_kit.mapping.model import Mapping, ObjectName
from tests.load.dying import Dies

CASES = int(os.environ.get("MIGRATOR_CHAOS_CASES", "2"))
FIRST_SEED = int(os.environ.get("MIGRATOR_CHAOS_SEED", "1"))
EVERY = int(os.environ.get("MIGRATOR_CHAOS_EVERY", "0"))
PATIENTS = 3
MOST_ATTEMPTS = 40
LAST_KILL = 8
"""After so many attempts nobody kills any more, after twice as many the line is sound as well."""

FAULTS: tuple[dict[str, Any], ...] = (
    {"do": "cut", "when": "after", "chance": 0.15},
    {"do": "cut", "when": "before", "chance": 0.1},
    {"do": "half", "when": "after", "chance": 0.1},
    {"do": "answer", "status": 500, "when": "after", "chance": 0.1},
    {"do": "answer", "status": 503, "when": "before", "chance": 0.1},
    {"do": "answer", "status": 429, "when": "before", "chance": 0.1},
    {"do": "revoke_token", "when": "before", "chance": 0.03},
    {"do": "delay", "seconds": 0.05, "chance": 0.1},
)
BULK_FAULTS: tuple[dict[str, Any], ...] = (
    {"do": "fail_job", "match": "POST /crm/bulk/v8/write", "times": 1},
    {"do": "cut", "when": "after", "match": "POST /crm/bulk/v8/write", "times": 1},
    {"do": "cut", "when": "after", "match": "POST /crm/v8/upload*", "times": 1},
    {"do": "answer", "status": 404, "match": "GET /crm/bulk/v8/write/*", "times": 1},
    {"do": "half", "when": "after", "match": "GET /crm/bulk/v8/write/*", "times": 2},
)
"""What can go wrong with a job besides: it fails, its start or its file is lost, it is unknown."""
STOPPED = 7
"""Exit code of a run that stopped with one of our own errors, as it may."""

Run = Callable[[LoadJob, str], Any]


class Chaos:
    """One seeded case: an org, a practice, a ledger, and everything that goes wrong."""

    def __init__(
        self, seed: int, emulator: Any, practice: Any, ledger_url: str, tools: Any, *, bulk: bool
    ) -> None:
        self.chance, self.bulk = random.Random(seed), bulk
        self.seed, self.emulator, self.practice = seed, emulator, practice
        self.ledger_url, self.tools = ledger_url, tools
        self.seen: Counter[str] = Counter()

    def drive(self, name: str, run: Run) -> None:
        """Start a run again and again until one comes to its end."""
        for attempt in range(MOST_ATTEMPTS):
            sound = attempt >= 2 * LAST_KILL
            possible = (*FAULTS, *BULK_FAULTS) if self.bulk else FAULTS
            rules = [] if sound else self.chance.sample(possible, self.chance.randint(0, 3))
            faults = {"seed": self.chance.randint(1, 9_999),
                      "rules": [{"match": "* /crm/*", **rule} for rule in rules]}  # fmt: skip
            self.emulator.faults(faults)
            process = self._started(run, f"{name}-{attempt}")
            if attempt < LAST_KILL:
                self._disturb(process, faults)
            process.join(60)
            code = process.exitcode
            self.seen["killed" if code == -signal.SIGKILL else f"exit {code}"] += 1
            if code == 0:
                self.emulator.faults({})
                return
            assert code in (-signal.SIGKILL, STOPPED), f"case {self.seed}: {name} ended with {code}"
        raise AssertionError(f"case {self.seed}: {name} never came to an end")

    def once(self, run: Run, run_id: str) -> int | None:
        """Let one process run and return how it ended."""
        process = self._started(run, run_id)
        process.join(120)
        code: int | None = process.exitcode
        return code

    def _started(self, run: Run, run_id: str) -> Any:
        process = multiprocessing.get_context("fork").Process(
            target=self._child, args=(run, run_id)
        )
        process.start()
        return process

    def _disturb(self, process: Any, faults: dict[str, Any]) -> None:
        process.join(self.chance.uniform(0.02, 0.9))
        if self.chance.random() < 0.2:
            self.emulator.restart(kill=self.chance.random() < 0.5)
            self.emulator.settings(token_quota=100_000)
            self.emulator.faults(faults)
            self.seen["org restarted"] += 1
            process.join(self.chance.uniform(0.02, 0.5))
        if process.is_alive() and self.chance.random() < 0.8:
            process.kill()

    def _child(self, run: Run, run_id: str) -> None:
        code = 1
        try:
            target = self.tools.open_org(self.emulator.url)
            ledger = Ledger(self.ledger_url, "engagement")
            run(self.tools.job(self.practice, target, ledger, bulk=self.bulk), run_id)
            code = 0
        except (TargetError, BudgetExhausted, LedgerError) as error:
            # A loader that was killed a moment ago may hold its lock until the system has buried
            # it; a ledger in disorder must never be the reason.
            told = str(error)
            code = 1 if isinstance(error, LedgerError) and "Another loader" not in told else STOPPED
            if code == 1:
                traceback.print_exc()
        except BaseException:  # noqa: BLE001 (told; a forked child must not go on with the tests)
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)


def counted(seen: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(seen.items()))


def edit(practice: Any) -> None:
    """Change the source as a week of work would: new values, a note more, one record less."""
    practice.row(ObjectName.PATIENT, "000001").update(First_Name="Renamed", Email=None)
    practice.row(ObjectName.PLAN, "TP000002")["Amount"] = 999.0
    practice.row(ObjectName.NOTE, "N000003a")["Note_Content"] += "\nan afterthought"
    more = {**practice.row(ObjectName.NOTE, "N000002b"), "source_id": "N000002c"}
    more["Note_Content"] = "[source N000002c | 2024-05-01 10:00 +01:00 | Dr One]\nanother"
    practice.data[ObjectName.NOTE].append(more)
    practice.write()


def undo(job: LoadJob, run_id: str) -> None:
    report = rollback(job, run_id)
    assert report.complete, report.held.to_string()


@pytest.fixture
def tools(
    open_org: Any, job_on: Any, practice_in: Any, digest_of: Any, mapping: Mapping,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:  # fmt: skip
    class Tools:
        """What a case needs; jobs by bulk write have a unique key of tasks, as the profiles do."""

        def __init__(self) -> None:
            self.open_org, self.practice_in, self.digest_of = open_org, practice_in, digest_of
            self.job_on = partial(job_on, uses=uniquely(mapping))

        def job(self, practice: Any, target: Any, ledger: Ledger, *, bulk: bool) -> LoadJob:
            least = 2 if bulk else None
            scratch = practice.folder / "scratch"
            scratch.mkdir(exist_ok=True)
            job: LoadJob = self.job_on(
                practice, target, ledger, provision=False, bulk_from=least, scratch=scratch
            )
            return job

    monkeypatch.setattr(bulk_sending, "PAUSES", (0.3,) * 20)
    return Tools()


def uniquely(mapping: Mapping) -> Mapping:
    plain = '"label":"Source Task ID","data_type":"text","length":100,"unique":false'
    text = mapping.model_dump_json()
    assert plain in text
    return Mapping.model_validate_json(text.replace(plain, plain.replace("false", "true")))


def undisturbed(
    folder: Path, start_emulator: Any, tools: Any, new_ledger_url: Any
) -> tuple[str, str]:
    """Return the digests of an org after a load and after a delta that nothing disturbed."""
    folder.mkdir()
    emulator = start_emulator(folder / "emulator.db")
    practice, target = tools.practice_in(folder, PATIENTS), tools.open_org(emulator.url)
    ledger = Ledger(new_ledger_url(folder), "engagement")
    load(tools.job_on(practice, target, ledger), "run-1")
    first = tools.digest_of(target)
    edit(practice)
    load(tools.job_on(practice, target, ledger, provision=False), "run-2")
    second = tools.digest_of(target)
    ledger.close()
    target.close()
    emulator.stop()
    return first, second


@pytest.mark.slow
@pytest.mark.timeout(120 + 120 * CASES)
def test_whatever_breaks_the_end_is_that_of_an_undisturbed_run(
    tmp_path: Path, start_emulator: Any, mapping: Mapping, tools: Any, new_ledger_url: Any
) -> None:
    loaded, updated = undisturbed(tmp_path / "calm", start_emulator, tools, new_ledger_url)
    seen: Counter[str] = Counter()
    began = time.perf_counter()
    for seed in range(FIRST_SEED, FIRST_SEED + CASES):
        folder = tmp_path / f"case-{seed}"
        folder.mkdir()
        emulator = start_emulator(folder / "emulator.db")
        practice = tools.practice_in(folder, PATIENTS)
        url = new_ledger_url(folder)
        target, ledger = tools.open_org(emulator.url), Ledger(url, "engagement")
        before = org_state(tools.job_on(practice, target, ledger))
        ledger.close()
        chaos = Chaos(seed, emulator, practice, url, tools, bulk=seed % 2 == 0)
        chaos.drive("load", lambda job, run_id: load(job, run_id))
        assert tools.digest_of(target) == loaded, f"case {seed}: the load differs"
        edit(practice)
        chaos.drive("delta", lambda job, run_id: load(job, run_id, kind="delta"))
        assert tools.digest_of(target) == updated, f"case {seed}: the delta differs"
        ledger = Ledger(url, "engagement")
        counts = object_counts(ledger, practice, mapping)
        assert all(one["remainder"] == 0 and one["failed"] == 0 for one in counts.values())
        ledger.close()
        chaos.drive("undo", undo)
        ledger = Ledger(url, "engagement")
        job = tools.job_on(practice, target, ledger, provision=False)
        assert org_state(job) == before, f"case {seed}: the org is not as it was"
        assert ledger.landed().empty
        assert ledger.unsettled() == []
        assert ledger.verify_audit().ok
        assert emulator.fired()["total"] == 0
        assert list((folder / "scratch").iterdir()) == [], "no file with values stays behind"
        seen += chaos.seen
        seen["by bulk write" if chaos.bulk else "by record calls"] += 1
        print(f"\ncase {seed}: {counted(chaos.seen)}", flush=True)
        ledger.close()
        target.close()
        emulator.stop()
    print(f"\n{CASES} cases in {time.perf_counter() - began:.0f} s: {counted(seen)}")
    assert seen["killed"] + seen["exit 7"] >= CASES, "the loader has to be killed on its way"


@pytest.mark.slow
@pytest.mark.skipif(not EVERY, reason="the long form: MIGRATOR_CHAOS_EVERY=1")
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("bulk", [False, True], ids=["record calls", "bulk write"])
def test_killed_at_each_single_write_of_ledger_and_vault(
    bulk: bool, tmp_path: Path, start_emulator: Any, tools: Any, new_ledger_url: Any
) -> None:
    loaded, _ = undisturbed(tmp_path / "calm", start_emulator, tools, new_ledger_url)
    exits: Counter[int] = Counter()
    for number in itertools.count(1, EVERY):
        ended = []
        for before in (True, False):
            folder = tmp_path / f"{number}-{before}"
            folder.mkdir()
            emulator = start_emulator(folder / "emulator.db")
            practice, url = tools.practice_in(folder, PATIENTS), new_ledger_url(folder)
            target, ledger = tools.open_org(emulator.url), Ledger(url, "engagement")
            tools.job_on(practice, target, ledger)
            chaos = Chaos(number, emulator, practice, url, tools, bulk=bulk)
            dies = Dies(number, before=before)

            def dying(job: LoadJob, run_id: str, dies: Dies = dies) -> None:
                dies.install()
                load(job, run_id)

            ended.append(chaos.once(dying, "run-1"))
            load(tools.job(practice, target, ledger, bulk=bulk), "run-2")
            assert tools.digest_of(target) == loaded, f"killed at write {number}"
            assert ledger.unsettled() == []
            assert ledger.verify_audit().ok
            ledger.close()
            target.close()
            emulator.stop()
        exits.update(ended)
        if ended == [0, 0]:
            break
    assert set(exits) == {0, -signal.SIGKILL}
    print(f"\n{exits[-signal.SIGKILL]} loads killed at {number - 1} writes, each came to its end")
