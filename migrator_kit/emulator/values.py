"""Checks one value against its field and brings it into stored form (fact sheet 2.5).

A check is compiled once per field and is called for every value; it raises RecordError with the
details the vendor documents (`expected_data_type`, `maximum_length`), to which the caller adds
`api_name` and `json_path`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from migrator_kit.emulator.answers import INVALID_DATA, RecordError
from migrator_kit.emulator.clock import parse_date, parse_instant
from migrator_kit.emulator.schema import JSON_TYPES, Field

Check = Callable[[Any], Any]

EMAIL = re.compile(r"[^\s@<>(),;:\"\\\[\]]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
                   r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.[A-Za-z]{2,}\Z")  # fmt: skip
# The vendor names the characters and says "in a fixed order": a leading plus, then the rest.
PHONE = re.compile(r"\+?[A-Za-z0-9(#][A-Za-z0-9 ().#;,\-]*\Z")
WEBSITE = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^\s/?#@.]+(?:\.[^\s/?#@.]+)+(?:[/?#]\S*)?\Z")
DIGITS = re.compile(r"[0-9]{1,19}\Z")
SIGNED = re.compile(r"-?[0-9]+\Z")
MAX_BEFORE_POINT = 16
MAX_AFTER_POINT = 9
OPTION_LENGTH = 120


def refuse(**details: object) -> RecordError:
    """INVALID_DATA with these details."""
    return RecordError(INVALID_DATA, "invalid data", dict(details))


def wrong_type(field: Field) -> RecordError:
    """INVALID_DATA that names the JSON type the field takes."""
    kind = field.data_type
    word = kind if kind in ("email", "phone", "date", "datetime", "boolean") else None
    return refuse(expected_data_type=word or JSON_TYPES.get(kind, "string"))


def record_id(value: object) -> int | None:
    """A record id given as number or string, or None when it is neither."""
    if type(value) is int:
        return value if value > 0 else None
    if type(value) is str and DIGITS.match(value):
        return int(value)
    return None


def compile_check(field: Field) -> Check:
    """The check for values of this field."""
    return _BUILDERS.get(field.data_type, _text)(field)


def _text(field: Field) -> Check:
    longest = field.length or 255

    def check(value: Any) -> Any:
        if type(value) is not str:
            raise wrong_type(field)
        if len(value) > longest:
            raise refuse(maximum_length=longest)
        return value

    return check


def _pattern(expression: re.Pattern[str]) -> Callable[[Field], Check]:
    def build(field: Field) -> Check:
        text = _text(field)

        def check(value: Any) -> Any:
            if not expression.match(text(value)):
                raise wrong_type(field)
            return value

        return check

    return build


def _picklist(field: Field) -> Check:
    longest = field.length or OPTION_LENGTH
    known = frozenset(option.display_value for option in field.options)

    def check(value: Any) -> Any:
        if type(value) is not str:
            raise wrong_type(field)
        if value in known:
            return None if value == "-None-" else value
        if len(value) > longest:
            raise refuse(maximum_length=longest)
        return value

    return check


def _multiselect(field: Field) -> Check:
    longest = field.length or 1000

    def check(value: Any) -> Any:
        if type(value) is not list:
            raise wrong_type(field)
        if any(type(item) is not str for item in value):
            raise wrong_type(field)
        if any(len(item) > OPTION_LENGTH for item in value):
            raise refuse(maximum_length=OPTION_LENGTH)
        if sum(len(item) + 1 for item in value) > longest:
            raise refuse(maximum_length=longest)
        return value or None

    return check


def _parsed(parse: Callable[[str], str]) -> Callable[[Field], Check]:
    def build(field: Field) -> Check:
        def check(value: Any) -> Any:
            if type(value) is not str:
                raise wrong_type(field)
            try:
                return parse(value)
            except ValueError:
                raise wrong_type(field) from None

        return check

    return build


def _integer(field: Field) -> Check:
    digits = field.length or 9
    limit = 10**digits

    def check(value: Any) -> Any:
        if type(value) is not int:
            raise wrong_type(field)
        if not -limit < value < limit:
            raise refuse(maximum_length=digits)
        return value

    return check


def _bigint(field: Field) -> Check:
    digits = field.length or 18

    def check(value: Any) -> Any:
        if type(value) is int:
            value = str(value)
        if type(value) is not str or not SIGNED.match(value):
            raise wrong_type(field)
        if len(value.lstrip("-")) > digits:
            raise refuse(maximum_length=digits)
        return value

    return check


def _decimal(field: Field) -> Check:
    before = min(field.length or MAX_BEFORE_POINT, MAX_BEFORE_POINT)
    limit = float(10**before)
    places = MAX_AFTER_POINT if field.decimal_place is None else field.decimal_place

    def check(value: Any) -> Any:
        if type(value) is int:
            value = float(value)
        if type(value) is not float:
            raise wrong_type(field)
        if not -limit < value < limit:
            raise refuse(maximum_length=before)
        return round(value, places)

    return check


def _boolean(field: Field) -> Check:
    def check(value: Any) -> Any:
        if type(value) is not bool:
            raise wrong_type(field)
        return value

    return check


def _reference(field: Field) -> Check:
    """A lookup or user: `{"id": ..}` becomes the id as text; existence is checked per batch."""

    def check(value: Any) -> Any:
        if type(value) is not dict or "id" not in value:
            raise wrong_type(field)
        number = record_id(value["id"])
        if number is None:
            raise refuse(expected_data_type="bigint", at="id")
        return str(number)

    return check


def _json(kind: type) -> Callable[[Field], Check]:
    def build(field: Field) -> Check:
        def check(value: Any) -> Any:
            if type(value) is not kind:
                raise wrong_type(field)
            return value or None

        return check

    return build


def _files(field: Field) -> Check:
    most = field.length or 5

    def check(value: Any) -> Any:
        if type(value) is not list:
            raise wrong_type(field)
        if len(value) > most:
            raise refuse(maximum_length=most)
        for item in value:
            if type(item) is not dict or type(item.get("File_Id__s")) is not str:
                raise refuse(expected_data_type="jsonobject", at="File_Id__s")
        return value or None

    return check


def _participants(field: Field) -> Check:
    check_list = _json(list)(field)

    def check(value: Any) -> Any:
        rows = check_list(value)
        if rows and len(rows) > 50:
            raise RecordError(
                "LIMIT_EXCEEDED",
                "Only 50 participants can be added to an event.",
                {"limit": 50},
            )
        return rows

    return check


_BUILDERS: dict[str, Callable[[Field], Check]] = {
    "email": _pattern(EMAIL),
    "phone": _pattern(PHONE),
    "website": _pattern(WEBSITE),
    "picklist": _picklist,
    "multiselectpicklist": _multiselect,
    "date": _parsed(parse_date),
    "datetime": _parsed(parse_instant),
    "integer": _integer,
    "bigint": _bigint,
    "double": _decimal,
    "currency": _decimal,
    "percent": _decimal,
    "boolean": _boolean,
    "lookup": _reference,
    "ownerlookup": _reference,
    "userlookup": _reference,
    "multiselectlookup": _json(list),
    "multiuserlookup": _json(list),
    "fileupload": _files,
    "imageupload": _files,
    "tag": _json(list),
    "ALARM": _json(dict),
    "RRULE": _json(dict),
    "event_reminder": _json(list),
    "participants": _participants,
}
