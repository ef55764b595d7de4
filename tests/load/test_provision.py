"""Provisioning: planned, applied once, API names read back, limits and stages checked before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrator_kit.errors import GateClosed, MappingError
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.provision import (
    apply_provisioning,
    field_names,
    provisioning_plan,
    require_provisioned,
)
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectName
from migrator_kit.mapping.writing import write_mapping
from migrator_kit.zoho.fields import FieldSpec


def with_field(mapping: Mapping, name: ObjectName, row: dict[str, Any]) -> Mapping:
    """Return the mapping with one more field, in place of one of the same target."""
    field = FieldMapping.model_validate(row)
    objects = [
        one.model_copy(
            update={"fields": (*(f for f in one.fields if f.target != field.target), field)}
        )
        if one.object is name
        else one
        for one in mapping.objects
    ]
    return mapping.model_copy(update={"objects": tuple(objects)})


def test_fields_are_created_once_and_their_api_names_read_back(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any
) -> None:
    plan = provisioning_plan(mapping, target, practice, ledger=ledger)
    wanted = {(one.module, one.spec.label) for one in plan.create}
    assert ("Contacts", "Source System ID") in wanted
    assert ("Contacts", "Insurance Carrier 2") in wanted
    assert plan.credits == 10 * len(plan.create)
    assert emulator.stats()["requests"].get("POST /crm/v8/settings/fields") is None

    apply_provisioning(plan, target, ledger)
    names = field_names(ledger, mapping)
    assert names["Accounts"]["Source_System_ID__c"] == "Source_System_ID"
    assert names["Contacts"]["Insurance_Carrier_2__c"] == "Insurance_Carrier_2"
    assert names["Contacts"]["Last_Name"] == "Last_Name"
    for module, fields in names.items():
        if module not in ("Notes", "Attachments"):
            org = {field.api_name for field in target.client.metadata.fields(module)}
            assert set(fields.values()) <= org

    again = provisioning_plan(mapping, target, practice, ledger=ledger)
    assert again.nothing_to_do
    require_provisioned(again, ledger, mapping)
    apply_provisioning(again, target, ledger)
    kept = ledger.field_names().set_index(["module", "logical"])
    assert kept.loc[("Contacts", "Source_System_ID__c"), "created"] == 1
    assert kept.loc[("Contacts", "Last_Name"), "created"] == 0
    assert ledger.verify_audit().ok


def test_another_api_name_than_expected_is_taken_as_the_org_gives_it(
    target: Target, ledger: Ledger, mapping: Mapping, practice: Any
) -> None:
    """A field of that API name with another label stands already: Zoho numbers the new one."""
    target.client.metadata.create_fields("Accounts", [FieldSpec("Source  System-ID", "text")])
    taken = {f.api_name for f in target.client.metadata.fields("Accounts")}
    plan = provisioning_plan(mapping, target, practice, ledger=ledger)
    apply_provisioning(plan, target, ledger)
    name = field_names(ledger, mapping)["Accounts"]["Source_System_ID__c"]
    assert name not in taken
    assert target.client.metadata.field("Accounts", name) is not None


def test_a_lost_answer_creates_no_field_twice(
    emulator: Any, target: Target, ledger: Ledger, mapping: Mapping, practice: Any
) -> None:
    plan = provisioning_plan(mapping, target, practice, ledger=ledger)
    rule = {"do": "cut", "when": "after", "match": "POST /crm/v8/settings/fields*", "times": 2}
    emulator.faults({"rules": [rule]})
    apply_provisioning(plan, target, ledger)
    emulator.faults({})
    labels = [f.label for f in target.client.metadata.fields("Contacts") if f.custom]
    assert len(labels) == len(set(labels)) == 4
    assert provisioning_plan(mapping, target, practice, ledger=ledger).nothing_to_do


def test_picklist_values_that_occur_are_added_to_a_standing_field(
    target: Target, ledger: Ledger, mapping: Mapping, practice: Any
) -> None:
    apply_provisioning(provisioning_plan(mapping, target, practice, ledger=ledger), target, ledger)
    practice.row(ObjectName.PLAN, "TP000001")["Treatment_Stage__c"] = "on hold"
    practice.write()
    plan = provisioning_plan(mapping, target, practice, ledger=ledger)
    (values,) = plan.add_values
    assert (values.logical, values.values) == ("Treatment_Stage__c", ("on hold",))
    with pytest.raises(GateClosed, match="lacks 1"):
        require_provisioned(plan, ledger, mapping)
    apply_provisioning(plan, target, ledger)
    field = target.client.metadata.field("Deals", "Treatment_Stage")
    assert field is not None
    assert "on hold" in [value.display_value for value in field.picklist]
    assert provisioning_plan(mapping, target, practice, ledger=ledger).nothing_to_do


def test_stages_come_with_their_probability_and_missing_ones_wait_for_a_person(
    target: Target, ledger: Ledger, mapping: Mapping, practice: Any
) -> None:
    plan = provisioning_plan(mapping, target, practice, ledger=ledger)
    stages = plan.stages.set_index("status")
    assert stages["probability"].to_dict() == {"proposed": 10.0, "accepted": 90.0, "done": 100.0}
    assert plan.manual == ()

    wrong = with_field(mapping, ObjectName.PLAN,
                       {"target": "Stage", "values": {"proposed": "In the Chair"}})  # fmt: skip
    apply_provisioning(plan, target, ledger)
    plan = provisioning_plan(wrong, target, None, ledger=ledger)
    assert not plan.stages["in_pipeline"].any()
    assert "'In the Chair'" in plan.manual[0]
    with pytest.raises(GateClosed, match="administrator"):
        require_provisioned(plan, ledger, wrong)


def refused(mapping: Mapping, target: Target, ledger: Ledger) -> str:
    plan = provisioning_plan(mapping, target, None, ledger=ledger)
    with pytest.raises(MappingError) as error:
        apply_provisioning(plan, target, ledger)
    assert not [f for f in target.client.metadata.fields("Contacts") if f.custom]
    return str(error.value)


def new(target: str, label: str, **more: Any) -> dict[str, Any]:
    return {"target": target, "create": {"label": label, "data_type": "text", **more}}


def test_what_zoho_would_refuse_is_found_before_anything_is_created(
    target: Target, ledger: Ledger, mapping: Mapping
) -> None:
    target.client.metadata.create_fields("Events", [FieldSpec("Source Event ID", "integer")])
    plan = provisioning_plan(mapping, target, None, ledger=ledger)
    assert [finding.place for finding in plan.findings] == ["Events.Source_Event_ID"]
    assert "type integer" in str(plan.findings[0])
    wrong = with_field(mapping, ObjectName.PATIENT, {"target": "No_Such_Field"})
    assert "no field of this name" in refused(wrong, target, ledger)
    wrong = with_field(mapping, ObjectName.PATIENT, new("A__c", "First Key", unique=True))
    wrong = with_field(wrong, ObjectName.PATIENT, new("B__c", "Second Key", unique=True))
    assert "3 unique fields, Zoho allows 2" in refused(wrong, target, ledger)
    wrong = with_field(mapping, ObjectName.CALL_LOG, new("X__c", "Source Task ID"))
    assert "share one label space" in refused(wrong, target, ledger)
    wrong = with_field(mapping, ObjectName.PATIENT, new("N__c", "Clinical Notes"))
    assert "refused word" in refused(wrong, target, ledger)
    wrong = with_field(mapping, ObjectName.PATIENT, {"target": "Created_Time"})
    assert "does not let the API write" in refused(wrong, target, ledger)


def test_a_link_to_another_module_and_a_demanded_field_are_found_with_their_lines(
    target: Target, ledger: Ledger, mapping: Mapping, tmp_path: Path
) -> None:
    link = {"target": "Who_Id", "columns": "plan", "lookup": "Treatment Plan"}
    wrong = with_field(mapping, ObjectName.APPOINTMENT, link)
    patients = wrong.object(ObjectName.PATIENT)
    nameless = tuple(row for row in patients.fields if row.target != "Last_Name")
    objects = [one.model_copy(update={"fields": nameless, "match": ()}) if one is patients else one
               for one in wrong.objects]  # fmt: skip
    wrong = wrong.model_copy(update={"objects": tuple(objects)})
    file = tmp_path / "mapping.yml"
    write_mapping(file, wrong)
    found = provisioning_plan(wrong, target, None, ledger=ledger, file=file).findings
    told = {finding.problem: finding.place for finding in found}
    place = told["points to Contacts, the mapping links it to Deals"]
    assert told["the org demands a value, and no row fills it"] == "Contacts.Last_Name"
    line = int(place.split()[0].removeprefix("mapping.yml:"))
    assert "Who_Id" in file.read_text(encoding="utf-8").splitlines()[line - 1]


def test_the_editions_limit_on_custom_fields_is_checked(
    start_emulator: Any, open_org: Any, tmp_path: Any, ledger: Ledger, mapping: Mapping
) -> None:
    emulator = start_emulator(tmp_path / "standard.db", "--edition", "standard")
    target = open_org(emulator.url)
    wide = mapping
    for number in range(9):
        wide = with_field(wide, ObjectName.PATIENT, new(f"Extra_{number}__c", f"Extra {number}"))
    plan = provisioning_plan(wide, target, None, ledger=ledger)
    assert any("the standard edition allows 10" in str(finding) for finding in plan.findings)
    target.close()
    emulator.stop()
