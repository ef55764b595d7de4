"""Deleting, the bin, restoring, and the automations around all writes."""

from __future__ import annotations

from typing import Any


def test_deleted_records_go_to_the_bin_and_come_back_whole(api: Any) -> None:
    key = api.key("Contacts")
    number = api.create("Contacts", Last_Name="Gone", **{key: "PAT-1"})
    parent = {"module": {"api_name": "Contacts"}, "id": number}
    note = api.create("Notes", Note_Title="with it", Parent_Id=parent)
    place = f"Contacts/{number}/Attachments"
    api.call("POST", place, files={"file": ("a.txt", b"bytes")})
    before = api.record("Contacts", number)
    answer = api.call("DELETE", f"Contacts/{number}", params={"wf_trigger": "false"})
    assert answer.json()["data"][0]["message"] == "record deleted"
    assert api.get(f"Contacts/{number}").status_code == 204
    assert api.get(f"Notes/{note}").status_code == 204
    (entry,) = api.get("Contacts/deleted", type="recycle").json()["data"]
    assert (entry["id"], entry["display_name"], entry["type"]) == (number, "Gone", "recycle")
    binned = api.get("settings/recycle_bin").json()["recycle_bin"]
    assert {row["module"]["api_name"] for row in binned} == {"Contacts", "Notes", "Attachments"}
    lone = api.post(f"settings/recycle_bin/{note}/actions/restore")
    assert lone.json()["recycle_bin"][0]["code"] == "CANNOT_RESTORE_WITHOUT_PARENT"
    answer = api.post("settings/recycle_bin/actions/restore", {"ids": [number]})
    assert answer.status_code == 200
    assert api.record("Contacts", number) == before
    assert api.get(f"Notes/{note}").status_code == 200
    (file,) = api.get(place, fields="File_Name").json()["data"]
    assert api.get(f"{place}/{file['id']}").content == b"bytes"


def test_a_binned_key_is_free_but_then_the_record_cannot_return(api: Any) -> None:
    key = api.key("Contacts")
    old = api.create("Contacts", Last_Name="Old", **{key: "PAT-1"})
    api.call("DELETE", f"Contacts/{old}")
    new = api.create("Contacts", Last_Name="New", **{key: "PAT-1"})
    assert new != old
    answer = api.post(f"settings/recycle_bin/{old}/actions/restore")
    assert answer.json()["recycle_bin"][0]["code"] == "DUPLICATE_DATA"


def test_the_bin_is_emptied_after_sixty_days(api: Any) -> None:
    number = api.create("Contacts", Last_Name="x")
    api.call("DELETE", "Contacts", params={"ids": number})
    api.emulator.settings(clock_offset_s=61 * 86_400.0)
    late = type(api)(api.emulator)
    (entry,) = late.get("Contacts/deleted").json()["data"]
    assert (entry["type"], entry["display_name"]) == ("permanent", None)
    assert late.get("settings/recycle_bin").status_code == 204
    api.emulator.settings(clock_offset_s=121 * 86_400.0)
    assert type(api)(api.emulator).get("Contacts/deleted").status_code == 204


def test_records_are_deleted_for_good(api: Any) -> None:
    ids = [api.create("Contacts", Last_Name="x") for _ in range(3)]
    api.call("DELETE", "Contacts", params={"ids": ",".join(ids)})
    assert api.get("settings/recycle_bin/actions/count").json() == {"count": 3}
    assert api.call("DELETE", f"settings/recycle_bin/{ids[0]}").status_code == 200
    assert api.post("settings/recycle_bin/actions/empty").status_code == 200
    assert api.get("settings/recycle_bin").status_code == 204
    restored = api.post("settings/recycle_bin/actions/restore", {"ids": ids})
    assert restored.status_code == 400
    assert {row["type"] for row in api.get("Contacts/deleted").json()["data"]} == {"permanent"}


def test_deleting_what_is_not_there(api: Any) -> None:
    good = api.create("Contacts", Last_Name="x")
    answer = api.call("DELETE", "Contacts", params={"ids": f"{good},12"})
    assert answer.status_code == 207
    assert answer.json()["data"][1]["details"] == {"id": "12"}
    assert api.call("DELETE", "Contacts", params={"ids": "12"}).status_code == 400
    assert api.call("DELETE", "Contacts").json()["code"] == "REQUIRED_PARAM_MISSING"
    ids = ",".join(str(n) for n in range(101))
    assert api.call("DELETE", "Contacts", params={"ids": ids}).json()["code"] == "LIMIT_EXCEEDED"
    assert api.get("Contacts/deleted", type="x").json()["code"] == "PATTERN_NOT_MATCHED"


def test_mass_delete_takes_five_hundred(api: Any) -> None:
    ids: list[str] = []
    for _ in range(3):
        rows = [{"Last_Name": "x"}] * 100
        ids += [item["details"]["id"] for item in api.write("Contacts", *rows)]
    answer = api.post("Contacts/actions/mass_delete", {"ids": ids})
    assert answer.status_code == 200
    assert answer.json()["data"][0]["message"] == "record is deleted"
    assert api.get("Contacts", fields="Last_Name").status_code == 204
    many = [str(n) for n in range(501)]
    answer = api.post("Contacts/actions/mass_delete", {"ids": many})
    assert answer.json()["code"] == "LIMIT_EXCEEDED"
    assert api.post("Contacts/actions/mass_delete", {}).json()["code"] == "MANDATORY_NOT_FOUND"


def test_only_a_write_that_suppresses_everything_is_silent(api: Any) -> None:
    quiet = {"trigger": [], "skip_feature_execution": [{"name": "cadences"}]}

    def fired() -> dict[str, int]:
        counts: dict[str, int] = api.emulator.fired()["counts"]
        return counts

    row = {"data": [{"Last_Name": "x"}]}
    number = api.post("Contacts", {**row, **quiet}).json()["data"][0]["details"]["id"]
    api.call("PUT", f"Contacts/{number}", json={**row, **quiet})
    api.post("Contacts/upsert", {**row, **quiet})
    api.call("DELETE", f"Contacts/{number}", params={"wf_trigger": "false"})
    assert fired() == {}
    assert api.emulator.stats()["automations_fired"] == 0
    api.post("Contacts", {**row, "trigger": []})
    assert fired() == {"cadences": 1}
    api.post("Contacts", {**row, "skip_feature_execution": [{"name": "cadences"}]})
    assert fired() == {"cadences": 1, "workflow": 1}
    number = api.post("Contacts", row).json()["data"][0]["details"]["id"]
    api.call("DELETE", f"Contacts/{number}")
    assert fired() == {"cadences": 2, "workflow": 3}
    last = api.emulator.fired()["fired"][0]
    assert (last["module"], last["event"], last["record_id"]) == ("Contacts", "delete", number)


def test_wrong_switches_are_refused(api: Any) -> None:
    row = {"data": [{"Last_Name": "x"}]}
    assert api.post("Contacts", {**row, "trigger": ["x"]}).json()["code"] == "INVALID_DATA"
    skip = {"skip_feature_execution": [{"name": "layout_rules"}]}
    answer = api.post("Contacts", {**row, **skip})
    assert answer.json()["details"]["supported_values"] == ["cadences"]
    assert api.get("Contacts", fields="Last_Name").status_code == 204
