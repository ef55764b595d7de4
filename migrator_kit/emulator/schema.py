"""Modules, fields and layouts as the emulator knows them, and their place in the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from migrator_kit.emulator.store import Writer

ACTIVITIES = ("Tasks", "Events", "Calls")
PARENT_MODULES = "se_module"

JSON_TYPES = {
    "text": "string",
    "textarea": "string",
    "email": "string",
    "phone": "string",
    "website": "string",
    "picklist": "string",
    "multiselectpicklist": "jsonarray",
    "date": "string",
    "datetime": "string",
    "integer": "integer",
    "bigint": "string",
    "double": "double",
    "currency": "double",
    "percent": "double",
    "boolean": "boolean",
    "lookup": "jsonobject",
    "ownerlookup": "jsonobject",
    "userlookup": "jsonobject",
    "multiselectlookup": "jsonarray",
    "multiuserlookup": "jsonarray",
    "fileupload": "jsonarray",
    "imageupload": "jsonarray",
    "profileimage": "string",
    "autonumber": "string",
    "formula": "string",
    "rollup_summary": "string",
    "tag": "jsonarray",
    "ALARM": "jsonobject",
    "RRULE": "jsonobject",
    "event_reminder": "jsonarray",
    "participants": "jsonarray",
}
DEFAULT_LENGTHS = {
    "picklist": 120,
    "multiselectpicklist": 1000,
    "date": 20,
    "datetime": 120,
    "boolean": 5,
    "lookup": 120,
    "ownerlookup": 120,
    "userlookup": 120,
    "multiselectlookup": 200,
    "multiuserlookup": 50,
    "profileimage": 255,
    "tag": 2000,
}
COMPUTED = frozenset({"autonumber", "formula", "rollup_summary"})


@dataclass(frozen=True, slots=True)
class Option:
    """One picklist value. Stage values also carry what the forecast makes of them."""

    id: str
    display_value: str
    actual_value: str
    sequence_number: int
    used: bool = True
    probability: int | None = None
    forecast_type: str | None = None
    forecast_category: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a module. `lookup` is the module pointed at, or `se_module` for several."""

    id: str
    api_name: str
    label: str
    data_type: str
    length: int | None = None
    required: bool = False
    read_only: bool = False
    custom: bool = False
    unique: bool = False
    case_sensitive: bool = False
    options: tuple[Option, ...] = ()
    lookup: str | None = None
    decimal_place: int | None = None
    external: str | None = None
    textarea: str | None = None
    hipaa: bool = False
    tooltip: str | None = None
    created_time: str | None = None
    modified_time: str | None = None

    @property
    def settable(self) -> bool:
        """Whether a caller's value is taken (fact sheet 2.7)."""
        return not self.read_only and self.data_type not in COMPUTED


@dataclass(frozen=True, slots=True)
class Layout:
    """A module's layout: the fields that it makes mandatory on top of the system's."""

    id: str
    module: str
    name: str = "Standard"
    api_name: str = "Standard__s"
    required: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """One module with its fields in order."""

    id: str
    api_name: str
    singular: str
    plural: str
    display_field: str
    duplicate_field: str | None
    fields: Mapping[str, Field]
    layout: Layout
    custom: bool = False

    @property
    def table(self) -> str:
        """The quoted name of the table that holds its records."""
        return table_of(self.api_name)

    @property
    def activity(self) -> bool:
        """Tasks, Events and Calls share a label space and refuse upsert."""
        return self.api_name in ACTIVITIES

    def unique_fields(self) -> list[Field]:
        """Fields whose values may stand once in the module."""
        return [field for field in self.fields.values() if field.unique]


Schema = Mapping[str, Module]


def table_of(module: str) -> str:
    """The quoted table name of a module's records."""
    return f'"rec_{module}"'


def create_module(writer: Writer, module: Module) -> None:
    """Store a module with its fields and layout, and create its table and key indexes."""
    data = {
        "singular": module.singular,
        "plural": module.plural,
        "display_field": module.display_field,
        "duplicate_field": module.duplicate_field,
        "custom": module.custom,
    }
    writer.db.execute(
        "INSERT INTO module VALUES (?, ?, ?)",
        (int(module.id), module.api_name, json.dumps(data)),
    )
    writer.db.execute(f"CREATE TABLE {module.table}(id INTEGER PRIMARY KEY, data TEXT NOT NULL)")
    save_layout(writer, module.layout)
    for field in module.fields.values():
        save_field(writer, module.api_name, field)


def save_field(writer: Writer, module: str, field: Field) -> None:
    """Store a new or changed field."""
    writer.db.execute(
        "INSERT OR REPLACE INTO field VALUES (?, ?, ?)",
        (int(field.id), module, json.dumps(asdict(field))),
    )


def remove_field(writer: Writer, field: Field) -> None:
    """Forget a field; values in records stay behind unseen."""
    writer.db.execute("DELETE FROM field WHERE id = ?", (int(field.id),))


def save_layout(writer: Writer, layout: Layout) -> None:
    """Store a new or changed layout."""
    writer.db.execute(
        "INSERT OR REPLACE INTO layout VALUES (?, ?, ?)",
        (int(layout.id), layout.module, json.dumps(asdict(layout))),
    )


def load_schema(db: sqlite3.Connection) -> dict[str, Module]:
    """Every module of the org, by API name, in order of creation."""
    layouts = {
        module: _layout(json.loads(data))
        for module, data in db.execute("SELECT module, data FROM layout ORDER BY id DESC")
    }
    fields: dict[str, dict[str, Field]] = {}
    for module, data in db.execute("SELECT module, data FROM field ORDER BY id"):
        field = field_from(json.loads(data))
        fields.setdefault(module, {})[field.api_name] = field
    return {
        name: Module(
            id=str(number),
            api_name=name,
            fields=fields.get(name, {}),
            layout=layouts[name],
            **json.loads(data),
        )
        for number, name, data in db.execute("SELECT id, api_name, data FROM module ORDER BY id")
    }


def field_from(data: dict[str, Any]) -> Field:
    """A field from its stored form."""
    options = tuple(Option(**option) for option in data.pop("options", ()))
    return Field(**data, options=options)


def with_options(field: Field, options: Iterable[Option]) -> Field:
    """The field with another list of picklist values."""
    return replace(field, options=tuple(options))


def _layout(data: dict[str, Any]) -> Layout:
    for name in ("required", "unused"):
        data[name] = tuple(data[name])
    return Layout(**data)
