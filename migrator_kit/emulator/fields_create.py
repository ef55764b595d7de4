"""POST /settings/fields: custom fields, five a call (fact sheet 9.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from migrator_kit.emulator.answers import (
    INVALID_DATA,
    LIMIT_EXCEEDED,
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
from migrator_kit.emulator.crm import Crm
from migrator_kit.emulator.editions import FIELDS_PER_CALL, UNIQUE_FIELDS
from migrator_kit.emulator.find import ensure_index
from migrator_kit.emulator.schema import ACTIVITIES, Field, Module, Option, save_field
from migrator_kit.emulator.store import Writer

LABEL_LENGTH = 25
OPTION_LENGTH = 120
NO_CUSTOM_FIELDS = frozenset({"Notes", "Attachments"})
# data type: shortest and longest length a caller may ask for, and the length without asking
LENGTHS: dict[str, tuple[int, int, int] | None] = {
    "text": (1, 255, 255),
    "textarea": None,
    "email": (1, 100, 100),
    "phone": (1, 30, 30),
    "picklist": (1, 120, 120),
    "multiselectpicklist": (1, 2000, 2000),
    "date": None,
    "datetime": None,
    "integer": (1, 9, 9),
    "autonumber": None,
    "currency": (1, 16, 16),
    "percent": (1, 5, 5),
    "bigint": (1, 18, 18),
    "double": (1, 18, 16),
    "website": (1, 450, 450),
    "boolean": None,
    "fileupload": (1, 5, 1),
    "imageupload": (1, 10, 1),
    "lookup": None,
    "userlookup": None,
    "multiselectlookup": None,
    "multiuserlookup": None,
    "formula": None,
    "rollup_summary": None,
}
TEXTAREA_LENGTHS = {"small": 2_000, "large": 32_000, "rich_text": 50_000}
_FIXED = {"date": 20, "datetime": 120, "boolean": 5, "lookup": 120, "userlookup": 120}
_UNIQUE_TYPES = frozenset({"text", "email", "phone", "integer", "bigint", "website", "double"})
_EXTERNAL_TYPES = frozenset({"text", "phone", "integer", "bigint", "website", "double"})
# Words that an org was seen to refuse in a label (fact sheet 9.3).
_REFUSED_WORDS = re.compile(r"keyword|notes", re.IGNORECASE)


def create_fields(call: Call) -> Reply:
    """Create up to five fields; each gets its own outcome."""
    module = call.param_module()
    rows = call.rows("fields", FIELDS_PER_CALL)
    if module.api_name in NO_CUSTOM_FIELDS:
        raise ApiError(NOT_SUPPORTED, "the given module is not supported for this api")
    items: list[Json] = []
    with call.crm.changing() as writer:
        module = call.crm.schema[module.api_name]
        for position, row in enumerate(rows):
            try:
                field = field_from_request(call.crm, module, row, f"$.fields[{position}]")
            except RecordError as error:
                items.append(error.item())
                continue
            field = _stored(writer, field, call.crm.clock.stamp())
            save_field(writer, module.api_name, field)
            module = replace(module, fields={**module.fields, field.api_name: field})
            items.append(success("field created", {"id": field.id}))
    for field in module.unique_fields():
        ensure_index(call.crm.store, module.api_name, field.api_name)
    return items_reply("fields", items, done=201)


def field_from_request(crm: Crm, module: Module, row: Json, place: str) -> Field:
    """The field that a request describes, without ids. Raises RecordError when it is refused."""
    label = check_label(crm, module, row.get("field_label"), place)
    kind = row.get("data_type")
    if kind is None:
        raise _missing("data_type", place)
    if kind not in LENGTHS:
        raise _invalid("data_type", place, supported_values=sorted(LENGTHS))
    _refuse_over_limit(crm, module, kind, place)
    length, textarea = _length(row, kind, place)
    field = Field(
        id="0",
        api_name=api_name_for(label, module.fields),
        label=label,
        data_type=kind,
        length=length,
        custom=True,
        decimal_place=_places(row, kind, place),
        textarea=textarea,
        options=_options(row, kind, place),
        lookup=_lookup(crm, row, kind, place),
        external=_external(module, row, kind, place),
        hipaa=_hipaa(crm, row, place),
        tooltip=_tooltip(row),
    )
    return with_uniqueness(module, field, row.get("unique"), place)


def check_label(crm: Crm, module: Module, label: Any, place: str) -> str:
    """The label, if it may be used in the module. Raises RecordError otherwise."""
    if not label:
        raise _missing("field_label", place)
    if not isinstance(label, str):
        raise _invalid("field_label", place, expected_data_type="string")
    if len(label) > LABEL_LENGTH:
        raise _invalid("field_label", place, maximum_length=LABEL_LENGTH)
    if _REFUSED_WORDS.search(label):
        raise RecordError(
            "RESERVED_KEYWORD_NOT_ALLOWED",
            "System keyword not allowed in field label",
            {"api_name": "field_label", "json_path": f"{place}.field_label"},
        )
    if label.casefold() in _labels_in_use(crm, module):
        raise RecordError(
            "DUPLICATE_DATA",
            "Field label duplicate",
            {"api_name": "field_label", "json_path": f"{place}.field_label"},
        )
    if not re.search(r"[A-Za-z]", label):
        raise _invalid("field_label", place)
    return label


def api_name_for(label: str, taken: Iterable[str]) -> str:
    """The API name Zoho makes of a label: letters, digits, single underscores (fact sheet 9.3)."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", label)
    name = re.sub(r"^[^A-Za-z]+", "", name).rstrip("_")
    known = {other.casefold() for other in taken}
    candidate, number = name, 0
    while candidate.casefold() in known:
        number += 1
        candidate = f"{name}{number}"
    return candidate


