"""Python values in the forms that Zoho's record API and COQL take (fact sheet 2.5, 5)."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

from migrator_kit.errors import TerminalError


def to_zoho_datetime(moment: datetime) -> str:
    """Return `yyyy-MM-ddTHH:mm:ss+HH:mm`. A moment without a time zone raises TerminalError."""
    if moment.tzinfo is None:
        raise TerminalError(
            "A time without a time zone cannot be sent to Zoho CRM.",
            hint="Give the time the practice's zone before it is sent.",
        )
    return moment.replace(microsecond=0).isoformat()


def from_zoho_datetime(text: str) -> datetime:
    """Return a moment, in UTC, from the text that Zoho answers with."""
    return datetime.fromisoformat(text).astimezone(UTC)


def json_bytes(body: Any) -> bytes:
    """Return a body as JSON. Times and decimals take Zoho's forms; anything else that JSON does
    not know, and numbers that are none, raise TerminalError without naming the value.
    """
    try:
        _refuse_no_numbers(body)
        return orjson.dumps(body, default=_plain, option=_OURS)
    except (TypeError, ValueError) as error:
        raise TerminalError(
            f"A record holds a value that JSON cannot carry ({type(error).__name__}).",
            hint="Shape the field to text, a number, a time, true/false or null.",
        ) from None


_OURS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
"""What `_plain` turns into JSON, or refuses, rather than the encoder."""


def _refuse_no_numbers(value: object) -> None:
    """Raise ValueError for a number that is none: the encoder would send null in its place."""
    if isinstance(value, dict):
        for one in value.values():
            if type(one) is not str:
                _refuse_no_numbers(one)
    elif isinstance(value, list | tuple):
        for one in value:
            _refuse_no_numbers(one)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a number")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return to_zoho_datetime(value)
    if isinstance(value, date):
        return value.isoformat()
    as_python = float(value) if isinstance(value, Decimal) else _item(value)
    _refuse_no_numbers(as_python)
    return as_python


def _item(value: object) -> object:
    """Return the Python value of a scalar of NumPy. Raises TypeError for anything else."""
    item = getattr(value, "item", None)
    if not callable(item):
        raise TypeError(type(value).__name__)
    return item()


def coql_literal(value: str | bool | int | float | Decimal | date | datetime) -> str:
    r"""Return a value as a COQL literal: text and times quoted, `'` and `\` escaped.

    How Zoho escapes a quote is not confirmed by its documentation; a backslash is our choice.
    """
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return f"'{to_zoho_datetime(value)}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def coql_in(field: str, values: list[str] | tuple[str, ...]) -> str:
    """Return `field in ('a', 'b')`. Callers keep to `limits.COQL_IN_VALUES` values."""
    return f"{field} in ({', '.join(coql_literal(value) for value in values)})"
