"""Bulk write: accepting jobs, their status and their results (fact sheet 7.3, 7.5)."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import asdict
from typing import Any

from migrator_kit.emulator import bulk_mapping
from migrator_kit.emulator.answers import ApiError, Json, Reply
from migrator_kit.emulator.bulk_csv import MOST_COLUMNS, BadArchive, open_sheet
from migrator_kit.emulator.bulk_upload import stored_upload
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import later, local
from migrator_kit.emulator.faults import Act, Rule
from migrator_kit.emulator.jobs import Job, State
from migrator_kit.emulator.values import record_id

KIND = "write"
RESULT_DAYS = 7
_MAPPING_KEYS = ("index", "format", "find_by", "module", "parent_column_index", "default_value")
_UNMAPPED: Json = dict.fromkeys(_MAPPING_KEYS)


def create(call: Call) -> Reply:
    """POST /crm/bulk/v8/write."""
    body = call.json()
    operation, resource = bulk_mapping.check_request(body)
    module = bulk_mapping.check_module(call.crm.schema, resource)
    path = stored_upload(call, str(resource["file_id"]), "bulk-write")
    if path is None:
        raise ApiError("INVALID_FILE_ID", "file id is invalid")
    names = resource.get("file_names")
    wanted = names[0] if isinstance(names, list) and names else None
    encoding = str(body.get("character_encoding") or "UTF-8")
    try:
        with open_sheet(path, wanted, encoding) as sheet:
            name, header = sheet.name, sheet.header
    except BadArchive as error:
        raise ApiError(str(error), "the file given seems to be invalid") from None
    if len(header) > MOST_COLUMNS:
        raise ApiError("HEADER_LIMIT_EXCEEDED", "too many columns", {"limit": MOST_COLUMNS})
    columns = bulk_mapping.columns_of(call.crm.schema, module, resource, header)
    find_by = resource.get("find_by")
    bulk_mapping.check_find_by(module, operation, find_by, columns)
    bulk_mapping.check_mandatory(module, operation, columns)
    plan = bulk_mapping.Plan(
        operation=operation,
        module=module.api_name,
        file_id=str(resource["file_id"]),
        csv_name=name,
        encoding=encoding,
        ignore_empty=bool(body.get("ignore_empty", resource.get("ignore_empty", False))),
        find_by=find_by,
        columns=columns,
    )
    data = {
        "created_by": str(call.user.id),
        "plan": asdict(plan),
        "request": {"resource": resource, "encoding": encoding, "callback": body.get("callback")},
        "header": header,
    }
    seconds, fail = job_faults(call)
    number = call.crm.jobs.add(KIND, data, seconds, fail=fail)
    details = {"id": str(number), "created_by": call.user.reference}
    answer = {"status": "success", "code": "SUCCESS", "message": "success", "details": details}
    return Reply(201, answer)


def get_status(call: Call) -> Reply:
    """GET /crm/bulk/v8/write/{job}."""
    job = job_of(call, KIND)
    resource = job.data["request"]["resource"]
    module = call.crm.module(job.data["plan"]["module"])
    counts = job.data.get("counts") or {}
    state = job.state.value
    answer: Json = {
        "status": state,
        "character_encoding": job.data["request"]["encoding"],
        "id": str(job.id),
        "operation": job.data["plan"]["operation"],
        "created_by": job.creator(call.crm).reference,
        "created_time": local(job.created, call.user.tz),
        "resource": [
            {
                "status": state,
                "type": resource["type"],
                "code": job.data.get("code", "SUCCESS"),
                "module": {"api_name": module.api_name, "id": module.id},
                "field_mappings": [
                    {**_UNMAPPED, **mapping} for mapping in resource.get("field_mappings") or []
                ],
                "file": {
                    "status": state,
                    "name": job.data["plan"]["csv_name"],
                    "added_count": counts.get("added", 0),
                    "updated_count": counts.get("updated", 0),
                    "skipped_count": counts.get("skipped", 0),
                    "total_count": sum(counts.values()),
                },
            }
        ],
    }
    if job.data["request"]["callback"]:
        answer["callback"] = job.data["request"]["callback"]
    if job.state is State.COMPLETED:
        org = f"org{call.crm.org['zgid']}"
        url = f"/v8/crm/{org}/bulk-write/{job.id}/{job.id}.zip"
        answer["result"] = {"download_url": url}
    return Reply(200, answer)


def download(call: Call) -> Reply:
    """GET of a result's download_url: a zip with one CSV."""
    job = job_of(call, KIND)
    if job.state is not State.COMPLETED or job.finished is None:
        raise _no_such_job()
    if later(job.finished, days=RESULT_DAYS) < call.crm.clock.stamp():
        raise _no_such_job()
    plan = job.data["plan"]
    stem = plan["csv_name"].rpartition("/")[2].removesuffix(".csv")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{plan['module']}-{stem}.csv", _result_csv(call, job))
    return Reply(200, content=buffer.getvalue(), headers=zip_headers(job.id))


def job_of(call: Call, kind: str) -> Job:
    """The job named in the path. Raises ApiError 404."""
    job = call.crm.jobs.get(kind, record_id(call.names["job"].removesuffix(".zip")) or 0)
    if job is None:
        raise _no_such_job()
    return job


def job_faults(call: Call) -> tuple[float, bool]:
    """How long a new job waits and whether it fails, by settings and faults."""
    rules: list[Rule] = call.crm.faults.strike(call.method, call.path, (Act.SLOW_JOB, Act.FAIL_JOB))
    slow = sum(rule.seconds for rule in rules if rule.do is Act.SLOW_JOB)
    fail = any(rule.do is Act.FAIL_JOB for rule in rules)
    return call.crm.settings.job_seconds + slow, fail


def zip_headers(number: int) -> dict[str, str]:
    """Headers of a zipped result."""
    return {
        "Content-Type": "application/octet-stream;charset=UTF-8",
        "Content-Disposition": f"attachment; filename={number}.zip",
    }


def _result_csv(call: Call, job: Job) -> str:
    plan, header = job.data["plan"], job.data["header"]
    indexes: list[int] = job.data["source_columns"]
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow([*(header[index] for index in indexes), "STATUS", "RECORD_ID", "ERRORS"])
    outcomes = call.crm.store.reader().execute(
        "SELECT status, record_id, errors FROM job_row WHERE job = ? ORDER BY resource, line",
        (job.id,),
    )
    path = stored_upload(call, plan["file_id"], "bulk-write")
    if path is None:
        raise _no_such_job()
    with open_sheet(path, plan["csv_name"], plan["encoding"]) as sheet:
        for cells, outcome in zip(sheet.rows, outcomes, strict=False):
            writer.writerow([*(_cell(cells, index) for index in indexes), *outcome])
    return target.getvalue()


def _cell(cells: list[str], index: int) -> Any:
    return cells[index] if index < len(cells) else ""


def _no_such_job() -> ApiError:
    return ApiError("RESOURCE_NOT_FOUND", "The requested resource doesn't exist.", status=404)
