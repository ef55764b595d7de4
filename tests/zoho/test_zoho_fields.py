from __future__ import annotations

import pytest

from migrator_kit.zoho import FieldSpec, Reason, fieldspecs
from migrator_kit.zoho.fields import parse_field, parse_layout
from migrator_kit.zoho.limits import limits_for

FIELDS = "/crm/v8/settings/fields"
ENTERPRISE = limits_for("enterprise")


def field(label: str, **changes):
    return parse_field({"id": "1", "api_name": label.replace(" ", "_"), "field_label": label,
                        "data_type": "text", **changes})  # fmt: skip


def created(identifier: str):
    return {"code": "SUCCESS", "status": "success", "details": {"id": identifier}}


def test_a_field_is_read_with_its_rules():
    found = field(
        "Stage",
        data_type="picklist",
        length="120",
        system_mandatory=True,
        custom_field=False,
        unique={},
        hipaa_compliance={"restricted": True, "restricted_in_export": True},
        pick_list_values=[
            {"id": "5", "display_value": "Won", "actual_value": "Closed Won", "probability": 100},
            {"display_value": "Old", "type": "unused"},
        ],
    )
    assert found.required
    assert not found.unique
    assert found.length == 120
    assert found.hidden_by_hipaa
    assert found.picklist[0].probability == 100.0
    assert (found.picklist[1].actual_value, found.picklist[1].used) == ("Old", False)


@pytest.mark.parametrize("unique", [{"case_sensitive": False}, {"casesensitive": "0"}, True])
def test_unique_in_all_spellings(unique):
    assert field("Key", unique=unique).unique


def test_lookup_module():
    lookup = {"module": {"api_name": "Accounts", "id": "1"}}
    assert field("Account Name", lookup=lookup).lookup_module == "Accounts"
    assert field("What Id", lookup={"module": "se_module"}).lookup_module == "se_module"
    assert field("Plain", lookup={}).lookup_module is None


def test_layout_lays_sections_flat():
    sections = [{"name": "A", "fields": [{"api_name": "X", "required": True}]},
                {"name": "B", "fields": [{"api_name": "Y"}]}]  # fmt: skip
    layout = parse_layout({"id": "1", "name": "Standard", "sections": sections})
    assert layout.required == ("X",)
    assert [part.section for part in layout.fields] == ["A", "B"]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (FieldSpec("x" * 26, "text"), "1 to 25 characters"),
        (FieldSpec("Treatment Notes", "text"), "refused word 'notes'"),
        (FieldSpec("Key words", "text", length=256), "longer than the 255"),
        (FieldSpec("Rows", "subform"), "cannot create"),
        (FieldSpec("Flag", "boolean", unique=True), "cannot be unique"),
        (FieldSpec("Kind", "picklist"), "at least one picklist value"),
        (FieldSpec("Parent", "lookup"), "module it looks up"),
        (FieldSpec("123", "text"), "a letter"),
    ],
)
def test_a_field_that_zoho_would_refuse_is_named(spec, problem):
    (found,) = fieldspecs.spec_problems(spec)
    assert problem in found


def test_a_module_that_would_overflow_is_named():
    existing = [field(f"F{n}", custom_field=True) for n in range(299)]
    existing[0] = field("Key One", custom_field=True, unique={"case_sensitive": False})
    specs = [
        FieldSpec("Key Two", "text", unique=True),
        FieldSpec("Key Three", "text", unique=True),
        FieldSpec("f7", "text"),
    ]
    found = fieldspecs.problems("Contacts", specs, existing, ENTERPRISE)
    assert found == [
        "Contacts: the label 'f7' is taken",
        "Contacts: 302 custom fields, the enterprise edition allows 300",
        "Contacts: 3 unique fields, Zoho allows 2",
    ]


def test_activities_share_one_label_space():
    spec = [FieldSpec("Source ID", "text")]
    assert fieldspecs.problems("Tasks", spec, [], ENTERPRISE) == []
    taken = fieldspecs.problems("Tasks", spec, [], ENTERPRISE, other_activity_labels=["source id"])
    assert taken == ["Tasks: the label 'Source ID' is taken"]
    assert fieldspecs.problems("Notes", spec, [], ENTERPRISE) == ["Notes: takes no custom fields"]


def test_json_of_new_fields():
    assert fieldspecs.to_json(FieldSpec("Raw", "textarea", length=9_000)) == {
        "field_label": "Raw",
        "data_type": "textarea",
        "length": 32_000,
        "textarea": {"type": "large"},
    }
    assert fieldspecs.to_json(FieldSpec("Key", "text", length=100, unique=True)) == {
        "field_label": "Key",
        "data_type": "text",
        "length": 100,
        "unique": {"case_sensitive": False},
    }
    assert fieldspecs.to_json(FieldSpec("Seen", "datetime")) == {
        "field_label": "Seen",
        "data_type": "datetime",
    }


def test_fields_are_created_five_a_call(toy, client, reply):
    toy.on(
        "POST",
        FIELDS,
        reply(201, {"fields": [created(str(n)) for n in range(5)]}),
        reply(201, {"fields": [created("5"), created("6")]}),
    )
    specs = [FieldSpec(f"F {n}", "text") for n in range(7)]
    results = client.metadata.create_fields("Contacts", specs)
    assert [result.id for result in results] == [str(n) for n in range(7)]
    assert [len(seen.json()["fields"]) for seen in toy.calls(FIELDS)] == [5, 2]
    assert client.credits.spent == 1 + 70


def test_a_call_refused_for_one_field_is_sent_field_by_field(toy, client, reply):
    refused = {
        "code": "DUPLICATE_DATA",
        "status": "error",
        "details": {"api_name": "field_label", "json_path": "$.fields[1].field_label"},
    }
    toy.on(
        "POST",
        FIELDS,
        reply(400, refused),
        reply(201, {"fields": [created("1")]}),
        reply(400, refused),
    )
    specs = [FieldSpec("One", "text"), FieldSpec("Two", "text")]
    first, second = client.metadata.create_fields("Contacts", specs)
    assert first.ok
    assert second.reason is Reason.DUPLICATE


def test_a_field_in_use_is_refused_not_raised(toy, client, reply):
    refused = {"code": "NOT_ALLOWED", "status": "error", "details": {}}
    toy.on("DELETE", f"{FIELDS}/9", reply(400, refused))
    assert client.metadata.delete_field("Contacts", "9").reason is Reason.NOT_ALLOWED


def test_picklist_values_are_added(toy, client, reply):
    toy.on("PATCH", f"{FIELDS}/9", reply(200, {"fields": [created("9")]}))
    assert client.metadata.add_picklist_values("Deals", "9", ["In progress"]).ok
    assert toy.calls(f"{FIELDS}/9")[0].json() == {
        "fields": [
            {"pick_list_values": [{"display_value": "In progress", "actual_value": "In progress"}]}
        ]
    }
