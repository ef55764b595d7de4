"""A Python with packages that do not fit beside ours: made once, in a folder below our own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def own_python(name: str, *packages: str) -> str:
    """Return the interpreter of an environment with these packages; skips where none can be had."""
    home = Path(sys.prefix) / "benchmarks" / name
    python = home / "bin" / "python"
    mark = home / ".complete"
    if mark.exists() and mark.read_text(encoding="utf-8") == " ".join(packages):
        return str(python)
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*install, *packages], check=False).returncode:
        pytest.skip(f"{', '.join(packages)} could not be installed")
    mark.write_text(" ".join(packages), encoding="utf-8")
    return str(python)
