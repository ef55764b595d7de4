"""The results table: one line replaced alone, a miss explained; a process measured alone."""

from __future__ import annotations

import time
from pathlib import Path

from tests.benchmarks.measuring import measured
from tests.benchmarks.results import Result, machine, write
from tests.benchmarks.table import BY_KEY, ROWS


def lines(path: Path) -> dict[str, str]:
    table = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    found = {row.key: [line for line in table if f"| {row.what} | {row.against} |" in line]
             for row in ROWS}  # fmt: skip
    assert all(len(one) == 1 for one in found.values())
    return {key: one[0] for key, one in found.items()}


def test_one_line_is_replaced_alone(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write(Result(BY_KEY["load-rest"], 0.95, "95 %"), path)
    write(Result(BY_KEY["start-up"], 0.9, "0.9 s more"), path)
    before = lines(path)
    write(Result(BY_KEY["start-up"], 0.3, "0.3 s more"), path)
    after = lines(path)
    assert "| 95 % | holds |" in after["load-rest"]
    assert "| 0.9 s more | **missed** |" in before["start-up"]
    assert "| 0.3 s more | holds |" in after["start-up"]
    assert {key for key in before if before[key] != after[key]} == {"start-up"}
    assert "not run" in after["notebooks"]


def test_a_miss_is_explained_until_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write(Result(BY_KEY["load-cpu"], 1.7, "1.7 ×"), path)
    assert f"- **{BY_KEY['load-cpu'].what}**" in path.read_text(encoding="utf-8")
    write(Result(BY_KEY["load-cpu"], 1.4, "1.4 ×"), path)
    assert "What misses" not in path.read_text(encoding="utf-8")


def test_lines_of_another_machine_go(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write(Result(BY_KEY["load-rest"], 0.95, "95 %"), path)
    text = path.read_text(encoding="utf-8").replace(machine()[0], "- Machine: 64 cores")
    path.write_text(text, encoding="utf-8")
    write(Result(BY_KEY["start-up"], 0.3, "0.3 s more"), path)
    assert "not run" in lines(path)["load-rest"]


def filled(megabytes: int) -> int:
    """What the measured process does."""
    held = bytearray(megabytes * 2**20)
    ended = time.process_time() + 0.3
    while time.process_time() < ended:
        pass
    return len(held)


def test_a_process_is_measured_apart_from_this_one() -> None:
    here = bytearray(400 * 2**20)
    small, large = measured(filled, megabytes=1), measured(filled, megabytes=200)
    assert len(here) > large.result == 200 * 2**20
    assert 190 <= large.megabytes - small.megabytes <= 210
    assert small.megabytes < 300
    assert small.cpu >= 0.25
