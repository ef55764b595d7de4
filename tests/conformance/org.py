"""An org on the emulator with what the documented samples refer to."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

import requests

# A lead with every field that a documented answer fills.
LEAD = {
    "Last_Name": "Daly", "First_Name": "Paul", "Email": "p.daly@zylker.example", "Fax": "5550102",
    "Phone": "5550100", "Mobile": "5550101", "Annual_Revenue": 100_000, "Lead_Source": "Cold Call",
    "Industry": "ASP", "Street": "Main Road 1", "Zip_Code": "85001", "City": "Phoenix",
    "State": "Arizona", "Country": "USA", "No_of_Employees": 100, "Rating": "Acquired",
    "Secondary_Email": "paul@zylker.example", "Description": "met at a fair", "Twitter": "zylker",
    "Website": "zylker.example", "Salutation": "Mr.", "Lead_Status": "Contacted",
    "Skype_ID": "zylker", "Designation": "Buyer",
}  # fmt: skip


class Org:
    """An org with what the samples refer to, and one signed-in session on it."""

    def __init__(self, emulator: Any) -> None:
        self.emulator = emulator
        self.session = emulator.session()
        self.zgid = self.get("org").json()["org"][0]["zgid"]
        self.user = self.get("users", type="CurrentUser").json()["users"][0]["id"]
        self.made = 0
        self._fields()
        self.accounts = [
            self.create("Accounts", Account_Name=name, External_Account_ID=key)
            for name, key in (("King", "ZylkerExternal"), ("Zylker", "externalaccount1"))
        ]
        parent = {"id": self.accounts[0]}
        self.change("Accounts", self.accounts[1], Parent_Account=parent, Account_Type="Partner")
        self.account = self.accounts[1]
        self.contact = self.boyle("extcontact1", Multi_Line_RTF1="<b>x</b>", Multi_Line_RTF2="y")
        self.attach(self.contact)
        self.lead = self.fresh("Leads", **LEAD)
        self.fresh(
            "Contacts", First_Name="Kris", Lead_Source="Trade Show", Department="Engineering"
        )
        for module, number in (("Leads", self.lead), ("Accounts", self.account)):
            self.fresh("Events", What_Id={"id": number}, **{"$se_module": module})

    def _fields(self) -> None:
        external = {"data_type": "text", "external": {"type": "user", "show": True}}
        org = {"data_type": "text", "external": {"type": "org", "show": True}}
        several = {
            "data_type": "multiselectpicklist",
            "pick_list_values": [
                {"display_value": name} for name in ("English", "German", "Korean", "Spanish")
            ],
        }
        rich = {"data_type": "textarea", "textarea": {"type": "rich_text"}}
        number = {"data_type": "integer"}
        for module, label, more in (
            ("Accounts", "External Account ID", external), ("Contacts", "OrgExternal", org),
            ("Contacts", "External Contact ID", external), ("Deals", "External Deal ID", external),
            ("Events", "External Event ID", external), ("Contacts", "Languages Known", several),
            ("Contacts", "Multi Line RTF1", rich), ("Contacts", "Multi Line RTF2", rich),
            ("Deals", "Foreign Languages", several), ("Leads", "Foreign Languages", several),
            ("Leads", "De1", number),
        ):  # fmt: skip
            row = {"field_label": label, **more}
            answer = self.send("POST", f"settings/fields?module={module}", {"fields": [row]})
            assert answer.status_code == 201, answer.text
        self.layouts = {name: self._layout(name) for name in ("Leads", "Contacts", "Deals")}
        mobile = {"id": self.field("Leads", "Mobile"), "unique": {"case_sensitive": False}}
        self.send("PATCH", "settings/fields?module=Leads", {"fields": [mobile]})

    def _layout(self, module: str) -> str:
        layouts = self.get("settings/layouts", module=module).json()["layouts"]
        return str(layouts[0]["id"])

    def field(self, module: str, api_name: str) -> str:
        """The id of a field."""
        fields = self.get("settings/fields", module=module).json()["fields"]
        return next(str(field["id"]) for field in fields if field["api_name"] == api_name)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Any call; a path without a leading slash is below /crm/v8."""
        url = self.emulator.url + (path if path.startswith("/") else f"/crm/v8/{path}")
        return self.session.request(method, url, timeout=30, **more)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.call("GET", path, params=params)

    def send(self, method: str, path: str, body: Any, **headers: str) -> requests.Response:
        return self.call(method, path, data=json.dumps(body), headers=headers)

    def create(self, module: str, **values: Any) -> str:
        """A new record's id."""
        answer = self.send("POST", module, {"data": [values], "trigger": []})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"][0]["details"]["id"])

    def change(self, module: str, number: str, **values: Any) -> None:
        answer = self.send("PUT", f"{module}/{number}", {"data": [values], "trigger": []})
        assert answer.status_code == 200, answer.text

    def fresh(self, module: str, **values: Any) -> str:
        """A new record of any module, with what the module makes mandatory."""
        self.made += 1
        name = f"Boyle {self.made}"
        stage = {"Stage": "Qualification", "Pipeline": "Standard (Standard)"}
        moments = {"Start_DateTime": "2026-05-20T09:00:00+02:00"}
        moments["End_DateTime"] = "2026-05-20T10:00:00+02:00"
        given: dict[str, dict[str, Any]] = {
            "Accounts": {"Account_Name": name}, "Campaigns": {"Campaign_Name": name},
            "Contacts": {"Last_Name": name}, "Deals": {"Deal_Name": name, **stage},
            "Events": {"Event_Title": name, **moments}, "Tasks": {"Subject": name},
            "Leads": {"Last_Name": name, "Company": "Zylker"},
        }  # fmt: skip
        return self.create(module, **{**given[module], **values})

    def boyle(self, key: str, **values: Any) -> str:
        """A contact with every field that a documented answer shows, under an external key."""
        shown = {"First_Name": "Patricia", "Last_Name": "Boyle", "Date_of_Birth": "2024-06-05"}
        shown |= {"Email": f"{key}@zylker.example", "Lead_Source": "Advertisement"}
        shown |= {"Account_Name": {"id": self.account}, "Languages_Known": ["English", "German"]}
        keys = {"External_Contact_ID": key, "OrgExternal": f"org {key}"}
        return self.fresh("Contacts", **{**shown, **keys, "Email_Opt_Out": True, **values})

    def attach(self, contact: str) -> str:
        """A file on a contact."""
        answer = self.call(
            "POST", f"Contacts/{contact}/Attachments", files={"file": ("Image.jpg", b"x")}
        )
        return str(answer.json()["data"][0]["details"]["id"])

    def own(self, row: dict[str, Any], module: str) -> dict[str, Any]:
        """A documented record whose references point at records of this org."""
        links = {"Who_Id": lambda: self.fresh("Contacts"), "Layout": lambda: self.layouts[module],
                 "What_Id": lambda: self.fresh(row["$se_module"])}  # fmt: skip
        changed = dict(row)
        for name, value in row.items():
            if name in links and "id" in value:
                changed[name] = {**value, "id": links[name]()}
        if "Parent_Id" in row:
            parent = row["Parent_Id"]["module"]["api_name"]
            link = {"module": {"api_name": parent}, "id": self.fresh(parent)}
            changed["Parent_Id"] = link
        if "id" in row:
            changed["id"] = self.fresh(module)
        return changed

    def records(self, method: str, path: str, body: Any, **headers: str) -> requests.Response:
        """A documented body of records, sent to a module."""
        module = path.partition("/")[0]
        rows = [self.own(row, module) for row in body["data"]]
        return self.send(method, path, {**body, "data": rows}, **headers)

    def upload(self, *rows: str) -> requests.Response:
        """A file for bulk write with these lines."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("bulk_write_leads.csv", "\n".join(rows))
        return self.call(
            "POST", "upload", files={"file": ("a.zip", content.getvalue())},
            headers={"feature": "bulk-write", "X-CRM-ORG": self.zgid},
        )  # fmt: skip

    def status(self, path: str, until: str) -> requests.Response:
        """The status of a job once it has reached a state."""
        for _ in range(600):
            answer = self.get(path)
            body = answer.json()
            if until in (body.get("status"), body.get("data", [{}])[0].get("state")):
                return answer
            time.sleep(0.02)
        raise AssertionError(f"{path} never was {until}")
