"""Inserting, updating, upserting: per-record outcomes, status rules, typed validation."""

from __future__ import annotations

from typing import Any

import pytest


def codes(answer: Any) -> list[str]:
    return [item["code"] for item in answer.json()["data"]]


def test_statuses_follow_how_many_records_succeeded(shared: Any) -> None:
    good, bad = {"Account_Name": "A"}, {"Phone": "1"}
    assert shared.post("Accounts", {"data": [good], "trigger": []}).status_code == 201
    mixed = shared.post("Accounts", {"data": [good, bad], "trigger": []})
    assert mixed.status_code == 207
    assert codes(mixed) == ["SUCCESS", "MANDATORY_NOT_FOUND"]
    assert mixed.json()["data"][1]["details"] == {
        "api_name": "Account_Name",
        "json_path": "$.data[1].Account_Name",
    }
    none = shared.post("Accounts", {"data": [bad], "trigger": []})
    assert none.status_code == 400
    assert codes(none) == ["MANDATORY_NOT_FOUND"]


def test_body_level_refusals_have_one_envelope(shared: Any) -> None:
    rows = [{"Last_Name": "x"}] * 101
    answer = shared.post("Contacts", {"data": rows})
    assert (answer.status_code, answer.json()["code"]) == (400, "LIMIT_EXCEEDED")
    assert answer.json()["details"] == {"maximum_length": 100, "api_name": "data"}
    assert shared.post("Contacts", {}).json()["code"] == "MANDATORY_NOT_FOUND"
    assert shared.post("Contacts", {"data": {}}).json()["details"]["expected_data_type"] == (
        "jsonarray"
    )
    assert shared.call("POST", "Contacts", data="{").json()["code"] == "INVALID_DATA"
    assert shared.post("Patients", {"data": rows}).json()["code"] == "INVALID_MODULE"
    assert shared.get("no/such/place/at/all").status_code == 404
    assert shared.call("PATCH", "coql").json()["code"] == "INVALID_REQUEST_METHOD"


def test_body_needs_no_content_type_and_lookup_ids_may_be_numbers(shared: Any) -> None:
    account = shared.create("Accounts", Account_Name="Practice")
    session = shared.session
    body = f'{{"data":[{{"Last_Name":"Ö","Account_Name":{{"id":{account}}}}}]}}'.encode()
    answer = session.post(f"{shared.emulator.url}/crm/v8/Contacts", data=body, timeout=10)
    assert "Content-Type" not in answer.request.headers
    number = answer.json()["data"][0]["details"]["id"]
    record = shared.record("Contacts", number)
    assert record["Account_Name"] == {"name": "Practice", "id": account}
    assert record["Full_Name"] == "Ö"


@pytest.mark.parametrize(
    ("field", "value", "details"),
    [
        ("Last_Name", "x" * 81, {"maximum_length": 80}),
        ("Last_Name", 5, {"expected_data_type": "string"}),
        ("Email", "nobody", {"expected_data_type": "email"}),
        ("Phone", "030/1234", {"expected_data_type": "phone"}),
        ("Phone", "1" * 31, {"maximum_length": 30}),
        ("Date_of_Birth", "29.02.1980", {"expected_data_type": "date"}),
        ("Date_of_Birth", "1981-02-29", {"expected_data_type": "date"}),
        ("Email_Opt_Out", "yes", {"expected_data_type": "boolean"}),
        ("Account_Name", "Practice", {"expected_data_type": "jsonobject"}),
        ("Salutation", "x" * 26, {"maximum_length": 25}),
    ],
)
def test_values_are_held_to_their_field(
    shared: Any, field: str, value: Any, details: dict[str, Any]
) -> None:
    (item,) = shared.write("Contacts", {"Last_Name": "x", field: value})
    assert item["code"] == "INVALID_DATA"
    assert item["details"] == {**details, "api_name": field, "json_path": f"$.data[0].{field}"}


@pytest.mark.parametrize(
    "instant",
    ["2026-03-01T09:30:00", "2026-03-01T09:30:00Z", "2026-03-01T09:30:00.5+01:00", "2026-03-01"],
)
def test_instants_have_an_offset_and_no_fraction(shared: Any, instant: str) -> None:
    row = {"Event_Title": "x", "Start_DateTime": instant, "End_DateTime": instant}
    (item,) = shared.write("Events", row)
    assert item["details"]["expected_data_type"] == "datetime"


def test_a_lookup_must_point_at_a_record_of_its_module(shared: Any) -> None:
    contact = shared.create("Contacts", Last_Name="x")
    for wrong in (contact, "123"):
        (item,) = shared.write("Contacts", {"Last_Name": "y", "Account_Name": {"id": wrong}})
        assert item["code"] == "INVALID_DATA"
        assert item["details"]["json_path"] == "$.data[0].Account_Name.id"


def test_owner_must_be_an_active_user(shared: Any) -> None:
    users = shared.get("users", type="AllUsers").json()["users"]
    by_status = {user["status"]: user["id"] for user in users}
    inactive = by_status["inactive"]
    (item,) = shared.write("Contacts", {"Last_Name": "x", "Owner": {"id": inactive}})
    assert item["details"]["api_name"] == "Owner"
    number = shared.create("Contacts", Last_Name="x", Owner={"id": by_status["active"]})
    assert shared.record("Contacts", number)["Owner"]["id"] == by_status["active"]


def test_unknown_picklist_values_are_stored_and_unknown_fields_ignored(shared: Any) -> None:
    number = shared.create("Contacts", Last_Name="x", Lead_Source="Dent-O-Soft", Nonsense=1)
    record = shared.record("Contacts", number)
    assert record["Lead_Source"] == "Dent-O-Soft"
    assert "Nonsense" not in record
    assert shared.emulator.stats()["ignored_fields"]["Contacts.Nonsense"] >= 1


