"""How long the command line takes to start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import pytest

pytestmark = pytest.mark.benchmark


def seconds_of(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def test_start_of_the_command(record: Callable[[str, float, str], None]) -> None:
    # In turn, so that whatever else the machine does meets both.
    both = [
        (seconds_of("-m", "migrator_kit.cli", "--help"), seconds_of("-c", "pass")) for _ in range(9)
    ]
    help_seconds, pass_seconds = (median(column) for column in zip(*both, strict=True))
    more = help_seconds - pass_seconds
    record("start-up", more, f"{more:.2f} s more ({help_seconds:.2f} s, {pass_seconds:.2f} s)")
