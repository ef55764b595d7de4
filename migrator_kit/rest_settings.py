"""How a read-only JSON service is read: the part `rest:` of `engagement.yml` and `service.yml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RestPaging(_Section):
    """How a service hands out a long list. `next` is where an answer names the next page."""

    style: Literal["none", "page", "offset", "cursor", "link"] = "none"
    parameter: str | None = None
    """Name of the query parameter: `page`, `offset` or `cursor` where nothing is said."""
    first: int = 1
    """Number of the first page."""
    size_parameter: str | None = None
    size: Annotated[int, Field(ge=1, le=100_000)] = 100
    next: str | None = None
    """Dotted place of the next cursor or address in an answer; a `Link` header needs none."""


class RestTable(_Section):
    """One list of a service. What is not said is as for all lists."""

    path: str
    key: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    records: str | None = None
    paging: RestPaging | None = None


class RestSettings(_Section):
    """A read-only JSON service below `url`. Credentials stand in named environment variables."""

    tables: Annotated[dict[str, RestTable], Field(min_length=1)]
    records: str = ""
    """Dotted place of the list in an answer, such as `data.items`; empty: the answer is it."""
    paging: RestPaging = RestPaging()
    token_variable: VariableName | None = None
    """Bearer authentication."""
    user_variable: VariableName | None = None
    password_variable: VariableName | None = None
    """Basic authentication, with `user_variable`."""
    parallel: Annotated[int, Field(ge=1, le=16)] = 4
    retries: Annotated[int, Field(ge=0, le=10)] = 5
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30
    allow_unencrypted: bool = False
    """Whether credentials may be sent over plain HTTP beyond this machine."""


class RestFile(_Section):
    """A file that describes a service, for `migrator init --source service.yml`."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    rest: RestSettings
