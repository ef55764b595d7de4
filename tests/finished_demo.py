"""One finished demo for all tests: made once, whichever worker comes first."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PATIENTS, SEED = 60, 1


@dataclass(frozen=True)
class FinishedDemo:
    """What `migrator demo` left behind.

    `folder` may be looked at and run again, not undone. `kept` is a copy of it from before that:
    nobody changes it, and who wants to change something copies it once more.
    """

    folder: Path
    kept: Path
    output: str
    said: str


def finished_demo(place: Path) -> FinishedDemo:
    """Return the demo below a folder that all workers share, made where there is none yet."""
    done = FinishedDemo(place / "engagement", place / "kept", "", "")
    output, said = place / "output.txt", place / "said.txt"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            command = [sys.executable, "-m", "migrator_kit.cli", "demo", "--out", str(done.folder)]
            command += ["--patients", str(PATIENTS), "--seed", str(SEED)]
            ended = subprocess.run(
                command, capture_output=True, text=True, cwd=place, timeout=800, check=False
            )
            assert ended.returncode == 0, ended.stderr
            shutil.copytree(done.folder, done.kept)
            output.write_text(ended.stdout, encoding="utf-8")
            said.write_text(ended.stderr, encoding="utf-8")
    return FinishedDemo(
        done.folder, done.kept, output.read_text(encoding="utf-8"), said.read_text(encoding="utf-8")
    )


def shared_folder(base: Path) -> Path:
    """Return the folder that the workers of one test run have in common."""
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
