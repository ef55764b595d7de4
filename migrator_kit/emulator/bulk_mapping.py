"""Checks the request of a bulk-write job and resolves its field mappings (fact sheet 7.3, 7.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator_kit.emulator.answers import ApiError, Json
from migrator_kit.emulator.schema import PARENT_MODULES, Field, Module, Schema

OPERATIONS = ("insert", "update", "upsert")
NOT_IN_BULK = frozenset({"Events", "Calls", "Notes", "Attachments"})
_NO_TYPES = frozenset(
    {"fileupload", "imageupload", "profileimage", "formula", "autonumber", "rollup_summary", "tag"}
)
_NO_DEFAULT = frozenset({"textarea", "multiselectlookup", "multiuserlookup"})


@dataclass(frozen=True, slots=True)
class Column:
    """One mapped field: where its cells stand or its constant, and how lookups are found."""

    api_name: str
    index: int | None
    find_by: str = "id"
    module: str | None = None
    format: str | None = None
    default: Any = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A job ready to run."""

    operation: str
    module: str
    file_id: str
    csv_name: str
    encoding: str
    ignore_empty: bool
    find_by: str | None
    columns: tuple[Column, ...]

    def source_columns(self) -> list[int]:
        """The first three mapped columns, which come back in the result."""
        indexes = [column.index for column in self.columns if column.index is not None]
        return list(dict.fromkeys(indexes))[:3]


def refuse(code: str, message: str, **details: object) -> ApiError:
    """A refusal of the job request."""
    return ApiError(code, message, dict(details))


def check_request(body: Json) -> tuple[str, Json]:
    """Operation and the one resource. Raises ApiError for a missing or wrong key."""
    operation = body.get("operation")
    if operation is None:
        raise _missing("$.operation")
    if operation not in OPERATIONS:
        raise refuse("INVALID_DATA", "invalid data", json_path="$.operation")
    resources = body.get("resource")
    if not isinstance(resources, list) or not resources or not isinstance(resources[0], dict):
        raise _missing("$.resource")
    if len(resources) > 1:
        raise refuse("COEXISTENCE_NOT_ALLOWED", "only one resource is allowed for the module")
    resource = resources[0]
    for key in ("type", "module", "file_id"):
        if key not in resource:
            raise _missing(f"$.resource[0].{key}")
    _check_callback(body.get("callback"))
    return operation, resource


def check_module(schema: Schema, resource: Json) -> Module:
    """The module of a resource. Raises ApiError MODULE_NOT_AVAILABLE."""
    given = resource["module"]
    name = given.get("api_name") if isinstance(given, dict) else None
    module = schema.get(str(name))
    if module is None or module.api_name in NOT_IN_BULK:
        raise refuse("MODULE_NOT_AVAILABLE", "module is not available", module=name)
    return module


def columns_of(
    schema: Schema, module: Module, resource: Json, header: list[str]
) -> tuple[Column, ...]:
    """The mapped columns; without mappings, headers are API names. Raises ApiError."""
    mappings = resource.get("field_mappings")
    if not mappings:
        return tuple(_by_header(schema, module, header))
    columns = []
    for position, mapping in enumerate(mappings):
        place = f"$.resource[0].field_mappings[{position}]"
        columns.append(_column(schema, module, mapping, header, place))
    return tuple(columns)


def check_find_by(
    module: Module, operation: str, find_by: Any, columns: tuple[Column, ...]
) -> None:
    """`find_by` of the resource: needed for update and upsert, and mapped. Raises ApiError."""
    if find_by is None:
        if operation != "insert":
            raise _missing("$.resource[0].find_by")
        return
    if find_by not in searchable_by(module):
        raise refuse("FIELD_NOT_AVAILABLE", "field is not available for find_by", find_by=find_by)
    if all(column.api_name != find_by for column in columns):
        raise refuse("MANDATORY_FIELDS_NOT_MAPPED", "find_by field is not mapped", fields=[find_by])


