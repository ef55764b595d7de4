"""The rebuild reference: one page a rule that tells how to build it again in Zoho CRM."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from migrator_kit.engagement import slug
from migrator_kit.source.rules import BuildingBlock, Rule, RuleKind

_STEPS = {
    BuildingBlock.WORKFLOW_ON_DATE: (
        "Setup > Automation > Workflow Rules: new rule on {module}.",
        "Execute it based on a date or date-time field: {field}, {when}{recurring}.",
        "Condition: {condition}.",
        "Action: {action}.",
    ),
    BuildingBlock.WORKFLOW_ON_CHANGE: (
        "Setup > Automation > Workflow Rules: new rule on {module}.",
        "Execute it on a record action: when the record is edited and {event} holds.",
        "Condition: {condition}.",
        "Scheduled action, {when}: {action}.",
    ),
    BuildingBlock.BLUEPRINT: (
        "Setup > Process Management > Blueprint: on {module}, along the field Stage.",
        "State: the stage that {event} means. Give it a time limit: {when}.",
        "Criteria of the Blueprint: {condition}.",
        "When the limit passes: {action}. Frequency: {frequency}.",
    ),
    BuildingBlock.SCHEDULE: (
        "Setup > Automation > Schedules: a custom function, once a day{at}.",
        "It looks in {module} for records due: {when}.",
        "Condition: {condition}. Frequency: {frequency}.",
        "For each record found: {action}.",
    ),
    BuildingBlock.UNDECIDED: (
        "Ask the practice which event the rule follows; without it no rule can be built.",
    ),
}
_MODULES = (
    ("appointment", "Tasks", "Due Date"),
    ("patient", "Contacts", "Date of Birth"),
    ("birth", "Contacts", "Date of Birth"),
    ("plan", "Deals", "Closing Date"),
    ("treatment", "Deals", "Closing Date"),
    ("balance", "Contacts", "the balance field"),
    ("call", "Events", "Start DateTime"),
)
_ACTIONS = {
    "email": "send an e-mail notification with the template above",
    "sms": "send an SMS; Zoho CRM needs an SMS extension or a webhook for that",
    "phone": "create a task for the owner to call, with the text above",
    "letter": "create a task for the front desk, with the text above as mail merge template",
}


def page(rule: Rule) -> str:
    """Return one rule as a page of Markdown."""
    state = "active" if rule.active else "switched off in the practice's program"
    lines = [f"# {rule.name}", "", f"{str(rule.kind).capitalize()} rule {rule.source_id}, {state}."]
    if rule.missing:
        lines += ["", f"**Incomplete.** The source does not say: {_joined(rule.missing_in_words)}."]
    lines += ["", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in _facts(rule)]
    if rule.template:
        lines += ["", "## Text", "", *(f"> {line}" for line in rule.template.splitlines())]
    lines += ["", f"## Rebuild in Zoho CRM: {rule.building_block}", ""]
    lines += [f"{n}. {step}" for n, step in enumerate(_steps(rule), start=1)]
    return "\n".join(lines) + "\n"


def contents(rules: Sequence[Rule]) -> str:
    """Return the first page: all rules, those that lack something named."""
    lines = [
        "# Reminder and recall rules",
        "",
        "Rules do not move by themselves: each page tells how to build one again in Zoho CRM.",
        "",
        "| Rule | Kind | Active | Rebuild as | Lacks |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rule in rules:
        link = f"[{_cell(rule.name)}]({page_name(rule)})"
        active = "yes" if rule.active else "no"
        lacks = ", ".join(rule.missing_in_words) or "nothing"
        lines.append(f"| {link} | {rule.kind} | {active} | {rule.building_block} | {lacks} |")
    return "\n".join(lines) + "\n"


def page_name(rule: Rule) -> str:
    """Return the file name of a rule's page."""
    return f"{slug(rule.source_id) or 'rule'}.md"


def write_reference(rules: Sequence[Rule], folder: Path) -> list[Path]:
    """Write the reference into a folder: `index.md`, one page a rule, `rules.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / "index.md": contents(rules)}
    written |= {folder / page_name(rule): page(rule) for rule in rules}
    tree = [rule.to_json() for rule in rules]
    written[folder / "rules.json"] = json.dumps(tree, indent=1, ensure_ascii=False) + "\n"
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return list(written)


def _facts(rule: Rule) -> list[tuple[str, str]]:
    consent = {True: "required", False: "not required", None: "not said"}[rule.consent_required]
    trigger = rule.trigger_event
    if rule.kind is RuleKind.RECALL:
        trigger = f"treatment {rule.treatment_code}" if rule.treatment_code else None
    attempts = "not said" if rule.max_attempts is None else f"at most {rule.max_attempts} attempts"
    return [
        ("Trigger", trigger or "not said"),
        ("Condition", rule.condition or "none"),
        ("Timing", _when(rule)),
        ("Channel", rule.channel or "not said"),
        ("Frequency", rule.frequency or attempts),
        ("Consent of the patient", consent),
    ]


def _steps(rule: Rule) -> list[str]:
    event = (rule.trigger_event or "").lower()
    module, field = ("Contacts", "Next Recall (a date field to be created)")
    if rule.kind is RuleKind.REMINDER:
        found = [(m, f) for word, m, f in _MODULES if event.startswith(word)]
        module, field = found[0] if found else ("the module of the event", "the date of the event")
        field = "Date of Birth" if "birth" in event else field
    conditions = [rule.condition or "none"]
    if rule.consent_required:
        conditions.append(f"the patient's consent to {rule.channel or 'the channel'} is given")
    words = {
        "module": module,
        "field": field,
        "event": rule.trigger_event or "the event",
        "when": _when(rule),
        "at": f" at {rule.send_at}" if rule.send_at else "",
        "recurring": ", every year" if "birth" in event else "",
        "condition": " and ".join(c for c in conditions if c != "none") or "none",
        "action": _ACTIONS.get((rule.channel or "").lower(), "to be chosen with the practice"),
        "frequency": rule.frequency or (f"at most {rule.max_attempts} attempts"
                                        if rule.max_attempts else "not said"),
    }  # fmt: skip
    return [step.format(**words) for step in _STEPS[rule.building_block]]


def _when(rule: Rule) -> str:
    at = f" at {rule.send_at}" if rule.send_at else ""
    if rule.kind is RuleKind.RECALL:
        if rule.interval_months is None:
            return "not said"
        return f"{rule.interval_months} months after the last such treatment{at}"
    if rule.offset_days is None:
        return "not said"
    if rule.offset_days == 0:
        return f"on the day{at}"
    days = abs(rule.offset_days)
    side = "before" if rule.offset_days < 0 else "after"
    return f"{days} day{'s' if days > 1 else ''} {side}{at}"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
