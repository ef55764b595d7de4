"""The org of a fresh file: modules from standard_fields.json, users, one pipeline, settings.

The people and the company are invented.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from migrator_kit.emulator.editions import EditionName
from migrator_kit.emulator.schema import (
    DEFAULT_LENGTHS,
    Field,
    Layout,
    Module,
    Option,
    create_module,
)
from migrator_kit.emulator.store import Store, Writer, get_setting, put_setting

PIPELINE = "Standard (Standard)"
# Mandatory by layout in a trial org that was observed (fact sheet 2.6), not by the system.
_LAYOUT_REQUIRED = {"Deals": ("Account_Name",), "Leads": ("Company",)}
_USERS = (
    ("Ada", "Lindgren", "admin@practice.example", "Administrator", "CEO", "active"),
    ("Bruno", "Keller", "bruno.keller@practice.example", "Standard", "Manager", "active"),
    ("Chiara", "Moretti", "chiara.moretti@practice.example", "Standard", "Manager", "active"),
    ("Dirk", "Hansen", "dirk.hansen@practice.example", "Standard", "Manager", "inactive"),
)


def seed(store: Store, edition: EditionName | None) -> None:
    """Make the org if the file is new; set the edition if one is named."""
    if get_setting(store.reader(), "org") is not None:
        if edition is not None:
            with store.writing() as writer:
                put_setting(writer.db, "edition", edition.value)
        return
    with store.writing() as writer:
        put_setting(writer.db, "edition", (edition or EditionName.ENTERPRISE).value)
        people = _seed_users(writer)
        put_setting(writer.db, "org", _org(writer))
        put_setting(writer.db, "api_user", people[0])
        _seed_modules(writer)


def new_user(writer: Writer, facts: dict[str, Any], created: str) -> int:
    """Add a user; returns the id. `facts` are the keys of the users API, already checked."""
    number = writer.new_id()
    data = {
        "time_zone": "Europe/Berlin",
        "locale": "en_US",
        "country_locale": "en_US",
        "language": "en_US",
        "type__s": "Regular User",
        "created_time": created,
        "Modified_Time": created,
        **facts,
        "id": str(number),
        "zuid": str(number % 1_000_000_000 + 800_000_000),
        "full_name": f"{facts.get('first_name') or ''} {facts['last_name']}".strip(),
    }
    writer.db.execute("INSERT INTO person VALUES (?, ?)", (number, json.dumps(data)))
    return number


def profile_of(settings: dict[str, Any], name: str) -> dict[str, str]:
    """A profile or role as a reference object; unknown names fall to the first one."""
    return {"id": settings.get(name) or next(iter(settings.values())), "name": name}


@cache
def standard() -> dict[str, Any]:
    """The data file of standard modules and fields."""
    text = files("migrator_kit.emulator").joinpath("standard_fields.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def _seed_users(writer: Writer) -> list[int]:
    profiles = {name: str(writer.new_id()) for name in ("Administrator", "Standard")}
    roles = {name: str(writer.new_id()) for name in ("CEO", "Manager")}
    put_setting(writer.db, "profiles", profiles)
    put_setting(writer.db, "roles", roles)
    people = []
    for first, last, email, profile, role, status in _USERS:
        facts = {
            "first_name": first,
            "last_name": last,
            "email": email,
            "profile": profile_of(profiles, profile),
            "role": profile_of(roles, role),
            "status": status,
            "confirm": True,
        }
        people.append(new_user(writer, facts, "2026-01-05T08:00:00+00:00"))
    return people


def _org(writer: Writer) -> dict[str, Any]:
    return {
        "id": str(writer.new_id()),
        "zgid": "808232144",
        "company_name": "Emulated Dental Practice",
        "type": "sandbox",
        "time_zone": "Europe/Berlin",
        "currency": "Euro - EUR",
        "currency_symbol": "€",
        "currency_locale": "de_DE",
        "iso_code": "EUR",
        "country_code": "DE",
        "primary_email": _USERS[0][2],
        "created_time": "2026-01-05T08:00:00+00:00",
    }


def _seed_modules(writer: Writer) -> None:
    document = standard()
    sets = document["value_sets"]
    for name, entry in document["modules"].items():
        fields = [_field(writer, raw, sets, document["stages"]) for raw in entry["fields"]]
        create_module(
            writer,
            Module(
                id=str(writer.new_id()),
                api_name=name,
                singular=entry["singular"],
                plural=entry["plural"],
                display_field=entry["display_field"],
                duplicate_field=entry["duplicate_field"],
                fields={field.api_name: field for field in fields},
                layout=Layout(
                    id=str(writer.new_id()), module=name, required=_LAYOUT_REQUIRED.get(name, ())
                ),
            ),
        )
        if name == "Deals":
            _seed_pipeline(writer, fields)


def _field(writer: Writer, raw: dict[str, Any], sets: Any, stages: list[dict[str, Any]]) -> Field:
    values = raw.get("values", ())
    rows = stages if values == "stages" else sets[values] if isinstance(values, str) else values
    options = []
    for position, row in enumerate(rows, start=1):
        facts = row if isinstance(row, dict) else {"display_value": row, "actual_value": row}
        options.append(Option(id=str(writer.new_id()), sequence_number=position, **facts))
    kind = raw["data_type"]
    return Field(
        id=str(writer.new_id()),
        api_name=raw["api_name"],
        label=raw["label"],
        data_type=kind,
        length=raw.get("length", DEFAULT_LENGTHS.get(kind)),
        required=raw.get("required", False),
        read_only=raw.get("read_only", False),
        options=tuple(options),
        lookup=raw.get("lookup"),
        decimal_place=raw.get("decimal_place"),
        textarea="large" if kind == "textarea" else None,
    )


def _seed_pipeline(writer: Writer, fields: list[Field]) -> None:
    stage = next(field for field in fields if field.api_name == "Stage")
    maps = [
        {"id": option.id, "display_value": option.display_value, "sequence_number": number}
        for number, option in enumerate(stage.options, start=1)
    ]
    number = writer.new_id()
    data = {
        "id": str(number),
        "display_value": PIPELINE,
        "actual_value": PIPELINE,
        "default": True,
        "maps": maps,
    }
    writer.db.execute("INSERT INTO pipeline VALUES (?, ?)", (number, json.dumps(data)))