def check_mandatory(module: Module, operation: str, columns: tuple[Column, ...]) -> None:
    """Fields that the system or the layout makes mandatory are mapped. Raises ApiError."""
    if operation == "update":
        return
    mapped = {column.api_name for column in columns}
    needed = [field.api_name for field in module.fields.values() if field.required]
    missing = [name for name in [*needed, *module.layout.required] if name not in mapped]
    if missing:
        raise refuse(
            "MANDATORY_FIELDS_NOT_MAPPED",
            "All mandatory fields are not mapped for the layout",
            fields=missing,
        )


def searchable_by(module: Module) -> set[str]:
    """Fields by which records of a module are found: id, display, unique, org external."""
    names = {"id", module.display_field}
    for field in module.fields.values():
        if field.unique or field.external == "org":
            names.add(field.api_name)
    return names


def _column(schema: Schema, module: Module, mapping: Any, header: list[str], place: str) -> Column:
    if not isinstance(mapping, dict) or "api_name" not in mapping:
        raise _missing(f"{place}.api_name")
    name, index = mapping["api_name"], mapping.get("index")
    field = module.fields.get(name)
    if name not in ("id", "Layout") and (field is None or not _available(field)):
        raise refuse("FIELD_NOT_AVAILABLE", "field is not available", api_name=name)
    default = mapping.get("default_value")
    if index is None and default is None:
        raise _missing(f"{place}.index")
    if index is not None and not (type(index) is int and 0 <= index < len(header)):
        raise refuse("COLUMN_INDEX_NOT_FOUND", "column index is not found", index=index)
    if default is not None:
        default = _default(module, field, default, place)
    find_by, target = mapping.get("find_by", "id"), mapping.get("module")
    if field is not None and field.lookup is not None:
        target = _target(schema, field, find_by, target)
    elif (
        field is not None
        and field.data_type in ("ownerlookup", "userlookup")
        and find_by not in ("id", "email")
    ):
        raise refuse("FIELD_NOT_AVAILABLE", "field is not available for find_by", api_name=name)
    return Column(name, index, find_by, target, mapping.get("format"), default)


def _default(module: Module, field: Field | None, default: Any, place: str) -> Any:
    if not isinstance(default, dict) or "value" not in default:
        raise _missing(f"{place}.default_value.value")
    if field is not None and (
        field.unique or field.api_name == module.display_field or field.data_type in _NO_DEFAULT
    ):
        raise refuse("NOT_ALLOWED", "default value is not allowed", api_name=field.api_name)
    return default["value"]


def _target(schema: Schema, field: Field, find_by: str, given: Any) -> str | None:
    name = given.get("api_name") if isinstance(given, Mapping) else given
    if field.lookup != PARENT_MODULES:
        name = field.lookup
    if name is None:
        if find_by != "id":
            raise _missing("$.resource[0].field_mappings[].module")
        return None
    if name not in schema:
        raise refuse("MODULE_NOT_AVAILABLE", "module is not available", module=name)
    if find_by not in searchable_by(schema[name]):
        raise refuse("FIELD_NOT_AVAILABLE", "field is not available for find_by", api_name=find_by)
    return str(name)


def _by_header(schema: Schema, module: Module, header: list[str]) -> list[Column]:
    columns = []
    for index, text in enumerate(header):
        name, _, key = text.strip().partition(".")
        field = module.fields.get(name)
        if name == "id" and not key:
            columns.append(Column("id", index))
        elif field is not None and _available(field):
            target = _target(schema, field, key or "id", None) if field.lookup else None
            columns.append(Column(name, index, key or "id", target))
    return columns


def _available(field: Field) -> bool:
    return field.settable and field.data_type not in _NO_TYPES


def _check_callback(callback: Any) -> None:
    if callback is None:
        return
    url = callback.get("url") if isinstance(callback, dict) else None
    if not isinstance(url, str) or not url.startswith("https://"):
        raise refuse("INVALID_CALLBACK_URL", "callback url is invalid")
    if str(callback.get("method", "post")).lower() != "post":
        raise refuse("INVALID_CALLBACK_METHOD", "callback method is invalid")


def _missing(path: str) -> ApiError:
    return refuse("MISSING_REQUIRED_KEY", "required key is missing", json_path=path)
