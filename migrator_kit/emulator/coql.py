"""POST /coql: records by query (fact sheet 5)."""

from __future__ import annotations

from typing import Any

import orjson

from migrator_kit.emulator import find
from migrator_kit.emulator.answers import (
    INVALID_DATA,
    LIMIT_EXCEEDED,
    MANDATORY_NOT_FOUND,
    ApiError,
    Json,
    Reply,
    empty,
)
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import local
from migrator_kit.emulator.coql_parser import MOST_ROWS, CoqlError, Query, parse
from migrator_kit.emulator.coql_sql import Plan, Planner
from migrator_kit.emulator.metadata import field_document
from migrator_kit.emulator.render import Renderer
from migrator_kit.emulator.schema import Field

MOST_OFFSET = 100_000


def execute(call: Call) -> Reply:
    """Run `select_query`; 204 when nothing is found."""
    body = call.json()
    text = body.get("select_query")
    if text is None:
        raise ApiError(
            MANDATORY_NOT_FOUND, "required field not found", {"api_name": "select_query"}
        )
    if not isinstance(text, str):
        raise ApiError(
            INVALID_DATA, "invalid data",
            {"expected_data_type": "string", "api_name": "select_query"},
        )  # fmt: skip
    try:
        query = parse(text)
        _check_limits(query)
        plan = Planner(call.crm.schema, query, call.crm.settings.coql_in_values).plan()
    except CoqlError as error:
        raise ApiError(error.code, error.message, dict(error.details)) from None
    for module, name in plan.indexes:
        find.ensure_index(call.crm.store, module, name)
    rows = _run(call, query, plan)
    more = len(rows) > query.limit
    records = _records(call, query, plan, rows[: query.limit])
    if not records:
        return empty()
    answer: Json = {"data": records, "info": {"count": len(records), "more_records": more}}
    if "fields" in (body.get("include_meta") or ()):
        answer["fields"] = _meta(call, query, plan)
    return Reply(200, answer)


def _check_limits(query: Query) -> None:
    if query.limit < 1:
        raise CoqlError(INVALID_DATA, "limit should be greater than 0", clause="limit")
    if query.limit > MOST_ROWS:
        raise CoqlError(LIMIT_EXCEEDED, "limit exceeds the maximum", limit=MOST_ROWS)
    if query.offset + query.limit > MOST_OFFSET:
        raise CoqlError(LIMIT_EXCEEDED, "Max records limit exceeded", limit=MOST_OFFSET)


def _run(call: Call, query: Query, plan: Plan) -> list[Any]:
    grouped = bool(plan.group) or any(column.aggregate for column in query.columns)
    columns = ", ".join(plan.select if grouped else ["t.id", "t.data", *plan.select])
    sql = f"SELECT {columns} FROM {plan.module.table} t {' '.join(plan.joins)} WHERE {plan.where}"
    if plan.group:
        sql += f" GROUP BY {plan.group}"
    if plan.order:
        sql += f" ORDER BY {plan.order}"
    sql += " LIMIT ? OFFSET ?"
    db = call.crm.store.reader()
    return db.execute(sql, (*plan.values, query.limit + 1, query.offset)).fetchall()


def _records(call: Call, query: Query, plan: Plan, rows: list[Any]) -> list[Json]:
    if plan.group or any(column.aggregate for column in query.columns):
        return [_extra(call, plan, row) for row in rows]
    taken = {key for key, _ in plan.extra}
    direct = [
        column.path[-1]
        for column in query.columns
        if column.key not in taken and column.path[-1] != "id"
    ]
    renderer = Renderer(call.crm, plan.module, call.user, direct, named=False)
    records = renderer.records((row[0], orjson.loads(row[1])) for row in rows)
    if plan.extra:
        for record, row in zip(records, rows, strict=True):
            record.update(_extra(call, plan, row[2:]))
    return records


def _extra(call: Call, plan: Plan, values: Any) -> Json:
    return {
        key: _shown(call, field, value)
        for (key, field), value in zip(plan.extra, values, strict=True)
    }


def _shown(call: Call, field: Field, value: Any) -> Any:
    if call.crm.settings.hipaa_restricted and field.hipaa:
        return None
    kind = field.data_type
    if kind == "boolean":
        return bool(value)
    if value is None:
        return None
    if kind == "datetime":
        return local(value, call.user.tz)
    if kind == "multiselectpicklist":
        return orjson.loads(value)
    if kind in ("lookup", "ownerlookup", "userlookup"):
        return {"id": value}
    return str(value) if kind == "bigint" else value


def _meta(call: Call, query: Query, plan: Plan) -> Json:
    fields = plan.module.fields
    return {
        column.key: field_document(call.crm, plan.module, fields[column.path[0]], call.user.tz)
        for column in query.columns
        if len(column.path) == 1 and column.path[0] in fields
    }
