"""/settings/recycle_bin: list, restore, delete for good (fact sheet 3)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from migrator_kit.emulator import find
from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    ApiError,
    Json,
    RecordError,
    Reply,
    empty,
    items_reply,
    success,
)
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import local, parse_instant
from migrator_kit.emulator.deletion import expire, forget
from migrator_kit.emulator.records_read import PAGE
from migrator_kit.emulator.store import Writer
from migrator_kit.emulator.values import record_id

MOST_RESTORED = 1_000
_COLUMNS = "id, module, data, display_name, deleted_by, deleted_time"
_FILTERS = ("module", "display_name", "deleted_by", "deleted_time")
_TESTS = {
    "equal": "{} = ?",
    "contains": "{} LIKE '%' || ? || '%'",
    "starts_with": "{} LIKE ? || '%'",
    "greater_than": "{} > ?",
    "less_than": "{} < ?",
}


def get_list(call: Call) -> Reply:
    """GET /settings/recycle_bin?page=&per_page=&ids=."""
    expire(call.crm)
    per_page = call.number("per_page", PAGE, most=PAGE)
    page = call.number("page", 1)
    where, values = _narrowed(call)
    rows = (
        call.crm.store.reader()
        .execute(
            f"SELECT {_COLUMNS} FROM bin WHERE {where} ORDER BY deleted_time DESC, id DESC "
            "LIMIT ? OFFSET ?",
            (*values, per_page + 1, (page - 1) * per_page),
        )
        .fetchall()
    )
    if not rows:
        return empty()
    items = [_item(call, *row) for row in rows[:per_page]]
    info = {
        "per_page": per_page,
        "count": len(items),
        "page": page,
        "more_records": len(rows) > per_page,
    }
    return Reply(200, {"recycle_bin": items, "info": info})


def get_one(call: Call) -> Reply:
    """GET /settings/recycle_bin/{id}."""
    row = (
        call.crm.store.reader()
        .execute(
            f"SELECT {_COLUMNS} FROM bin WHERE kind = 'recycle' AND id = ?",
            (record_id(call.names["id"]) or 0,),
        )
        .fetchone()
    )
    if row is None:
        raise ApiError(INVALID_DATA, "the id given seems to be invalid", {"id": call.names["id"]})
    return Reply(200, {"recycle_bin": [_item(call, *row)]})


def count(call: Call) -> Reply:
    """GET /settings/recycle_bin/actions/count."""
    expire(call.crm)
    where, values = _narrowed(call)
    query = f"SELECT count(*) FROM bin WHERE {where}"
    (number,) = call.crm.store.reader().execute(query, values).fetchone()
    return Reply(200, {"count": number})


def delete_many(call: Call) -> Reply:
    """DELETE /settings/recycle_bin?ids= or ?filters=."""
    if not call.params.get("ids") and not call.params.get("filters"):
        raise ApiError(MANDATORY_NOT_FOUND, "required field not found", {"api_name": "ids"})
    where, values = _narrowed(call)
    reply = _delete(call, where, values)
    if call.params.get("ids"):
        return reply
    message = "Bulk deletion of records based on filters has been scheduled"
    item = {"code": "SCHEDULED", "details": {}, "message": message, "status": "success"}
    return Reply(200, {"recycle_bin": [item]})


def delete_one(call: Call) -> Reply:
    """DELETE /settings/recycle_bin/{id}."""
    number = record_id(call.names["id"]) or 0
    return _delete(call, "kind = 'recycle' AND id = ?", [number])


def empty_bin(call: Call) -> Reply:
    """POST /settings/recycle_bin/actions/empty."""
    return _delete(call, "kind = 'recycle'", [])


def restore_many(call: Call) -> Reply:
    """POST /settings/recycle_bin/actions/restore with ids, filters or restore_all_records."""
    body = call.json()
    given = [key for key in ("ids", "filters", "restore_all_records") if body.get(key)]
    if len(given) != 1:
        code = "AMBIGUITY_DURING_PROCESSING" if given else MANDATORY_NOT_FOUND
        raise ApiError(code, "exactly one of ids, filters, restore_all_records is expected")
    if given == ["ids"]:
        ids = [str(item) for item in body["ids"]]
    else:
        where, values = _filtered(body.get("filters"))
        rows = call.crm.store.reader().execute(
            f"SELECT id FROM bin WHERE {where} AND deleted_with IS NULL", values
        )
        ids = [str(row[0]) for row in rows]
    return _restore(call, ids)


def restore_one(call: Call) -> Reply:
    """POST /settings/recycle_bin/{id}/actions/restore."""
    return _restore(call, [call.names["id"]])


def _restore(call: Call, ids: Sequence[str]) -> Reply:
    expire(call.crm)
    for module in call.crm.schema.values():
        for field in module.unique_fields():
            find.ensure_index(call.crm.store, module.api_name, field.api_name)
    items: list[Json] = []
    restored = 0
    with call.crm.store.writing() as writer:
        for text in ids:
            try:
                restored += _put_back(call, writer, record_id(text) or 0)
            except RecordError as error:
                items.append(error.item())
            else:
                items.append(success("record restored", {"id": text}))
    call.crm.stats.wrote("recycle_bin", "restored", restored)
    if not items:
        return empty()
    return items_reply("recycle_bin", items, done=202 if restored > MOST_RESTORED else 200)


def _put_back(call: Call, writer: Writer, number: int) -> int:
    """Restore a record with the children that were deleted together with it; returns how many."""
    row = writer.db.execute(
        "SELECT module, data FROM bin WHERE id = ? AND kind = 'recycle'", (number,)
    ).fetchone()
    if row is None:
        raise RecordError(INVALID_DATA, "the id given seems to be invalid", {"id": str(number)})
    module, data = row[0], json.loads(row[1])
    if module in ("Notes", "Attachments"):
        parent = int(data["Parent_Id"])
        if not find.existing(writer.db, data["$se_module"], [parent]):
            raise RecordError(
                "CANNOT_RESTORE_WITHOUT_PARENT",
                "the record cannot be restored without its parent",
                {"id": str(number)},
            )
    for field in call.crm.schema[module].unique_fields():
        value = data.get(field.api_name)
        if value is not None and find.ids_by_value(writer.db, module, field.api_name, [value]):
            raise RecordError(
                "DUPLICATE_DATA",
                "duplicate data",
                {"id": str(number), "api_name": field.api_name},
            )
    table = call.crm.schema[module].table
    writer.db.execute(f"INSERT INTO {table} VALUES (?, ?)", (number, row[1]))
    writer.db.execute("DELETE FROM bin WHERE id = ?", (number,))
    children = writer.db.execute(
        "SELECT id FROM bin WHERE deleted_with = ? AND kind = 'recycle'", (number,)
    ).fetchall()
    return 1 + sum(_put_back(call, writer, child) for (child,) in children)


def _delete(call: Call, where: str, values: list[Any]) -> Reply:
    with call.crm.store.writing() as writer:
        ids = [row[0] for row in writer.db.execute(f"SELECT id FROM bin WHERE {where}", values)]
        marks = writer.db.execute(
            f"SELECT id FROM bin WHERE deleted_with IN (SELECT id FROM bin WHERE {where})", values
        )
        children = [row[0] for row in marks]
        forget(call.crm, writer, [*ids, *children])
    if not ids:
        raise ApiError(INVALID_DATA, "the id given seems to be invalid")
    items = [success("record deleted", {"id": str(number)}) for number in ids]
    return items_reply("recycle_bin", items, done=200)


def _narrowed(call: Call) -> tuple[str, list[Any]]:
    ids = call.params.get("ids")
    if ids:
        numbers = [record_id(part) or 0 for part in ids.split(",")]
        return f"kind = 'recycle' AND id IN ({','.join('?' * len(numbers))})", list(numbers)
    text = call.params.get("filters")
    try:
        filters = json.loads(text) if text else None
    except ValueError:
        raise _bad_filter() from None
    return _filtered(filters)


def _filtered(filters: Any) -> tuple[str, list[Any]]:
    where, values = ["kind = 'recycle'"], []
    group = (filters.get("group") or [filters]) if isinstance(filters, dict) else []
    if isinstance(filters, dict) and str(filters.get("group_operator", "AND")).upper() != "AND":
        raise _bad_filter()
    for rule in group:
        field = rule.get("field", {}).get("api_name") if isinstance(rule, dict) else None
        test = _TESTS.get(str(rule.get("comparator"))) if isinstance(rule, dict) else None
        if field not in _FILTERS or test is None:
            raise _bad_filter()
        given = _values_of(field, rule.get("value"))
        where.append(f"({' OR '.join(test.format(field) for _ in given)})")
        values.extend(given)
    return " AND ".join(where), values


def _values_of(field: str, given: Any) -> list[Any]:
    """What a filter compares with, in stored form: several users, an instant, or a text."""
    several = given if isinstance(given, list) else [given]
    try:
        if field == "deleted_by":
            return [str(int(one["id"] if isinstance(one, dict) else one)) for one in several]
        if field == "deleted_time":
            return [parse_instant(str(one)) for one in several]
    except (KeyError, TypeError, ValueError):
        raise _bad_filter() from None
    if not several or not all(isinstance(one, str) for one in several):
        raise _bad_filter()
    return several


def _bad_filter() -> ApiError:
    return ApiError(INVALID_DATA, "invalid data", {"param_name": "filters"}, 403)


def _item(
    call: Call,
    number: int,
    module: str,
    data: str,
    display_name: str | None,
    deleted_by: str,
    deleted_time: str,
) -> Json:
    users = call.crm.users
    owner = json.loads(data).get("Owner")
    return {
        "id": str(number),
        "display_name": display_name,
        "module": {"api_name": module, "id": call.crm.schema[module].id},
        "owner": users[int(owner)].reference if owner else None,
        "deleted_by": users[int(deleted_by)].reference,
        "deleted_time": local(deleted_time, call.user.tz),
    }
