"""Reminder and recall rules of the practice: read, checked for what they lack, ready to rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from migrator_kit.errors import SourceError

COLUMNS = (
    "source_id", "kind", "name", "trigger_event", "offset_days", "send_at", "channel", "template",
    "condition", "frequency", "interval_months", "treatment_code", "consent_required",
    "max_attempts", "active",
)  # fmt: skip
"""Columns that the mapping's SELECT of reminder rules gives."""


class RuleKind(StrEnum):
    """A reminder follows an event; a recall follows a treatment after some months."""

    REMINDER = "reminder"
    RECALL = "recall"


class BuildingBlock(StrEnum):
    """What a rule is rebuilt with in Zoho CRM."""

    WORKFLOW_ON_DATE = "Workflow rule, on a date field"
    WORKFLOW_ON_CHANGE = "Workflow rule, on a record action"
    BLUEPRINT = "Blueprint"
    SCHEDULE = "Schedule (custom function)"
    UNDECIDED = "to be chosen"


_NEEDED = {
    RuleKind.REMINDER: ("trigger_event", "offset_days", "send_at", "channel", "template"),
    RuleKind.RECALL: ("treatment_code", "interval_months", "channel", "template", "max_attempts"),
}
_SPOKEN = {
    "trigger_event": "the event it follows",
    "offset_days": "how many days before or after",
    "send_at": "the time of day",
    "channel": "the channel",
    "template": "the text",
    "treatment_code": "the treatment it follows",
    "interval_months": "the months between treatments",
    "max_attempts": "how many attempts",
}
_STAGES = ("proposed", "presented", "accepted", "declined", "stage", "status_changed")
_REPEATING = ("daily", "weekly", "monthly", "every")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as the practice's program holds it. None stands for what it does not say."""

    source_id: str
    kind: RuleKind
    name: str
    trigger_event: str | None
    offset_days: int | None
    send_at: str | None
    channel: str | None
    template: str | None
    condition: str | None
    frequency: str | None
    interval_months: int | None
    treatment_code: str | None
    consent_required: bool | None
    max_attempts: int | None
    active: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns without which the rule cannot be rebuilt, and which are empty."""
        return tuple(name for name in _NEEDED[self.kind] if getattr(self, name) is None)

    @property
    def missing_in_words(self) -> tuple[str, ...]:
        """What the rule lacks, as a person would say it."""
        return tuple(_SPOKEN[name] for name in self.missing)

    @property
    def building_block(self) -> BuildingBlock:
        """What the rule is best rebuilt with."""
        if self.kind is RuleKind.RECALL:
            return BuildingBlock.SCHEDULE
        event = (self.trigger_event or "").lower()
        repeated = any(word in (self.frequency or "").lower() for word in _REPEATING)
        if not event:
            return BuildingBlock.UNDECIDED
        if "birth" in event or (self.offset_days is not None and self.offset_days < 0):
            return BuildingBlock.WORKFLOW_ON_DATE
        if event.startswith(("plan", "treatment_plan", "deal")) and event.endswith(_STAGES):
            return BuildingBlock.BLUEPRINT
        return BuildingBlock.SCHEDULE if repeated else BuildingBlock.WORKFLOW_ON_CHANGE

    def to_json(self) -> dict[str, Any]:
        """Return the rule with what it lacks and what it is rebuilt with."""
        rule = asdict(self) | {"kind": str(self.kind)}
        return rule | {"missing": list(self.missing), "building_block": str(self.building_block)}


def rules_from(rows: pd.DataFrame) -> list[Rule]:
    """Return the rules of the mapping's SELECT. Raises SourceError where it lacks a column."""
    absent = [name for name in COLUMNS if name not in rows.columns]
    if absent:
        raise SourceError(
            f"The SELECT of reminder rules does not give {', '.join(absent)}.",
            hint="Give NULL for what the source does not hold, for example: NULL AS send_at",
        )
    return [_rule(record) for record in rows[list(COLUMNS)].to_dict("records")]


def rule_table(rules: Sequence[Rule]) -> pd.DataFrame:
    """Return one row a rule, for people: when, how, and what it lacks."""
    from_rules = [
        {
            "rule": rule.source_id,
            "name": rule.name,
            "kind": str(rule.kind),
            "active": rule.active,
            "channel": rule.channel or "",
            "rebuild as": str(rule.building_block),
            "lacks": ", ".join(rule.missing_in_words),
        }
        for rule in rules
    ]
    headings = ["rule", "name", "kind", "active", "channel", "rebuild as", "lacks"]
    return pd.DataFrame(from_rules, columns=headings)


def _rule(record: dict[Any, Any]) -> Rule:
    kind = (_text(record["kind"]) or "").lower()
    if kind not in set(RuleKind):
        raise SourceError(
            f"Reminder rule {record['source_id']}: its kind is neither reminder nor recall.",
            hint="Correct the SELECT of the object Reminder Rule in mapping.yml.",
        )
    identifier = str(record["source_id"])
    return Rule(
        source_id=identifier,
        kind=RuleKind(kind),
        name=_text(record["name"]) or f"Rule {identifier}",
        trigger_event=_text(record["trigger_event"]),
        offset_days=_whole(record["offset_days"]),
        send_at=_text(record["send_at"]),
        channel=_text(record["channel"]),
        template=_text(record["template"]),
        condition=_text(record["condition"]),
        frequency=_text(record["frequency"]),
        interval_months=_whole(record["interval_months"]),
        treatment_code=_text(record["treatment_code"]),
        consent_required=_flag(record["consent_required"]),
        max_attempts=_whole(record["max_attempts"]),
        active=_flag(record["active"]) is not False,
    )


def _text(value: Any) -> str | None:
    text = "" if pd.isna(value) else str(value).strip()
    return text or None


def _whole(value: Any) -> int | None:
    text = _text(value)
    number = pd.to_numeric(text, errors="coerce") if text else float("nan")
    return None if pd.isna(number) else round(number)


def _flag(value: Any) -> bool | None:
    text = (_text(value) or "").lower()
    if not text:
        return None
    return text not in ("0", "0.0", "false", "no", "n", "f")
