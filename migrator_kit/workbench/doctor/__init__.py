"""`migrator doctor`: is this machine, this source and this org ready, and if not, what to do."""

from __future__ import annotations

from pathlib import Path

from migrator_kit.engagement import Engagement
from migrator_kit.workbench.doctor.checks import Check, Level, report, report_text
from migrator_kit.workbench.doctor.machine import machine_checks
from migrator_kit.workbench.doctor.practice import practice_checks
from migrator_kit.workbench.doctor.target import target_checks

__all__ = ["Check", "Level", "examine", "report", "report_text"]


def examine(folder: Path | None = None) -> list[Check]:
    """Return all checks, those of the machine alone without a folder. Writes nothing to the org.

    Raises ConfigError where the folder holds no engagement or engagement.yml is wrong.
    """
    if folder is None:
        return machine_checks()
    engagement = Engagement.open(folder)
    size = sum(path.stat().st_size for path in engagement.snapshots.rglob("*") if path.is_file())
    checks, snapshot, mapping = practice_checks(engagement)
    machine = machine_checks(engagement.folder, data_bytes=size)
    return [*machine, *checks, *target_checks(engagement, snapshot, mapping)]
