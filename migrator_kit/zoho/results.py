"""What became of each record of a call: one `ItemResult` per record, in request order.

A refusal of one record is a result, never an exception. Details are reduced to what names a place
(ids, API names, JSON paths, limits), so that a result can be logged and kept in the ledger.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from migrator_kit.zoho.reasons import Reason, reason_of, remedy_of

Action = Literal["insert", "update"]

ITEM_STATUSES = frozenset({200, 201, 202, 207, 400})
"""HTTP statuses under which per-record answers occur (fact sheet 2.3)."""

_SAFE_DETAILS = frozenset(
    {
        "id", "api_name", "json_path", "maximum_length", "expected_data_type", "supported_values",
        "limit", "param_name", "more_records", "layout_rule", "action", "resource_path_index",
        "max_limit", "clause", "column_name", "operator", "permissions", "feature",
        "Created_Time", "Modified_Time", "index", "available_count",
    }
)  # fmt: skip
_NESTED = frozenset({"duplicate_record", "dependee", "expected_fields", "errors"})
_PATH_PART = re.compile(r"([A-Za-z_$!][\w$]*)(?:\[\d+\])?")
_API_NAME = re.compile(r"[\w$.!-]{1,120}")
_SPELLED_ID = re.compile(r"\d{1,20}")


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The outcome of one record.

    `ok` tells whether Zoho carried it out; `id` is the record's id (of the existing record for a
    DUPLICATE); `code` Zoho's code; `reason`, `field` and `remedy` say why not, where, and what to
    do. `details` holds only ids, API names, JSON paths and limits, no field value.
    """

    ok: bool
    id: str | None
    code: str
    action: Action | None = None
    message: str = dataclasses.field(default="", repr=False)
    reason: Reason | None = None
    field: str | None = None
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    remedy: str | None = None

    @property
    def modified_time(self) -> str | None:
        """`Modified_Time` of the write as Zoho answered it, or None."""
        value = self.details.get("Modified_Time")
        return str(value) if value else None


def parse_item(item: Mapping[str, Any], default_action: Action | None = None) -> ItemResult:
    """Return one item of an answer's list as a result. An item without a code is no success."""
    raw = item.get("details")
    # Answers are parsed JSON: asking for `dict` takes a tenth of asking for any mapping.
    details: Mapping[str, Any] = raw if isinstance(raw, dict) else {}
    code = str(item.get("code") or "NO_CODE")
    ok = str(item.get("status", "")).lower() == "success"
    identifier = _identifier(details)
    if ok:
        action = item.get("action", default_action)
        return ItemResult(
            ok=True,
            id=identifier,
            code=code,
            action=action if action in ("insert", "update") else None,
            message=str(item.get("message", "")),
            details=safe_details(details),
        )
    return failure(code, details, message=str(item.get("message", "")), identifier=identifier)


def failure(
    code: str,
    details: Mapping[str, Any] | None = None,
    *,
    message: str = "",
    identifier: str | None = None,
) -> ItemResult:
    """Return a refused result for an error code with its details."""
    found = details or {}
    reason = reason_of(code, found, message)
    return ItemResult(
        ok=False,
        id=identifier,
        code=code,
        message=message,
        reason=reason,
        field=field_of(found),
        details=safe_details(found),
        remedy=remedy_of(reason),
    )


def items_of(body: object, key: str = "data") -> list[Mapping[str, Any]] | None:
    """Return the per-record answers of a body, or None where it holds none.

    Only items with a status count: a list of records read back also stands under `data`.
    """
    if not isinstance(body, dict):
        return None
    items = body.get(key)
    if not isinstance(items, list) or not items:
        return None
    if not all(isinstance(item, dict) and "status" in item for item in items):
        return None
    return items


def field_of(details: Mapping[str, Any]) -> str | None:
    """Return the API name of the field that an error's details point at, or None."""
    name = details.get("api_name")
    if isinstance(name, str) and _API_NAME.fullmatch(name):
        return name
    path = details.get("json_path")
    if isinstance(path, str):
        parts = _PATH_PART.findall(path.removeprefix("$."))
        return parts[1] if len(parts) > 1 else None
    expected = details.get("expected_fields")
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        names = [str(part.get("api_name")) for part in expected if isinstance(part, Mapping)]
        return ", ".join(names) or None
    nested = _nested_errors(details)
    return ", ".join(filter(None, (field_of(part) for part in nested))) or None


def safe_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of an error's details that name places and limits, and no field value."""
    kept = {name: value for name, value in details.items() if name in _SAFE_DETAILS}
    if _NESTED.isdisjoint(details):
        return kept
    duplicate = details.get("duplicate_record")
    if isinstance(duplicate, Mapping):
        module = duplicate.get("module")
        kept["duplicate_record"] = {
            "id": str(duplicate.get("id", "")),
            "module": module.get("api_name") if isinstance(module, Mapping) else None,
        }
    dependee = details.get("dependee")
    if isinstance(dependee, Mapping):
        kept["dependee"] = safe_details(dependee)
    expected = details.get("expected_fields")
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        kept["expected_fields"] = [safe_details(p) for p in expected if isinstance(p, Mapping)]
    errors = details.get("errors")
    if isinstance(errors, Sequence) and not isinstance(errors, str):
        kept["errors"] = [
            {"code": str(part.get("code", "")), **safe_details(part.get("details") or {})}
            for part in errors
            if isinstance(part, Mapping)
        ]
    return kept


def _nested_errors(details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = details.get("errors")
    if not isinstance(errors, Sequence) or isinstance(errors, str):
        return []
    found = [part.get("details") for part in errors if isinstance(part, Mapping)]
    return [part for part in found if isinstance(part, Mapping)]


def _identifier(details: Mapping[str, Any]) -> str | None:
    """Return the record id in the details; a string that is no id could be a value: drop it."""
    value = details.get("id")
    if value is None:
        duplicate = details.get("duplicate_record")
        value = duplicate.get("id") if isinstance(duplicate, dict) else None
    text = str(value) if value is not None else ""
    return text if _SPELLED_ID.fullmatch(text) else None
