"""GET of records: by id, lists with pages and page tokens, related lists (fact sheet 2.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from migrator_kit.emulator import find, page_token
from migrator_kit.emulator.answers import (
    INVALID_DATA,
    LIMIT_EXCEEDED,
    NOT_SUPPORTED,
    ApiError,
    Json,
    Reply,
    empty,
    missing_param,
)
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import local
from migrator_kit.emulator.render import Renderer
from migrator_kit.emulator.schema import Module
from migrator_kit.emulator.values import record_id

PAGE = 200
MOST_FIELDS = 50
_SORTS = ("id", "Created_Time", "Modified_Time")
# Keys of `info` that the lists of notes and the related lists do not have.
_NOTES_INFO = ("call", "email")
RELATED_INFO = (*_NOTES_INFO, "sort_by", "sort_order")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list call asks for. `where` and `values` narrow it, `after` is the last row seen."""

    sort_by: str
    descending: bool
    where: tuple[str, ...]
    values: tuple[Any, ...]
    page: int
    per_page: int
    seen: int = 0
    after: tuple[Any, int] | None = None


def get_one(call: Call) -> Reply:
    """GET /{module}/{id}."""
    module = call.module
    number = resolve_id(call, module, call.names["id"])
    if number is None:
        raise ApiError(INVALID_DATA, "the id given seems to be invalid", {"id": call.names["id"]})
    found = find.load(call.crm.store.reader(), module.api_name, [number])
    if not found:
        return empty()
    since = call.moment("if-modified-since")
    if since is not None and found[number]["Modified_Time"] <= since:
        return Reply(304)
    fields = call.params.get("fields")
    wanted = fields_of(fields) if fields else None
    renderer = Renderer(call.crm, module, call.user, wanted)
    return Reply(200, {"data": renderer.records(found.items())})


def get_list(call: Call) -> Reply:
    """GET /{module}?fields=..."""
    module = call.module
    if module.api_name == "Attachments":
        raise ApiError(NOT_SUPPORTED, "the given module is not supported for this api")
    notes = module.api_name == "Notes"
    if notes and call.user.data["profile"]["name"] != "Administrator":
        raise ApiError(NOT_SUPPORTED, "This API is supported only for admin users.", status=403)
    where: list[str] = []
    values: list[Any] = []
    ids = call.params.get("ids")
    if ids:
        numbers = [resolve_id(call, module, part) or 0 for part in ids.split(",")]
        where.append(f"id IN ({','.join('?' * len(numbers))})")
        values.extend(numbers)
    wanted = fields_of(call.params.get("fields"))
    return page_of(call, module, where, values, wanted, without=_NOTES_INFO if notes else ())


def get_related_notes(call: Call) -> Reply:
    """GET /{module}/{id}/Notes?fields=..."""
    return _related(call, "Notes", "Parent_Id")


def get_related(call: Call) -> Reply:
    """GET /{module}/{id}/{related list}: the child records whose lookup points here."""
    target = call.names["related"]
    key = _RELATED.get((call.names["module"], target))
    if key is None:
        raise ApiError(
            "INVALID_DATA",
            "the relation name given seems to be invalid",
            {"resource_path_index": 2},
        )
    return _related(call, *key)


_RELATED = {
    ("Accounts", "Contacts"): ("Contacts", "Account_Name"),
    ("Accounts", "Deals"): ("Deals", "Account_Name"),
    ("Accounts", "Tasks"): ("Tasks", "What_Id"),
    ("Accounts", "Events"): ("Events", "What_Id"),
    ("Accounts", "Calls"): ("Calls", "What_Id"),
    ("Contacts", "Deals"): ("Deals", "Contact_Name"),
    ("Contacts", "Tasks"): ("Tasks", "Who_Id"),
    ("Contacts", "Events"): ("Events", "Who_Id"),
    ("Contacts", "Calls"): ("Calls", "Who_Id"),
    ("Deals", "Tasks"): ("Tasks", "What_Id"),
    ("Deals", "Events"): ("Events", "What_Id"),
    ("Deals", "Calls"): ("Calls", "What_Id"),
}
RELATED = tuple(_RELATED)


def resolve_id(call: Call, module: Module, text: str) -> int | None:
    """The record id of a path, also by external field (header X-EXTERNAL, fact sheet 2.11)."""
    key = external_key(call, module)
    if key is None:
        return record_id(text)
    find.ensure_index(call.crm.store, module.api_name, key)
    found = find.ids_by_value(call.crm.store.reader(), module.api_name, key, [text])
    return next(iter(found.values()), 0)


def external_key(call: Call, module: Module) -> str | None:
    """The external field of the module by which the call names its records, or None."""
    for name in call.headers.get("x-external", "").split(","):
        holder, _, api_name = name.strip().partition(".")
        field = module.fields.get(api_name)
        if holder == module.api_name and field is not None and field.external:
            return api_name
    return None


def fields_of(text: str | None) -> list[str]:
    """The `fields` parameter. Raises ApiError when absent or longer than 50."""
    if not text:
        raise missing_param("fields")
    fields = [name.strip() for name in text.split(",") if name.strip()]
    if len(fields) > MOST_FIELDS:
        raise ApiError(
            LIMIT_EXCEEDED,
            "maximum number of fields exceeded",
            {"limit": MOST_FIELDS, "param_name": "fields"},
        )
    return fields


