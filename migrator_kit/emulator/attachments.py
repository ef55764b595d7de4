"""Files on records: upload, link, list, download, delete (fact sheet 8.1)."""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

from migrator_kit.emulator import find
from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    ApiError,
    Json,
    Reply,
    empty,
    items_reply,
    success,
)
from migrator_kit.emulator.call import Call, UploadedFile
from migrator_kit.emulator.clock import local
from migrator_kit.emulator.deletion import bin_rows, delete_items
from migrator_kit.emulator.records_read import RELATED_INFO, fields_of, page_of, resolve_id
from migrator_kit.emulator.schema import Module
from migrator_kit.emulator.values import record_id

REFUSED_ENDINGS = (".exe",)
MOST_DELETED = 100


def upload(call: Call) -> Reply:
    """POST /{module}/{id}/Attachments: one file, or a link by attachmentUrl."""
    module, parent = _parent(call)
    link = call.params.get("attachmentUrl") or call.form.get("attachmentUrl")
    if link:
        title = call.params.get("title") or call.form.get("title") or urlsplit(link).netloc
        return _keep(call, module, parent, title, None, link)
    if not call.uploads:
        raise ApiError(MANDATORY_NOT_FOUND, "required field not found", {"api_name": "file"})
    if len(call.uploads) > 1:
        raise ApiError(INVALID_DATA, "only one file can be uploaded", {"maximum_length": 1})
    file = call.uploads[0]
    _refuse(call, file)
    return _keep(call, module, parent, file.name, file, None)


def get_list(call: Call) -> Reply:
    """GET /{module}/{id}/Attachments?fields=..."""
    module, parent = _parent(call)
    wanted = fields_of(call.params.get("fields"))
    find.ensure_index(call.crm.store, "Attachments", "Parent_Id")
    where = [f"{find.expression('Parent_Id')} COLLATE NOCASE = ?"]
    files = call.crm.module("Attachments")
    reply = page_of(call, files, where, [str(parent)], wanted, without=RELATED_INFO)
    if reply.body is not None:
        _complete(call, module, reply.body["data"], wanted)
    return reply


def download(call: Call) -> Reply:
    """GET /{module}/{id}/Attachments/{attachment}: the bytes."""
    _, parent = _parent(call)
    number, data = _attachment(call, parent)
    if number is None:
        return empty()
    if data["$link_url"] is not None:
        raise ApiError("DOWNLOAD_NOT_ALLOWED", "The attachment is a link")
    name = quote(data["File_Name"], safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Type": "application/octet-stream;charset=UTF-8",
    }
    return Reply(200, file=call.crm.store.files / str(number), headers=headers)


def delete_one(call: Call) -> Reply:
    """DELETE /{module}/{id}/Attachments/{attachment}."""
    return _delete(call, [call.names["attachment"]])


def delete_many(call: Call) -> Reply:
    """DELETE /{module}/{id}/Attachments?ids=..."""
    ids = [part for part in call.params.get("ids", "").split(",") if part]
    if not ids or len(ids) > MOST_DELETED:
        raise ApiError(INVALID_DATA, "invalid data", {"param_name": "ids"})
    return _delete(call, ids)


def _delete(call: Call, ids: list[str]) -> Reply:
    _, parent = _parent(call)
    db = call.crm.store.reader()
    named = [(text, record_id(text)) for text in ids]
    found = find.load(db, "Attachments", [number or 0 for _, number in named])
    here = {number for number, data in found.items() if data["Parent_Id"] == str(parent)}
    with call.crm.store.writing() as writer:
        bin_rows(call.crm, writer, "Attachments", sorted(here), call.user)
    call.crm.stats.wrote("Attachments", "deleted", len(here))
    return items_reply("data", delete_items(named, here), done=200)


def _parent(call: Call) -> tuple[Module, int]:
    module = call.module
    number = resolve_id(call, module, call.names["id"])
    known = number is not None and find.existing(call.crm.store.reader(), module.api_name, [number])
    if number is None or not known or module.api_name == "Attachments":
        raise ApiError(INVALID_DATA, "the related id given seems to be invalid")
    return module, number


def _refuse(call: Call, file: UploadedFile) -> None:
    settings = call.crm.settings
    if file.name.lower().endswith(REFUSED_ENDINGS):
        raise ApiError(INVALID_DATA, "the file type is not allowed", {"api_name": "file"})
    if file.size > settings.attachment_bytes:
        raise ApiError(
            "FILE_SIZE_MORE_THAN_ALLOWED_SIZE",
            "file size exceeds the allowed size",
            {"maximum_size_in_bytes": settings.attachment_bytes},
            413,
        )
    size = "sum(json_extract(data, '$.Size_bytes'))"
    query = f'SELECT {size} FROM "rec_Attachments"'
    (used,) = call.crm.store.reader().execute(query).fetchone()
    if (used or 0) + file.size > settings.storage_bytes:
        raise ApiError("STORAGE_SPACE_EXCEEDED", "storage space exceeded")


def _keep(
    call: Call, module: Module, parent: int, name: str, file: UploadedFile | None, link: str | None
) -> Reply:
    crm, me, now = call.crm, str(call.user.id), call.crm.clock.stamp()
    data = {
        "File_Name": name,
        "Size": str(file.size if file else 0),
        "Size_bytes": file.size if file else 0,
        "Parent_Id": str(parent),
        "$se_module": module.api_name,
        "$link_url": link,
        "Owner": me,
        "Created_By": me,
        "Modified_By": me,
        "Created_Time": now,
        "Modified_Time": now,
    }
    with crm.store.writing() as writer:
        number = writer.new_id()
        if file is not None:
            file.path.replace(crm.store.files / str(number))
        writer.db.execute(
            'INSERT INTO "rec_Attachments" VALUES (?, ?)',
            (number, json.dumps(data, ensure_ascii=False)),
        )
    crm.stats.wrote("Attachments", "created")
    moment = local(now, call.user.tz)
    details = {
        "Modified_Time": moment,
        "Modified_By": call.user.reference,
        "Created_Time": moment,
        "id": str(number),
        "Created_By": call.user.reference,
    }
    message = "attachment uploaded successfully"
    return Reply(200, {"data": [success(message, details)]})


def _attachment(call: Call, parent: int) -> tuple[int | None, Json]:
    number = record_id(call.names["attachment"])
    if number is None:
        raise ApiError(INVALID_DATA, "the id given seems to be invalid")
    data = find.load(call.crm.store.reader(), "Attachments", [number]).get(number)
    if data is None or data["Parent_Id"] != str(parent):
        return None, {}
    return number, data


def _complete(call: Call, module: Module, items: list[Json], wanted: list[str]) -> None:
    """Add what attachment lists carry beside the fields asked for."""
    numbers = [int(item["id"]) for item in items]
    stored = find.load(call.crm.store.reader(), "Attachments", numbers)
    names = find.names(
        call.crm.store.reader(), module, {int(data["Parent_Id"]) for data in stored.values()}
    )
    for item in items:
        data = stored[int(item["id"])]
        link = data["$link_url"]
        if "Parent_Id" in wanted:
            parent = int(data["Parent_Id"])
            item["Parent_Id"] = {"name": names.get(parent), "id": str(parent)}
        item.update(
            {
                "$type": "Link URL" if link else "Attachment",
                "$attachment_type": 4 if link else 1,
                "$file_id": None if link else f"f{item['id']}",
                "$link_url": link,
                "$se_module": module.api_name,
                "$editable": True,
                "$state": "save",
                "$sharing_permission": "full_access",
            }
        )
