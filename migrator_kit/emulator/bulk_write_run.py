"""Carries out a bulk-write job: part by part, each with its outcomes in one transaction.

A job that was cut off goes on after the last part that was committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from migrator_kit.emulator import find
from migrator_kit.emulator.answers import RecordError
from migrator_kit.emulator.bulk_csv import MOST_ROWS, BadArchive, Convert, converter, open_sheet
from migrator_kit.emulator.bulk_mapping import Column, Plan
from migrator_kit.emulator.crm import Crm
from migrator_kit.emulator.jobs import Job, JobFailed, JobInterrupted
from migrator_kit.emulator.schema import Module
from migrator_kit.emulator.values import record_id
from migrator_kit.emulator.writing import Batch, Draft, Outcome

PART = 1_000
_USER_TYPES = ("ownerlookup", "userlookup")
Known = tuple[int, str | None]
Found = dict[str, dict[object, Known]]


@dataclass(frozen=True, slots=True)
class Reader:
    """A column with the function that reads its cells."""

    column: Column
    convert: Convert
    reference: bool


def run(crm: Crm, job: Job) -> dict[str, Any]:
    """Carry the job out. Raises JobFailed when the file as a whole is refused."""
    plan = plan_of(job)
    module = crm.schema[plan.module]
    path = crm.store.files / f"upload-{plan.file_id}"
    _index(crm, plan, module)
    counts = _count_rows(crm, job)
    try:
        with open_sheet(path, plan.csv_name, plan.encoding) as sheet:
            if sheet.lines > MOST_ROWS and sum(1 for _ in sheet.rows) > MOST_ROWS:
                raise JobFailed("LIMIT_EXCEEDED")
        with open_sheet(path, plan.csv_name, plan.encoding) as sheet:
            done = sum(counts.values())
            for start, part in _parts(islice(sheet.rows, done, None), done):
                if crm.jobs.ending:
                    raise JobInterrupted
                counts.update(_write_part(crm, job, plan, module, start, part))
    except BadArchive as error:
        raise JobFailed("INVALID_FILE_FORMAT") from error
    crm.stats.wrote(plan.module, "created", counts["added"])
    crm.stats.wrote(plan.module, "updated", counts["updated"])
    crm.stats.wrote(plan.module, "refused", counts["skipped"])
    return {"counts": dict(counts), "source_columns": plan.source_columns()}


def plan_of(job: Job) -> Plan:
    """The plan that was stored with the job."""
    data = dict(job.data["plan"])
    columns = tuple(Column(**column) for column in data.pop("columns"))
    return Plan(**data, columns=columns)


def _write_part(
    crm: Crm, job: Job, plan: Plan, module: Module, start: int, part: list[list[str]]
) -> Counter[str]:
    user = job.creator(crm)
    readers = _readers(plan, module, user.tz)
    with crm.store.writing() as writer:
        found = _references(crm, writer.db, readers, part)
        rows, ids = _rows(plan, readers, part, found)
        rules = crm.rules(module.api_name)
        drafts, creating = [], plan.operation == "insert"
        for offset, (row, number) in enumerate(zip(rows, ids, strict=True)):
            draft = Draft(f"$.data[{start + offset}]")
            if plan.find_by == "id":
                draft.target = record_id(number) or 0
            try:
                draft.checked = rules.check(row, draft.place, creating=creating)
                _require_by_layout(plan, module, row)
            except RecordError as error:
                draft.error = error
                draft.checked = None
            drafts.append(draft)
        batch = Batch(crm, writer, module, user)
        outcomes = _write(batch, plan, drafts)
        lines = [
            (job.id, 0, start + offset, *_line(plan, outcome))
            for offset, outcome in enumerate(outcomes)
        ]
        writer.db.executemany("INSERT INTO job_row VALUES (?, ?, ?, ?, ?, ?)", lines)
    return Counter(line[3] for line in lines)


def _write(batch: Batch, plan: Plan, drafts: list[Draft]) -> list[Outcome]:
    if plan.operation == "insert":
        if plan.find_by is not None and plan.find_by != "id":
            for draft, known in zip(drafts, batch.skip_known(drafts, plan.find_by), strict=True):
                if known:
                    draft.checked = None
                    draft.error = RecordError("DUPLICATE_DATA", "", {"api_name": plan.find_by})
        return batch.insert(drafts)
    if plan.find_by == "id" or plan.find_by is None:
        return batch.update(drafts)
    if plan.operation == "update":
        for draft in drafts:
            draft.must_exist = True
    return batch.upsert(drafts, [plan.find_by])


def _line(plan: Plan, outcome: Outcome) -> tuple[str, str, str]:
    if outcome.error is not None:
        name = outcome.error.details.get("api_name") or plan.find_by or "id"
        return "skipped", "", f"{outcome.error.code}-{name}"
    return ("added" if outcome.action == "insert" else "updated"), str(outcome.id), ""


def _rows(
    plan: Plan, readers: list[Reader], part: list[list[str]], found: Found
) -> tuple[list[dict[str, Any]], list[str]]:
    """The part as rows that REST would take, converted column by column, and the id cells.

    A lookup that names no record keeps its cell, which the field's check refuses.
    """
    names: list[str] = []
    columns: list[list[Any]] = []
    ids = [""] * len(part)
    for reader in readers:
        column = reader.column
        cells = _column_cells(column, part)
        if column.api_name == "id":
            ids = [str(cell) for cell in cells]
            continue
        names.append(column.api_name)
        if not reader.reference:
            convert = reader.convert
            columns.append([convert(c) if type(c) is str and c else c or None for c in cells])
            continue
        known = found[column.api_name]
        records = [known.get(find.fold(str(cell))) if cell else None for cell in cells]
        columns.append(
            [
                {"id": record[0]} if record else cell or None
                for record, cell in zip(records, cells, strict=True)
            ]
        )
        if any(record and record[1] for record in records):
            names.append("$se_module")
            columns.append([record[1] if record else None for record in records])
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    if plan.ignore_empty:
        rows = [{name: v for name, v in row.items() if v is not None} for row in rows]
    return rows, ids


def _column_cells(column: Column, part: list[list[str]]) -> list[Any]:
    """The cells of one column; empty ones take its default."""
    if column.index is None:
        return [column.default] * len(part)
    index = column.index
    cells = [cells[index] if index < len(cells) else "" for cells in part]
    if column.default is None:
        return cells
    return [cell or column.default for cell in cells]


def _require_by_layout(plan: Plan, module: Module, row: dict[str, Any]) -> None:
    """Bulk write holds rows to the layout's mandatory fields (fact sheet 2.6)."""
    if plan.operation == "update":
        return
    for name in module.layout.required:
        if name in row and row[name] is None:
            raise RecordError("MANDATORY_NOT_FOUND", "", {"api_name": name})


