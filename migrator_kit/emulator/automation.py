"""Automations of the org. Each one that runs leaves a row in `fired`, so silence can be proven.

Seeded: a workflow rule on create, edit and delete of every module, and a cadence on create and
edit. Absent `trigger` runs every automation, `[]` none; cadences are stopped only by
`skip_feature_execution` (fact sheet 2.2), workflows on delete by `wf_trigger=false` (4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from migrator_kit.emulator.answers import INVALID_DATA, MANDATORY_NOT_FOUND, ApiError
from migrator_kit.emulator.store import Writer

RULES = {"workflow": "Send reminder e-mail", "cadences": "Patient follow-up cadence"}
TRIGGERS = frozenset({"workflow", "approval", "blueprint", "pathfinder", "orchestration"})


@dataclass(frozen=True, slots=True)
class Automations:
    """Which kinds run for a call."""

    workflow: bool = True
    cadences: bool = True

    def kinds(self, event: str) -> list[str]:
        """The automations that an event sets off."""
        kinds = ["workflow"] if self.workflow else []
        if self.cadences and event != "delete":
            kinds.append("cadences")
        return kinds


def asked_for(body: Mapping[str, Any]) -> Automations:
    """Reads `trigger` and `skip_feature_execution` of a write. Raises ApiError when malformed."""
    trigger = body.get("trigger")
    if trigger is not None and (
        not isinstance(trigger, list) or any(name not in TRIGGERS for name in trigger)
    ):
        raise ApiError(
            INVALID_DATA,
            "invalid data",
            {"expected_data_type": "jsonarray", "api_name": "trigger", "json_path": "$.trigger"},
        )
    cadences = True
    for position, skip in enumerate(body.get("skip_feature_execution") or []):
        path = f"$.skip_feature_execution[{position}].name"
        if not isinstance(skip, dict) or "name" not in skip:
            raise ApiError(
                MANDATORY_NOT_FOUND,
                "required field not found",
                {"api_name": "name", "json_path": path},
            )
        if skip["name"] != "cadences":
            raise ApiError(
                INVALID_DATA,
                "invalid data",
                {"supported_values": ["cadences"], "api_name": "name", "json_path": path},
            )
        cadences = False
    return Automations(trigger is None or "workflow" in trigger, cadences)


def fire(
    writer: Writer, at: str, run: Automations, module: str, event: str, ids: Iterable[int]
) -> None:
    """Leave a row for each automation that these records set off."""
    rows = [
        (at, kind, RULES[kind], module, event, number)
        for number in ids
        for kind in run.kinds(event)
    ]
    if rows:
        writer.db.executemany(
            "INSERT INTO fired(at, kind, rule, module, event, record_id) VALUES (?,?,?,?,?,?)",
            rows,
        )
