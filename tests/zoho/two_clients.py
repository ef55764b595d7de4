"""The vendor's SDK and our client, with the same words for the same operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zohocrmsdk.src.com.zoho.api.authenticator import OAuthToken
from zohocrmsdk.src.com.zoho.api.authenticator.store import FileStore
from zohocrmsdk.src.com.zoho.crm.api import Initializer, ParameterMap, attachments, notes
from zohocrmsdk.src.com.zoho.crm.api import modules as modules_api
from zohocrmsdk.src.com.zoho.crm.api import record as records
from zohocrmsdk.src.com.zoho.crm.api.dc import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.sdk_config import SDKConfig
from zohocrmsdk.src.com.zoho.crm.api.util import Choice, StreamWrapper

from migrator_kit.zoho import ZohoClient
from migrator_kit.zoho.results import ItemResult

KEY = "Source_System_ID"
Row = dict[str, Any]


@dataclass(frozen=True)
class Pick:
    """A value of a picklist."""

    value: str


@dataclass(frozen=True)
class Link:
    """A look-up of another record."""

    id: str


@dataclass(frozen=True)
class Outcome:
    """What became of one operation: the code and, where it made or met a record, its id."""

    code: str
    id: str | None = None


class Hand(Protocol):
    """One way to work on an org."""

    def insert(self, module: str, row: Row) -> Outcome: ...
    def update(self, module: str, number: str, row: Row) -> Outcome: ...
    def upsert(self, module: str, row: Row) -> Outcome: ...
    def delete(self, module: str, number: str) -> Outcome: ...
    def note(self, module: str, number: str, title: str, content: str) -> Outcome: ...
    def change_note(self, number: str, content: str) -> Outcome: ...
    def delete_note(self, number: str) -> Outcome: ...
    def attach(self, module: str, number: str, file: Path) -> Outcome: ...
    def detach(self, module: str, number: str, attachment: str) -> Outcome: ...


class ClientHand:
    """Our client."""

    def __init__(self, client: ZohoClient) -> None:
        self._client = client

    def insert(self, module: str, row: Row) -> Outcome:
        return _ours(self._client.records.insert(module, [_plain(row)]))

    def update(self, module: str, number: str, row: Row) -> Outcome:
        return _ours(self._client.records.update(module, [{**_plain(row), "id": number}]))

    def upsert(self, module: str, row: Row) -> Outcome:
        answer = self._client.records.upsert(module, [_plain(row)], duplicate_check_fields=[KEY])
        return _ours(answer)

    def delete(self, module: str, number: str) -> Outcome:
        return _ours(self._client.records.delete(module, [number]))

    def note(self, module: str, number: str, title: str, content: str) -> Outcome:
        row = {"Note_Title": title, "Note_Content": content}
        parent = self._client.notes.parent(module, number)
        return _ours(self._client.notes.create([{**row, "Parent_Id": parent}]))

    def change_note(self, number: str, content: str) -> Outcome:
        return _ours(self._client.notes.update([{"id": number, "Note_Content": content}]))

    def delete_note(self, number: str) -> Outcome:
        return _ours(self._client.notes.delete([number]))

    def attach(self, module: str, number: str, file: Path) -> Outcome:
        return _ours([self._client.attachments.upload(module, number, file, file.name)])

    def detach(self, module: str, number: str, attachment: str) -> Outcome:
        return _ours([self._client.attachments.delete(module, number, attachment)])


class SdkHand:
    """The vendor's SDK; one org at a time in a process, the last that was signed in to."""

    def __init__(self, url: str, place: Path) -> None:
        Initializer.initialize(
            DataCenter.Environment(url, f"{url}/oauth/v2/token", url),
            OAuthToken(client_id="any", client_secret="any", refresh_token="emulator"),
            store=FileStore(str(place / "tokens.txt")),
            sdk_config=SDKConfig(pick_list_validation=False),
            resource_path=str(place),
        )

    def insert(self, module: str, row: Row) -> Outcome:
        return _theirs(records.RecordOperations(module).create_records(_body(row)))

    def update(self, module: str, number: str, row: Row) -> Outcome:
        return _theirs(records.RecordOperations(module).update_record(int(number), _body(row)))

    def upsert(self, module: str, row: Row) -> Outcome:
        body = _body(row)
        body.set_duplicate_check_fields([KEY])
        return _theirs(records.RecordOperations(module).upsert_records(body))

    def delete(self, module: str, number: str) -> Outcome:
        quiet = _quiet(records.DeleteRecordParam.wf_trigger)
        return _theirs(records.RecordOperations(module).delete_record(int(number), quiet))

    def note(self, module: str, number: str, title: str, content: str) -> Outcome:
        parent, minified = notes.ParentId(), modules_api.MinifiedModule()
        minified.set_api_name(module)
        parent.set_module(minified)
        parent.set_id(int(number))
        note = notes.Note()
        note.set_note_title(title)
        note.set_note_content(content)
        note.set_parent_id(parent)
        return _theirs(notes.NotesOperations().create_notes(_of_notes(note)))

    def change_note(self, number: str, content: str) -> Outcome:
        note = notes.Note()
        note.set_note_content(content)
        return _theirs(notes.NotesOperations().update_note(int(number), _of_notes(note)))

    def delete_note(self, number: str) -> Outcome:
        return _theirs(notes.NotesOperations().delete_note(int(number)))

    def attach(self, module: str, number: str, file: Path) -> Outcome:
        body = attachments.FileBodyWrapper()
        body.set_file(StreamWrapper(file_path=str(file)))
        api = attachments.AttachmentsOperations()
        return _theirs(api.upload_attachments(int(number), module, body))

    def detach(self, module: str, number: str, attachment: str) -> Outcome:
        api = attachments.AttachmentsOperations()
        return _theirs(api.delete_attachment(int(attachment), int(number), module))


def _ours(results: list[ItemResult]) -> Outcome:
    (result,) = results
    return Outcome(result.code, result.id if result.ok else None)


def _theirs(response: Any) -> Outcome:
    answer = response.get_object()
    item = answer.get_data()[0] if hasattr(answer, "get_data") else answer
    code = item.get_code().get_value()
    return Outcome(code, str(item.get_details()["id"]) if code == "SUCCESS" else None)


def _plain(row: Row) -> Row:
    forms: dict[type, Callable[[Any], Any]] = {
        Pick: lambda pick: pick.value,
        Link: lambda link: {"id": link.id},
    }
    return {
        name: forms[type(value)](value) if type(value) in forms else value
        for name, value in row.items()
    }


def _body(row: Row) -> Any:
    record = records.Record()
    for name, value in row.items():
        if isinstance(value, Link):
            parent = records.Record()
            parent.set_id(int(value.id))
            record.add_key_value(name, parent)
        else:
            record.add_key_value(name, Choice(value.value) if isinstance(value, Pick) else value)
    body = records.BodyWrapper()
    body.set_data([record])
    body.set_trigger([])
    return body


def _of_notes(note: Any) -> Any:
    body = notes.BodyWrapper()
    body.set_data([note])
    return body


def _quiet(parameter: Any) -> ParameterMap:
    parameters = ParameterMap()
    parameters.add(parameter, False)
    return parameters