def test_system_fields_cannot_be_set(shared: Any) -> None:
    number = shared.create("Contacts", Last_Name="x", Created_Time="2001-01-01T00:00:00+00:00")
    assert not shared.record("Contacts", number)["Created_Time"].startswith("2001")


def test_update_changes_only_what_is_sent_and_null_clears(shared: Any) -> None:
    number = shared.create("Contacts", Last_Name="x", First_Name="Ina", Title="Dr")
    answer = shared.call(
        "PUT", f"Contacts/{number}", json={"data": [{"Title": None, "Phone": "1"}], "trigger": []}
    )
    assert (answer.status_code, answer.json()["data"][0]["message"]) == (200, "record updated")
    record = shared.record("Contacts", number)
    assert (record["First_Name"], record["Title"], record["Phone"]) == ("Ina", None, "1")
    rows = [{"id": number, "Last_Name": None}, {"id": "42", "Phone": "2"}, {"Phone": "3"}]
    answer = shared.call("PUT", "Contacts", json={"data": rows})
    assert answer.status_code == 400
    assert codes(answer) == ["MANDATORY_NOT_FOUND", "INVALID_DATA", "MANDATORY_NOT_FOUND"]


def test_update_can_be_refused_when_somebody_was_faster(shared: Any) -> None:
    number = shared.create("Contacts", Last_Name="x")
    headers = {"If-Unmodified-Since": "2001-01-01T00:00:00+00:00"}
    body = {"data": [{"Last_Name": "y"}], "trigger": []}
    answer = shared.call("PUT", f"Contacts/{number}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (412, "ALREADY_MODIFIED")


def test_append_values_adds_to_a_multiselect(shared: Any) -> None:
    values = [{"display_value": name, "actual_value": name} for name in ("Latex", "Penicillin")]
    name = shared.field("Contacts", "Allergies", "multiselectpicklist", pick_list_values=values)
    number = shared.create("Contacts", Last_Name="x", **{name: ["Latex"]})
    row = {name: ["Penicillin"], "$append_values": {name: True}}
    shared.call("PUT", f"Contacts/{number}", json={"data": [row], "trigger": []})
    assert shared.record("Contacts", number)[name] == ["Latex", "Penicillin"]


def test_deals_take_stages_of_their_pipeline_and_their_probability(
    shared: Any, make_deal: Any
) -> None:
    number = shared.create("Deals", **make_deal(Deal_Name="Crown", Amount=200))
    record = shared.record("Deals", number)
    assert (record["Probability"], record["Expected_Revenue"]) == (10, 20.0)
    (item,) = shared.write("Deals", make_deal(Deal_Name="x", Stage="Dreaming"))
    assert item["details"]["api_name"] == "Stage"
    (item,) = shared.write("Deals", {"Deal_Name": "x", "Stage": "Qualification"})
    assert item["details"]["api_name"] == "Pipeline"
    body = {"data": [{"Stage": "Closed Won"}], "trigger": []}
    shared.call("PUT", f"Deals/{number}", json=body)
    assert shared.record("Deals", number)["Probability"] == 100


def test_activities_name_the_module_they_relate_to(shared: Any) -> None:
    account = shared.create("Accounts", Account_Name="P")
    contact = shared.create("Contacts", Last_Name="x")
    links = {"Who_Id": {"id": contact}, "What_Id": {"id": account}}
    (item,) = shared.write("Tasks", {"Subject": "Call", **links})
    assert item["code"] == "DEPENDENT_FIELD_MISSING"
    assert item["details"]["dependee"]["api_name"] == "What_Id"
    number = shared.create("Tasks", Subject="Call", **links, **{"$se_module": "Accounts"})
    record = shared.record("Tasks", number)
    assert record["What_Id"] == {"name": "P", "id": account}
    assert record["Who_Id"] == {"name": "x", "id": contact}
    assert record["$se_module"] == "Accounts"
    only = shared.create(
        "Tasks", Subject="Call", Who_Id={"id": contact}, **{"$se_module": "Contacts"}
    )
    assert shared.record("Tasks", only)["$se_module"] == "Contacts"
    wrong = {"Subject": "x", "What_Id": {"id": account}, "$se_module": "Deals"}
    assert shared.write("Tasks", wrong)[0]["details"]["api_name"] == "What_Id"


def test_calls_need_a_duration_and_events_take_fifty_participants(shared: Any) -> None:
    call = {"Subject": "x", "Call_Type": "Inbound", "Call_Start_Time": "2026-01-01T10:00:00+01:00"}
    assert shared.write("Calls", {**call, "Call_Duration": "00:00"})[0]["code"] == (
        "DEPENDENT_MISMATCH"
    )
    number = shared.create("Calls", **call, Call_Duration="02:05")
    assert shared.record("Calls", number)["Call_Duration_in_seconds"] == 125
    moment = "2026-01-01T10:00:00+01:00"
    people = [{"type": "email", "participant": f"p{n}@example.com"} for n in range(51)]
    event = {"Event_Title": "x", "Start_DateTime": moment, "End_DateTime": moment}
    assert shared.write("Events", {**event, "Participants": people})[0]["code"] == "LIMIT_EXCEEDED"


def test_a_named_layout_brings_its_mandatory_fields(shared: Any, make_deal: Any) -> None:
    layout = shared.get("settings/layouts", module="Deals").json()["layouts"][0]["id"]
    row = make_deal(Deal_Name="x", Layout={"id": layout})
    (item,) = shared.write("Deals", row)
    assert item["details"]["api_name"] == "Account_Name"
    assert shared.write("Deals", make_deal(Deal_Name="x"))[0]["code"] == "SUCCESS"
