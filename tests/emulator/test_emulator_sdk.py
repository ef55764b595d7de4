"""The vendor's own Python SDK, unpatched, against the emulator: a client that we did not write."""

from __future__ import annotations

import io
import time
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("zohocrmsdk", reason="the vendor's SDK is a test dependency (extra dev)")

from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.crm.api import (
    HeaderMap,
    Initializer,
    ParameterMap,
    bulk_read,
    bulk_write,
    coql,
    fields,
    notes,
    org,
)
from zohocrmsdk.src.com.zoho.crm.api import attachments as files
from zohocrmsdk.src.com.zoho.crm.api import modules as modules_api
from zohocrmsdk.src.com.zoho.crm.api import record as records
from zohocrmsdk.src.com.zoho.crm.api import users as users_api
from zohocrmsdk.src.com.zoho.crm.api.dc import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig
from zohocrmsdk.src.com.zoho.crm.api.util import Choice, StreamWrapper

MOMENT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def sdk(emulator_module: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The SDK, signed in with its user look-up; unknown picklist values are the server's affair."""
    place = tmp_path_factory.mktemp("sdk")
    url = emulator_module.url
    environment = DataCenter.Environment(url, f"{url}/oauth/v2/token", url)
    token = OAuthToken(client_id="any", client_secret="any", refresh_token="emulator")
    Initializer.initialize(
        environment,
        token,
        store=FileStore(str(place / "tokens.txt")),
        sdk_config=SDKConfig(pick_list_validation=False),
        resource_path=str(place),
    )
    return emulator_module


def record_of(values: dict[str, Any]) -> Any:
    record = records.Record()
    for name, value in values.items():
        record.add_key_value(name, value)
    return record


def link(number: str) -> Any:
    record = records.Record()
    record.set_id(int(number))
    return record


def body_of(*rows: dict[str, Any], **more: Any) -> Any:
    body = records.BodyWrapper()
    body.set_data([record_of(row) for row in rows])
    body.set_trigger([])
    if "check" in more:
        body.set_duplicate_check_fields(more["check"])
    return body


def items(response: Any) -> list[Any]:
    assert response is not None
    wrapper = response.get_object()
    assert hasattr(wrapper, "get_data"), vars(wrapper)
    return list(wrapper.get_data())


def created(module: str, **values: Any) -> str:
    (item,) = items(records.RecordOperations(module).create_records(body_of(values)))
    assert isinstance(item, records.SuccessResponse), vars(item)
    return str(item.get_details()["id"])


def test_the_sign_in_looks_up_user_and_org(sdk: Any) -> None:
    requests = sdk.stats()["requests"]
    assert requests["GET /crm/v8/users"] >= 1
    assert requests["GET /crm/v8/org"] >= 1


def test_users_org_and_modules(sdk: Any) -> None:
    users = users_api.UsersOperations().get_users().get_object().get_users()
    assert len(users) == 4
    assert users[0].get_profile().get_name() == "Administrator"
    found = org.OrgOperations().get_organization().get_object().get_org()[0]
    assert found.get_zgid().isdigit()
    listed = modules_api.ModulesOperations().get_modules().get_object().get_modules()
    assert {"Accounts", "Contacts", "Deals", "Tasks", "Events", "Notes"} <= {
        module.get_api_name() for module in listed
    }


def test_fields_are_created_and_read_back(sdk: Any) -> None:
    field = fields.Fields()
    field.set_field_label("Source System ID")
    field.set_data_type("text")
    field.set_length(100)
    unique = fields.Unique()
    unique.set_casesensitive("false")
    field.set_unique(unique)
    picklist = fields.Fields()
    picklist.set_field_label("Treatment Stage")
    picklist.set_data_type("picklist")
    value = fields.PickListValue()
    value.set_display_value("planned")
    value.set_actual_value("planned")
    picklist.set_pick_list_values([value])
    body = fields.BodyWrapper()
    body.set_fields([field, picklist])
    params = ParameterMap()
    params.add(fields.CreateFieldParam.module, "Deals")
    answer = fields.FieldsOperations().create_field(body, params).get_object()
    assert [type(item).__name__ for item in answer.get_fields()] == ["SuccessResponse"] * 2
    params = ParameterMap()
    params.add(fields.GetFieldsParam.module, "Deals")
    listed = fields.FieldsOperations().get_fields(params).get_object().get_fields()
    by_name = {item.get_api_name(): item for item in listed}
    assert by_name["Source_System_ID"].get_length() == 100
    assert by_name["Treatment_Stage"].get_pick_list_values()[0].get_display_value() == "planned"
    assert by_name["Stage"].get_system_mandatory()


def test_records_of_the_six_modules(sdk: Any) -> None:
    account = created("Accounts", Account_Name="Practice", Annual_Revenue=1000.5)
    contact = created(
        "Contacts",
        Last_Name="Becker",
        Account_Name=link(account),
        Date_of_Birth=date(1980, 2, 29),
        Email_Opt_Out=True,
        Salutation=Choice("Dr."),
    )
    deal = created(
        "Deals",
        Deal_Name="Crown 46",
        Stage=Choice("Qualification"),
        Pipeline=Choice("Standard (Standard)"),
        Contact_Name=link(contact),
        Amount=900.0,
    )
    task = created(
        "Tasks",
        Subject="Recall",
        What_Id=link(deal),
        Who_Id=link(contact),
        Due_Date=date(2026, 5, 1),
        **{"$se_module": "Deals"},
    )
    event = created("Events", Event_Title="Phone call", Start_DateTime=MOMENT, End_DateTime=MOMENT)
    for module, number in (("Contacts", contact), ("Deals", deal), ("Tasks", task)):
        (record,) = items(records.RecordOperations(module).get_record(int(number)))
        assert record.get_id() == int(number)
    (record,) = items(records.RecordOperations("Contacts").get_record(int(contact)))
    assert record.get_key_value("Date_of_Birth") == date(1980, 2, 29)
    assert record.get_key_value("Account_Name").get_id() == int(account)
    (record,) = items(records.RecordOperations("Events").get_record(int(event)))
    assert record.get_key_value("Start_DateTime") == MOMENT


def test_update_delete_and_list(sdk: Any) -> None:
    api = records.RecordOperations("Contacts")
    number = created("Contacts", Last_Name="Before")
    (item,) = items(api.update_record(int(number), body_of({"Last_Name": "After"})))
    assert item.get_message().get_value() == "record updated"
    params = ParameterMap()
    params.add(records.GetRecordsParam.fields, "Last_Name")
    listed = items(api.get_records(params, HeaderMap()))
    assert "After" in {record.get_key_value("Last_Name") for record in listed}
    params = ParameterMap()
    params.add(records.DeleteRecordParam.wf_trigger, False)
    (item,) = items(api.delete_record(int(number), params))
    assert item.get_code().get_value() == "SUCCESS"
    assert api.get_record(int(number)).get_status_code() == 204


@pytest.mark.parametrize("module", ["Accounts", "Contacts", "Deals", "Tasks", "Events"])
def test_lists_of_each_module(sdk: Any, module: str) -> None:
    deal = {"Stage": Choice("Qualification"), "Pipeline": Choice("Standard (Standard)")}
    rows: dict[str, dict[str, Any]] = {
        "Accounts": {"Account_Name": "Listed"},
        "Contacts": {"Last_Name": "Listed"},
        "Deals": {"Deal_Name": "Listed", **deal},
        "Tasks": {"Subject": "Listed"},
        "Events": {"Event_Title": "Listed", "Start_DateTime": MOMENT, "End_DateTime": MOMENT},
    }
    row = rows[module]
    number = int(created(module, **row))
    params = ParameterMap()
    params.add(records.GetRecordsParam.fields, next(iter(row)))
    listed = items(records.RecordOperations(module).get_records(params, HeaderMap()))
    found = {record.get_id(): record.get_key_value(next(iter(row))) for record in listed}
    assert found[number] == "Listed"


def test_success_and_failure_side_by_side(sdk: Any) -> None:
    rows = [{"Deal_Name": "x"}, {"Account_Name": "y"}]
    api = records.RecordOperations("Accounts")
    response = api.create_records(body_of(*rows))
    bad, good = items(response)
    assert response.get_status_code() == 207
    assert isinstance(good, records.SuccessResponse)
    assert bad.get_code().get_value() == "MANDATORY_NOT_FOUND"
    assert bad.get_details()["api_name"] == "Account_Name"
    response = api.create_records(body_of({"Phone": "1"}))
    assert response.get_status_code() == 400
    assert items(response)[0].get_code().get_value() == "MANDATORY_NOT_FOUND"


def test_upsert_by_the_source_key(sdk: Any) -> None:
    row = {
        "Deal_Name": "Bridge",
        "Stage": Choice("Qualification"),
        "Pipeline": Choice("Standard (Standard)"),
        "Source_System_ID": "TP-1",
    }
    actions = []
    for _ in range(2):
        api = records.RecordOperations("Deals")
        (item,) = items(api.upsert_records(body_of(row, check=["Source_System_ID"])))
        assert isinstance(item, records.SuccessResponse), vars(item)
        actions.append(item.get_action().get_value())
    assert actions == ["insert", "update"]


def test_notes(sdk: Any) -> None:
    contact = created("Contacts", Last_Name="Noted")
    note = notes.Note()
    note.set_note_title("Recall")
    note.set_note_content("line one\nline two")
    parent = notes.ParentId()
    parent.set_id(int(contact))
    module = modules_api.MinifiedModule()
    module.set_api_name("Contacts")
    parent.set_module(module)
    note.set_parent_id(parent)
    body = notes.BodyWrapper()
    body.set_data([note])
    (item,) = items(notes.NotesOperations().create_notes(body))
    assert isinstance(item, notes.SuccessResponse), vars(item)
    params = ParameterMap()
    params.add(notes.GetNotesParam.fields, "Note_Title,Note_Content,Parent_Id")
    (found,) = items(notes.NotesOperations().get_notes(params))
    assert found.get_note_content() == "line one\nline two"


def test_attachments(sdk: Any, tmp_path: Path) -> None:
    contact = int(created("Contacts", Last_Name="Filed"))
    source = tmp_path / "Röntgen.txt"
    source.write_bytes(b"picture")
    body = files.FileBodyWrapper()
    body.set_file(StreamWrapper(file_path=str(source)))
    api = files.AttachmentsOperations()
    (item,) = items(api.upload_attachments(contact, "Contacts", body))
    assert isinstance(item, files.SuccessResponse), vars(item)
    params = ParameterMap()
    params.add(files.GetAttachmentsParam.fields, "File_Name,Size")
    (found,) = items(api.get_attachments(contact, "Contacts", params))
    assert (found.get_file_name(), found.get_size()) == ("Röntgen.txt", "7")
    answer = api.get_attachment(found.get_id(), contact, "Contacts").get_object()
    assert b"".join(answer.get_file().get_stream()) == b"picture"
    (item,) = items(api.delete_attachment(found.get_id(), contact, "Contacts"))
    assert item.get_code().get_value() == "SUCCESS"


def test_coql(sdk: Any) -> None:
    created("Contacts", Last_Name="Queried")
    body = coql.BodyWrapper()
    body.set_select_query("select Last_Name, Owner from Contacts where Last_Name = 'Queried'")
    (found,) = items(coql.CoqlOperations().get_records(body))
    assert found.get_key_value("Last_Name") == "Queried"


def test_bulk_write_and_read(sdk: Any, tmp_path: Path) -> None:
    zgid = org.OrgOperations().get_organization().get_object().get_org()[0].get_zgid()
    package = tmp_path / "Leads.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("Leads.csv", "Last_Name,Company\nOne,A\nTwo,B\n,C\n")
    upload = bulk_write.FileBodyWrapper()
    upload.set_file(StreamWrapper(file_path=str(package)))
    headers = HeaderMap()
    headers.add(bulk_write.UploadFileHeader.feature, "bulk-write")
    headers.add(bulk_write.UploadFileHeader.x_crm_org, zgid)
    api = bulk_write.BulkWriteOperations()
    file_id = api.upload_file(upload, headers).get_object().get_details()["file_id"]
    request, resource = bulk_write.RequestWrapper(), bulk_write.Resource()
    module = modules_api.MinifiedModule()
    module.set_api_name("Leads")
    resource.set_type(Choice("data"))
    resource.set_module(module)
    resource.set_file_id(str(file_id))
    mappings = []
    for index, name in enumerate(("Last_Name", "Company")):
        mapping = bulk_write.FieldMapping()
        mapping.set_api_name(name)
        mapping.set_index(index)
        mappings.append(mapping)
    resource.set_field_mappings(mappings)
    request.set_resource([resource])
    request.set_operation(Choice("insert"))
    request.set_character_encoding("UTF-8")
    answer = api.create_bulk_write_job(request).get_object()
    job = str(answer.get_details()["id"])
    status = wait(lambda: api.get_bulk_write_job_details(job).get_object(), "get_status")
    file = status.get_resource()[0].get_file()
    assert (file.get_added_count(), file.get_skipped_count()) == (2, 1)
    url = status.get_result().get_download_url()
    content = api.download_bulk_write_result(url).get_object().get_file()
    assert b"MANDATORY_NOT_FOUND-Last_Name" in unzipped(content)
    assert unzipped(read_leads()).count(b"\n") == 3


def read_leads() -> Any:
    request, query = bulk_read.BodyWrapper(), bulk_read.Query()
    module = modules_api.MinifiedModule()
    module.set_api_name("Leads")
    query.set_module(module)
    query.set_fields(["Last_Name", "Company"])
    query.set_page(1)
    request.set_query(query)
    api = bulk_read.BulkReadOperations()
    (item,) = items(api.create_bulk_read_job(request))
    job = int(item.get_details()["id"])
    wait(lambda: items(api.get_bulk_read_job_details(job))[0], "get_state")
    return api.download_result(job).get_object().get_file()


def wait(look: Any, name: str) -> Any:
    for _ in range(300):
        job = look()
        state = getattr(job, name)()
        if getattr(state, "get_value", lambda s=state: s)() == "COMPLETED":
            return job
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def unzipped(file: Any) -> bytes:
    content = b"".join(file.get_stream())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return archive.read(name)
