"""The org and its users: who we write to, and as whom (fact sheet 10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator_kit.errors import TerminalError
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.limits import USERS_PAGE, Edition, edition_of
from migrator_kit.zoho.listing import endless
from migrator_kit.zoho.transport import Transport

PATH = "/crm/v8/org"
_MOST_PAGES = 1_000
"""Pages of users after which the list is no list any more: 200,000 users."""


@dataclass(frozen=True, slots=True)
class Org:
    """One Zoho CRM org. `type` is lower case: `production`, `sandbox`, `developer`, `bigin`."""

    id: str
    zgid: str
    company_name: str
    type: str
    edition: str
    users_purchased: int | None
    trial: bool
    time_zone: str
    currency: str
    hipaa: bool


@dataclass(frozen=True, slots=True)
class User:
    """One user of the org. Name and address are staff data: left out of the repr."""

    id: str
    email: str
    full_name: str
    status: str
    confirmed: bool
    profile: str
    role: str
    time_zone: str

    def __repr__(self) -> str:
        return f"User(id={self.id!r}, status={self.status!r})"

    @property
    def active(self) -> bool:
        """Whether the user can own records."""
        return self.status == "active"


def read_org(transport: Transport) -> Org:
    """Return the org that the credentials belong to."""
    answer = transport.send(Call("GET", PATH))
    listed = answer.listed("org")
    if not listed:
        raise TerminalError(
            "Zoho CRM answered without an org.",
            hint="Check that the API user belongs to a Zoho CRM org and has the scope org.READ.",
        )
    return parse_org(listed[0])


def parse_org(item: Mapping[str, Any]) -> Org:
    """Return an org from its JSON. Trials count as the edition they try (fact sheet 11.1)."""
    licence = item.get("license_details")
    licence = licence if isinstance(licence, Mapping) else {}
    names = (licence.get("paid_type"), licence.get("trial_type"))
    edition = next((found for name in names if (found := edition_of(name))), Edition.FREE)
    purchased = licence.get("users_license_purchased")
    return Org(
        id=str(item.get("id", "")),
        zgid=str(item.get("zgid", "")),
        company_name=str(item.get("company_name") or ""),
        type=str(item.get("type") or "").lower(),
        edition=edition.value,
        users_purchased=int(str(purchased)) if str(purchased or "").isdigit() else None,
        trial=not licence.get("paid", False) and bool(licence.get("trial_type")),
        time_zone=str(item.get("time_zone") or ""),
        currency=str(item.get("iso_code") or item.get("currency") or ""),
        hipaa=bool(item.get("hipaa_compliance_enabled")),
    )


def read_users(transport: Transport, kind: str = "ActiveUsers") -> list[User]:
    """Return the org's users of one kind (`ActiveUsers`, `AllUsers`, `CurrentUser`, ...)."""
    users: list[User] = []
    page = 1
    while True:
        params = {"type": kind, "page": str(page), "per_page": str(USERS_PAGE)}
        answer = transport.send(Call("GET", "/crm/v8/users", params=params))
        found = answer.listed("users")
        users.extend(parse_user(item) for item in found)
        if not answer.more_records:
            return users
        if not found or page == _MOST_PAGES:
            raise endless("/crm/v8/users")
        page += 1


def parse_user(item: Mapping[str, Any]) -> User:
    """Return a user from its JSON; the address is lower-cased, for it is matched by."""
    return User(
        id=str(item.get("id", "")),
        email=str(item.get("email") or "").strip().lower(),
        full_name=str(item.get("full_name") or ""),
        status=str(item.get("status") or "").lower(),
        confirmed=bool(item.get("confirm")),
        profile=_name_of(item.get("profile")),
        role=_name_of(item.get("role")),
        time_zone=str(item.get("time_zone") or ""),
    )


def _name_of(part: object) -> str:
    return str(part.get("name") or "") if isinstance(part, Mapping) else ""
