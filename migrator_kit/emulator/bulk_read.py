"""Bulk read: jobs that write a module's records into a zipped CSV (fact sheet 6)."""

from __future__ import annotations

import csv
import json
import zipfile
from collections import deque
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from migrator_kit.emulator.answers import ApiError, Json, Reply, failure
from migrator_kit.emulator.bulk_criteria import criteria_of
from migrator_kit.emulator.bulk_write import job_faults, job_of, zip_headers
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import later, local
from migrator_kit.emulator.coql_parser import Column, Compare, CoqlError, Query
from migrator_kit.emulator.coql_sql import UNSUPPORTED_TYPES, Plan, Planner
from migrator_kit.emulator.crm import Crm, User
from migrator_kit.emulator.jobs import Job, State
from migrator_kit.emulator.schema import Field, Module

KIND = "read"
MOST_PAGES = 500
MOST_FIELDS = 200
MOST_CRITERIA = 25
RESULT_DAYS = 1
DOWNLOADS_PER_MINUTE = 10
NOT_IN_BULK = frozenset({"Notes", "Attachments"})
_NO_TYPES = UNSUPPORTED_TYPES | {"profileimage"}
_STATES = {
    State.ADDED: "ADDED",
    State.IN_PROGRESS: "IN PROGRESS",
    State.COMPLETED: "COMPLETED",
    State.FAILED: "FAILURE",
}
_downloads: dict[int, deque[float]] = {}


def create(call: Call) -> Reply:
    """POST /crm/bulk/v8/read."""
    body = call.json()
    query = body.get("query")
    if not isinstance(query, dict):
        raise ApiError("MANDATORY_NOT_FOUND", "required field not found", {"api_name": "query"})
    if body.get("file_type", "csv") not in ("csv", "ics"):
        raise ApiError("INVALID_DATA", "invalid data", {"api_name": "file_type"})
    if "page_token" in query:
        query = _next_page(call, query["page_token"])
    module = _module(call, query)
    page = query.get("page", 1)
    if type(page) is not int or not 1 <= page <= MOST_PAGES:
        raise ApiError("PAGE_RANGE_EXCEEDED", "page range exceeded", {"max_limit": MOST_PAGES})
    fields = _fields(module, query.get("fields"))
    data = {
        "created_by": str(call.user.id),
        "module": module.api_name,
        "fields": fields,
        "criteria": query.get("criteria"),
        "page": page,
        "query": query,
    }
    _plan(call.crm, data)
    seconds, fail = job_faults(call)
    number = call.crm.jobs.add(KIND, data, seconds, fail=fail)
    details = {
        "id": str(number),
        "operation": "read",
        "state": "ADDED",
        "created_by": call.user.reference,
        "created_time": local(call.crm.clock.stamp(), call.user.tz),
    }
    item = {
        "status": "success",
        "code": "ADDED_SUCCESSFULLY",
        "message": "Added successfully.",
        "details": details,
    }
    return Reply(201, {"data": [item], "info": {}})


def get_status(call: Call) -> Reply:
    """GET /crm/bulk/v8/read/{job}."""
    job = job_of(call, KIND)
    item: Json = {
        "id": str(job.id),
        "operation": "read",
        "state": "QUEUED" if call.crm.jobs.behind_another(job) else _STATES[job.state],
        "query": _shown(call.crm, job.data),
        "created_by": job.creator(call.crm).reference,
        "created_time": local(job.created, call.user.tz),
        "file_type": "csv",
    }
    if job.state is State.COMPLETED:
        item["result"] = {
            "page": job.data["page"],
            "per_page": call.crm.settings.bulk_read_rows,
            "count": job.data["count"],
            "download_url": f"/crm/bulk/v8/read/{job.id}/result",
            "more_records": job.data["more_records"],
        }
        if job.data["more_records"]:
            item["result"]["next_page_token"] = f"{job.id:x}"
    elif job.state is State.FAILED:
        item["result"] = {"error_message": _failure(job.data["code"])}
    return Reply(200, {"data": [item]})


def _failure(code: str) -> Json:
    if code == "INTERNAL_ERROR":
        return failure("INTERNAL_SERVER_ERROR", "Internal server error occurred.")
    return failure(code, "the job failed")


def _shown(crm: Crm, data: Json) -> Json:
    """The query of a job as its status shows it: with the ids of module and fields."""
    module = crm.schema[data["module"]]
    shown = {**data["query"], "module": {"id": module.id, "api_name": module.api_name}}
    if shown.get("criteria") is not None:
        shown["criteria"] = _with_field_ids(module, shown["criteria"])
    return shown


def _with_field_ids(module: Module, criteria: Json) -> Json:
    if "group" in criteria:
        members = [_with_field_ids(module, member) for member in criteria["group"]]
        return {**criteria, "group": members}
    name = criteria["field"]["api_name"]
    field = module.fields.get(name)
    return {**criteria, "field": {"id": field.id if field else None, "api_name": name}}


