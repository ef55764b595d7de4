"""Edits from the review: one line of `mapping.yml` changes, and the row waits again."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff

import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.errors import MappingError, ParameterError
from migrator_kit.mapping.alternatives import alternatives
from migrator_kit.mapping.decisions import changed_since, decide, pending, row_names
from migrator_kit.mapping.edits import change_target, change_transform, find_row, set_value
from migrator_kit.mapping.files import load_mapping, write_default


@pytest.fixture
def engagement(small_engagement: Engagement) -> Engagement:
    write_default(small_engagement, "dent_o_soft")
    decide(small_engagement, by="Ana")
    return small_engagement


def changed_lines(engagement: Engagement, edit: Callable[[], object]) -> tuple[str, str]:
    """Return the one line that an edit changed, before and after."""
    before = engagement.mapping_path.read_text(encoding="utf-8").splitlines()
    edit()
    after = engagement.mapping_path.read_text(encoding="utf-8").splitlines()
    lines = list(unified_diff(before, after, lineterm="", n=0))[2:]
    changed = [line[1:].strip() for line in lines if line[0] in "+-"]
    assert len(changed) == 2, lines
    return changed[0], changed[1]


def test_another_target_changes_one_line_and_the_row_waits_again(engagement: Engagement) -> None:
    old, new = changed_lines(
        engagement, lambda: change_target(engagement, "Patient.Mobile", "Asst_Phone")
    )
    assert old.replace("target: Mobile", "target: Asst_Phone") == new
    mapping = load_mapping(engagement)
    assert changed_since(mapping) == ("Patient.Asst_Phone",)
    decide(engagement, by="Ana", rows=["Patient.Asst_Phone"])
    assert changed_since(load_mapping(engagement)) == ()


def test_transforms_change_one_line(engagement: Engagement) -> None:
    old, new = changed_lines(
        engagement,
        lambda: change_transform(
            engagement, "Practice.Billing_City", "[text, truncate: {length: 60}]"
        ),
    )
    assert old.replace("length: 100", "length: 60") == new
    assert changed_since(load_mapping(engagement)) == ("Practice.Billing_City",)


def test_a_value_of_a_picklist_changes_one_line(engagement: Engagement) -> None:
    name = "Call Log.Call_Direction__c"
    old, new = changed_lines(engagement, lambda: set_value(engagement, name, "OUT", "Called"))
    assert old.replace("out: Outgoing", "out: Called") == new
    changed_lines(engagement, lambda: set_value(engagement, name, "9", "Unknown"))
    _, row = find_row(load_mapping(engagement), name)
    assert dict(row.values) == {"in": "Incoming", "out": "Called", "9": "Unknown"}
    set_value(engagement, name, "9", None)
    _, row = find_row(load_mapping(engagement), name)
    assert "9" not in row.values


@pytest.mark.parametrize(
    ("row", "target", "named"),
    [
        ("Patient.Mobile", "Email", "another row"),
        ("Patient.Source_System_ID__c", "Description", "another row"),
        ("Patient.Source_System_ID__c", "Skype_ID", "source key"),
        ("Patient.Mobil", "Fax", "Patient.Mobile"),
        ("Patient.Mobile", "Faxx", "Faxx"),
    ],
)
def test_a_target_that_cannot_be_is_refused_and_nothing_is_written(
    engagement: Engagement, row: str, target: str, named: str
) -> None:
    before = engagement.mapping_path.read_bytes()
    with pytest.raises((ParameterError, MappingError), match=named):
        change_target(engagement, row, target)
    assert engagement.mapping_path.read_bytes() == before


@pytest.mark.parametrize("text", ["trunkate: {length: 3}", "truncate: {lenght: 3}", "[text"])
def test_a_wrong_transform_is_refused_and_nothing_is_written(
    engagement: Engagement, text: str
) -> None:
    before = engagement.mapping_path.read_bytes()
    with pytest.raises((ParameterError, MappingError)):
        change_transform(engagement, "Practice.Billing_City", text)
    assert engagement.mapping_path.read_bytes() == before


def test_a_new_field_gives_way_to_a_standard_one(engagement: Engagement) -> None:
    change_target(engagement, "Patient.Old_Card_No__c", "Skype_ID")
    assert row_names(load_mapping(engagement))["Patient.Skype_ID"].create is None


def test_alternatives_are_free_fields_of_a_fitting_type(engagement: Engagement) -> None:
    mapping = load_mapping(engagement)
    item, row = find_row(mapping, "Patient.Mobile")
    offered = alternatives(mapping, item, row)
    assert offered[:3] == ("Phone", "Other_Phone", "Asst_Phone")
    assert not {"Mobile", "Home_Phone", "Email", "Date_of_Birth", "Reporting_To"} & set(offered)
    thought_of = row.model_copy(update={"alternatives": ("Fax", "Email")})
    assert alternatives(mapping, item, thought_of)[:2] == ("Fax", "Phone")
    for name in (
        "Patient.Source_System_ID__c",
        "Patient.Account_Name",
        "Clinical Note.Note_Content",
    ):
        item, row = find_row(mapping, name)
        assert alternatives(mapping, item, row) == ()


def test_two_persons_have_to_read_each_row_where_that_is_asked_for(
    small_engagement: Engagement,
) -> None:
    write_default(small_engagement, "dent_o_soft")
    path = small_engagement.folder / "engagement.yml"
    text = path.read_text(encoding="utf-8")
    assert "second_reviewer: false" in text
    path.write_text(text.replace("second_reviewer: false", "second_reviewer: true"), "utf-8")
    engagement = Engagement.open(small_engagement.folder)
    rows = set(row_names(load_mapping(engagement)))
    assert set(decide(engagement, by="Ana Berg")) == rows
    assert set(pending(load_mapping(engagement))) == rows
    with pytest.raises(ParameterError, match="another one"):
        decide(engagement, by=" ana  berg")
    decide(engagement, by="Ben Kern", rows=["Patient.Email"])
    mapping = load_mapping(engagement)
    assert set(pending(mapping)) == rows - {"Patient.Email"}
    decision = row_names(mapping)["Patient.Email"].decision
    assert (decision.by, decision.second.by) == ("Ana Berg", "Ben Kern")
    change_transform(engagement, "Patient.Email", "[text, email]")
    decide(engagement, by="Ben Kern")
    assert pending(load_mapping(engagement)) == ("Patient.Email",)
    decide(engagement, by="Ana Berg")
    assert pending(load_mapping(engagement)) == ()
