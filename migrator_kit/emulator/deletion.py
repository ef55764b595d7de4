"""Deleting records: to the bin, for good, many at once; the deleted list (fact sheet 3, 4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from migrator_kit.emulator import automation, find
from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    ApiError,
    Json,
    Reply,
    empty,
    failure,
    items_reply,
    missing_param,
    success,
    too_many,
)
from migrator_kit.emulator.automation import Automations
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import later, local
from migrator_kit.emulator.crm import Crm, User
from migrator_kit.emulator.records_read import PAGE, external_key, resolve_id
from migrator_kit.emulator.store import Writer

DELETE_PER_CALL = 100
MASS_DELETE = 500
RECYCLE_DAYS = 60
PERMANENT_DAYS = 120
CHILDREN = ("Notes", "Attachments")


def delete_many(call: Call) -> Reply:
    """DELETE /{module}?ids=..."""
    text = call.params.get("ids")
    if not text:
        raise missing_param("ids")
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if len(ids) > DELETE_PER_CALL:
        raise too_many(DELETE_PER_CALL, "ids")
    return _delete(call, ids)


def delete_one(call: Call) -> Reply:
    """DELETE /{module}/{id}."""
    return _delete(call, [call.names["id"]])


def mass_delete(call: Call) -> Reply:
    """POST /{module}/actions/mass_delete with up to 500 ids, or a custom view."""
    body = call.json()
    ids = body.get("ids")
    if ids is None:
        if "cvid" not in body:
            raise ApiError(MANDATORY_NOT_FOUND, "required field not found", {"api_name": "ids"})
        code = "INVALID_DATA" if call.crm.edition.mass_delete_by_view else "NOT_SUPPORTED"
        raise ApiError(code, "the custom view given seems to be invalid", {"api_name": "cvid"})
    if not isinstance(ids, list) or not ids:
        raise ApiError(
            INVALID_DATA, "invalid data", {"expected_data_type": "jsonarray", "api_name": "ids"}
        )
    if len(ids) > MASS_DELETE:
        raise too_many(MASS_DELETE, "ids")
    return _delete(call, [str(item) for item in ids], done_message="record is deleted")


def delete_items(
    named: Sequence[tuple[str, int | None]],
    deleted: set[int],
    message: str = "record deleted",
    key: str | None = None,
) -> list[Json]:
    """The per-record answers of a delete call, from how each record was named and its id.

    `key` is the external field by which they were named, if it was not the id.
    """
    items = []
    for text, number in named:
        if number in deleted:
            external = {key: text} if key is not None else {}
            items.append(success(message, {**external, "id": str(number)}))
        else:
            items.append(failure(INVALID_DATA, "the id given seems to be invalid", {"id": text}))
    return items


def bin_rows(
    crm: Crm, writer: Writer, module: str, ids: Iterable[int], user: User, parent: int | None = None
) -> None:
    """Move records to the bin, with the notes and attachments that hang on them."""
    found = find.load(writer.db, module, ids)
    if not found:
        return
    shown = crm.schema[module].display_field
    now = crm.clock.stamp()
    writer.db.executemany(
        "INSERT INTO bin VALUES (?, ?, ?, 'recycle', ?, ?, ?, ?, ?)",
        (
            (
                number,
                module,
                json.dumps(data, ensure_ascii=False),
                data.get(shown),
                data.get("Created_By"),
                str(user.id),
                now,
                parent,
            )
            for number, data in found.items()
        ),
    )
    writer.db.executemany(
        f"DELETE FROM {crm.schema[module].table} WHERE id = ?", ((number,) for number in found)
    )
    for child in CHILDREN:
        if module not in CHILDREN or (module, child) == ("Notes", "Attachments"):
            _bin_children(crm, writer, child, found, user)


def get_deleted(call: Call) -> Reply:
    """GET /{module}/deleted?type=all|recycle|permanent."""
    module = call.module
    kind = call.params.get("type", "all")
    if kind not in ("all", "recycle", "permanent"):
        raise ApiError(
            "PATTERN_NOT_MATCHED",
            "Please check whether the input values are correct",
            {"param_name": "type"},
        )
    expire(call.crm)
    per_page = call.number("per_page", PAGE, most=PAGE)
    page = call.number("page", 1)
    since = call.moment("if-modified-since") or ""
    oldest = later(call.crm.clock.stamp(), days=-PERMANENT_DAYS)
    rows = (
        call.crm.store.reader()
        .execute(
            "SELECT id, kind, display_name, created_by, deleted_by, deleted_time FROM bin "
            "WHERE module = ? AND (? = 'all' OR kind = ?) AND deleted_time > max(?, ?) "
            "ORDER BY deleted_time DESC, id DESC LIMIT ? OFFSET ?",
            (module.api_name, kind, kind, since, oldest, per_page + 1, (page - 1) * per_page),
        )
        .fetchall()
    )
    if not rows:
        return Reply(304) if since else empty()
    items = [_deleted_item(call, *row) for row in rows[:per_page]]
    info = {
        "per_page": per_page,
        "count": len(items),
        "page": page,
        "more_records": len(rows) > per_page,
    }
    return Reply(200, {"data": items, "info": info})


def expire(crm: Crm) -> None:
    """Records older than 60 days leave the bin for good; only their mark stays."""
    oldest = later(crm.clock.stamp(), days=-RECYCLE_DAYS)
    stale = "FROM bin WHERE kind = 'recycle' AND deleted_time <= ?"
    if not crm.store.reader().execute(f"SELECT 1 {stale} LIMIT 1", (oldest,)).fetchone():
        return
    with crm.store.writing() as writer:
        ids = [row[0] for row in writer.db.execute(f"SELECT id {stale}", (oldest,))]
        forget(crm, writer, ids)


def forget(crm: Crm, writer: Writer, ids: Iterable[int]) -> None:
    """Delete binned records for good, with the bytes of attachments."""
    for number in ids:
        writer.db.execute(
            "UPDATE bin SET kind = 'permanent', data = NULL, display_name = NULL, "
            "created_by = NULL, deleted_by = NULL, deleted_with = NULL WHERE id = ?",
            (number,),
        )
        (crm.store.files / str(number)).unlink(missing_ok=True)


def _delete(call: Call, ids: list[str], done_message: str = "record deleted") -> Reply:
    module = call.module
    named = [(text, resolve_id(call, module, text)) for text in ids]
    numbers = [number or 0 for _, number in named]
    deleted = find.existing(call.crm.store.reader(), module.api_name, numbers)
    run = Automations(
        workflow=call.params.get("wf_trigger", "true").lower() != "false", cadences=False
    )
    for child in CHILDREN:
        find.ensure_index(call.crm.store, child, "Parent_Id")
    with call.crm.store.writing() as writer:
        bin_rows(call.crm, writer, module.api_name, sorted(deleted), call.user)
        now = call.crm.clock.stamp()
        automation.fire(writer, now, run, module.api_name, "delete", sorted(deleted))
    call.crm.stats.wrote(module.api_name, "deleted", len(deleted))
    items = delete_items(named, deleted, done_message, external_key(call, module))
    return items_reply("data", items, done=200)


def _bin_children(crm: Crm, writer: Writer, child: str, parents: Iterable[int], user: User) -> None:
    key = find.expression("Parent_Id")
    for parent in parents:
        rows = writer.db.execute(
            f"SELECT id FROM {crm.schema[child].table} WHERE {key} COLLATE NOCASE = ?",
            (str(parent),),
        ).fetchall()
        bin_rows(crm, writer, child, [row[0] for row in rows], user, parent)


def _deleted_item(
    call: Call,
    number: int,
    kind: str,
    display_name: str | None,
    created_by: str | None,
    deleted_by: str | None,
    deleted_time: str,
) -> Json:
    users = call.crm.users
    return {
        "deleted_by": users[int(deleted_by)].reference if deleted_by else None,
        "id": str(number),
        "display_name": display_name,
        "type": kind,
        "created_by": users[int(created_by)].reference if created_by else None,
        "deleted_time": local(deleted_time, call.user.tz),
    }