def _readers(plan: Plan, module: Module, tz: Any) -> list[Reader]:
    readers = []
    for column in plan.columns:
        field = module.fields.get(column.api_name)
        if field is None:
            if column.api_name == "id":
                readers.append(Reader(column, str, reference=False))
            continue
        reference = field.data_type == "lookup" or field.data_type in _USER_TYPES
        convert = converter(field, column.format, tz)
        readers.append(Reader(column, convert, reference))
    return readers


def _references(crm: Crm, db: Any, readers: list[Reader], rows: list[list[str]]) -> Found:
    """For each lookup column: folded cell → the record it names and, if open, its module."""
    found: Found = {}
    for reader in readers:
        column = reader.column
        if not reader.reference:
            continue
        cells = {_cell(cells, column.index) for cells in rows if column.index is not None}
        cells.add(str(column.default or ""))
        cells.discard("")
        found[column.api_name] = _named(crm, db, column, cells)
    return found


def _named(crm: Crm, db: Any, column: Column, cells: set[str]) -> dict[object, Known]:
    if column.api_name in ("Owner",) or column.find_by == "email":
        key = "email" if column.find_by == "email" else "id"
        return {find.fold(str(user.data[key])): (user.id, None) for user in crm.users.values()}
    if column.find_by != "id" and column.module is not None:
        ids = find.ids_by_value(db, column.module, column.find_by, cells)
        return {value: (number, column.module) for value, number in ids.items()}
    numbers = {record_id(cell) or 0 for cell in cells}
    modules = [column.module] if column.module is not None else list(crm.schema)
    return {
        str(number): (number, module)
        for module in modules
        for number in find.existing(db, module, numbers)
    }


def _index(crm: Crm, plan: Plan, module: Module) -> None:
    """Index every field by which this job looks records up, before its transactions begin."""
    names = {field.api_name for field in module.unique_fields()}
    if plan.find_by not in (None, "id"):
        names.add(str(plan.find_by))
    for name in names:
        find.ensure_index(crm.store, plan.module, name)
    for column in plan.columns:
        if column.module is not None and column.find_by != "id":
            find.ensure_index(crm.store, column.module, column.find_by)


def _count_rows(crm: Crm, job: Job) -> Counter[str]:
    rows = crm.store.reader().execute(
        "SELECT status, count(*) FROM job_row WHERE job = ? GROUP BY status", (job.id,)
    )
    return Counter(dict(rows))


def _parts(rows: Iterator[list[str]], start: int) -> Iterator[tuple[int, list[list[str]]]]:
    while part := list(islice(rows, PART)):
        yield start, part
        start += len(part)


def _cell(cells: list[str], index: int) -> str:
    return cells[index] if index < len(cells) else ""