def with_uniqueness(module: Module, field: Field, unique: Any, place: str) -> Field:
    """The field with `unique` as asked. Raises RecordError above two unique fields a module."""
    if unique is True:
        unique = {"case_sensitive": False}
    if not isinstance(unique, dict) or not unique:
        return field
    if "_disable" in unique:
        return replace(field, unique=False)
    if field.data_type not in _UNIQUE_TYPES:
        raise RecordError(
            NOT_SUPPORTED,
            "unique is not supported for the requested data type",
            {"api_name": "unique", "json_path": f"{place}.unique"},
        )
    others = [other for other in module.unique_fields() if other.id != field.id]
    if len(others) >= UNIQUE_FIELDS:
        raise RecordError(
            LIMIT_EXCEEDED,
            "The maximum number of unique fields has been reached",
            {"limit": UNIQUE_FIELDS, "api_name": "unique", "json_path": f"{place}.unique"},
        )
    sensitive = unique.get("case_sensitive", unique.get("casesensitive", False))
    return replace(field, unique=True, case_sensitive=str(sensitive).lower() == "true")


def _labels_in_use(crm: Crm, module: Module) -> set[str]:
    """Labels of the module; custom labels of Tasks, Events and Calls stand in one space."""
    labels = {field.label.casefold() for field in module.fields.values()}
    if module.activity:
        for name in ACTIVITIES:
            fields = crm.schema[name].fields.values()
            labels.update(field.label.casefold() for field in fields if field.custom)
    return labels


def _refuse_over_limit(crm: Crm, module: Module, kind: str, place: str) -> None:
    edition = crm.edition
    most = edition.custom_fields_activity if module.activity else edition.custom_fields
    custom = [field for field in module.fields.values() if field.custom]
    if len(custom) >= most:
        raise RecordError(
            LIMIT_EXCEEDED, "The field has reached its maximum creation limit", {"limit": most}
        )
    if kind == "autonumber" and any(field.data_type == kind for field in custom):
        raise RecordError(
            LIMIT_EXCEEDED,
            "The field has reached its maximum creation limit",
            {"limit": 1, "api_name": "data_type", "json_path": f"{place}.data_type"},
        )


def _length(row: Json, kind: str, place: str) -> tuple[int | None, str | None]:
    given = row.get("length")
    if kind == "textarea":
        form = row.get("textarea")
        name = form.get("type") if isinstance(form, dict) else None
        if name is None:
            raise RecordError(
                "DEPENDENT_FIELD_MISSING",
                "One or more dependent fields are missing",
                {
                    "dependee": {"api_name": "data_type", "json_path": f"{place}.data_type"},
                    "api_name": "textarea",
                    "json_path": f"{place}.textarea.type",
                },
            )
        if name not in TEXTAREA_LENGTHS:
            supported = sorted(TEXTAREA_LENGTHS)
            raise _invalid("textarea", place, supported_values=supported)
        if given is not None and given != TEXTAREA_LENGTHS[name]:
            raise _length_mismatch(place)
        return TEXTAREA_LENGTHS[name], name
    bounds = LENGTHS[kind]
    if bounds is None:
        return _FIXED.get(kind), None
    if given is None:
        return bounds[2], None
    if type(given) is not int:
        raise _invalid("length", place, expected_data_type="integer")
    if not bounds[0] <= given <= bounds[1]:
        raise _length_mismatch(place)
    return given, None


