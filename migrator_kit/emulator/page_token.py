"""Page tokens: opaque, bound to the user and to the other parameters, valid for a day."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from migrator_kit.emulator.answers import INVALID_DATA, ApiError
from migrator_kit.emulator.call import Call
from migrator_kit.emulator.clock import later

HOURS = 24
_UNBOUND = frozenset({"page", "page_token"})


def write(call: Call, last: tuple[Any, int], seen: int, page: int) -> tuple[str, str]:
    """A token for the page after the row `last`, and its expiry in stored form."""
    expires = later(call.crm.clock.stamp(), hours=HOURS)
    state = {
        "value": last[0],
        "id": last[1],
        "seen": seen,
        "page": page,
        "user": call.user.id,
        "bound": _bound(call),
        "expires": expires,
    }
    raw = json.dumps(state).encode()
    return base64.urlsafe_b64encode(_seal(raw) + raw).decode().rstrip("="), expires


def read(call: Call, token: str) -> dict[str, Any]:
    """The state a token stands for. Raises ApiError with the documented code when it is no good."""
    try:
        whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        whole = b""
    seal, raw = whole[:16], whole[16:]
    if not raw or not hmac.compare_digest(seal, _seal(raw)):
        raise ApiError(INVALID_DATA, "invalid page token", {"param_name": "page_token"})
    state: dict[str, Any] = json.loads(raw)
    if state["user"] != call.user.id:
        raise ApiError(INVALID_DATA, "invalid page token", {"param_name": "page_token"})
    if state["expires"] < call.crm.clock.stamp():
        raise ApiError("EXPIRED_VALUE", "page token expired", {"param_name": "page_token"})
    if state["bound"] != _bound(call):
        raise ApiError(
            "TOKEN_BOUND_DATA_MISMATCH",
            "the parameters differ from those the page token was issued for",
            {"param_name": "page_token"},
        )
    return state


def _bound(call: Call) -> str:
    facts = sorted((k, v) for k, v in call.params.items() if k not in _UNBOUND)
    return hashlib.sha256(json.dumps([call.path, facts]).encode()).hexdigest()[:16]


def _seal(raw: bytes) -> bytes:
    return hmac.new(b"page token", raw, hashlib.sha256).digest()[:16]