def download(call: Call) -> Reply:
    """GET /crm/bulk/v8/read/{job}/result: ten a minute, for a day."""
    job = job_of(call, KIND)
    if job.state is not State.COMPLETED or job.finished is None:
        raise _no_result()
    if later(job.finished, days=RESULT_DAYS) < call.crm.clock.stamp():
        raise _no_result()
    recent = _downloads.setdefault(job.id, deque())
    now = call.crm.clock.seconds()
    while recent and recent[0] <= now - 60:
        recent.popleft()
    if len(recent) >= DOWNLOADS_PER_MINUTE:
        raise ApiError("TOO_MANY_REQUESTS", "too many downloads", status=429)
    recent.append(now)
    return Reply(200, file=_result(call.crm, job), headers=zip_headers(job.id))


def run(crm: Crm, job: Job) -> dict[str, Any]:
    """Write the page of records that the job asks for."""
    plan, columns = _plan(crm, job.data)
    user = job.creator(crm)
    sql = (
        f"SELECT {', '.join(['t.id', *plan.select])} FROM {plan.module.table} t "
        f"{' '.join(plan.joins)} WHERE {plan.where} ORDER BY t.id LIMIT ? OFFSET ?"
    )
    per_page = crm.settings.bulk_read_rows
    offset = (job.data["page"] - 1) * per_page
    cursor = crm.store.reader().execute(sql, (*plan.values, per_page + 1, offset))
    renders = [_render(crm, user, field) for _, field in plan.extra]
    place = _result(crm, job)
    count, more = 0, False
    with (
        zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{job.id}.csv", "w") as raw,
        TextIOWrapper(raw, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text)
        writer.writerow(["Id", *columns])
        for row in cursor:
            if count == per_page:
                more = True
                break
            values = (render(value) for render, value in zip(renders, row[1:], strict=True))
            writer.writerow([row[0], *values])
            count += 1
    return {"count": count, "more_records": more}


def _next_page(call: Call, token: Any) -> Json:
    """The query of the job that issued the token, one page on; a token lives for a day."""
    try:
        job = call.crm.jobs.get(KIND, int(str(token), 16))
    except ValueError:
        job = None
    if job is None or job.finished is None or not job.data.get("more_records"):
        raise ApiError("INVALID_DATA", "invalid page token", {"api_name": "page_token"})
    if later(job.finished, days=RESULT_DAYS) < call.crm.clock.stamp():
        raise ApiError("EXPIRED_VALUE", "page token expired", {"api_name": "page_token"})
    return {**job.data["query"], "page": job.data["page"] + 1}


def _plan(crm: Crm, data: dict[str, Any]) -> tuple[Plan, list[str]]:
    """The SQL of a job and its column names. Raises ApiError for a field or criterion refused."""
    columns = tuple(
        # An alias keeps every column in the select list, in the order asked for.
        Column(tuple(name.split(".")), None, name)
        for name in data["fields"]
        if name.lower() != "id"
    )
    try:
        where = criteria_of(data["criteria"]) or Compare(Column(("id",)), "is not null", ())
        query = Query((*columns,), data["module"], where)
        plan = Planner(crm.schema, query, in_values=20).plan()
    except CoqlError as error:
        code = "FIELD_NOT_AVAILABLE" if error.code == "INVALID_QUERY" else error.code
        raise ApiError(code, error.message, dict(error.details)) from None
    return plan, [column.key for column in columns]


def _module(call: Call, query: Json) -> Module:
    given = query.get("module")
    name = given.get("api_name") if isinstance(given, dict) else given
    module = call.crm.schema.get(str(name))
    if module is None or module.api_name in NOT_IN_BULK:
        raise ApiError("MODULE_NOT_SUPPORTED", "the module is not supported", {"module": str(name)})
    return module


def _fields(module: Module, given: Any) -> list[str]:
    if given is None or given == []:
        return [
            field.api_name
            for field in module.fields.values()
            if not field.external and field.data_type not in _NO_TYPES
        ]
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ApiError(
            "INVALID_DATA",
            "invalid data",
            {"expected_data_type": "jsonarray", "api_name": "fields"},
        )
    if len(given) > MOST_FIELDS:
        raise ApiError("LIMIT_EXCEEDED", "too many fields", {"limit": MOST_FIELDS})
    for name in given:
        field = module.fields.get(name.partition(".")[0])
        if name.lower() != "id" and (field is None or field.external):
            raise ApiError("FIELD_NOT_AVAILABLE", "field is not available", {"api_name": name})
    return list(dict.fromkeys(given))


def _render(crm: Crm, user: User, field: Field) -> Callable[[Any], Any]:
    kind = field.data_type
    if crm.settings.hipaa_restricted and field.hipaa:
        return lambda _value: ""
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "datetime":
        tz = user.tz
        return lambda value: "" if value is None else local(value, tz)
    if kind == "multiselectpicklist":
        return lambda value: "" if value is None else ";".join(json.loads(value))
    return lambda value: "" if value is None else value


def _result(crm: Crm, job: Job) -> Path:
    return crm.store.files / f"result-{job.id}.zip"


def _no_result() -> ApiError:
    return ApiError("RESOURCE_NOT_FOUND", "The requested resource doesn't exist.", status=404)
