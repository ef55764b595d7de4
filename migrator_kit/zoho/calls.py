"""One call to Zoho CRM as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from migrator_kit.zoho.uploads import Upload


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what is sent, what it costs, and whether it changes anything.

    `path` begins at the host (`/crm/v8/...`) or is a whole URL that an answer named. `sub` counts
    it against the sub-concurrency. `items_key` is the list that holds per-record answers.
    `missing_ok` makes an unknown id an empty answer; `envelope_ok` makes a body-level refusal an
    answer with one item. `upload` makes a fresh body for each attempt.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    credits: int = 1
    sub: bool = False
    writes: bool = False
    items_key: str = "data"
    missing_ok: bool = False
    envelope_ok: bool = False
    upload: Callable[[], Upload] | None = field(default=None, repr=False)
    host: Literal["api", "upload"] = "api"

    @property
    def place(self) -> str:
        """Method and path: ids and API names, no parameter and no body."""
        return f"{self.method} {urlsplit(self.path).path}"
