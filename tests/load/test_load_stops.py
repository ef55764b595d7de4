"""Full disks, locked files, clocks that jump: the load stops clean, says why, and goes on."""

from __future__ import annotations

import errno
import os
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from migrator_kit.errors import BudgetExhausted, LedgerError
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.rollback import rollback
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping
from migrator_kit.progress import SILENT, Step


@pytest.fixture
def patients() -> int:
    return 4


def when(title: str, act: Callable[[], None]) -> Any:
    """Return a progress that does something as soon as a step begins."""

    @contextmanager
    def progress(shown: str, total: int | None) -> Iterator[Step]:
        if shown == title:
            act()
        with SILENT(shown, total) as step:
            yield step

    return progress


def _only_of_a_file(ledger: Ledger) -> None:
    if ledger._engine.dialect.name != "sqlite":
        pytest.skip("a full disk and a lock of the ledger's file are those of SQLite")


def finished(ledger: Ledger, practice: Any, mapping: Mapping, emulator: Any) -> None:
    counts = object_counts(ledger, practice, mapping)
    assert all(one["remainder"] == 0 and one["failed"] == 0 for one in counts.values())
    assert counts["Patient"]["created"] == 4
    assert emulator.stats()["records"]["Contacts"] == 4
    assert emulator.stats()["records"]["Notes"] == 8
    assert ledger.unsettled() == []
    assert ledger.verify_audit().ok


@pytest.mark.parametrize("which", ["ledger", "vault"])
def test_a_full_disk_stops_the_load_and_it_goes_on_when_there_is_room(
    which: str, emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping,
    job_of: Any,
) -> None:  # fmt: skip
    job = job_of(target, ledger)
    if which == "ledger":
        _only_of_a_file(ledger)
        room = [sqlite3.connect(ledger._engine.url.database).execute("PRAGMA page_count")
                .fetchone()[0] + 1]  # fmt: skip

        def narrow(connection: Any, *_: Any) -> None:
            connection.execute(f"PRAGMA max_page_count = {room[0]}")

        ledger._engine.dispose()
        event.listen(ledger._engine, "connect", narrow)
    else:
        connection = job.vault._connection
        # The first page of sheets is all but full: the next sheet needs another one.
        connection.execute("INSERT INTO sheet VALUES (0, zeroblob(3900))")
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="full") as stopped:
        load(job, "run-1")
    assert "run again" in str(stopped.value)
    if which == "ledger":
        event.remove(ledger._engine, "connect", narrow)
        ledger._engine.dispose()
    load(job_of(target, ledger, provision=False), "run-2")
    finished(ledger, practice, mapping, emulator)


def test_a_locked_ledger_stops_the_load_and_it_goes_on_afterwards(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping, job_of: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    _only_of_a_file(ledger)
    job = job_of(target, ledger)

    def impatient(connection: Any, *_: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 100")

    ledger._engine.dispose()
    event.listen(ledger._engine, "connect", impatient)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    lock = when("Loading Treatment Plan", lambda: other.execute("BEGIN IMMEDIATE") and None)
    with pytest.raises(LedgerError, match="locked by another program"):
        load(job, "run-1", progress=lock)
    other.execute("ROLLBACK")
    other.close()
    assert ledger.runs()["state"].tolist()[-1] in ("running", "stopped")
    load(job_of(target, ledger, provision=False), "run-2")
    finished(ledger, practice, mapping, emulator)


@pytest.mark.parametrize("jump", [7_200, -7_200])
def test_a_clock_that_jumps_changes_nothing(
    jump: int, emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping,
    job_of: Any,
) -> None:  # fmt: skip
    job = job_of(target, ledger)
    before = emulator.stats()["records"]
    forward = when("Loading Patient", lambda: emulator.settings(clock_offset_s=jump) and None)
    load(job, "run-1", progress=forward)
    finished(ledger, practice, mapping, emulator)
    emulator.settings(clock_offset_s=0)
    assert load(job_of(target, ledger, provision=False), "run-2").written == 0
    assert rollback(job_of(target, ledger), "undo").complete
    assert emulator.stats()["records"] == before


def test_no_room_for_the_file_of_a_bulk_write_stops_the_load_and_it_goes_on(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping, job_of: Any,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    job = job_of(target, ledger, bulk_from=2, scratch=scratch)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as narrow:
        narrow.setattr(zipfile.ZipFile, "__init__", full)
        with pytest.raises(LedgerError, match="No space left") as stopped:
            load(job, "run-1")
    assert "run again" in str(stopped.value)
    assert ledger.runs()["state"].tolist() == ["stopped"]
    load(job_of(target, ledger, provision=False, bulk_from=2, scratch=scratch), "run-2")
    finished(ledger, practice, mapping, emulator)
    assert list(scratch.iterdir()) == []


def test_credits_that_end_on_the_way_stop_the_load_and_it_goes_on(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, mapping: Mapping, job_of: Any,
    open_org: Any,
) -> None:  # fmt: skip
    job_of(target, ledger)
    poor = open_org(emulator.url, credit_budget=25)
    with pytest.raises(BudgetExhausted, match="credit budget is used up") as stopped:
        load(job_of(poor, ledger, provision=False), "run-1")
    poor.close()
    assert stopped.value.resume_at, "it says when it can go on"
    assert 0 < len(ledger.landed()) < 4 * 7
    load(job_of(target, ledger, provision=False), "run-2")
    finished(ledger, practice, mapping, emulator)
