"""What a check says: its name, ok, warn or fail, what was found, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARN = "warn"
    """Works, with a loss or a wait that somebody should know of."""
    FAIL = "fail"
    """The migration cannot go on before it is mended."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line. `found` names no secret and no patient; `remedy` is empty where all is well."""

    name: str
    level: Level
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Check:
    """Return a check that found nothing to mend."""
    return Check(name, Level.OK, found)


def warn(name: str, found: str, remedy: str) -> Check:
    """Return a check that somebody should know of."""
    return Check(name, Level.WARN, found, remedy)


def fail(name: str, found: str, remedy: str) -> Check:
    """Return a check that stops the migration."""
    return Check(name, Level.FAIL, found, remedy)


def report(checks: Sequence[Check]) -> dict[str, Any]:
    """Return what `migrator doctor --json` prints."""
    counts = {level.value: sum(c.level is level for c in checks) for level in Level}
    healthy = not counts[Level.FAIL.value]
    return {"ok": healthy, "counts": counts, "checks": [asdict(check) for check in checks]}


def report_text(checks: Sequence[Check]) -> str:
    """Return the checks for a terminal, one a line, remedies below."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{check.level:<5} {check.name:<{width}}  {check.found}")
        if check.remedy:
            lines.append(f"{'':<5} {'':<{width}}  → {check.remedy}")
    return "\n".join(lines)
