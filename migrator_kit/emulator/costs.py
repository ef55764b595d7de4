"""What each call costs in credits, and which calls share the sub-slots (fact sheet 11.2, 11.3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from migrator_kit.emulator.answers import ApiError
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.coql_parser import CoqlError, parse

HEAVY_RECORDS = 10


def fixed(credits: float) -> Callable[[Call], float]:
    """A cost that does not depend on the call."""
    return lambda _call: credits


def by_records(call: Call) -> float:
    """1 credit for 10 records."""
    return math.ceil(max(1, len(_list(call, "data"))) / 10)


def by_fields(call: Call) -> float:
    """10 credits for each field."""
    return 10.0 * max(1, len(_list(call, "fields")))


def by_ids(call: Call) -> float:
    """1 credit for 100 ids; 50 for a custom view."""
    ids = _list(call, "ids")
    return math.ceil(len(ids) / 100) if ids else 50.0


def by_limit(call: Call) -> float:
    """COQL: 1, 2 or 3 credits by LIMIT."""
    try:
        limit = parse(str(call.json().get("select_query", ""))).limit
    except (CoqlError, ApiError):
        return 1.0
    return 1.0 if limit <= 200 else 2.0 if limit <= 1000 else 3.0


def many_records(call: Call) -> bool:
    """Whether a write carries more than 10 records."""
    return len(_list(call, "data")) > HEAVY_RECORDS


def sorted_list(call: Call) -> bool:
    """Whether a list is sorted or of a custom view."""
    return "sort_by" in call.params or "cvid" in call.params


def always(_call: Call) -> bool:
    """Every call of the address is heavy."""
    return True


def _list(call: Call, key: str) -> list[Any]:
    try:
        rows = call.json().get(key)
    except ApiError:
        return []
    return rows if isinstance(rows, list) else []
