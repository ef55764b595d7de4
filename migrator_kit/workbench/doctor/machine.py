"""The machine: Python, packages, disk, memory, clock. Pure checks, and the look that feeds them."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from pathlib import Path

import requests

from migrator_kit.workbench.doctor.checks import Check, fail, ok, warn
from migrator_kit.zoho import sessions
from migrator_kit.zoho.hosts import is_loopback

PACKAGE = "migrator-kit"
OLDEST_PYTHON = (3, 11)
GIGABYTE = 1_000_000_000
DISK_NEEDED, DISK_WANTED = 2 * GIGABYTE, 10 * GIGABYTE
ROOM_FOR_SNAPSHOTS = 3
"""Shaped dataset, what was read back, and the next snapshot take about as much as the first."""
MEMORY_NEEDED, MEMORY_WANTED = 2 * GIGABYTE, 4 * GIGABYTE
"""A run holds itself to 2 GB; notebooks and JupyterLab take theirs besides."""
CLOCK_WARN, CLOCK_FAIL = 60.0, 600.0
"""Seconds: an access token lives an hour, and deltas compare times of both sides."""
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(;.*)?$")
_BOUND = re.compile(r"(>=|<=|==|<|>)\s*([0-9]+(?:\.[0-9]+)*)")


def machine_checks(folder: Path | None = None, *, data_bytes: int = 0) -> list[Check]:
    """Look at this machine; `folder` is where the data lies, `data_bytes` its snapshots' size."""
    place = folder or Path.cwd()
    return [
        python_check(sys.version_info[:3]),
        package_check(_requirements(), _installed()),
        disk_check(shutil.disk_usage(place).free, data_bytes),
        memory_check(_memory()),
    ]


def python_check(version: tuple[int, ...]) -> Check:
    """Check the version of Python."""
    found = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return fail("Python", found, f"Install Python {wanted} or newer, then run `make setup`.")
    return ok("Python", found)


def package_check(requirements: Iterable[str], installed: Mapping[str, str]) -> Check:
    """Check that each required package is there in a version that its range admits."""
    wrong, count = [], 0
    for requirement in requirements:
        parsed = _REQUIREMENT.match(requirement)
        if parsed is None or parsed[3]:
            continue
        name, ranges = parsed[1], parsed[2]
        count += 1
        version = installed.get(_canonical(name))
        if version is None:
            wrong.append(f"{name} is missing")
        elif not _admits(ranges, version):
            wrong.append(f"{name} {version} is not {ranges.strip()}")
    if wrong:
        return fail("Packages", "; ".join(wrong), "Install what requirements.lock names.")
    return ok("Packages", f"{count} as required")


def disk_check(free: int, data_bytes: int) -> Check:
    """Check the free space where the engagement lies against its snapshots' size."""
    found = f"{free / GIGABYTE:.1f} GB free"
    needed = max(DISK_NEEDED, ROOM_FOR_SNAPSHOTS * data_bytes)
    remedy = f"Make room: about {max(needed, DISK_WANTED) / GIGABYTE:.0f} GB are wanted."
    if free < needed:
        return fail("Disk", found, remedy)
    return warn("Disk", found, remedy) if free < DISK_WANTED else ok("Disk", found)


def memory_check(size: int | None) -> Check:
    """Check the machine's memory."""
    if size is None:
        return warn("Memory", "not known", "Make sure of 4 GB or more.")
    found = f"{size / GIGABYTE:.1f} GB"
    if size < MEMORY_NEEDED:
        return fail("Memory", found, "Use a machine with at least 4 GB.")
    if size < MEMORY_WANTED:
        return warn("Memory", found, "Close other programs, or use a machine with 4 GB.")
    return ok("Memory", found)


def clock_check(here: datetime, there: datetime | None) -> Check:
    """Check this machine's clock against the moment that the org's host names."""
    if there is None:
        return warn("Clock", "the host named no time", "Compare this machine's clock by hand.")
    apart = (here - there).total_seconds()
    found = f"{abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} the org's host"
    remedy = "Let the clock be set by the network (NTP)."
    if abs(apart) > CLOCK_FAIL:
        return fail("Clock", found, remedy)
    return warn("Clock", found, remedy) if abs(apart) > CLOCK_WARN else ok("Clock", found)


def time_at(url: str) -> datetime | None:
    """Return the moment that a host's `Date` header names, None where it names none."""
    with sessions.make(direct=is_loopback(url)) as session:
        try:
            told = session.get(url, timeout=10, allow_redirects=False).headers.get("Date", "")
            return parsedate_to_datetime(told)
        except (requests.RequestException, ValueError):
            return None


def now() -> datetime:
    """Return this machine's time."""
    return datetime.now(UTC)


def _requirements() -> list[str]:
    try:
        return metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return [PACKAGE]


def _installed() -> dict[str, str]:
    return {
        _canonical(one.metadata["Name"]): one.version
        for one in metadata.distributions()
        if one.metadata["Name"]
    }


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _admits(ranges: str, version: str) -> bool:
    release = _release(version)
    tests = {
        ">=": release.__ge__, "<=": release.__le__, "==": release.__eq__, "<": release.__lt__,
        ">": release.__gt__,
    }  # fmt: skip
    return all(tests[sign](_release(bound)) for sign, bound in _BOUND.findall(ranges))


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, filled up so that 3.1 and 3.1.0 are the same."""
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    numbers = [int(one) for one in found[0].split(".")] if found else []
    return tuple((numbers + [0] * 4)[:4])