def _length_mismatch(place: str) -> RecordError:
    return RecordError(
        "DEPENDENT_MISMATCH",
        "The given length value seems to be invalid",
        {
            "dependee": {"api_name": "data_type", "json_path": f"{place}.data_type"},
            "api_name": "length",
            "json_path": f"{place}.length",
        },
    )


def _places(row: Json, kind: str, place: str) -> int | None:
    if kind not in ("currency", "double", "percent"):
        return None
    places = row.get("decimal_place", 2)
    if type(places) is not int or not 0 <= places <= 9:
        raise _invalid("decimal_place", place, expected_data_type="integer")
    return places


def _options(row: Json, kind: str, place: str) -> tuple[Option, ...]:
    if kind not in ("picklist", "multiselectpicklist"):
        return ()
    given = row.get("pick_list_values")
    if not isinstance(given, list) or not given:
        raise RecordError(
            "EXPECTED_DEPENDENT_FIELD_MISSING",
            "Either global_picklist or picklist values is expected",
            {"api_name": "pick_list_values", "json_path": f"{place}.pick_list_values"},
        )
    return tuple(
        option_from_request(value, number, f"{place}.pick_list_values[{number}]", given)
        for number, value in enumerate(given)
    )


def option_from_request(value: Any, position: int, place: str, among: list[Any]) -> Option:
    """A picklist value as asked for, without an id. Raises RecordError when refused."""
    shown = value.get("display_value") if isinstance(value, dict) else None
    if not isinstance(shown, str) or not shown:
        raise _missing("display_value", place)
    if len(shown) > OPTION_LENGTH:
        raise _invalid("display_value", place, maximum_length=OPTION_LENGTH)
    twins = [other for other in among if isinstance(other, dict)]
    folded = [str(other.get("display_value", "")).casefold() for other in twins]
    if folded.count(shown.casefold()) > 1:
        raise RecordError(
            "DUPLICATE_DATA",
            "Duplicate display_value has been found among the picklist options",
            {"api_name": "display_value", "json_path": f"{place}.display_value"},
        )
    actual = value.get("actual_value") or shown
    return Option("0", shown, str(actual), position + 1)


def _lookup(crm: Crm, row: Json, kind: str, place: str) -> str | None:
    if kind not in ("lookup", "multiselectlookup"):
        return None
    key = "lookup" if kind == "lookup" else "multiselectlookup"
    given = row.get(key)
    module = given.get("module", given.get("connected_module")) if isinstance(given, dict) else None
    name = module.get("api_name") if isinstance(module, dict) else None
    if name is None:
        raise _missing(key, place)
    if name not in crm.schema or name in NO_CUSTOM_FIELDS:
        raise RecordError(
            "INVALID_MODULE",
            "the module name given seems to be invalid",
            {"api_name": "module", "json_path": f"{place}.{key}.module.api_name"},
        )
    return str(name)


def _external(module: Module, row: Json, kind: str, place: str) -> str | None:
    given = row.get("external")
    if given is None:
        return None
    name = given.get("type") if isinstance(given, dict) else None
    if name not in ("user", "org"):
        raise _invalid("external", place, supported_values=["user", "org"])
    if kind not in _EXTERNAL_TYPES or module.api_name == "Calls":
        raise RecordError(
            NOT_ALLOWED,
            "External field is not allowed",
            {"api_name": "external", "json_path": f"{place}.external"},
        )
    return str(name)


def _hipaa(crm: Crm, row: Json, place: str) -> bool:
    if not row.get("hipaa_compliance_enabled"):
        return False
    if not crm.settings.hipaa_restricted:
        raise RecordError(
            NOT_ALLOWED,
            "HIPAA compliance is not enabled for the organization",
            {
                "api_name": "hipaa_compliance_enabled",
                "json_path": f"{place}.hipaa_compliance_enabled",
            },
        )
    return True


def _tooltip(row: Json) -> str | None:
    tooltip = row.get("tooltip")
    return str(tooltip.get("value")) if isinstance(tooltip, dict) else None


def _stored(writer: Writer, field: Field, now: str) -> Field:
    options = tuple(replace(option, id=str(writer.new_id())) for option in field.options)
    return replace(
        field, id=str(writer.new_id()), options=options, created_time=now, modified_time=now
    )


def _missing(name: str, place: str) -> RecordError:
    return RecordError(
        MANDATORY_NOT_FOUND,
        "required field not found",
        {"api_name": name, "json_path": f"{place}.{name}"},
    )


def _invalid(name: str, place: str, **details: object) -> RecordError:
    return RecordError(
        INVALID_DATA,
        "invalid data",
        {**details, "api_name": name, "json_path": f"{place}.{name}"},
    )
