"""Shared objects of the conformance tests, and the numbers at the end of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.documented import Samples
from tests.conformance.org import Org

SHARED = Path(__file__).parents[2].parent / "shared"
SAMPLES = SHARED / "data" / "19_zoho_docs_samples"


class Tally:
    """What became of each documented sample, for the line at the end of the run."""

    def __init__(self) -> None:
        self.scope: set[str] = set()
        self.passed: set[str] = set()
        self.excused: set[str] = set()
        self.requests: dict[str, int] = {}

    def lines(self) -> Iterator[str]:
        """The numbers that the emulator's README states."""
        if self.scope:
            yield (
                f"documented samples in scope: {len(self.scope)}, "
                f"passed: {len(self.passed)}, excused: {len(self.excused)}"
            )
        if self.requests:
            yield ", ".join(f"{name}: {number}" for name, number in self.requests.items())


TALLY = Tally()


@pytest.fixture(scope="session")
def tally() -> Tally:
    return TALLY


@pytest.fixture(scope="session")
def samples() -> Samples:
    if not SAMPLES.is_dir():
        pytest.skip("the vendor's documented samples are not at hand")
    return Samples(SAMPLES)


@pytest.fixture(scope="module")
def org(emulator_module: Any) -> Org:
    return Org(emulator_module)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the numbers, also where the tests passed quietly."""
    for line in TALLY.lines():
        terminalreporter.write_line(line)
