"""Which documented request is sent where, and which documented answer it is held against."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from tests.conformance.org import Org

COQL = "Get-Records-through-COQL-Query__"
Send = Callable[[Org, Any], requests.Response]
KEYED_FIELDS = "First_Name,Full_Name,Last_Name,External_Contact_ID,Account_Name,OrgExternal"
EXTERNAL = {"X-EXTERNAL": "Contacts.External_Contact_ID"}


@dataclass(frozen=True)
class Case:
    """A documented request, the documented answer with its status, and how it is sent."""

    sent: str | None
    answered: str | None
    status: int
    send: Send

    @property
    def name(self) -> str:
        return " to ".join(name for name in (self.sent, self.answered) if name)


def posted(module: str) -> Send:
    return lambda org, body: org.records("POST", module, body)


def lead(org: Org, **values: Any) -> str:
    return str(org.fresh("Leads", **values))


def first_page(org: Org, *more: str, **params: Any) -> requests.Response:
    names = ("Last_Name", "Email", "Converted__s", "Converted_Date_Time", *more)
    while len(org.get("Leads", fields="id").json()["data"]) < 11:
        lead(org)
    return org.get("Leads", fields=",".join(names), per_page=5, **params)


def second_page(org: Org) -> requests.Response:
    token = first_page(org).json()["info"]["next_page_token"]
    return first_page(org, page_token=token)


def deleted_records(org: Org) -> requests.Response:
    for final in (False, True):
        number = lead(org)
        org.call("DELETE", f"Leads/{number}")
        if final:
            org.call("DELETE", f"settings/recycle_bin/{number}")
    return org.get("Leads/deleted")


def campaigns(org: Org) -> requests.Response:
    org.fresh("Campaigns", Type="Trade Show", Campaign_Name="CRM")
    criteria = "(Campaign_Name:equals:CRM)"
    return org.get("Campaigns/search", criteria=criteria, fields="Campaign_Name,Type")


def keyed(org: Org, *, with_deal: bool = False) -> str:
    """The external key of a new contact."""
    key = f"extcont{org.made}"
    number = org.boyle(key)
    if with_deal:
        links = {"Contact_Name": {"id": number}, "Account_Name": {"id": org.account}}
        org.fresh("Deals", Closing_Date="2026-08-09", External_Deal_ID=f"d {key}", **links)
    return key


def note(org: Org) -> str:
    parent = {"module": {"api_name": "Contacts"}, "id": org.contact}
    return str(org.create("Notes", Note_Title="Call", Note_Content="x", Parent_Id=parent))


def pipeline_address(org: Org, *, new: bool = False) -> str:
    place = "settings/pipeline"
    if new:
        body = {"pipeline": [{"display_value": "Old", "maps": [{"display_value": "Closed Won"}]}]}
        address = f"{place}?layout_id={org.layouts['Deals']}"
        answer = org.send("POST", address, staged(org, body)).json()
        place += f"/{answer['pipeline'][0]['details']['id']}"
    return f"{place}?layout_id={org.layouts['Deals']}"


def staged(org: Org, body: Any) -> Any:
    """A documented pipeline with this org's ids of its stages."""
    known = org.get("settings/pipeline", layout_id=org.layouts["Deals"]).json()["pipeline"]
    ids = {stage["display_value"]: stage["id"] for stage in known[0]["maps"]}
    for stage in body["pipeline"][0]["maps"]:
        stage["id"] = ids[stage["display_value"]]
    return body


def mandatory_mobile(org: Org) -> requests.Response:
    """A field of the layout becomes mandatory, and ceases to be."""
    address = f"settings/layouts/{org.layouts['Leads']}?module=Leads"
    for required in (True, False):
        field = {"id": org.field("Leads", "Mobile"), "required": required}
        answer = org.send("PATCH", address, {"layouts": [{"sections": [{"fields": [field]}]}]})
    return answer


def binned(org: Org, count: int) -> list[str]:
    numbers = [lead(org) for _ in range(count)]
    org.call("DELETE", "Leads", params={"ids": ",".join(numbers)})
    return numbers


def filtered_bin(org: Org, body: Any) -> requests.Response:
    number = org.fresh("Contacts", First_Name="Zane")
    org.call("DELETE", f"Contacts/{number}")
    user = org.get("users", type="CurrentUser").json()["users"][0]
    for rule in body["group"]:
        if rule["field"]["api_name"] == "deleted_by":
            rule["value"] = [{"id": user["id"], "name": user["full_name"]}]
    return org.get("settings/recycle_bin", filters=json.dumps(body))


