"""POST, PUT and upsert of records and notes (fact sheet 2.1 to 2.4, 8.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from migrator_kit.emulator import find
from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    NOT_SUPPORTED,
    ApiError,
    Json,
    RecordError,
    Reply,
    items_reply,
    success,
)
from migrator_kit.emulator.automation import asked_for
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import local
from migrator_kit.emulator.records_read import external_key, resolve_id
from migrator_kit.emulator.schema import Module
from migrator_kit.emulator.validation import check_layout
from migrator_kit.emulator.values import record_id
from migrator_kit.emulator.writing import Batch, Draft, Outcome

RECORDS_PER_CALL = 100
DUPLICATE_FIELDS = 10
NO_UPSERT = frozenset({"Tasks", "Events", "Calls", "Notes", "Attachments"})


def insert(call: Call) -> Reply:
    """POST /{module}."""
    module = writable(call)
    rows = call.rows("data", RECORDS_PER_CALL)
    drafts = drafts_of(call, module, rows, creating=True)
    return _write(call, module, drafts, "insert")


def insert_note(call: Call) -> Reply:
    """POST /{module}/{id}/Notes: notes on the record of the path."""
    parent, number = _parent(call)
    notes = call.crm.module("Notes")
    rows = call.rows("data", RECORDS_PER_CALL)
    link = {"module": {"api_name": parent.api_name}, "id": str(number)}
    placed = [{**row, "Parent_Id": link} for row in rows]
    drafts = drafts_of(call, notes, placed, creating=True)
    return _write(call, notes, drafts, "insert")


def update(call: Call) -> Reply:
    """PUT /{module}, ids in the body."""
    module = writable(call)
    rows = call.rows("data", RECORDS_PER_CALL)
    drafts = drafts_of(call, module, rows, creating=False)
    for draft, row in zip(drafts, rows, strict=True):
        _aim(draft, row)
    return _write(call, module, drafts, "update")


def update_one(call: Call) -> Reply:
    """PUT /{module}/{id}."""
    module = writable(call)
    rows = call.rows("data", 1)
    number = resolve_id(call, module, call.names["id"])
    drafts = drafts_of(call, module, rows, creating=False)
    drafts[0].target = number if number is not None else 0
    return _write(call, module, drafts, "update")


def upsert(call: Call) -> Reply:
    """POST /{module}/upsert."""
    module = writable(call)
    if module.api_name in NO_UPSERT:
        raise ApiError(NOT_SUPPORTED, "the given module is not supported for this api")
    rows = call.rows("data", RECORDS_PER_CALL)
    fields = duplicate_fields(module, call.json().get("duplicate_check_fields"))
    drafts = drafts_of(call, module, rows, creating=False)
    return _write(call, module, drafts, "upsert", fields)


def writable(call: Call) -> Module:
    """The module of the path, if records can be written to it."""
    module = call.module
    if module.api_name == "Attachments":
        raise ApiError(NOT_SUPPORTED, "the given module is not supported for this api")
    return module


def duplicate_fields(module: Module, given: Any) -> list[str]:
    """The fields by which upsert looks for a record, in order (fact sheet 2.4).

    Raises ApiError INVALID_DATA for a field that is neither the system's nor unique.
    """
    unique = [field.api_name for field in module.unique_fields()]
    system = [module.duplicate_field] if module.duplicate_field else []
    if given is None or given == []:
        return list(dict.fromkeys([*system, *unique]))
    wrong = not isinstance(given, list) or len(given) > DUPLICATE_FIELDS
    if wrong or any(name not in {*system, *unique} for name in given):
        raise ApiError(
            INVALID_DATA,
            "invalid data",
            {
                "api_name": "duplicate_check_fields",
                "json_path": "$.duplicate_check_fields",
                "supported_values": [*system, *unique],
            },
        )
    return list(dict.fromkeys([*given, *unique]))


def drafts_of(call: Call, module: Module, rows: Sequence[Json], *, creating: bool) -> list[Draft]:
    """Every row checked; a row that fails carries its error."""
    rules = call.crm.rules(module.api_name)
    refuse_unknown = call.crm.settings.unknown_fields == "refuse"
    drafts = []
    for position, row in enumerate(rows):
        draft = Draft(f"$.data[{position}]")
        try:
            checked = rules.check(row, draft.place, creating=creating)
            if creating:
                check_layout(module, row, checked.values, draft.place)
            if checked.ignored:
                call.crm.stats.ignored([f"{module.api_name}.{n}" for n in checked.ignored])
                if refuse_unknown:
                    raise _unknown(checked.ignored[0], draft.place)
            draft.checked = checked
        except RecordError as error:
            draft.error = error
        drafts.append(draft)
    return drafts


def _write(
    call: Call,
    module: Module,
    drafts: list[Draft],
    operation: str,
    match: Sequence[str] = (),
) -> Reply:
    run = asked_for(call.json())
    _refuse_stale(call, module, drafts)
    for name in [*match, *(field.api_name for field in module.unique_fields())]:
        find.ensure_index(call.crm.store, module.api_name, name)
    with call.crm.store.writing() as writer:
        batch = Batch(call.crm, writer, module, call.user)
        outcomes = batch.upsert(drafts, match) if operation == "upsert" else batch.insert(drafts)
        batch.fire(run)
    _count(call, module, outcomes)
    items = [_item(call, module, outcome, operation) for outcome in outcomes]
    return items_reply("data", items, done=201 if operation == "insert" else 200)


def _item(call: Call, module: Module, outcome: Outcome, operation: str) -> Json:
    if outcome.error is not None or outcome.data is None:
        return (outcome.error or RecordError("INTERNAL_ERROR", "Internal Server Error")).item()
    data, users = outcome.data, call.crm.users
    tz = call.user.tz
    details: dict[str, Any] = {
        "Modified_Time": local(data["Modified_Time"], tz),
        "Modified_By": users[int(data["Modified_By"])].reference,
        "Created_Time": local(data["Created_Time"], tz),
        "id": str(outcome.id),
        "Created_By": users[int(data["Created_By"])].reference,
    }
    if operation == "insert" and module.api_name != "Notes":
        details["$approval_state"] = "approved"
    key = external_key(call, module) if operation == "update" else None
    if key is not None:
        details[key] = data.get(key)
    message = "record added" if outcome.action == "insert" else "record updated"
    if operation != "upsert":
        return success(message, details)
    return success(message, details, duplicate_field=outcome.duplicate_field, action=outcome.action)


def _count(call: Call, module: Module, outcomes: Sequence[Outcome]) -> None:
    stats, name = call.crm.stats, module.api_name
    stats.wrote(name, "created", sum(outcome.action == "insert" for outcome in outcomes))
    stats.wrote(name, "updated", sum(outcome.action == "update" for outcome in outcomes))
    stats.wrote(name, "refused", sum(outcome.error is not None for outcome in outcomes))


def _aim(draft: Draft, row: Json) -> None:
    if "id" not in row:
        draft.checked = None
        draft.error = RecordError(
            MANDATORY_NOT_FOUND,
            "required field not found",
            {"api_name": "id", "json_path": f"{draft.place}.id"},
        )
        return
    draft.target = record_id(row["id"]) or 0


def _refuse_stale(call: Call, module: Module, drafts: Sequence[Draft]) -> None:
    """If-Unmodified-Since (fact sheet 2.9): 412 when a target was changed after that instant."""
    since = call.moment("if-unmodified-since")
    if since is None:
        return
    ids = [draft.target for draft in drafts if draft.target]
    for data in find.load(call.crm.store.reader(), module.api_name, ids).values():
        if data["Modified_Time"] > since:
            raise ApiError(
                "ALREADY_MODIFIED",
                "Record updated time has already passed if-unmodified-since time",
                status=412,
            )


def _parent(call: Call) -> tuple[Module, int]:
    module = call.module
    number = resolve_id(call, module, call.names["id"])
    there = number is not None and find.existing(call.crm.store.reader(), module.api_name, [number])
    if number is None or not there:
        raise ApiError(INVALID_DATA, "the related id given seems to be invalid")
    return module, number


def _unknown(name: str, place: str) -> RecordError:
    return RecordError(
        INVALID_DATA, "invalid data", {"api_name": name, "json_path": f"{place}.{name}"}
    )
