"""The load: how near to what the API's own limits allow, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest

from migrator_kit.zoho import limits
from tests.benchmarks.loads import load_contacts, upserts
from tests.benchmarks.measuring import measured
from tests.benchmarks.sdk_loads import sdk_load

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1800)]

LATENCY = 0.150
JOB_SECONDS = 8.0
Record = Callable[[str, float, str], None]
StartOrg = Callable[..., Any]


@pytest.fixture
def start_org(tmp_path: Path, start_emulator: Any) -> Iterator[StartOrg]:
    """A function that starts a fresh org of the edition Enterprise and gives its folder and URL."""
    running = []

    def start(latency: float = 0.0) -> Any:
        folder = tmp_path / f"org-{len(running)}"
        folder.mkdir()
        options = ("--edition", "enterprise", "--latency-ms", str(latency * 1000))
        running.append(start_emulator(folder / "org.db", *options))
        return running[-1]

    yield start
    for one in running:
        one.stop()


def loaded(org: Any, count: int, **how: Any) -> dict[str, Any]:
    """Load contacts in a process of its own."""
    run = measured(load_contacts, url=org.url, folder=str(org.db.parent), count=count, **how)
    assert run.result["records"] == count
    return {**run.result, "cpu": run.cpu, "megabytes": run.megabytes}


def test_rest_load(start_org: StartOrg, record: Record) -> None:
    """Against the bound of ten calls of a hundred side by side, and against the SDK's loop.

    The median of three orgs: a disk that is busy for a moment takes two per cent.
    """
    orgs = [start_org(LATENCY) for _ in range(3)]
    rate = median(50_000 / loaded(org, 50_000)["seconds"] for org in orgs)
    most = limits.SUB_CONCURRENCY * limits.RECORDS_PER_CALL / LATENCY
    org = orgs[-1]
    assert all(one.stats()["answers"].get("429", 0) == 0 for one in orgs)
    record("load-rest", rate / most, f"{rate / most:.0%} ({rate:,.0f} of {most:,.0f} records/s)")
    sdk = measured(sdk_load, url=org.url, folder=str(org.db.parent), count=3_000).result
    theirs = sdk["records"] / sdk["seconds"]
    faster = rate / theirs
    record("load-sdk", faster, f"{faster:.1f} × ({rate:,.0f} and {theirs:,.0f} records/s)")


def test_bulk_load(start_org: StartOrg, record: Record) -> None:
    """The bound: jobs one after the other, each as configured and with the emulator's own work."""
    org, jobs = start_org(), 10
    org.faults({"rules": [{"do": "slow_job", "seconds": JOB_SECONDS}]})
    ours = loaded(org, jobs * limits.BULK_ROWS, bulk=True)
    work = psutil.Process(org.pid).cpu_times()
    least = jobs * JOB_SECONDS + work.user + work.system
    share = least / ours["seconds"]
    record("load-bulk", share, f"{share:.0%} ({least:,.0f} of {ours['seconds']:,.0f} s)")
    credits = ours["credits"] / ours["records"] * 100_000
    rest = limits.credits_for_write(100_000)
    record("load-credits", credits / rest, f"{credits / rest:.2f} ({credits:,.0f} and {rest:,})")


def test_cpu_of_an_upsert(start_org: StartOrg, record: Record) -> None:
    org = start_org()
    both = [
        [measured(upserts, url=org.url, calls=100, plain=plain).result["cpu"] * 1000
         for plain in (False, True)]
        for _ in range(5)
    ]  # fmt: skip
    ours, plain = (median(column) for column in zip(*both, strict=True))
    record("load-cpu", ours / plain, f"{ours / plain:.2f} × ({ours:.1f} and {plain:.1f} ms)")


def test_price_of_the_ledger(start_org: StartOrg, record: Record) -> None:
    """At the API's own pace, in turn with and without."""
    both = [
        [loaded(start_org(LATENCY), 20_000, kept=kept)["seconds"] for kept in (True, False)]
        for _ in range(3)
    ]
    kept, bare = (median(column) for column in zip(*both, strict=True))
    record("load-ledger", kept / bare, f"{kept / bare:.2f} × ({kept:.1f} and {bare:.1f} s)")