def leads_filter() -> str:
    rule = {"field": {"api_name": "module"}, "comparator": "equal", "value": "Leads"}
    return json.dumps({"group_operator": "AND", "group": [rule]})


def update_job(org: Org, body: Any) -> requests.Response:
    file = org.upload("Layout,id,Last_Name,Account", f",{org.contact},Boyle,Zylker").json()
    resource = body["resource"][0]
    resource["file_id"] = file["details"]["file_id"]
    for mapping in resource["field_mappings"]:
        if mapping["api_name"] == "Layout":
            mapping["default_value"]["value"] = org.layouts["Contacts"]
        if mapping["api_name"] == "Account_Lookup":
            mapping["api_name"] = "Account_Name"
    return org.send("POST", "/crm/bulk/v8/write", body)


ALL_CONTACTS = {"module": {"api_name": "Contacts"}, "page": 1}
ALL_LEADS = {"module": {"api_name": "Leads"}, "page": 1}
SOME_LEADS = {
    "module": {"api_name": "Leads"}, "page": 1, "fields": ["Last_Name", "Owner", "Company"],
    "criteria": {"group_operator": "and", "group": [
        {"field": {"api_name": "Email_Opt_Out"}, "comparator": "equal", "value": False},
        {"group_operator": "and", "group": [
            {"field": {"api_name": name}, "comparator": "equal", "value": "x"}
            for name in ("Last_Name", "Email")]}]},
}  # fmt: skip


def read_job(org: Org, query: Any) -> str:
    """The address of a new job."""
    answer = org.send("POST", "/crm/bulk/v8/read", {"query": query})
    return f"/crm/bulk/v8/read/{answer.json()['data'][0]['details']['id']}"


def read_status(org: Org, query: Any) -> requests.Response:
    return org.status(read_job(org, query), "COMPLETED")


def with_fault(org: Org, rule: dict[str, Any], query: Any, until: str) -> requests.Response:
    """The status of a job that a fault struck."""
    org.emulator.faults({"rules": [{**rule, "times": 1}]})
    try:
        return org.status(read_job(org, query), until)
    finally:
        org.emulator.faults({})


def slow_read(org: Org, until: str) -> requests.Response:
    return with_fault(org, {"do": "slow_job", "seconds": 1.0}, ALL_CONTACTS, until)


def queued_read(org: Org) -> requests.Response:
    """The status of a job behind another one."""
    slow_read(org, "IN PROGRESS")
    return org.get(read_job(org, ALL_CONTACTS))


def failed_read(org: Org) -> requests.Response:
    one = {"field": {"api_name": "Company"}, "comparator": "equal", "value": "Zylker"}
    return with_fault(org, {"do": "fail_job"}, {**SOME_LEADS, "criteria": one}, "FAILURE")


def one_a_page(org: Org) -> requests.Response:
    """The status of a job that has more records than its page holds."""
    org.emulator.settings(bulk_read_rows=1)
    try:
        return read_status(org, ALL_CONTACTS)
    finally:
        org.emulator.settings(bulk_read_rows=200_000)


def next_page_job(org: Org, body: Any) -> requests.Response:
    status = one_a_page(org).json()
    body["query"]["page_token"] = status["data"][0]["result"]["next_page_token"]
    return org.send("POST", "/crm/bulk/v8/read", body)


