from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.errors import SourceError
from migrator_kit.source.rule_reference import contents, page, write_reference
from migrator_kit.source.rules import (
    COLUMNS,
    BuildingBlock,
    Rule,
    RuleKind,
    rule_table,
    rules_from,
)

COMPLETE = {
    "source_id": "RM01",
    "kind": "reminder",
    "name": "One week before",
    "trigger_event": "appointment.scheduled",
    "offset_days": -7,
    "send_at": "09:00",
    "channel": "email",
    "template": "Dear {patient.first_name},\nsee you soon.",
    "condition": "status in (scheduled, confirmed)",
    "frequency": "once",
    "consent_required": 1,
    "active": 1,
}
RECALL = {
    "source_id": "RC 2/b",
    "kind": "recall",
    "name": "Cleaning | hygiene",
    "channel": "sms",
    "template": "Time for your cleaning.",
    "interval_months": 6.0,
    "treatment_code": "PROPHY",
    "max_attempts": 3,
    "active": "0",
}


def rules(*rows: dict[str, object]) -> list[Rule]:
    return rules_from(pd.DataFrame(list(rows), columns=list(COLUMNS)))


def test_rules_are_read_with_what_they_say() -> None:
    reminder, recall = rules(COMPLETE, RECALL)
    assert (reminder.kind, reminder.offset_days, reminder.consent_required) == (
        RuleKind.REMINDER, -7, True,
    )  # fmt: skip
    assert reminder.missing == ()
    assert (recall.interval_months, recall.max_attempts, recall.active) == (6, 3, False)
    assert recall.consent_required is None
    assert recall.missing == ()


def test_incomplete_rules_are_named_with_what_is_missing() -> None:
    bare = {key: COMPLETE[key] for key in ("source_id", "kind", "name")}
    (rule,) = rules(bare)
    assert rule.missing == ("trigger_event", "offset_days", "send_at", "channel", "template")
    assert "**Incomplete.** The source does not say: the event it follows" in page(rule)
    table = rule_table([rule])
    assert table.loc[0, "lacks"].startswith("the event it follows")
    (recall,) = rules({**RECALL, "interval_months": None, "template": " "})
    assert recall.missing == ("interval_months", "template")


@pytest.mark.parametrize(
    ("changes", "block"),
    [
        ({}, BuildingBlock.WORKFLOW_ON_DATE),
        ({"trigger_event": "patient.birthday", "offset_days": 0}, BuildingBlock.WORKFLOW_ON_DATE),
        (
            {"trigger_event": "appointment.no_show", "offset_days": 1},
            BuildingBlock.WORKFLOW_ON_CHANGE,
        ),
        ({"trigger_event": "plan.presented", "offset_days": 30}, BuildingBlock.BLUEPRINT),
        (
            {"trigger_event": "balance.changed", "offset_days": 1, "frequency": "monthly"},
            BuildingBlock.SCHEDULE,
        ),
        ({"trigger_event": None}, BuildingBlock.UNDECIDED),
    ],
)
def test_the_building_block_follows_from_the_rule(
    changes: dict[str, object], block: BuildingBlock
) -> None:
    (rule,) = rules({**COMPLETE, **changes})
    assert rule.building_block is block
    assert f"## Rebuild in Zoho CRM: {block}" in page(rule)


def test_a_page_tells_how_to_build_the_rule_again() -> None:
    text = page(rules(COMPLETE)[0])
    for said in (
        "# One week before",
        "| Trigger | appointment.scheduled |",
        "| Condition | status in (scheduled, confirmed) |",
        "| Timing | 7 days before at 09:00 |",
        "| Channel | email |",
        "| Frequency | once |",
        "| Consent of the patient | required |",
        "> Dear {patient.first_name},\n> see you soon.",
        "new rule on Tasks",
        "the patient's consent to email is given",
    ):
        assert said in text


def test_a_recall_is_a_daily_schedule() -> None:
    text = page(rules(RECALL)[0])
    assert "switched off in the practice's program" in text
    assert "6 months after the last such treatment" in text
    assert "SMS extension or a webhook" in text


def test_the_reference_is_one_page_a_rule_and_one_list(tmp_path: Path) -> None:
    written = write_reference(rules(COMPLETE, RECALL), tmp_path / "rules")
    assert sorted(path.name for path in written) == [
        "index.md", "rc_2_b.md", "rm01.md", "rules.json",
    ]  # fmt: skip
    tree = json.loads((tmp_path / "rules" / "rules.json").read_text())
    assert [rule["building_block"] for rule in tree] == [
        "Workflow rule, on a date field",
        "Schedule (custom function)",
    ]
    assert tree[1]["missing"] == []
    first = contents(rules(RECALL))
    assert "[Cleaning \\| hygiene](rc_2_b.md)" in first


def test_no_rules_make_an_empty_reference(tmp_path: Path) -> None:
    assert rules_from(pd.DataFrame(columns=list(COLUMNS))) == []
    assert rule_table([]).columns.tolist()[0] == "rule"
    write_reference([], tmp_path)
    assert json.loads((tmp_path / "rules.json").read_text()) == []


def test_a_select_that_lacks_columns_or_kinds_is_one_clear_error() -> None:
    with pytest.raises(SourceError, match=r"does not give .*treatment_code"):
        rules_from(pd.DataFrame({"source_id": ["1"]}))
    with pytest.raises(SourceError, match="neither reminder nor recall"):
        rules({**COMPLETE, "kind": "birthday"})
