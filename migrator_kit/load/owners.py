"""Owners: the practice's staff to Zoho users, by e-mail, with `owners.yml` where that fails.

# owners.yml
default: frontdesk@practice.example     # optional: who owns what nobody else does
owners:
  DR07: maria.new@practice.example      # staff key of the source: a Zoho user's e-mail
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

import duckdb
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from migrator_kit import yamlfile
from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError, SourceError
from migrator_kit.load.target import Target
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.objects import rows_sql
from migrator_kit.zoho.org import User

TABLE = ("owner_key", "name", "email", "active", "zoho_user_id", "how")


class OwnersFile(BaseModel):
    """The content of `owners.yml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    default: str | None = None
    owners: dict[str, str] = {}


class How(StrEnum):
    """How an owner was found, or why the default owner steps in."""

    FILE = "owners.yml"
    EMAIL = "e-mail"
    NO_EMAIL = "default: no e-mail in the source"
    NO_USER = "default: no Zoho user has this e-mail"
    INACTIVE = "default: the Zoho user is not active"

    @property
    def resolved(self) -> bool:
        """Whether the record keeps its own owner."""
        return self in (How.FILE, How.EMAIL)


class Connects(Protocol):
    """A snapshot, as far as owners need it."""

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a connection that sees every table of the snapshot."""


@dataclass(frozen=True, slots=True)
class Owners:
    """The practice's staff with the Zoho users who will own their records.

    `table` has the columns `TABLE`, one row for each staff key. `default` is the user who owns
    what nobody else does.
    """

    table: pd.DataFrame
    default: User

    @property
    def user_ids(self) -> dict[str, str]:
        """Zoho user id by staff key; unresolved ones have the default owner's."""
        return dict(zip(self.table["owner_key"], self.table["zoho_user_id"], strict=True))

    @property
    def unresolved(self) -> pd.DataFrame:
        """The staff whose records take the default owner, with the reason."""
        resolved = [how for how in How if how.resolved]
        return self.table[~self.table["how"].isin(resolved)]


def resolve_owners(
    engagement: Engagement, snapshot: Connects, mapping: Mapping, target: Target
) -> Owners:
    """Return who owns what. Raises ConfigError where owners.yml names somebody who cannot own.

    The provider's own name is kept on the record by the mapping, whoever owns it in Zoho CRM.
    """
    chosen = read_owners_file(engagement)
    users = {user.email: user for user in target.users if user.email}
    default = _default_owner(engagement, chosen, users, target)
    staff = staff_of(snapshot, mapping)
    overrides = {key: _user_of(email, users, key) for key, email in chosen.owners.items()}
    unknown = sorted(set(overrides) - set(staff["owner_key"]))
    if unknown:
        raise ConfigError(
            f"owners.yml names {len(unknown)} staff keys that the source does not have: "
            f"{', '.join(unknown[:10])}.",
            hint="Use the keys as the owners table of the mapping shows them.",
        )
    found = [
        _owner_of(key, email, overrides, users)
        for key, email in zip(staff["owner_key"], staff["email"], strict=True)
    ]
    staff["zoho_user_id"] = [user.id if user else default.id for user, _ in found]
    staff["how"] = [how for _, how in found]
    return Owners(staff[list(TABLE)], default)


def read_owners_file(engagement: Engagement) -> OwnersFile:
    """Return `owners.yml`, empty where there is none. Raises ConfigError with file and line."""
    if not engagement.owners_path.exists():
        return OwnersFile()
    try:
        return yamlfile.load_model(engagement.owners_path, OwnersFile)
    except yamlfile.InvalidYaml as error:
        lines = "\n".join(f"  - {finding}" for finding in error.findings)
        raise ConfigError(f"owners.yml cannot be used.\n{lines}") from None


def staff_of(snapshot: Connects, mapping: Mapping) -> pd.DataFrame:
    """Return the staff by the mapping's SELECT: key, name, e-mail (lower case), active.

    Raises SourceError where the SELECT does not run or lacks a column.
    """
    if mapping.owners is None:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in TABLE[:4]})
    try:
        with snapshot.connect() as connection:
            frame = connection.execute(rows_sql(connection, mapping.owners)).df()
    except duckdb.Error as error:
        raise SourceError(
            f"The mapping's SELECT of owners cannot be run ({type(error).__name__}).",
            hint="Correct `owners: select:` in mapping.yml.",
        ) from None
    missing = sorted(set(TABLE[:4]) - set(frame.columns))
    if missing:
        raise SourceError(
            f"The mapping's SELECT of owners lacks: {', '.join(missing)}.",
            hint="It must give owner_key, email, name, active.",
        )
    frame = frame[list(TABLE[:4])].dropna(subset=["owner_key"]).drop_duplicates("owner_key")
    email = frame["email"].astype("str").str.strip().str.lower()
    key = frame["owner_key"].astype("str")
    return frame.assign(owner_key=key, email=email).reset_index(drop=True)


def _owner_of(
    key: str, email: object, overrides: Map[str, User], users: Map[str, User]
) -> tuple[User | None, How]:
    if key in overrides:
        return overrides[key], How.FILE
    if not isinstance(email, str) or not email:
        return None, How.NO_EMAIL
    user = users.get(email)
    if user is None:
        return None, How.NO_USER
    return (user, How.EMAIL) if user.active else (None, How.INACTIVE)


def _user_of(email: str, users: Map[str, User], key: str) -> User:
    user = users.get(email.strip().lower())
    if user is None or not user.active:
        state = "not active" if user else "unknown"
        raise ConfigError(
            f"owners.yml: the Zoho user named for {key} is {state}.",
            hint="Only active users can own records: name one of them by e-mail.",
        )
    return user


def _default_owner(
    engagement: Engagement, chosen: OwnersFile, users: Map[str, User], target: Target
) -> User:
    email = chosen.default or engagement.settings.target.default_owner
    return _user_of(email, users, "the default owner") if email else target.api_user