def page_of(
    call: Call,
    module: Module,
    where: list[str],
    values: list[Any],
    wanted: list[str] | None,
    *,
    without: Sequence[str] = (),
) -> Reply:
    """One page of a module's records under these conditions.

    `wanted` are the fields, None for all of them; `without` are keys that this list's `info` lacks.
    """
    since = call.moment("if-modified-since")
    if since is not None:
        where = [*where, f"{find.expression('Modified_Time')} > ?"]
        values = [*values, since]
    listing = _listing(call, where, values)
    rows = _rows(call, module, listing)
    more = len(rows) > listing.per_page
    rows = rows[: listing.per_page]
    if not rows:
        return Reply(304) if since is not None else empty()
    renderer = Renderer(call.crm, module, call.user, wanted)
    records = renderer.records((number, data) for number, _, data in rows)
    last = (rows[-1][1], rows[-1][0])
    info = _info(call, listing, len(rows), last, more=more)
    for key in without:
        del info[key]
    return Reply(200, {"data": records, "info": info})


def _related(call: Call, child: str, key: str) -> Reply:
    parent = call.module
    number = resolve_id(call, parent, call.names["id"])
    db = call.crm.store.reader()
    if number is None or not find.existing(db, parent.api_name, [number]):
        raise ApiError(INVALID_DATA, "the related id given seems to be invalid")
    find.ensure_index(call.crm.store, child, key)
    where = [f"{find.expression(key)} COLLATE NOCASE = ?"]
    wanted = fields_of(call.params.get("fields"))
    return page_of(call, call.crm.module(child), where, [str(number)], wanted, without=RELATED_INFO)


def _listing(call: Call, where: list[str], values: list[Any]) -> Listing:
    sort_by = call.params.get("sort_by", "id")
    order = call.params.get("sort_order", "desc")
    if sort_by not in _SORTS or order not in ("asc", "desc"):
        name = "sort_order" if sort_by in _SORTS else "sort_by"
        supported = ["asc", "desc"] if name == "sort_order" else list(_SORTS)
        raise ApiError(
            INVALID_DATA, "invalid data", {"param_name": name, "supported_values": supported}
        )
    per_page = call.number("per_page", PAGE, most=PAGE)
    token = call.params.get("page_token")
    if token is None:
        page = call.number("page", 1)
        if page * per_page > call.crm.settings.page_limit and page > 1:
            limit = call.crm.settings.page_limit
            raise ApiError(
                "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
                f"please use page_token to fetch records beyond {limit}",
                {"limit": limit},
            )
        return Listing(sort_by, order == "desc", tuple(where), tuple(values), page, per_page)
    if "page" in call.params:
        raise ApiError(
            "AMBIGUITY_DURING_PROCESSING",
            "ambiguity while processing the request",
            {"ambiguity_due_to": [{"param_name": "page"}, {"param_name": "page_token"}]},
        )
    state = page_token.read(call, token)
    if state["seen"] >= call.crm.settings.token_page_limit:
        limit = call.crm.settings.token_page_limit
        raise ApiError("PAGINATION_LIMIT_EXCEEDED", "pagination limit exceeded", {"limit": limit})
    return Listing(
        sort_by,
        order == "desc",
        tuple(where),
        tuple(values),
        state["page"],
        per_page,
        state["seen"],
        (state["value"], state["id"]),
    )


def _rows(call: Call, module: Module, listing: Listing) -> list[tuple[int, Any, dict[str, Any]]]:
    key = "id"
    if listing.sort_by != key:
        find.ensure_order(call.crm.store, module.api_name, listing.sort_by)
        key = find.expression(listing.sort_by)
    where, values = list(listing.where), list(listing.values)
    sign, order = ("<", "DESC") if listing.descending else (">", "ASC")
    offset = 0
    if listing.after is None:
        offset = (listing.page - 1) * listing.per_page
    elif key == "id":
        where.append(f"id {sign} ?")
        values.append(listing.after[1])
    else:
        where.append(f"({key}, id) {sign} (?, ?)")
        values.extend(listing.after)
    condition = f"WHERE {' AND '.join(where)}" if where else ""
    query = (
        f"SELECT id, {key}, data FROM {module.table} {condition} "
        f"ORDER BY {key} {order}, id {order} LIMIT ? OFFSET ?"
    )
    cursor = call.crm.store.reader().execute(query, (*values, listing.per_page + 1, offset))
    return [(number, value, orjson.loads(data)) for number, value, data in cursor]


def _info(call: Call, listing: Listing, count: int, last: tuple[Any, int], *, more: bool) -> Json:
    token = expiry = None
    if more:
        seen = (listing.seen or (listing.page - 1) * listing.per_page) + count
        token, expires = page_token.write(call, last, seen, listing.page + 1)
        expiry = local(expires, call.user.tz)
    return {
        "call": False,
        "per_page": listing.per_page,
        "next_page_token": token,
        "count": count,
        "sort_by": listing.sort_by,
        "page": listing.page,
        "previous_page_token": None,
        "page_token_expiry": expiry,
        "sort_order": "desc" if listing.descending else "asc",
        "email": False,
        "more_records": more,
    }
