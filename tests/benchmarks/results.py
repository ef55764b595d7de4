"""RESULTS.md: one line a promise, replaced one at a time, with machine, versions and commit."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmarks.table import ROWS, Row

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("pandas", "pyarrow", "duckdb", "dask", "SQLAlchemy", "requests", "great-expectations")

_INTRODUCTION = """\
# Benchmarks

Written by `make bench`. Each line compares two things in one run on one machine; a single line is
measured anew with `make bench ARGS="-k NAME"`, where NAME is part of a test's name in this folder.
Two million records take `make bench-long`.

"""
_HEADINGS = ("what", "against", "at least", "measured", "verdict", "commit", "date")
_WHY = "## What misses, and why"


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured for one row. `shown` is the cell, the ratio said in words."""

    row: Row
    ratio: float
    shown: str

    @property
    def verdict(self) -> str:
        return "holds" if self.row.holds(self.ratio) else "**missed**"

    def line(self) -> str:
        cells = (*_named(self.row), self.shown, self.verdict, commit(), _today())
        return _line(cells)


def write(result: Result, path: Path = RESULTS) -> None:
    """Put one result into the table; other lines stay as they are, if from the same machine."""
    known = _known(path)
    known[result.row.key] = result.line()
    path.write_text(_page(known), encoding="utf-8")


def _page(known: Mapping[str, str]) -> str:
    head = [_line(_HEADINGS), _line(("---",) * len(_HEADINGS))]
    lines = [known.get(row.key) or _line((*_named(row), "not run", "", "", "")) for row in ROWS]
    missed = [row for row in ROWS if "**missed**" in known.get(row.key, "")]
    why = [f"- **{row.what}**: {_explained(row)}" for row in missed]
    parts = [_INTRODUCTION + "\n".join(machine()), "\n".join([*head, *lines])]
    if why:
        parts.append("\n".join([_WHY, "", *why]))
    return "\n\n".join(parts) + "\n"


def _explained(row: Row) -> str:
    reason = row.missed or "not explained yet."
    return f"{reason} Tried: {row.tried}" if row.tried else reason


def _known(path: Path) -> dict[str, str]:
    """Return the lines of the table by row key; none of another machine, which say nothing here."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if machine()[0] not in text:
        return {}
    keys = {_line(_named(row)).removesuffix("|").strip(): row.key for row in ROWS}
    found = {}
    for line in text.splitlines():
        named = next((key for start, key in keys.items() if line.startswith(f"{start} |")), None)
        if named is not None and "| not run |" not in line:
            found[named] = line
    return found


def _named(row: Row) -> tuple[str, str, str]:
    return row.what, row.against, row.promise


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def machine() -> list[str]:
    """Return cores, memory, processor; system and versions. No name, no path."""
    memory = round(psutil.virtual_memory().total / 2**30)
    cores = psutil.cpu_count() or 1
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"- Machine: {cores} cores, {memory} GiB, {_processor()}",
        f"- Versions: {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, {packages}",
    ]


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    text = listed.read_text(encoding="utf-8") if listed.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    return found[1].strip() if found else platform.machine()


def commit() -> str:
    """Return the commit that was measured; a `+` says that the work tree differs from it."""
    if shutil.which("git") is None:
        return "unknown"
    head = _git("rev-parse", "--short=8", "HEAD")
    own = f":!{RESULTS.name}"
    return f"{head}+" if _git("status", "--porcelain", "--", ":/", own) else head


def _git(*words: str) -> str:
    answer = subprocess.run(
        ["git", *words], cwd=RESULTS.parent, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")
