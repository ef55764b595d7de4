"""The client against the local Zoho CRM, over HTTP: what a load does, from fields to files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pandas as pd
import pytest

from migrator_kit.errors import BudgetExhausted
from migrator_kit.zoho import FieldSpec, Reason, ZohoClient, ZohoSettings, bulkfiles, limits
from migrator_kit.zoho.bulkjobs import BulkColumn, BulkWrite
from migrator_kit.zoho.values import from_zoho_datetime, to_zoho_datetime

KEY = "Source_System_ID"


@pytest.fixture(scope="module")
def crm(emulator_module) -> Iterator[ZohoClient]:
    """A client of an org whose Contacts and Accounts carry the source key."""
    with ZohoClient(ZohoSettings.for_emulator(emulator_module.url)) as client:
        spec = FieldSpec("Source System ID", "text", length=60, unique=True)
        for module in ("Accounts", "Contacts"):
            assert client.metadata.create_fields(module, [spec])[0].ok
        yield client


def contact(key: str, **fields: object) -> dict[str, object]:
    return {"Last_Name": f"Name {key}", KEY: key, **fields}


def upsert(crm: ZohoClient, rows: list[dict[str, object]]):
    return crm.records.upsert("Contacts", rows, duplicate_check_fields=[KEY])


def test_org_users_and_limits(crm):
    org = crm.require_org_kind("emulator")
    assert org.type == "sandbox"
    users = crm.users()
    assert len(users) == 3
    assert all(user.active and "@" in user.email for user in users)
    assert crm.current_user().id in {user.id for user in users}
    assert len(crm.users("AllUsers")) > 3
    assert crm.limits.edition == org.edition == "enterprise"


def test_created_field_is_read_back_with_its_api_name(crm):
    results = crm.metadata.create_fields(
        "Deals",
        [
            FieldSpec("Treatment Plan ID", "text", unique=True),
            FieldSpec("Treatment Stage", "picklist", picklist=("proposed", "accepted")),
            FieldSpec("Treatment Notes", "textarea"),
            FieldSpec("Source Created Time", "datetime"),
        ],
    )
    assert [result.ok for result in results] == [True, True, False, True]
    assert results[2].reason is Reason.RESERVED_WORD
    by_id = {field.id: field for field in crm.metadata.fields("Deals")}
    made = [by_id[result.id] for result in results if result.ok]
    assert [field.api_name for field in made] == [
        "Treatment_Plan_ID",
        "Treatment_Stage",
        "Source_Created_Time",
    ]
    assert made[0].unique
    assert {value.actual_value for value in made[1].picklist} >= {"proposed", "accepted"}


def test_field_problems_are_seen_before_the_org_refuses(crm):
    specs = [FieldSpec("Key One", "text", unique=True), FieldSpec("Key Two", "text", unique=True)]
    found = crm.metadata.field_problems("Contacts", specs, "enterprise")
    assert found == ["Contacts: 3 unique fields, Zoho allows 2"]
    created = crm.metadata.create_fields("Contacts", specs)
    assert [result.ok for result in created] == [True, False]
    crm.metadata.delete_field("Contacts", created[0].id or "")


def test_stages_have_probabilities_and_pipelines_their_order(crm):
    by_name = {stage.actual_value: stage.probability for stage in crm.metadata.stages()}
    assert by_name["Qualification"] == 10
    assert by_name["Closed Won"] == 100
    (pipeline,) = crm.metadata.pipelines()
    assert pipeline.default
    assert pipeline.stages[0].actual_value == "Qualification"
    assert "Stage" in crm.metadata.layouts("Deals")[0].required


def test_upsert_inserts_then_updates_and_keeps_order(crm):
    first = upsert(crm, [contact("A1"), contact("A2")])
    assert [result.action for result in first] == ["insert", "insert"]
    second = upsert(crm, [contact("A3"), contact("A1", Phone="+30 210 1234567")])
    assert [result.action for result in second] == ["insert", "update"]
    assert second[1].id == first[0].id
    assert crm.records.get("Contacts", first[0].id, ["Phone"])["Phone"] == "+30 210 1234567"
    assert upsert(crm, [contact("A1")])[0].modified_time


def test_refusals_stand_beside_successes(crm):
    results = crm.records.insert(
        "Contacts",
        [
            contact("B1"),
            {KEY: "B2"},
            contact("B3", First_Name="x" * 41),
            contact("B4", Email="not an address"),
            contact("B5", Account_Name={"id": "554023000000999999"}),
            contact("A1"),
        ],
    )
    assert [result.reason for result in results] == [
        None,
        Reason.MISSING_REQUIRED,
        Reason.TOO_LONG,
        Reason.WRONG_TYPE,
        results[4].reason,
        Reason.DUPLICATE,
    ]
    assert results[4].reason in (Reason.UNKNOWN_PARENT, Reason.INVALID_VALUE)
    assert [result.field for result in results[1:4]] == ["Last_Name", "First_Name", "Email"]
    assert results[5].id == crm.records.find("Contacts", KEY, ["A1"])["A1"][0]["id"]
    assert all(not result.ok for result in crm.records.insert("Contacts", [{KEY: "B9"}]))


def test_unknown_module_is_terminal(crm):
    with pytest.raises(Exception, match="INVALID_MODULE"):
        crm.records.insert("Patients", [{"Last_Name": "x"}])


def test_more_records_than_a_page_are_read_by_query_and_by_list(crm):
    rows = [contact(f"C{n:05d}") for n in range(2_350)]
    for start in range(0, len(rows), 100):
        assert all(result.ok for result in upsert(crm, rows[start : start + 100]))
    asked = list(crm.records.coql([KEY], "Contacts", f"{KEY} like 'C%'"))
    assert [row[KEY] for row in asked] == [row[KEY] for row in rows]
    listed = {row[KEY] for row in crm.records.list("Contacts", [KEY])}
    assert listed >= {row[KEY] for row in rows}
    assert crm.records.count("Contacts", f"{KEY} like 'C%'") == 2_350
    found = crm.records.find("Contacts", KEY, ["C00007", "C0000", "c00007"], ["Last_Name"])
    assert [len(found[key]) for key in ("C00007", "C0000", "c00007")] == [1, 0, 0]
    assert found["C00007"][0]["Last_Name"] == "Name C00007"


def test_a_quote_in_a_key_is_found_again(crm):
    keys = ["O'Brien", "back\\slash", "sales-team", "sales_team"]
    upsert(crm, [contact(key) for key in keys])
    found = crm.records.find("Contacts", KEY, keys)
    assert [len(found[key]) for key in keys] == [1, 1, 1, 1]


def test_listing_goes_on_beyond_the_end_of_page_tokens(emulator, monkeypatch):
    monkeypatch.setattr(limits, "LIST_ROWS", 400)
    emulator.settings(token_page_limit=400)
    with ZohoClient(ZohoSettings.for_emulator(emulator.url)) as client:
        ids = []
        for part in range(9):
            emulator.settings(clock_offset_s=float(part * 3))
            rows = [{"Account_Name": f"A{part}-{n}"} for n in range(100)]
            ids += [result.id for result in client.records.insert("Accounts", rows)]
        assert [row["id"] for row in client.records.list("Accounts", ["id"])] == ids


def test_writes_fire_no_automation_unless_asked(crm, emulator_module):
    before = emulator_module.fired()["total"]
    (made,) = crm.records.insert("Contacts", [contact("D1")])
    crm.records.update("Contacts", [{"id": made.id, "Phone": "12345"}])
    upsert(crm, [contact("D1", Phone="54321")])
    crm.records.delete("Contacts", [made.id])
    assert emulator_module.fired()["total"] == before
    crm.records.insert("Contacts", [contact("D2")], quiet=False)
    assert emulator_module.fired()["total"] > before


def test_deleted_records_are_listed_and_gone(crm):
    ids = [result.id for result in upsert(crm, [contact("E1"), contact("E2")])]
    results = crm.records.delete("Contacts", [ids[1], ids[0], "554023000000999999"])
    assert [result.ok for result in results] == [True, True, False]
    assert [result.id for result in results[:2]] == [ids[1], ids[0]]
    assert results[2].reason is Reason.UNKNOWN_RECORD
    assert crm.records.get("Contacts", ids[0]) is None
    assert set(ids) <= {row["id"] for row in crm.records.deleted("Contacts", "recycle")}
    more = [result.id for result in upsert(crm, [contact("E3"), contact("E4")])]
    assert [result.ok for result in crm.records.mass_delete("Contacts", more)] == [True, True]


def test_tasks_point_to_contact_and_deal(crm):
    (person,) = upsert(crm, [contact("F1")])
    assert crm.metadata.create_fields("Tasks", [FieldSpec("Source Task ID", "text")])[0].ok
    row = {
        "Subject": "Recall",
        "Who_Id": {"id": person.id},
        "$se_module": "Contacts",
        "Due_Date": "2026-12-01",
        "Source_Task_ID": "T1",
    }
    (task,) = crm.records.insert("Tasks", [row])
    assert task.ok
    found = crm.records.find("Tasks", "Source_Task_ID", ["T1"], ["Who_Id"])
    assert found["T1"][0]["id"] == task.id
    assert found["T1"][0]["Who_Id"]["id"] == person.id


def test_times_are_the_same_instant_when_read_back(crm):
    (person,) = upsert(crm, [contact("G1")])
    moment = datetime(2026, 3, 29, 0, 30, 0, tzinfo=UTC)
    row = {
        "Event_Title": "Check-up",
        "Start_DateTime": moment,
        "End_DateTime": to_zoho_datetime(moment.replace(hour=1)),
        "Who_Id": {"id": person.id},
        "$se_module": "Contacts",
    }
    (event,) = crm.records.insert("Events", [row])
    back = crm.records.get("Events", event.id, ["Start_DateTime"])
    assert from_zoho_datetime(back["Start_DateTime"]) == moment


def test_notes_and_their_parents(crm):
    (person,) = upsert(crm, [contact("H1")])
    rows = [
        {
            "Note_Title": f"Visit {n}",
            "Note_Content": f"[source N{n}]\nPain at 46",
            "Parent_Id": crm.notes.parent("Contacts", person.id),
        }
        for n in range(3)
    ]
    results = crm.notes.create([*rows, {"Parent_Id": rows[0]["Parent_Id"]}])
    assert [result.ok for result in results] == [True, True, True, False]
    assert results[3].reason is Reason.MISSING_REQUIRED
    read = list(crm.notes.list_for("Contacts", person.id))
    assert {row["Note_Content"] for row in read} == {row["Note_Content"] for row in rows}
    ids = {result.id for result in results[:3]}
    assert ids <= {row["id"] for row in crm.notes.list_all(["Note_Title"])}
    assert all(result.ok for result in crm.notes.delete(sorted(filter(None, ids))))
    assert list(crm.notes.list_for("Contacts", person.id)) == []


def test_files_go_up_and_come_back(crm, tmp_path):
    (person,) = upsert(crm, [contact("I1")])
    path = tmp_path / "scan.jpg"
    path.write_bytes(bytes(range(256)) * 5_000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    sent = crm.attachments.upload("Contacts", person.id, path, "Röntgen Ελένη.jpg")
    assert (sent.ok, sent.details["sha256"]) == (True, digest)
    (listed,) = crm.attachments.list("Contacts", person.id)
    assert (listed.id, listed.file_name, listed.size) == (sent.id, "Röntgen Ελένη.jpg", 1_280_000)
    target = tmp_path / "back.jpg"
    found = crm.attachments.download("Contacts", person.id, sent.id, target)
    assert found.sha256 == digest == hashlib.sha256(target.read_bytes()).hexdigest()
    assert crm.attachments.delete("Contacts", person.id, sent.id).ok
    assert crm.attachments.list("Contacts", person.id) == []


def test_a_link_stands_among_the_files(crm):
    (person,) = upsert(crm, [contact("I2")])
    url = "https://files.example/archive/1?name=Ελένη&side=left"
    made = crm.attachments.link("Contacts", person.id, url, "Röntgen in the archive")
    (listed,) = crm.attachments.list("Contacts", person.id)
    assert (listed.id, listed.file_name, listed.is_link) == (
        made.id,
        "Röntgen in the archive",
        True,
    )
    assert crm.attachments.delete("Contacts", person.id, listed.id).ok
    refused = crm.attachments.link("Contacts", "554023000000999999", url, "x")
    assert refused.reason is Reason.UNKNOWN_PARENT


def test_a_file_on_an_unknown_record_is_refused_not_raised(crm, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    result = crm.attachments.upload("Contacts", "554023000000999999", path, "a.txt")
    assert (result.ok, result.reason) == (False, Reason.UNKNOWN_PARENT)


def test_credits_are_counted_as_the_org_counts_them(emulator):
    with ZohoClient(ZohoSettings.for_emulator(emulator.url)) as client:
        client.metadata.create_fields("Contacts", [FieldSpec("Source System ID", "text")])
        client.records.insert("Contacts", [contact(str(n)) for n in range(25)])
        list(client.records.coql([KEY], "Contacts"))
        list(client.records.coql([KEY], "Contacts", page_size=200))
        client.users()
        stats = emulator.stats()
        assert client.credits.spent == stats["credits_used"]
        assert stats["credits_budget"] == client.limits.daily_credits(client.org().users_purchased)


def test_a_small_budget_stops_before_the_org_is_asked(emulator):
    settings = ZohoSettings.for_emulator(emulator.url, credit_budget=15)
    with ZohoClient(settings) as client:
        client.records.insert("Accounts", [{"Account_Name": f"A{n}"} for n in range(100)])
        with pytest.raises(BudgetExhausted):
            client.records.insert("Accounts", [{"Account_Name": f"B{n}"} for n in range(100)])
        assert client.records.count("Accounts") == 100


def test_licences_are_asked_for_whatever_was_spent_before(emulator, tmp_path):
    """An edition with one user would have 51,000 credits a day; this org has 150,000."""
    emulator.settings(licences=100)
    settings = ZohoSettings.for_emulator(emulator.url, state_folder=tmp_path)
    with ZohoClient(settings) as first:
        first.org()
        first.credits.spend(87_000)
    with ZohoClient(settings) as later:
        assert later.org().users_purchased == 100
        assert later.credits.budget == int(150_000 * 0.95)
        assert 0 < later.credits.remaining < 150_000 - 87_000


def test_picklist_values_are_added_and_fields_deleted(crm):
    spec = FieldSpec("Recall Group", "picklist", picklist=("6 months",))
    (made,) = crm.metadata.create_fields("Accounts", [spec])
    assert crm.metadata.add_picklist_values("Accounts", made.id, ["12 months"]).ok
    field = crm.metadata.field("Accounts", "Recall_Group")
    assert {"6 months", "12 months"} <= {value.actual_value for value in field.picklist}
    assert crm.metadata.delete_field("Accounts", made.id).ok
    assert crm.metadata.field("Accounts", "Recall_Group") is None
    assert not crm.metadata.delete_field("Accounts", made.id).ok


def test_deleted_records_come_back_with_their_notes(crm):
    (person,) = upsert(crm, [contact("J1")])
    parent = crm.notes.parent("Contacts", person.id)
    crm.notes.create([{"Note_Content": "kept", "Parent_Id": parent}])
    crm.records.delete("Contacts", [person.id])
    assert crm.records.get("Contacts", person.id) is None
    restored, unknown = crm.recycle_bin.restore([person.id, "554023000000999999"])
    assert (restored.ok, unknown.ok) == (True, False)
    assert crm.records.get("Contacts", person.id, [KEY])[KEY] == "J1"
    (note,) = crm.notes.list_for("Contacts", person.id)
    assert note["Note_Content"] == "kept"


def test_bulk_write_and_bulk_read_from_end_to_end(crm, tmp_path):
    crm.records.upsert(
        "Accounts", [{"Account_Name": "Practice", KEY: "P01"}], duplicate_check_fields=[KEY]
    )
    frame = pd.DataFrame(
        {
            KEY: [f"L{n:05d}" for n in range(1_500)],
            "Last_Name": [f'Name, "{n}"\nΕλένη' for n in range(1_500)],
            "Account_Name": "P01",
            "Date_of_Birth": "1980-02-29",
            "Owner": crm.current_user().email,
        }
    )
    frame.loc[7, "Last_Name"] = None
    frame.loc[8, "Account_Name"] = "P99"
    columns = (
        BulkColumn(KEY),
        BulkColumn("Last_Name"),
        BulkColumn("Account_Name", find_by=KEY, module="Accounts"),
        BulkColumn("Date_of_Birth", format="yyyy-MM-dd"),
        BulkColumn("Owner", find_by="email"),
    )
    (file,) = bulkfiles.write_zips(frame, tmp_path, "Contacts", key=KEY)
    file_id = crm.bulk.upload(file.path)
    job_id = crm.bulk.start_write(BulkWrite("Contacts", "upsert", columns, find_by=KEY), file_id)
    job = crm.bulk.wait_write(job_id)
    results = crm.bulk.write_results(job)
    assert (job.ok, job.total, len(results)) == (True, 1_500, 1_500)
    assert results[KEY].tolist() == frame[KEY].tolist()
    refused = results[~results["ok"]]
    assert refused[KEY].tolist()[0] == "L00007"
    assert refused["reason"].tolist()[0] == Reason.MISSING_REQUIRED
    landed = results[results["ok"]].set_index(KEY)["record_id"]
    record = crm.records.get("Contacts", landed["L00000"], ["Last_Name", "Account_Name"])
    assert record["Last_Name"] == 'Name, "0"\nΕλένη'
    assert record["Account_Name"]["id"]
    again = crm.bulk.wait_write(
        crm.bulk.start_write(BulkWrite("Contacts", "upsert", columns, find_by=KEY), file_id)
    )
    assert (again.added, again.updated) == (0, job.added)
    paths = crm.bulk.read_module("Contacts", ["Last_Name", KEY], tmp_path / "read")
    read = pd.concat([pd.read_parquet(path) for path in paths])
    read = read[read[KEY].str.startswith("L", na=False)]
    assert set(read[KEY]) == set(landed.index)
    assert set(read.set_index("Id")[KEY].items()) == set(zip(landed, landed.index, strict=True))
