"""GET, POST, PUT of pipelines; stages are options of the Deals field `Stage` (fact sheet 9.6)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    ApiError,
    Json,
    RecordError,
    Reply,
    empty,
    items_reply,
    missing_param,
    success,
)
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.metadata import forecast_category
from migrator_kit.emulator.schema import Option, save_field, with_options
from migrator_kit.emulator.store import Writer


def get_pipelines(call: Call) -> Reply:
    """GET /settings/pipeline?layout_id=..."""
    _check_layout(call)
    if not call.crm.pipelines:
        return empty()
    return Reply(200, {"pipeline": [_document(call, line) for line in call.crm.pipelines]})


def get_pipeline(call: Call) -> Reply:
    """GET /settings/pipeline/{id}?layout_id=..."""
    _check_layout(call)
    found = [line for line in call.crm.pipelines if line["id"] == call.names["id"]]
    return Reply(200, {"pipeline": [_document(call, found[0])]}) if found else empty()


def create_pipelines(call: Call) -> Reply:
    """POST /settings/pipeline?layout_id=...: combine existing stages."""
    _check_layout(call)
    items: list[Json] = []
    for position, row in enumerate(call.rows("pipeline", 10)):
        try:
            number = _create(call, row, f"$.pipeline[{position}]")
        except RecordError as error:
            items.append(error.item())
        else:
            items.append(success("Pipeline created", {"id": str(number)}))
    return items_reply("pipeline", items, done=201)


def update_pipelines(call: Call) -> Reply:
    """PUT or PATCH /settings/pipeline[/{id}]: name and stages of pipelines."""
    _check_layout(call)
    items: list[Json] = []
    for position, row in enumerate(call.rows("pipeline", 10)):
        try:
            number = str(call.names.get("id") or row.get("id"))
            _update(call, row, number, f"$.pipeline[{position}]")
        except RecordError as error:
            items.append(error.item())
        else:
            items.append(success("Pipeline updated", {"id": number}))
    return items_reply("pipeline", items, done=200)


def _create(call: Call, row: Json, place: str) -> int:
    name = row.get("display_value")
    if not isinstance(name, str) or not name:
        raise RecordError(
            MANDATORY_NOT_FOUND,
            "required field not found",
            {"api_name": "display_value", "json_path": f"{place}.display_value"},
        )
    _refuse_taken(call, name, place)
    maps = _maps(call, row.get("maps"), place)
    deals = call.crm.schema["Deals"]
    field = deals.fields["Pipeline"]
    with call.crm.changing() as writer:
        number = writer.new_id()
        data = {
            "id": str(number),
            "display_value": name,
            "actual_value": name,
            "default": bool(row.get("default", False)),
            "maps": maps,
        }
        if data["default"]:
            _end_default(call, writer)
        writer.db.execute("INSERT INTO pipeline VALUES (?, ?)", (number, json.dumps(data)))
        option = Option(str(writer.new_id()), name, name, len(field.options) + 1)
        save_field(writer, "Deals", replace(field, options=(*field.options, option)))
    return number


def _update(call: Call, row: Json, number: str, place: str) -> None:
    found = next((line for line in call.crm.pipelines if line["id"] == number), None)
    if found is None:
        raise RecordError(INVALID_DATA, "the id given seems to be invalid", {"id": number})
    data = dict(found)
    if "maps" in row:
        data["maps"] = _maps(call, row["maps"], place)
    if "default" in row:
        data["default"] = bool(row["default"])
    if row.get("display_value", found["display_value"]) != found["display_value"]:
        _refuse_taken(call, row["display_value"], place)
        data["display_value"] = row["display_value"]
    with call.crm.changing() as writer:
        if data["default"]:
            _end_default(call, writer)
        writer.db.execute(
            "UPDATE pipeline SET data = ? WHERE id = ?", (json.dumps(data), int(number))
        )
        _rename_option(call, writer, found["display_value"], data["display_value"])


def _refuse_taken(call: Call, name: Any, place: str) -> None:
    if any(line["display_value"] == name for line in call.crm.pipelines):
        raise RecordError(
            "DUPLICATE_DATA",
            "duplicate data",
            {"api_name": "display_value", "json_path": f"{place}.display_value"},
        )


def _end_default(call: Call, writer: Writer) -> None:
    """No pipeline is the default any more."""
    for line in call.crm.pipelines:
        other = json.dumps({**line, "default": False})
        writer.db.execute("UPDATE pipeline SET data = ? WHERE id = ?", (other, int(line["id"])))


def _rename_option(call: Call, writer: Writer, old: str, new: str) -> None:
    """Let the picklist of deals, and the deals themselves, follow a pipeline's new name."""
    if old == new:
        return
    field = call.crm.schema["Deals"].fields["Pipeline"]
    options = (
        replace(option, display_value=new) if option.display_value == old else option
        for option in field.options
    )
    save_field(writer, "Deals", with_options(field, options))
    path = "'$.Pipeline'"
    writer.db.execute(
        f'UPDATE "rec_Deals" SET data = json_set(data, {path}, ?) '
        f"WHERE json_extract(data, {path}) = ?",
        (new, old),
    )


def _maps(call: Call, given: Any, place: str) -> list[Json]:
    known = {option.id: option for option in call.crm.schema["Deals"].fields["Stage"].options}
    if not isinstance(given, list) or not given:
        raise RecordError(
            MANDATORY_NOT_FOUND,
            "required field not found",
            {"api_name": "maps", "json_path": f"{place}.maps"},
        )
    maps = []
    for position, stage in enumerate(given):
        option = known.get(str(stage.get("id"))) if isinstance(stage, dict) else None
        if option is None:
            raise RecordError(
                INVALID_DATA,
                "invalid data",
                {"api_name": "id", "json_path": f"{place}.maps[{position}].id"},
            )
        maps.append(
            {
                "id": option.id,
                "display_value": option.display_value,
                "sequence_number": stage.get("sequence_number", position + 1),
            }
        )
    return maps


def _check_layout(call: Call) -> None:
    layout = call.params.get("layout_id")
    if not layout:
        raise missing_param("layout_id")
    if layout != call.crm.schema["Deals"].layout.id:
        raise ApiError(
            INVALID_DATA, "the id given seems to be invalid", {"param_name": "layout_id"}
        )


def _document(call: Call, line: Json) -> Json:
    options = {option.id: option for option in call.crm.schema["Deals"].fields["Stage"].options}
    maps = []
    for stage in line["maps"]:
        option = options[stage["id"]]
        maps.append(
            {
                "id": option.id,
                "display_value": option.display_value,
                "actual_value": option.actual_value,
                "sequence_number": stage["sequence_number"],
                "forecast_type": option.forecast_type,
                "forecast_category": forecast_category(option),
            }
        )
    return {**line, "maps": maps}
