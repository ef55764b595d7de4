"""What the emulator answers: replies, error envelopes, per-record items.

Shapes: fact sheet 2.3 (records), 2.9 (error items), 13 (codes and HTTP status).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

INVALID_DATA = "INVALID_DATA"
MANDATORY_NOT_FOUND = "MANDATORY_NOT_FOUND"
LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
NOT_ALLOWED = "NOT_ALLOWED"
NOT_SUPPORTED = "NOT_SUPPORTED"


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer: JSON `body`, raw `content`, or a `file` to stream; all None is empty."""

    status: int = 200
    body: Json | None = None
    content: bytes | None = None
    file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """A refusal of the whole call: one envelope without `data` (fact sheet 2.9)."""

    def __init__(
        self, code: str, message: str, details: Json | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}
        self.status = status

    def reply(self) -> Reply:
        """The refusal as an HTTP answer."""
        return Reply(self.status, failure(self.code, self.message, self.details))


class RecordError(Exception):
    """A refusal of one record or field among several; it becomes one item of the answer."""

    def __init__(self, code: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}

    def item(self) -> Json:
        """The refusal as an item of `data[]` or `fields[]`."""
        return failure(self.code, self.message, self.details)


def failure(code: str, message: str, details: Json | None = None) -> Json:
    """An error envelope or item."""
    return {"code": code, "details": details or {}, "message": message, "status": "error"}


def success(message: str, details: Json | None = None, **more: object) -> Json:
    """A success item."""
    return {
        "code": "SUCCESS",
        **more,
        "details": details or {},
        "message": message,
        "status": "success",
    }


def items_reply(key: str, items: Sequence[Json], *, done: int) -> Reply:
    """Per-item answers with the status rule of fact sheet 2.3.

    `done` when every item succeeded, 207 when some did, 400 when none did.
    """
    good = sum(item["status"] == "success" for item in items)
    status = done if good == len(items) else 207 if good else 400
    return Reply(status, {key: list(items)})


def empty() -> Reply:
    """204: nothing found."""
    return Reply(204)


def missing_param(name: str) -> ApiError:
    """A query parameter that the call needs is absent."""
    return ApiError(
        "REQUIRED_PARAM_MISSING",
        "One of the expected parameter is missing",
        {"param_name": name},
    )


def invalid_module() -> ApiError:
    """The module in the path or parameter does not exist or is not offered here."""
    return ApiError(
        "INVALID_MODULE", "the module name given seems to be invalid", {"resource_path_index": 0}
    )


def invalid_url() -> ApiError:
    """No such address."""
    return ApiError(
        "INVALID_URL_PATTERN",
        "Please check if the URL trying to access is a correct one",
        status=404,
    )


def invalid_method() -> ApiError:
    """The address exists, the method does not."""
    return ApiError(
        "INVALID_REQUEST_METHOD", "The http request method type is not a valid one", status=400
    )


def too_many(maximum: int, key: str = "data") -> ApiError:
    """More items in one call than it takes."""
    return ApiError(
        LIMIT_EXCEEDED,
        "count of records in your request exceeds the limit",
        {"maximum_length": maximum, "api_name": key},
    )
