"""One request as its handler sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import orjson

from migrator_kit.emulator.answers import (
    INVALID_DATA,
    MANDATORY_NOT_FOUND,
    ApiError,
    Json,
    Reply,
    missing_param,
    too_many,
)
from migrator_kit.emulator.clock import parse_instant, stored
from migrator_kit.emulator.crm import Crm, User
from migrator_kit.emulator.schema import Module


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file part of a multipart body, already on disk; the handler moves or leaves it."""

    name: str
    path: Path
    size: int


@dataclass(slots=True)
class Call:
    """Method, parameters, body and caller of one request."""

    crm: Crm
    user: User
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    names: Mapping[str, str]
    body: bytes = b""
    form: Mapping[str, str] = field(default_factory=dict)
    uploads: tuple[UploadedFile, ...] = ()
    base_url: str = ""
    late: list[Callable[[], None]] = field(default_factory=list)
    came: float = field(default_factory=time.monotonic)
    _json: Any = None

    @property
    def module(self) -> Module:
        """The module named in the path. Raises ApiError INVALID_MODULE."""
        return self.crm.module(self.names["module"])

    def param_module(self) -> Module:
        """The module named by the `module` parameter. Raises ApiError when absent or unknown."""
        name = self.params.get("module")
        if not name:
            raise missing_param("module")
        return self.crm.module(name)

    def json(self) -> Json:
        """The JSON object of the body, whatever its content type (fact sheet 14.2).

        Raises ApiError when it is no JSON object.
        """
        document = self.json_any()
        if not isinstance(document, dict):
            raise _bad_body("jsonobject")
        return document

    def json_any(self) -> Any:
        """The JSON of the body. Raises ApiError when it is none."""
        if self._json is None:
            try:
                self._json = orjson.loads(self.body)
            except orjson.JSONDecodeError:
                raise _bad_body("jsonobject") from None
        return self._json

    def rows(self, key: str, most: int) -> list[Json]:
        """The objects under `key`. Raises ApiError when missing, misshapen or too many."""
        body = self.json()
        if key not in body:
            raise ApiError(MANDATORY_NOT_FOUND, "required field not found", {"api_name": key})
        rows = body[key]
        if not isinstance(rows, list):
            raise _bad_body("jsonarray", key)
        if not rows:
            raise ApiError(MANDATORY_NOT_FOUND, "required field not found", {"api_name": key})
        if len(rows) > most:
            raise too_many(most, key)
        for position, row in enumerate(rows):
            if not isinstance(row, dict):
                raise ApiError(
                    INVALID_DATA,
                    "invalid data",
                    {
                        "expected_data_type": "jsonobject",
                        "api_name": key,
                        "json_path": f"$.{key}[{position}]",
                    },
                )
        return rows

    def number(self, name: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        """A whole-number parameter. Raises ApiError INVALID_DATA when out of range."""
        text = self.params.get(name)
        if text is None:
            return default
        if not text.isdigit() or int(text) < least or (most is not None and int(text) > most):
            details: Json = {"param_name": name, "expected_data_type": "integer"}
            if most is not None:
                details["maximum_value"] = most
            raise ApiError(INVALID_DATA, "invalid data", details)
        return int(text)

    def moment(self, header: str) -> str | None:
        """A header that holds an instant, in stored form; None when absent or unreadable."""
        text = self.headers.get(header)
        if not text:
            return None
        try:
            return parse_instant(text)
        except ValueError:
            pass
        try:
            return stored(parsedate_to_datetime(text))
        except (ValueError, TypeError):
            return None


Handler = Callable[[Call], Reply]


def _bad_body(expected: str, key: str = "data") -> ApiError:
    return ApiError(INVALID_DATA, "invalid data", {"expected_data_type": expected, "api_name": key})