RECORDS = (
    Case("insert-records__01", "insert-records__04", 201, posted("Leads")),
    Case("insert-records__01", "insert-records__02.txt", 201, posted("Leads")),
    Case("insert-records__03", "insert-records__04", 201, posted("Deals")),
    Case("insert-records__06", "insert-records__04", 201, posted("Calls")),
    Case("insert-records__07", "insert-records__08", 201, posted("Events")),
    Case("insert-records__09", "insert-records__10", 201, posted("Tasks")),
    Case("update-records__01", "update-records__02", 200,
         lambda org, body: org.records("PUT", "Deals", body)),
    Case("upsert-records__01.txt", "upsert-records__02", 200,
         lambda org, body: (lead(org, Email=body["data"][0]["Email"]),
                            org.records("POST", "Leads/upsert", body))[1]),
    Case(None, "get-records__01", 200, lambda org, _: first_page(org, "Record_Status__s")),
    Case(None, "get-records__02", 200, lambda org, _: second_page(org)),
    Case(None, "get-records__03", 200, lambda org, _: org.get(
        f"Leads/{lead(org, First_Name='Ina', Email='j.smith@abc.example')}",
        fields="Company,Owner,Email,Full_Name,First_Name")),
    Case(None, "get-deleted-records__01", 200, lambda org, _: deleted_records(org)),
    Case("mass-delete__01", "mass-delete__02", 200, lambda org, body: org.send(
        "POST", "Leads/actions/mass_delete", {"ids": [lead(org) for _ in body["ids"]]})),
    Case(None, "module_record_count__01", 200, lambda org, _: org.get("Leads/actions/count")),
    Case(None, "get-rich-text-fields__01.txt", 200, lambda org, _: org.get(
        f"Contacts/{org.contact}/actions/fetch_full_data",
        fields="Multi_Line_RTF1,Multi_Line_RTF2")),
    Case(None, "get-related-records__01", 200, lambda org, _: org.get(
        f"Contacts/{org.contact}/Attachments", fields="Owner,Parent_Id")),
    Case(None, "search-records__01", 200, lambda org, _: org.get(
        "Leads/search", criteria="((Last_Name:equals:Daly) and (First_Name:starts_with:P))")),
    Case(None, "search-records__02", 200, lambda org, _: org.get(
        "Leads/search", email="p.daly@zylker.example")),
    Case(None, "search-records__03", 200, lambda org, _: org.get("Leads/search", phone="5550100")),
    Case(None, "search-records__04", 200, lambda org, _: org.get("Leads/search", word="Daly")),
    Case(None, "search-records__05", 200, lambda org, _: campaigns(org)),
)  # fmt: skip
EXTERNALS = (
    Case(None, "get-records-ext__01", 200, lambda org, _: org.call(
        "GET", f"Contacts/{keyed(org)}", headers=EXTERNAL, params={"fields": KEYED_FIELDS})),
    Case(None, "get-records-ext__02", 200, lambda org, _: org.call(
        "GET", "Contacts", headers=EXTERNAL,
        params={"ids": f"{keyed(org)},{keyed(org)}", "fields": KEYED_FIELDS})),
    Case("update-records-ext__01", "update-records-ext__02", 200, lambda org, body: org.records(
        "PUT", f"Contacts/{keyed(org)}", body, **EXTERNAL)),
    Case(None, "delete-records-ext__01", 200, lambda org, _: org.call(
        "DELETE", f"Contacts/{keyed(org)}", headers=EXTERNAL)),
    Case(None, "delete-records-ext__02", 200, lambda org, _: org.call(
        "DELETE", "Contacts", headers=EXTERNAL, params={"ids": f"{keyed(org)},{keyed(org)}"})),
    Case(None, "search-records-ext__01", 200, lambda org, _: org.get(
        "Contacts/search", criteria="(External_Contact_ID:starts_with:extcont)",
        fields="Email,External_Contact_ID")),
    Case(None, "search-records-ext__02", 200, lambda org, _: org.get(
        "Contacts/search", criteria="(External_Contact_ID:equals:extcontact1)",
        fields="Email,External_Contact_ID")),
    Case(None, "get-related-records-ext__01", 200, lambda org, _: org.call(
        "GET", f"Contacts/{keyed(org, with_deal=True)}/Deals", headers=EXTERNAL,
        params={"fields": "Contact_Role,Stage,Account_Name,Closing_Date"})),
    Case(None, "get-related-records-ext__02", 200, lambda org, _: org.call(
        "GET", f"Contacts/{keyed(org, with_deal=True)}/Deals", headers=EXTERNAL,
        params={"fields": "Contact_Role,External_Deal_ID"})),
)  # fmt: skip
NOTES_AND_FILES = (
    Case("create-notes__01", "create-notes__02", 201, posted("Notes")),
    Case("update-notes__01", "update-notes__02", 200, lambda org, body: org.send(
        "PUT", f"Notes/{note(org)}", body)),
    Case(None, "get-notes__01", 200, lambda org, _: (note(org), org.get(
        "Notes", fields="Note_Title,Parent_Id,Owner,Created_Time", sort_order="asc"))[1]),
    Case(None, "delete-notes__01", 200, lambda org, _: org.call(
        "DELETE", "Notes", params={"ids": ",".join(note(org) for _ in range(3))})),
    Case(None, "get-attachments__01", 200, lambda org, _: org.get(
        f"Contacts/{org.contact}/Attachments", fields="Owner,File_Name,Created_Time,Parent_Id")),
    Case(None, "delete-attachments__01", 200, lambda org, _: org.call(
        "DELETE", f"Contacts/{org.contact}/Attachments/{org.attach(org.contact)}")),
    Case(None, "upload-files-to-zfs__01", 200, lambda org, _: org.call("POST", "files", files=[
        ("file", (name, b"x")) for name in ("connections.txt", "enable-signals.png")])),
)  # fmt: skip
METADATA = (
    Case(None, "field-meta__01", 200, lambda org, _: org.get("settings/fields", module="Leads")),
    Case(None, "picklist-values__01", 200, lambda org, _: org.get(
        f"settings/fields/{org.field('Leads', 'Lead_Source')}/pick_list_values", module="Leads")),
    Case(None, "delete-custom-fields__01", 200, lambda org, _: org.call(
        "DELETE", f"settings/fields/{org.field('Leads', 'De1')}", params={"module": "Leads"})),
    Case(None, "layouts-meta__01", 200, lambda org, _: org.get(
        "settings/layouts", module="Leads")),
    Case(None, "modules-api__01", 200, lambda org, _: org.get("settings/modules")),
    Case(None, "module-meta__01", 200, lambda org, _: org.get("settings/modules/Leads")),
    Case(None, "related-list-meta__01", 200, lambda org, _: org.get(
        "settings/related_lists", module="Leads")),
    Case(None, "get-org-data__01", 200, lambda org, _: org.get("org")),
    Case(None, "get-users__01", 200, lambda org, _: org.get("users", type="AllUsers")),
    Case(None, "get-pipelines__01", 200, lambda org, _: org.get(
        "settings/pipeline", layout_id=org.layouts["Deals"])),
    Case("create-pipeline__01", "create-pipeline__02", 201, lambda org, body: org.send(
        "POST", pipeline_address(org), staged(org, body))),
    Case(None, "update-custom-layout__03", 200, lambda org, _: mandatory_mobile(org)),
    Case("update-pipeline__01", "update-pipeline__02", 200, lambda org, body: org.send(
        "PUT", pipeline_address(org, new=True), staged(org, body))),
    Case(None, "get-recycle-bin__02", 200, lambda org, _: (
        org.call("DELETE", f"Leads/{lead(org)}"), org.get("settings/recycle_bin"))[1]),
    Case("get-recycle-bin__01", "get-recycle-bin__02", 200, filtered_bin),
    Case(None, "del-recycle-bin-records__01", 200, lambda org, _: org.call(
        "DELETE", "settings/recycle_bin", params={"ids": ",".join(binned(org, 3))})),
    Case(None, "del-recycle-bin-records__02", 200, lambda org, _: (binned(org, 1), org.call(
        "DELETE", "settings/recycle_bin", params={"filters": leads_filter()}))[1]),
)  # fmt: skip
BULK = (
    Case(None, "upload-file__01", 200, lambda org, _: org.upload("Last_Name,Company", "x,y")),
    Case("create-job__02.txt", "create-job__03", 201, lambda org, body: update_job(org, body)),
    Case("create-job__02", None, 201, lambda org, body: next_page_job(org, body)),
    Case(None, "create-job__06", 200, lambda org, _: read_status(org, ALL_LEADS)),
    Case(None, "create-job__07", 200, lambda org, _: failed_read(org)),
    Case(None, "job-details__01", 200, lambda org, _: slow_read(org, "ADDED")),
    Case(None, "job-details__02", 200, lambda org, _: queued_read(org)),
    Case(None, "job-details__03", 200, lambda org, _: slow_read(org, "IN PROGRESS")),
    Case(None, "job-details__04", 200, lambda org, _: one_a_page(org)),
    Case(None, "job-details__05", 200, lambda org, _: read_status(org, SOME_LEADS)),
)  # fmt: skip


