"""Criteria of bulk read as a condition of the query planner (fact sheet 6)."""

from __future__ import annotations

from typing import Any

from migrator_kit.emulator.coql_parser import Both, Column, Compare, CoqlError, Literal

_COMPARATORS = {
    "equal": "=",
    "not_equal": "!=",
    "in": "in",
    "not_in": "not in",
    "less_than": "<",
    "less_equal": "<=",
    "greater_than": ">",
    "greater_equal": ">=",
    "between": "between",
    "not_between": "not between",
}
_PATTERNS = {
    "contains": ("like", "%{}%"),
    "not_contains": ("not like", "%{}%"),
    "starts_with": ("like", "{}%"),
    "ends_with": ("like", "%{}"),
}


def criteria_of(document: Any) -> Compare | Both | None:
    """The condition a criteria object stands for; None for none. Raises CoqlError."""
    if document is None:
        return None
    if not isinstance(document, dict):
        raise _invalid("criteria")
    if "group" not in document:
        return _one(document)
    operator = str(document.get("group_operator", "")).lower()
    members = document["group"]
    if operator not in ("and", "or") or not isinstance(members, list) or not members:
        raise _invalid("group")
    conditions = [condition for member in members if (condition := criteria_of(member))]
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = Both(operator, joined, condition)
    return joined


def _one(document: dict[str, Any]) -> Compare:
    field = document.get("field")
    name = field.get("api_name") if isinstance(field, dict) else None
    if not isinstance(name, str):
        raise _invalid("field")
    column = Column(tuple(name.split(".")))
    comparator = str(document.get("comparator", ""))
    value = document.get("value")
    if value in (None, "${EMPTY}") and comparator in ("equal", "not_equal"):
        return Compare(column, "is null" if comparator == "equal" else "is not null", ())
    if comparator in _PATTERNS:
        operator, pattern = _PATTERNS[comparator]
        return Compare(column, operator, (Literal(pattern.format(value), quoted=True),))
    if comparator not in _COMPARATORS:
        raise _invalid("comparator")
    values = value if isinstance(value, list) else [value]
    if not values or (comparator.endswith("between") and len(values) != 2):
        raise _invalid("value")
    return Compare(column, _COMPARATORS[comparator], tuple(_literal(item) for item in values))


def _literal(value: Any) -> Literal:
    if isinstance(value, bool):
        return Literal("true" if value else "false", quoted=False)
    if isinstance(value, dict):
        value = value.get("id")
    return Literal(str(value), quoted=isinstance(value, str))


def _invalid(key: str) -> CoqlError:
    return CoqlError("INVALID_CRITERIA", "the criteria given seems to be invalid", api_name=key)
