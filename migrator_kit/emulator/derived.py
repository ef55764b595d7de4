"""What the CRM works out by itself when a record is saved, and what it refuses then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from migrator_kit.emulator.answers import INVALID_DATA, RecordError
from migrator_kit.emulator.schema import Option


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of the org: options by either spelling, and the stage ids of each pipeline."""

    by_name: Mapping[str, Option]
    pipelines: Mapping[str, frozenset[str]]


Data = dict[str, Any]


def settle(module: str, data: Data, changed: Data, place: str, stages: Stages) -> None:
    """Fill derived fields of `data` in place. Raises RecordError for a contradiction.

    `data` is the whole record as it will stand, `changed` what this call sets.
    """
    rule = _RULES.get(module)
    if rule is not None:
        rule(data, changed, place, stages)


def _full_name(data: Data, _changed: Data, _place: str, _stages: Stages) -> None:
    parts = (data.get("First_Name"), data.get("Last_Name"))
    data["Full_Name"] = " ".join(part for part in parts if part)[:120]


def _deal(data: Data, changed: Data, place: str, stages: Stages) -> None:
    if "Stage" in changed or "Pipeline" in changed:
        members = stages.pipelines.get(data["Pipeline"])
        if members is None:
            raise _refused("Pipeline", place)
        stage = stages.by_name.get(data["Stage"])
        if stage is None or stage.id not in members:
            raise _refused("Stage", place)
        if changed.get("Probability") is None:
            data["Probability"] = stage.probability
    chance = data.get("Probability")
    if chance is not None and not 0 <= chance <= 100:
        raise _refused("Probability", place)
    amount = data.get("Amount")
    data.pop("Expected_Revenue", None)
    if amount is not None and chance is not None:
        data["Expected_Revenue"] = round(amount * chance / 100, 2)


def _task(data: Data, _changed: Data, _place: str, _stages: Stages) -> None:
    if data.get("Status") == "Completed":
        data.setdefault("Closed_Time", data["Modified_Time"])
    else:
        data.pop("Closed_Time", None)


def _call(data: Data, _changed: Data, place: str, _stages: Stages) -> None:
    duration = data["Call_Duration"]
    parts = duration.split(":")
    if not 1 < len(parts) < 4 or not all(part.isdigit() for part in parts):
        raise _refused("Call_Duration", place)
    seconds = sum(int(part) * 60**power for power, part in enumerate(reversed(parts)))
    if seconds == 0 and data["Call_Type"] != "Missed":
        raise RecordError(
            "DEPENDENT_MISMATCH",
            "Call Duration can not be zero.",
            {
                "dependee": {"api_name": "Call_Type", "json_path": f"{place}.Call_Type"},
                "api_name": "Call_Duration",
                "json_path": f"{place}.Call_Duration",
            },
        )
    data["Call_Duration_in_seconds"] = seconds


def _note(data: Data, _changed: Data, place: str, _stages: Stages) -> None:
    if not data.get("Note_Title") and not data.get("Note_Content"):
        raise RecordError(
            "EXPECTED_FIELD_MISSING",
            "should contain either content or title",
            {
                "expected_fields": [
                    {"api_name": name, "json_path": f"{place}.{name}"}
                    for name in ("Note_Content", "Note_Title")
                ]
            },
        )


def _refused(name: str, place: str) -> RecordError:
    return RecordError(
        INVALID_DATA, "invalid data", {"api_name": name, "json_path": f"{place}.{name}"}
    )


_RULES: Mapping[str, Callable[[Data, Data, str, Stages], None]] = {
    "Contacts": _full_name,
    "Leads": _full_name,
    "Deals": _deal,
    "Tasks": _task,
    "Calls": _call,
    "Notes": _note,
}
