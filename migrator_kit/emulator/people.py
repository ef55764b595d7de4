"""GET /users and GET /org (fact sheet 10)."""

from __future__ import annotations

import re
from typing import Any

from migrator_kit.emulator.answers import (
    ApiError,
    Json,
    Reply,
    empty,
)
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import later, local, zone
from migrator_kit.emulator.crm import User
from migrator_kit.emulator.seed import new_user, profile_of
from migrator_kit.emulator.store import get_setting
from migrator_kit.emulator.values import EMAIL, record_id

PAGE = 200
_STATUSES = ("active", "inactive", "deleted")
_TYPES: dict[str, tuple[tuple[str, ...], bool | None, bool]] = {
    # type: statuses, confirmed or not, administrators only
    "AllUsers": (_STATUSES, None, False),
    "ActiveUsers": (("active",), None, False),
    "DeactiveUsers": (("inactive",), None, False),
    "ConfirmedUsers": (_STATUSES, True, False),
    "NotConfirmedUsers": (_STATUSES, False, False),
    "DeletedUsers": (("deleted",), None, False),
    "ActiveConfirmedUsers": (("active",), True, False),
    "AdminUsers": (_STATUSES, None, True),
    "ActiveConfirmedAdmins": (("active",), True, True),
}


def get_users(call: Call) -> Reply:
    """GET /users?type=...&page=...&per_page=..."""
    kind = call.params.get("type", "AllUsers")
    if kind == "CurrentUser":
        found = [call.user]
    elif kind in _TYPES:
        statuses, confirmed, admins = _TYPES[kind]
        found = [
            user
            for user in call.crm.users.values()
            if user.data["status"] in statuses
            and (confirmed is None or user.data["confirm"] is confirmed)
            and (not admins or user.data["profile"]["name"] == "Administrator")
        ]
    else:
        supported = [*_TYPES, "CurrentUser"]
        details = {"param_name": "type", "supported_values": supported}
        raise ApiError("INVALID_DATA", "invalid data", details)
    ids = call.params.get("ids")
    if ids:
        wanted = {record_id(part) for part in ids.split(",")}
        found = [user for user in found if user.id in wanted]
    per_page = call.number("per_page", PAGE, most=PAGE)
    page = call.number("page", 1)
    start = (page - 1) * per_page
    shown = found[start : start + per_page]
    if not shown:
        return empty()
    info = {
        "per_page": per_page,
        "count": len(shown),
        "page": page,
        "more_records": len(found) > start + per_page,
    }
    return Reply(200, {"users": [_document(call, user) for user in shown], "info": info})


def get_user(call: Call) -> Reply:
    """GET /users/{id}."""
    user = call.crm.users.get(record_id(call.names["id"]) or 0)
    if user is None:
        return empty()
    return Reply(200, {"users": [_document(call, user)]})


def get_org(call: Call) -> Reply:
    """GET /org."""
    crm = call.crm
    now = crm.clock.stamp()
    org = {
        **crm.org,
        "type": crm.settings.org_type,
        "created_time": local(crm.org["created_time"], call.user.tz),
        "domain_name": f"org{crm.org['zgid']}",
        "primary_zuid": crm.api_user.data["zuid"],
        "hipaa_compliance_enabled": crm.settings.hipaa_restricted,
        "privacy_settings": crm.settings.hipaa_restricted,
        "mc_status": False,
        "gapps_enabled": False,
        "translation_enabled": False,
        "employee_count": str(sum(user.active for user in crm.users.values())),
        "license_details": {
            "paid": crm.edition.name != "free",
            "paid_type": crm.edition.name.value,
            "users_license_purchased": crm.settings.licences,
            "portal_users_license_purchased": 0,
            "trial_type": None,
            "trial_expiry": None,
            "paid_expiry": local(later(now, days=365), call.user.tz),
        },
    }
    return Reply(200, {"org": [org]})


def add_users(call: Call) -> Reply:
    """POST /_emulator/users: the practice's staff as users, for rehearsals.

    Body: a list, or `{"users": [..]}`, of objects with `email` and optionally `first_name`,
    `last_name`, `status` (active or inactive), `time_zone`, `profile`, `role`. An address that is
    there already is left alone and answered with its id.
    """
    rows = call.json_any()
    if isinstance(rows, dict):
        rows = rows.get("users")
    if not isinstance(rows, list) or not rows:
        raise ApiError("INVALID_DATA", "expected a list of users")
    crm = call.crm
    answer: list[Json] = []
    profiles = get_setting(crm.store.reader(), "profiles")
    roles = get_setting(crm.store.reader(), "roles")
    checked = [_facts(row, number) for number, row in enumerate(rows)]
    with crm.changing() as writer:
        known = {user.data["email"].lower(): user.id for user in crm.users.values()}
        for facts in checked:
            email = facts["email"]
            number = known.get(email.lower())
            if number is None:
                facts["profile"] = profile_of(profiles, facts["profile"])
                facts["role"] = profile_of(roles, facts["role"])
                number = known[email.lower()] = new_user(writer, facts, crm.clock.stamp())
            answer.append({"id": str(number), "email": email})
    return Reply(200, {"users": answer})


def _facts(row: Any, position: int) -> dict[str, Any]:
    place = f"users[{position}]"
    if not isinstance(row, dict) or not EMAIL.match(str(row.get("email", ""))):
        raise ApiError("INVALID_DATA", f"{place}.email is missing or no e-mail address")
    email = row["email"]
    status = row.get("status", "active")
    if status not in _STATUSES:
        raise ApiError("INVALID_DATA", f"{place}.status takes {', '.join(_STATUSES)}")
    time_zone = row.get("time_zone", "Europe/Berlin")
    try:
        zone(time_zone)
    except (KeyError, ValueError):
        raise ApiError("INVALID_DATA", f"{place}.time_zone is unknown") from None
    guess = re.sub(r"[._-]+", " ", email.partition("@")[0]).title()
    return {
        "email": email,
        "first_name": row.get("first_name"),
        "last_name": row.get("last_name") or guess,
        "status": status,
        "time_zone": time_zone,
        "profile": str(row.get("profile", "Standard")),
        "role": str(row.get("role", "Manager")),
        "confirm": bool(row.get("confirm", True)),
    }


def _document(call: Call, user: User) -> Json:
    creator = call.crm.api_user.reference
    times = {
        name: local(user.data[name], call.user.tz) for name in ("created_time", "Modified_Time")
    }
    offset = call.crm.clock.now().astimezone(user.tz).utcoffset()
    return {
        **user.data,
        **times,
        "created_by": creator,
        "Modified_By": creator,
        "offset": int(offset.total_seconds() * 1000) if offset else 0,
        "alias": None,
        "phone": None,
        "mobile": None,
        "date_format": "dd/MM/yyyy",
        "time_format": "HH:mm",
        "name_format__s": "Salutation,First Name,Last Name",
        "sort_order_preference__s": "First Name,Last Name",
        "microsoft": False,
        "personal_account": False,
        "Isonline": user.id == call.user.id,
    }