def asked(org: Org, body: Any) -> requests.Response:
    """A documented query; ids and instants that it names are this org's."""
    record = org.get(f"Contacts/{org.contact}", fields="Modified_Time").json()["data"][0]
    own = {"554023000000235011": org.user, "2024-06-05T02:04:09-07:00": record["Modified_Time"]}
    own["2025-05-28T04:25:36-07:00"] = "2099-01-01T00:00:00+00:00"
    query = body["select_query"]
    for theirs, ours in own.items():
        query = query.replace(theirs, ours)
    return org.send("POST", "coql", {**body, "select_query": query})


def query(asking: str, answered: str | None, status: int = 200) -> Case:
    return Case(COQL + asking, COQL + answered if answered else None, status, asked)


QUERIES = (
    query("01.txt", "02"), query("03.txt", "04"), query("05.txt", "06"), query("07.txt", "08"),
    query("09", "10"), query("11.txt", "12"), query("13", None), query("14", "15"),
    query("22", "23"), query("24", "25"), query("26", None, 400),
    query("27", "28"), query("29", "30"), query("31", "32"), query("33", "34"), query("35", "36"),
    query("39", "40"), query("47", None, 204), query("48", None, 204),
)  # fmt: skip
CASES = (*RECORDS, *EXTERNALS, *NOTES_AND_FILES, *METADATA, *BULK, *QUERIES)
