"""Checks one record of a call against its module's fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    Json,
    RecordError,
)
from migrator_kit.emulator.schema import PARENT_MODULES, Field, Module, Schema
from migrator_kit.emulator.values import Check, compile_check, record_id, refuse

# A related record other than a contact is named by What_Id; contacts by Who_Id (fact sheet 2.8).
_NOT_WHAT = frozenset({"Contacts", "Tasks", "Events", "Calls", "Notes", "Attachments"})


@dataclass(frozen=True, slots=True)
class Reference:
    """A lookup value whose record must exist: field, module pointed at, id, and where it stood."""

    api_name: str
    module: str
    id: int
    json_path: str


@dataclass(slots=True)
class Checked:
    """A record that passed the checks: values in stored form (None clears) and its references."""

    values: dict[str, Any]
    references: list[Reference] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    append: frozenset[str] = frozenset()


class Rulebook:
    """The compiled checks of one module."""

    def __init__(self, module: Module, schema: Schema) -> None:
        self.module = module
        self._schema = schema
        self._checks: dict[str, tuple[Field, Check | None, bool]] = {
            name: (
                item,
                compile_check(item) if item.settable else None,
                item.data_type in _REFERENCES,
            )
            for name, item in module.fields.items()
        }
        self.required = tuple(f.api_name for f in module.fields.values() if f.required)

    def check(self, row: Mapping[str, Any], place: str, *, creating: bool) -> Checked:
        """The record in stored form. Raises RecordError at the first thing wrong.

        `place` is the JSON path of the record, such as `$.data[3]`.
        """
        checked = Checked({})
        values = checked.values
        checks = self._checks
        for name, value in row.items():
            known = checks.get(name)
            if known is None:
                if name[:1] != "$" and name not in _ENVELOPE:
                    checked.ignored.append(name)
                continue
            item, test, refers = known
            if test is None:
                continue
            if value is None or value == "":
                values[name] = None
                continue
            try:
                values[name] = test(value)
            except RecordError as error:
                raise _placed(error, name, place) from None
            if refers:
                self._refer(checked, item, row, place)
        self._require(values, place, creating=creating)
        append = row.get("$append_values")
        if isinstance(append, dict):
            checked.append = frozenset(name for name, on in append.items() if on is True)
        return checked

    def _refer(self, checked: Checked, item: Field, row: Mapping[str, Any], place: str) -> None:
        name = item.api_name
        target = item.lookup or "Users"
        if target == PARENT_MODULES:
            target = self._parent_module(name, row, place)
            checked.values["$se_module"] = target
        number = int(checked.values[name])
        checked.references.append(Reference(name, target, number, f"{place}.{name}.id"))

    def _parent_module(self, name: str, row: Mapping[str, Any], place: str) -> str:
        if name == "Parent_Id":
            module = row[name].get("module")
            given = module.get("api_name") if isinstance(module, dict) else module
            given = given or row.get("$se_module") or row.get("se_module")
            dependee, missing = f"{place}.Parent_Id", "module"
        else:
            given = row.get("$se_module")
            dependee, missing = f"{place}.{name}", "$se_module"
        if given is None:
            raise RecordError(
                "DEPENDENT_FIELD_MISSING",
                "dependent field missing",
                {
                    "dependee": {"api_name": name, "json_path": dependee},
                    "api_name": missing,
                    "json_path": f"{dependee}.module" if name == "Parent_Id" else
                    f"{place}.$se_module",
                },
            )  # fmt: skip
        refused = _NOT_WHAT if name == "What_Id" else ("Notes", "Attachments")
        if given not in self._schema or given in refused:
            raise refuse(api_name=missing, json_path=f"{place}.{missing}")
        return str(given)

    def _require(self, values: Mapping[str, Any], place: str, *, creating: bool) -> None:
        for name in self.required:
            if (creating and values.get(name) is None) or (name in values and values[name] is None):
                raise missing_field(name, place)


_ENVELOPE = frozenset({"id", "Layout", "Tag", "se_module", "send_notification"})
_REFERENCES = frozenset({"lookup", "ownerlookup", "userlookup"})


def missing_field(name: str, place: str) -> RecordError:
    """A mandatory field is absent or empty."""
    return RecordError(
        MANDATORY_NOT_FOUND,
        "required field not found",
        {"api_name": name, "json_path": f"{place}.{name}"},
    )


def given_layout(row: Mapping[str, Any]) -> int | None:
    """The layout id that a record names, if it names one."""
    layout = row.get("Layout")
    return record_id(layout.get("id")) if isinstance(layout, dict) else None


def check_layout(module: Module, row: Mapping[str, Any], values: Json, place: str) -> None:
    """Mandatory fields of the layout: checked only when the record names it (fact sheet 2.2)."""
    number = given_layout(row)
    if number is None:
        return
    if str(number) != module.layout.id:
        raise refuse(api_name="Layout", json_path=f"{place}.Layout.id")
    for name in module.layout.required:
        if values.get(name) is None:
            raise missing_field(name, place)


def unresolved(reference: Reference) -> RecordError:
    """A lookup points at no record."""
    return RecordError(
        INVALID_DATA,
        "the id given seems to be invalid",
        {"api_name": reference.api_name, "json_path": reference.json_path},
    )


def _placed(error: RecordError, name: str, place: str) -> RecordError:
    inner = error.details.pop("at", None)
    path = f"{place}.{name}.{inner}" if inner else f"{place}.{name}"
    return RecordError(
        error.code, error.message, {**error.details, "api_name": name, "json_path": path}
    )
