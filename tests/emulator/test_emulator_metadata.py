"""Modules, fields, layouts, pipelines, users, org: what is there and what may be changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


def make(api: Any, module: str, *rows: dict[str, Any]) -> Any:
    return api.post(f"settings/fields?module={module}", {"fields": list(rows)})


def text(label: str, **more: Any) -> dict[str, Any]:
    return {"field_label": label, "data_type": "text", **more}


def fields_of(api: Any, module: str) -> dict[str, dict[str, Any]]:
    fields = api.get("settings/fields", module=module).json()["fields"]
    return {field["api_name"]: field for field in fields}


def test_lengths_and_mandatory_fields_come_from_the_documents(shared: Any) -> None:
    contacts = fields_of(shared, "Contacts")
    assert (contacts["Last_Name"]["length"], contacts["Last_Name"]["system_mandatory"]) == (
        80,
        True,
    )
    assert contacts["Account_Name"]["lookup"]["module"]["api_name"] == "Accounts"
    assert contacts["Created_Time"]["read_only"]
    tasks = fields_of(shared, "Tasks")
    assert tasks["What_Id"]["lookup"]["module"] == {"api_name": "se_module", "id": None}
    names = {value["display_value"] for value in tasks["Status"]["pick_list_values"]}
    assert names == {"Not Started", "Deferred", "In Progress", "Completed", "Waiting for input"}
    answer = shared.get("settings/fields")
    assert answer.json()["code"] == "REQUIRED_PARAM_MISSING"


def test_stages_carry_probability_and_forecast(shared: Any) -> None:
    stages = fields_of(shared, "Deals")["Stage"]["pick_list_values"]
    chances = {stage["display_value"]: stage["probability"] for stage in stages}
    assert chances["Identify Decision Makers"] == 60
    assert chances["Closed Won"] == 100
    layout = shared.get("settings/layouts", module="Deals").json()["layouts"][0]["id"]
    (line,) = shared.get("settings/pipeline", layout_id=layout).json()["pipeline"]
    assert line["display_value"] == "Standard (Standard)"
    assert len(line["maps"]) == 9
    assert line["maps"][3]["actual_value"] == "Id. Decision Makers"
    assert shared.get("settings/pipeline").json()["code"] == "REQUIRED_PARAM_MISSING"


def test_a_new_pipeline_combines_existing_stages(shared: Any) -> None:
    layout = shared.get("settings/layouts", module="Deals").json()["layouts"][0]["id"]
    stages = fields_of(shared, "Deals")["Stage"]["pick_list_values"]
    maps = [{"id": stage["id"], "display_value": stage["display_value"]} for stage in stages[:2]]
    row = {"display_value": "Treatment", "default": False, "maps": maps}
    answer = shared.post(f"settings/pipeline?layout_id={layout}", {"pipeline": [row]})
    assert (answer.status_code, answer.json()["pipeline"][0]["message"]) == (
        201,
        "Pipeline created",
    )
    good = {"Deal_Name": "x", "Pipeline": "Treatment", "Stage": "Qualification"}
    bad = {**good, "Stage": "Closed Won"}
    assert [item["status"] for item in shared.write("Deals", good, bad)] == ["success", "error"]


def test_fields_are_created_five_at_a_time_with_their_own_outcomes(shared: Any) -> None:
    six = make(shared, "Leads", *(text(f"Extra {n}") for n in range(6)))
    assert (six.status_code, six.json()["code"]) == (400, "LIMIT_EXCEEDED")
    mixed = make(shared, "Leads", text("Card"), text("Card"), text("Treatment Notes Raw"))
    assert mixed.status_code == 207
    assert [item["code"] for item in mixed.json()["fields"]] == [
        "SUCCESS",
        "DUPLICATE_DATA",
        "RESERVED_KEYWORD_NOT_ALLOWED",
    ]
    none = make(shared, "Leads", text("Card"))
    assert none.status_code == 400


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (text("x" * 26), "INVALID_DATA"),
        (text("Long", length=256), "DEPENDENT_MISMATCH"),
        ({"field_label": "Area", "data_type": "textarea"}, "DEPENDENT_FIELD_MISSING"),
        ({"field_label": "Rows", "data_type": "subform"}, "INVALID_DATA"),
        ({"data_type": "text"}, "MANDATORY_NOT_FOUND"),
        ({"field_label": "Pick", "data_type": "picklist"}, "EXPECTED_DEPENDENT_FIELD_MISSING"),
        (
            {
                "field_label": "Pick",
                "data_type": "picklist",
                "pick_list_values": [{"display_value": "a"}, {"display_value": "A"}],
            },
            "DUPLICATE_DATA",
        ),
        (
            {
                "field_label": "Ref",
                "data_type": "lookup",
                "lookup": {"module": {"api_name": "Nowhere"}},
            },
            "INVALID_MODULE",
        ),
    ],
)
def test_impossible_fields_are_refused(shared: Any, row: dict[str, Any], code: str) -> None:
    answer = make(shared, "Accounts", row)
    assert answer.status_code == 400
    assert answer.json()["fields"][0]["code"] == code


def test_notes_take_no_custom_fields(shared: Any) -> None:
    assert make(shared, "Notes", text("Origin")).json()["code"] == "NOT_SUPPORTED"


def test_generated_names(shared: Any) -> None:
    assert shared.field("Vendors", "Source__System  ID!") == "Source_System_ID"
    assert shared.field("Vendors", "Source System-ID") == "Source_System_ID1"
    assert shared.field("Vendors", "2nd Insurance") == "nd_Insurance"


def test_a_module_has_two_unique_fields_at_most(shared: Any) -> None:
    rows = [text(f"Key {n}", unique={"case_sensitive": False}) for n in range(3)]
    answer = make(shared, "Campaigns", *rows).json()["fields"]
    assert [item["code"] for item in answer] == ["SUCCESS", "SUCCESS", "LIMIT_EXCEEDED"]


def test_activities_share_one_label_space(shared: Any) -> None:
    assert make(shared, "Tasks", text("Source Task ID")).status_code == 201
    answer = make(shared, "Events", text("Source Task ID"), text("Source Event ID"))
    assert answer.json()["fields"][0]["message"] == "Field label duplicate"
    assert answer.json()["fields"][1]["code"] == "SUCCESS"


def test_editions_limit_custom_fields(tmp_path: Any, start_emulator: Any, api_type: Any) -> None:
    api = api_type(start_emulator(tmp_path / "e.db", "--edition", "standard"))
    for start in (0, 5):
        rows = [text(f"F{n}") for n in range(start, start + 5)]
        assert make(api, "Contacts", *rows).status_code == 201
    answer = make(api, "Contacts", text("F11")).json()["fields"][0]
    assert (answer["code"], answer["details"]) == ("LIMIT_EXCEEDED", {"limit": 10})


def test_picklist_values_are_added_and_renamed(shared: Any) -> None:
    values = [{"display_value": "North", "actual_value": "North"}]
    name = shared.field("Contacts", "Region", "picklist", pick_list_values=values)
    field = fields_of(shared, "Contacts")[name]
    path = f"settings/fields/{field['id']}?module=Contacts"
    change = [
        {"display_value": "South", "actual_value": "South"},
        {"id": field["pick_list_values"][0]["id"], "display_value": "Far North"},
    ]
    answer = shared.call("PATCH", path, json={"fields": [{"pick_list_values": change}]})
    assert answer.json()["fields"][0]["message"] == "field updated"
    values = fields_of(shared, "Contacts")[name]["pick_list_values"]
    assert [value["display_value"] for value in values] == ["Far North", "South"]


def test_stages_cannot_be_added_by_the_api(shared: Any) -> None:
    stage = fields_of(shared, "Deals")["Stage"]
    row = {"id": stage["id"], "pick_list_values": [{"display_value": "Recall"}]}
    answer = shared.call("PATCH", "settings/fields?module=Deals", json={"fields": [row]})
    assert answer.json()["fields"][0]["code"] == "NOT_ALLOWED"


def test_a_deleted_field_takes_its_values_along(shared: Any) -> None:
    name = shared.key("Contacts", "Old Card")
    number = shared.create("Contacts", Last_Name="x", **{name: "1"})
    field = fields_of(shared, "Contacts")[name]["id"]
    path = f"settings/fields/{field}"
    answer = shared.call("DELETE", path, params={"module": "Contacts"})
    assert answer.json()["fields"][0]["message"] == "field deleted"
    assert name not in shared.record("Contacts", number)
    assert shared.key("Contacts", "Old Card") == name
    assert shared.record("Contacts", number)[name] is None
    system = fields_of(shared, "Contacts")["Last_Name"]["id"]
    answer = shared.call("DELETE", f"settings/fields/{system}", params={"module": "Contacts"})
    assert answer.json()["code"] == "NOT_ALLOWED"


def test_uniqueness_can_be_switched_if_values_allow_it(shared: Any) -> None:
    name = shared.field("Accounts", "Site Key")
    ids = [shared.create("Accounts", Account_Name="x", **{name: "same"}) for _ in range(2)]
    field = fields_of(shared, "Accounts")[name]["id"]
    path = f"settings/fields/{field}?module=Accounts"
    unique = {"fields": [{"unique": {"case_sensitive": True}}]}
    assert shared.call("PATCH", path, json=unique).json()["fields"][0]["code"] == "DUPLICATE_DATA"
    body = {"data": [{name: "SAME"}], "trigger": []}
    shared.call("PUT", f"Accounts/{ids[0]}", json=body)
    shared.call("PUT", f"Accounts/{ids[0]}", json={"data": [{name: "other"}], "trigger": []})
    assert shared.call("PATCH", path, json=unique).status_code == 200
    items = shared.write("Accounts", *({"Account_Name": "x", name: v} for v in ("SAME", "same")))
    assert [item["code"] for item in items] == ["SUCCESS", "DUPLICATE_DATA"]


def test_the_layout_makes_fields_mandatory(shared: Any) -> None:
    layout = shared.get("settings/layouts", module="Contacts").json()["layouts"][0]["id"]
    email = fields_of(shared, "Contacts")["Email"]["id"]
    sections = [{"fields": [{"id": email, "required": True}]}]
    path = f"settings/layouts/{layout}?module=Contacts"
    answer = shared.call("PATCH", path, json={"layouts": [{"sections": sections}]})
    assert answer.status_code == 200
    rows = shared.get("settings/layouts", module="Contacts").json()["layouts"][0]["sections"]
    required = {f["api_name"]: f["required"] for s in rows for f in s["fields"]}
    assert required["Email"]
    assert not fields_of(shared, "Contacts")["Email"]["required"]
    (item,) = shared.write("Contacts", {"Last_Name": "x", "Layout": {"id": layout}})
    assert item["details"]["api_name"] == "Email"


def test_the_org_says_what_it_is(shared: Any) -> None:
    org = shared.get("org").json()["org"][0]
    assert (org["type"], org["license_details"]["paid_type"]) == ("sandbox", "enterprise")
    assert org["zgid"].isdigit()
    assert not org["hipaa_compliance_enabled"]


def test_users_by_type(shared: Any) -> None:
    active = shared.get("users", type="ActiveUsers").json()
    assert active["info"]["count"] == len(active["users"]) == 3
    assert [user["email"] for user in shared.get("users", type="DeactiveUsers").json()["users"]]
    (me,) = shared.get("users", type="CurrentUser").json()["users"]
    assert me["profile"]["name"] == "Administrator"
    added = shared.emulator.add_users([{"email": "dr.weiss@practice.example"}])
    again = shared.emulator.add_users([{"email": "Dr.Weiss@practice.example"}])
    assert added[0]["id"] == again[0]["id"]
    names = {user["email"] for user in shared.get("users", type="ActiveUsers").json()["users"]}
    assert "dr.weiss@practice.example" in names


def test_health_fields_can_be_withheld(shared: Any) -> None:
    shared.create("Leads", Last_Name="Withheld", Description="allergic")
    shared.emulator.settings(hipaa_restricted=True)
    shared.emulator.admin("PUT", "hipaa", {"module": "Leads", "fields": ["Description"]})
    try:
        (record,) = shared.get("Leads", fields="Last_Name,Description").json()["data"]
        assert (record["Last_Name"], record["Description"]) == ("Withheld", None)
        field = fields_of(shared, "Leads")["Description"]
        assert field["hipaa_compliance"] == {"restricted": True, "restricted_in_export": True}
        assert shared.get("org").json()["org"][0]["hipaa_compliance_enabled"]
        answer = shared.get("Leads/search", criteria="(Description:equals:a)", fields="Last_Name")
        assert answer.json()["code"] == "INVALID_QUERY"
    finally:
        shared.emulator.settings(hipaa_restricted=False)


def test_metadata_changed_by_many_at_once_stays_consistent(api: Any) -> None:
    def change(number: int) -> int:
        return int(make(api, "Contacts", text("Same Label"), text(f"Own {number}")).status_code)

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(change, range(8)))
    assert sorted(statuses) == [201] + [207] * 7
    values = {f"Own_{number}": "x" for number in range(8)}
    number = api.create("Contacts", Last_Name="x", Same_Label="y", **values)
    record = api.record("Contacts", number)
    assert {record[name] for name in values} == {"x"}
