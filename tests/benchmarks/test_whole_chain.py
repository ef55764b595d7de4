"""The chain from snapshot to reconciliation: cost per record and memory by size, and what the
notebooks add to their steps.

Costs are seconds of CPU of our own processes, so that neither the emulator's growth nor waiting
counts; the emulator's memory counts apart. Starts and imports, the same at any size, are left out.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks import chains
from tests.benchmarks.measuring import measured, measured_command

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(6 * 3600)]

MOST_MEGABYTES = 2_000
SMALL, MEDIUM, LARGE = 20_000, 200_000, 2_000_000
Record = Callable[[str, float, str], None]


class Costs:
    """What the chain took at one size."""

    def __init__(self, records: int, folder: Path) -> None:
        folder.mkdir()
        self.megabytes = self.cpu = self.seconds = 0.0
        steps: list[tuple[str, float, float, float]] = []
        prepared = measured(chains.prepare, folder=str(folder), records=records)
        self.rows = prepared.result["rows"]
        steps += self._add("snapshot", prepared.result["cells"])
        for step in chains.STEPS:
            if step == "load":
                measured(chains.sign_off, folder=str(folder))
            run = measured(chains.run_cells, folder=str(folder), step=step)
            steps += self._add(step, run.result)
        measured(chains.end, folder=str(folder))
        for name, seconds, cpu, megabytes in steps:
            print(
                f"{self.rows:>9,} {name:45} {seconds:8.1f} s {cpu:8.1f} s CPU {megabytes:6,.0f} MB"
            )

    def _add(
        self, step: str, cells: list[dict[str, float]]
    ) -> list[tuple[str, float, float, float]]:
        self.megabytes = max(self.megabytes, *(one["megabytes"] for one in cells))
        work = cells if step == "snapshot" else cells[2:]
        self.cpu += sum(one["cpu"] for one in work)
        self.seconds += sum(one["seconds"] for one in work)
        return [
            (f"{step} {one['cell']}", one["seconds"], one["cpu"], one["megabytes"])
            for one in cells
            if one["cpu"] >= 0.5
        ]

    @property
    def milliseconds(self) -> float:
        """CPU milliseconds a record."""
        return self.cpu / self.rows * 1000


def compare(record: Record, small: Costs, large: Costs, suffix: str = "") -> None:
    """Write the lines of a pair of sizes."""
    ratio = large.milliseconds / small.milliseconds
    record(
        f"chain-flat{suffix}", ratio,
        f"{ratio:.2f} × ({small.milliseconds:.2f} ms a record of {small.rows:,}, "
        f"{large.milliseconds:.2f} ms of {large.rows:,}; {large.seconds:,.0f} s in all)",
    )  # fmt: skip
    share = large.megabytes / MOST_MEGABYTES
    record(f"chain-memory{suffix}", share, f"{share:.2f} × ({large.megabytes:,.0f} MB)")


def test_twenty_and_two_hundred_thousand_records(tmp_path: Path, record: Record) -> None:
    compare(record, Costs(SMALL, tmp_path / "small"), Costs(MEDIUM, tmp_path / "medium"))


@pytest.mark.usefixtures("long_run")
def test_two_million_records(tmp_path: Path, record: Record) -> None:
    small, large = Costs(MEDIUM, tmp_path / "medium"), Costs(LARGE, tmp_path / "large")
    compare(record, small, large, "-long")


def test_notebooks_against_their_steps(tmp_path: Path, record: Record) -> None:
    """Five notebooks by `migrator run`, against their cells called one after another in one go."""
    folders = tmp_path / "cells", tmp_path / "notebooks"
    for folder in folders:
        folder.mkdir()
        measured(chains.prepare, folder=str(folder), records=8_600)
    cells, notebooks = (str(folder) for folder in folders)
    steps = measured(chains.run_all, folder=cells).result
    migrator = [sys.executable, "-m", "migrator_kit.cli"]
    engagement = str(folders[1] / "engagement")
    began = time.perf_counter()
    measured_command([*migrator, "run", engagement, "--to", "sample"])
    chain = time.perf_counter() - began
    measured(chains.sign_off, folder=notebooks)
    began = time.perf_counter()
    measured_command([*migrator, "run", engagement, "--from", "load"])
    chain += time.perf_counter() - began
    for folder in (cells, notebooks):
        measured(chains.end, folder=folder)
    more = chain - steps
    record("notebooks", more, f"{more:.1f} s more ({chain:.1f} and {steps:.1f} s)")
