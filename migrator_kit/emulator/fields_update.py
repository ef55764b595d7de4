"""PATCH and DELETE of fields, PATCH of layouts (fact sheet 9.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    NOT_ALLOWED,
    NOT_SUPPORTED,
    ApiError,
    Json,
    RecordError,
    Reply,
    items_reply,
    success,
)
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.editions import FIELDS_PER_CALL
from migrator_kit.emulator.fields_create import (
    LENGTHS,
    check_label,
    option_from_request,
    with_uniqueness,
)
from migrator_kit.emulator.find import drop_index, ensure_index, expression
from migrator_kit.emulator.metadata import field_by_id
from migrator_kit.emulator.schema import (
    Field,
    Module,
    Option,
    remove_field,
    save_field,
    save_layout,
)
from migrator_kit.emulator.store import Writer

MOST_STAGES = 220
_PICKLISTS = ("picklist", "multiselectpicklist")


def update_many(call: Call) -> Reply:
    """PATCH /settings/fields?module=..., each with its id."""
    return _update(call, call.param_module(), None)


def update_one(call: Call) -> Reply:
    """PATCH /settings/fields/{id}?module=..."""
    module = call.param_module()
    return _update(call, module, field_by_id(module, call.names["id"]))


def delete_one(call: Call) -> Reply:
    """DELETE /settings/fields/{id}?module=..."""
    module = call.param_module()
    field = field_by_id(module, call.names["id"])
    if not field.custom:
        raise ApiError(NOT_ALLOWED, "system fields cannot be deleted", {"id": field.id})
    with call.crm.changing() as writer:
        drop_index(writer.db, call.crm.store, module.api_name, field.api_name)
        path = f"""'$."{field.api_name}"'"""
        writer.db.execute(
            f"UPDATE {module.table} SET data = json_remove(data, {path}) "
            f"WHERE {expression(field.api_name)} IS NOT NULL"
        )
        remove_field(writer, field)
    return Reply(200, {"fields": [success("field deleted", {"id": field.id})]})


def update_layout(call: Call) -> Reply:
    """PATCH /settings/layouts/{id}?module=...: fields mandatory, or moved to the unused."""
    module = call.param_module()
    if module.activity:
        raise ApiError(NOT_SUPPORTED, "the given module is not supported for this api")
    if call.names["id"] != module.layout.id:
        raise ApiError(INVALID_DATA, "the id given seems to be invalid", {"id": call.names["id"]})
    changes = _layout_fields(call)
    required, unused = dict.fromkeys(module.layout.required), dict.fromkeys(module.layout.unused)
    for change in changes:
        name = field_by_id(module, str(change.get("id"))).api_name
        if "required" in change:
            required.pop(name, None)
            if change["required"] is True:
                required[name] = None
        if "_delete" in change:
            unused[name] = None
            required.pop(name, None)
    layout = replace(module.layout, required=tuple(required), unused=tuple(unused))
    with call.crm.changing() as writer:
        save_layout(writer, layout)
    return Reply(200, {"layouts": [success("layout updated", {"id": layout.id})]})


def _layout_fields(call: Call) -> list[Json]:
    changes: list[Json] = []
    for layout in call.rows("layouts", 1):
        for section in layout.get("sections") or []:
            changes.extend(section.get("fields") or [])
    if not changes:
        raise ApiError(MANDATORY_NOT_FOUND, "required field not found", {"api_name": "fields"})
    if len(changes) > FIELDS_PER_CALL:
        raise ApiError("LIMIT_EXCEEDED", "too many field actions", {"limit": FIELDS_PER_CALL})
    return changes


def _update(call: Call, module: Module, only: Field | None) -> Reply:
    rows = call.rows("fields", 1 if only else FIELDS_PER_CALL)
    items: list[Json] = []
    with call.crm.changing() as writer:
        module = call.crm.schema[module.api_name]
        for position, row in enumerate(rows):
            place = f"$.fields[{position}]"
            try:
                field = only or _named(module, row, place)
                changed = _changed(call, writer, module, field, row, place)
            except RecordError as error:
                items.append(error.item())
                continue
            save_field(writer, module.api_name, changed)
            module = replace(module, fields={**module.fields, changed.api_name: changed})
            items.append(success("field updated", {"id": field.id}))
    for field in module.unique_fields():
        ensure_index(call.crm.store, module.api_name, field.api_name)
    return items_reply("fields", items, done=200)


def _named(module: Module, row: Json, place: str) -> Field:
    if "id" not in row:
        raise RecordError(
            MANDATORY_NOT_FOUND,
            "required field not found",
            {"api_name": "id", "json_path": f"{place}.id"},
        )
    try:
        return field_by_id(module, str(row["id"]))
    except ApiError as error:
        raise RecordError(error.code, error.message, error.details) from None


def _changed(
    call: Call, writer: Writer, module: Module, field: Field, row: Json, place: str
) -> Field:
    changed = field
    if "field_label" in row and row["field_label"] != field.label:
        if not field.custom:
            raise _refused(NOT_ALLOWED, "field_label", place)
        changed = replace(changed, label=check_label(call.crm, module, row["field_label"], place))
    if "data_type" in row and row["data_type"] != field.data_type:
        raise _refused(NOT_ALLOWED, "data_type", place)
    if "api_name" in row and row["api_name"] != field.api_name:
        raise _refused(NOT_ALLOWED, "api_name", place)
    if "length" in row and row["length"] != field.length:
        changed = replace(changed, length=_length(field, row["length"], place))
    if "pick_list_values" in row:
        changed = replace(changed, options=_options(writer, field, row, place))
    if "unique" in row:
        if "_disable" not in (row["unique"] or {}) and _has_twins(writer, module, field):
            raise _refused("DUPLICATE_DATA", "unique", place)
        changed = with_uniqueness(module, changed, row["unique"], place)
    return replace(changed, modified_time=call.crm.clock.stamp())


def _length(field: Field, given: Any, place: str) -> int:
    bounds = LENGTHS.get(field.data_type)
    if not field.custom or bounds is None or type(given) is not int:
        raise _refused(NOT_ALLOWED, "length", place)
    if not bounds[0] <= given <= bounds[1] or given < (field.length or 0):
        raise _refused("DEPENDENT_MISMATCH", "length", place)
    return given


def _options(writer: Writer, field: Field, row: Json, place: str) -> tuple[Option, ...]:
    """The options with new values added and named ones renamed; the others stay."""
    given = row["pick_list_values"]
    if field.data_type not in _PICKLISTS or not isinstance(given, list):
        raise _refused(INVALID_DATA, "pick_list_values", place)
    options = {option.id: option for option in field.options}
    for position, value in enumerate(given):
        path = f"{place}.pick_list_values[{position}]"
        asked = option_from_request(value, position, path, given)
        known = _known(options, value)
        if known is not None:
            options[known.id] = replace(known, display_value=asked.display_value)
            continue
        if any(asked.display_value == other.display_value for other in options.values()):
            raise _refused("DUPLICATE_DATA", "pick_list_values", place)
        number = str(writer.new_id())
        options[number] = replace(asked, id=number, sequence_number=len(options) + 1)
    if field.api_name == "Stage" and len(options) > MOST_STAGES:
        raise RecordError("LIMIT_EXCEEDED", "too many stages", {"limit": MOST_STAGES})
    if field.api_name == "Stage" and len(options) > len(field.options):
        # No one was seen to add a stage through the API: refused, so that plans do not rely on it.
        raise _refused(NOT_ALLOWED, "pick_list_values", place)
    return tuple(options.values())


def _known(options: dict[str, Option], value: Json) -> Option | None:
    number = value.get("id")
    if number is not None:
        return options.get(str(number))
    actual = value.get("actual_value")
    if actual is None or actual == value.get("display_value"):
        return None
    return next((option for option in options.values() if option.actual_value == actual), None)


def _has_twins(writer: Writer, module: Module, field: Field) -> bool:
    name = expression(field.api_name)
    row = writer.db.execute(
        f"SELECT 1 FROM {module.table} WHERE {name} IS NOT NULL "
        f"GROUP BY {name} COLLATE NOCASE HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    return row is not None


def _refused(code: str, name: str, place: str) -> RecordError:
    messages = {
        NOT_ALLOWED: "the change is not allowed",
        "DUPLICATE_DATA": "duplicate data",
        "DEPENDENT_MISMATCH": "The given length value seems to be invalid",
    }
    return RecordError(
        code,
        messages.get(code, "invalid data"),
        {"api_name": name, "json_path": f"{place}.{name}"},
    )
