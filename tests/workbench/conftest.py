"""One finished demo, and what it left behind."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

DEMO_PATIENTS = 60
DEMO_SEED = 1


@dataclass(frozen=True)
class FinishedDemo:
    """What `migrator demo` left behind. Tests may look at it and run it again, not undo it."""

    folder: Path
    output: str
    said: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> FinishedDemo:
    """The finished demo. Tests of it carry a longer time limit: the first one waits for it."""
    folder = tmp_path_factory.mktemp("demo") / "engagement"
    command = [sys.executable, "-m", "migrator_kit.cli", "demo", "--out", str(folder)]
    command += ["--patients", str(DEMO_PATIENTS), "--seed", str(DEMO_SEED)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder.parent, timeout=800, check=False
    )
    assert done.returncode == 0, done.stderr
    return FinishedDemo(folder, done.stdout, done.stderr)
