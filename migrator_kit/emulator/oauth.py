"""Tokens: refresh, quotas, expiry, revocation, and who a token belongs to (fact sheet 1)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from migrator_kit.emulator.answers import ApiError, Json, Reply

if TYPE_CHECKING:
    from migrator_kit.emulator.call import Call
    from migrator_kit.emulator.crm import Crm, User

REFRESH_TOKEN = "emulator"  # noqa: S105 - the published token of this local server
QUOTA_SECONDS = 600
SCOPE = (
    "ZohoCRM.modules.ALL ZohoCRM.settings.ALL ZohoCRM.users.ALL ZohoCRM.org.ALL ZohoCRM.bulk.ALL"
    " ZohoCRM.coql.READ ZohoCRM.mass_delete.DELETE ZohoFiles.files.ALL"
)
_PREFIXES = ("zoho-oauthtoken ", "bearer ")


def token(call: Call) -> Reply:
    """POST /oauth/v2/token. Errors come with HTTP 200 and an `error` key (fact sheet 1.1)."""
    asked = {**call.params, **call.form}
    grant = asked.get("grant_type")
    if grant == "authorization_code":
        refresh = REFRESH_TOKEN
        if not asked.get("code"):
            return _refused("invalid_code")
    elif grant == "refresh_token":
        refresh = asked.get("refresh_token", "")
    else:
        return _refused("unsupported_grant_type")
    if not asked.get("client_id") or not asked.get("client_secret"):
        return _refused("invalid_client")
    user = _user_of(call.crm, refresh)
    if user is None:
        return _refused("invalid_code")
    answer = _issue(call, refresh, user)
    if answer is None:
        return Reply(
            400,
            {
                "error": "Access Denied",
                "error_description": "You have made too many requests continuously. "
                "Please try again after some time.",
                "status": "failure",
            },
        )
    if grant == "authorization_code":
        answer["refresh_token"] = refresh
    return Reply(200, answer)


def revoke(call: Call) -> Reply:
    """POST /oauth/v2/token/revoke: ends every access token of the refresh token."""
    asked = {**call.params, **call.form}
    revoke_all(call.crm, asked.get("token", ""))
    return Reply(200, {"status": "success"})


def revoke_all(crm: Crm, refresh: str | None = None) -> None:
    """End the access tokens of one refresh token, or all of them."""
    with crm.store.writing() as writer:
        if refresh is None:
            writer.db.execute("DELETE FROM token")
        else:
            writer.db.execute("DELETE FROM token WHERE refresh_token = ?", (refresh,))


def authenticate(crm: Crm, header: str) -> User:
    """The user behind an Authorization header. Raises ApiError 401."""
    lowered = header.lower()
    value = next((header[len(p) :].strip() for p in _PREFIXES if lowered.startswith(p)), "")
    if not value:
        raise ApiError("AUTHENTICATION_FAILURE", "Authentication failed", status=401)
    row = (
        crm.store.reader()
        .execute("SELECT user_id, expires FROM token WHERE value = ?", (value,))
        .fetchone()
    )
    if row is None or row[1] <= crm.clock.seconds():
        raise ApiError("INVALID_TOKEN", "invalid oauth token", status=401)
    return crm.users[row[0]]


def _issue(call: Call, refresh: str, user: User) -> Json | None:
    crm, now = call.crm, call.crm.clock.seconds()
    value = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
    with crm.store.writing() as writer:
        writer.db.execute("DELETE FROM grant_log WHERE at <= ?", (now - QUOTA_SECONDS,))
        (recent,) = writer.db.execute(
            "SELECT count(*) FROM grant_log WHERE refresh_token = ?", (refresh,)
        ).fetchone()
        if recent >= crm.settings.token_quota:
            return None
        writer.db.execute("INSERT INTO grant_log VALUES (?, ?)", (refresh, now))
        expires = now + crm.settings.token_seconds
        writer.db.execute(
            "INSERT INTO token VALUES (?, ?, ?, ?, ?)", (value, refresh, user.id, now, expires)
        )
        writer.db.execute(
            "DELETE FROM token WHERE refresh_token = ? AND value NOT IN (SELECT value FROM token "
            "WHERE refresh_token = ? ORDER BY created DESC LIMIT ?)",
            (refresh, refresh, crm.settings.tokens_alive),
        )
    return {
        "access_token": value,
        "scope": SCOPE,
        "api_domain": call.base_url,
        "token_type": "Bearer",
        "expires_in": crm.settings.token_seconds,
    }


def _user_of(crm: Crm, refresh: str) -> User | None:
    """`emulator` is the API user; `emulator:MAIL` another active user, seen through their eyes."""
    name, _, email = refresh.partition(":")
    if name != REFRESH_TOKEN:
        return None
    if not email:
        return crm.api_user
    users = (user for user in crm.users.values() if user.active)
    return next((user for user in users if user.data["email"].lower() == email.lower()), None)


def _refused(error: str) -> Reply:
    return Reply(200, {"error": error})
