"""Whether two values of a field are the same to a person, whatever form they come in. Pure.

What we send and what Zoho CRM answers differ in form: a lookup comes back with a name, an instant
in the zone of the API user, a text without its outer blanks, an unset box as false.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d+)?")


def same(one: Any, other: Any) -> bool:
    """Tell whether two values, in the form of the record API, say the same."""
    first, second = plain(one), plain(other)
    if isinstance(first, str) != isinstance(second, str):
        # Zoho answers large numbers as text.
        first, second = _number(first), _number(second)
    return bool(first == second)


def same_number(one: Any, other: Any, places: int) -> bool:
    """Tell whether one number is the other as a field of so many decimals keeps it.

    Two numbers that both have more decimals are compared as they are: rounded, they may differ.
    """
    first, second = (_amount(value) for value in (one, other))
    if first is None or second is None:
        return False
    unit = 10.0**-places
    kept = any(abs(round(value, places) - value) < unit * 1e-6 for value in (first, second))
    return kept and abs(first - second) <= unit * (0.5 + 1e-6)


def plain(value: Any) -> Any:
    """Return a value in one form: empty ones as None, references as their id."""
    if value is None or value is False or value in ("", "-None-", [], {}):
        return None
    if isinstance(value, dict):
        return ("id", str(value["id"])) if value.get("id") else None
    if isinstance(value, list):
        return tuple(sorted(map(str, value)))
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return ("number", float(value))
    return _text(str(value))


def _text(value: str) -> Any:
    if _INSTANT.fullmatch(value):
        return ("instant", datetime.fromisoformat(value).timestamp())
    return value.replace("\r\n", "\n").replace("\r", "\n").strip() or None


def _number(value: Any) -> Any:
    is_number = isinstance(value, str) and _NUMBER.fullmatch(value)
    return ("number", float(value)) if is_number else value


def _amount(value: Any) -> float | None:
    found = _number(plain(value))
    return found[1] if isinstance(found, tuple) and found[0] == "number" else None


def writable(value: Any) -> Any:
    """Return a value that Zoho CRM answered in the form in which it takes it back."""
    if isinstance(value, dict):
        return {"id": str(value["id"])} if value.get("id") else None
    return value
