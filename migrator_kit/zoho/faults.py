"""From what went wrong on the wire to what a caller may do: send again, read back, or stop.

The one question for a write: can Zoho have carried it out? A connection never made, a 429 and a
refused token say no. A cut line, a read time-out, a server fault or half an answer say maybe.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3.exceptions as urllib3_errors

from migrator_kit.errors import AmbiguousError, TargetError, TerminalError, TransientError
from migrator_kit.zoho.reasons import reason_of, remedy_of
from migrator_kit.zoho.results import field_of

_NEVER_SENT = (
    urllib3_errors.NewConnectionError,
    urllib3_errors.ConnectTimeoutError,
    urllib3_errors.NameResolutionError,
    urllib3_errors.ProxyError,
)
_CREDIT_CODES = frozenset({"LIMIT_EXCEEDED", "API_LIMIT_EXCEEDED", "CREDITS_EXHAUSTED"})
READ_BACK = "Read the records back by their keys before anything is sent again."


def from_exception(error: requests.RequestException, place: str, writes: bool) -> TargetError:
    """Return the error of a call that got no complete answer. Never quotes the cause: it can hold
    a URL with values.
    """
    if _certificate_refused(error):
        return TerminalError(
            f"{place}: the server's certificate is not trusted.",
            hint="Check the host name, the clock, and any proxy that opens TLS.",
        )
    if isinstance(error, requests.ConnectTimeout) or never_sent(error):
        return TransientError(f"{place}: no connection.", hint="Check the network and retry.")
    if writes:
        return AmbiguousError(f"{place}: the answer was lost.", hint=READ_BACK)
    return TransientError(f"{place}: the answer was lost.", hint="Run the same command again.")


def never_sent(error: BaseException) -> bool:
    """Return whether a failed request never left this machine."""
    found: BaseException | None = error
    while found is not None:
        reason = getattr(found, "reason", None)
        if isinstance(found, _NEVER_SENT) or isinstance(reason, _NEVER_SENT):
            return True
        nested = found.args[0] if found.args else None
        found = nested if isinstance(nested, BaseException) else None
    return False


def _certificate_refused(error: BaseException) -> bool:
    found: BaseException | None = error
    while found is not None:
        reason = getattr(found, "reason", None)
        for part in (found, reason, getattr(reason, "args", (None,))[0] if reason else None):
            if isinstance(part, ssl.SSLCertVerificationError):
                return True
        nested = found.args[0] if found.args else None
        found = nested if isinstance(nested, BaseException) else None
    return False


def from_answer(
    place: str, status: int, body: object, writes: bool, *, media: str = ""
) -> TargetError:
    """Return the error of an answer that is not what the call promises.

    `body` is the parsed JSON, or None where the answer was no JSON; then `media` tells what came.
    """
    code, details = envelope(body)
    if status >= 500:
        return _perhaps(place, code or "INTERNAL_ERROR", status, writes)
    if status == 429:
        return TransientError(
            f"{place}: throttled.",
            code=code or "TOO_MANY_REQUESTS",
            status=status,
            hint=remedy_of(reason_of(code or "TOO_MANY_REQUESTS")),
        )
    if status < 400:
        what = f"a page of type {media}" if media else "a body that is not JSON"
        error = AmbiguousError if writes else TransientError
        hint = READ_BACK if writes else "Check for a proxy between here and Zoho CRM, then retry."
        return error(f"{place}: HTTP {status} with {what}.", status=status, hint=hint)
    known = code or {413: "FILE_TOO_LARGE", 404: "INVALID_URL_PATTERN"}.get(status)
    remedy = remedy_of(reason_of(known, details)) if known else None
    spot = _spot(details)
    return TerminalError(
        f"{place}: {known or f'HTTP {status}'}{spot}.", code=known, status=status, hint=remedy
    )


def _perhaps(place: str, code: str, status: int, writes: bool) -> TargetError:
    if writes:
        message = f"{place}: HTTP {status} to a write; it may have been carried out."
        return AmbiguousError(message, code=code, status=status, hint=READ_BACK)
    return TransientError(
        f"{place}: HTTP {status}.", code=code, status=status, hint=remedy_of(reason_of(code))
    )


def envelope(body: object) -> tuple[str | None, Mapping[str, Any]]:
    """Return code and details of a body-level error, whichever list it may be wrapped in."""
    if not isinstance(body, Mapping):
        return None, {}
    found: Mapping[str, Any] = body
    if "code" not in found:
        lists = [v for v in found.values() if isinstance(v, list) and v]
        items = [v[0] for v in lists if isinstance(v[0], Mapping) and "code" in v[0]]
        if not items:
            return None, {}
        found = items[0]
    details = found.get("details")
    return str(found["code"]), details if isinstance(details, Mapping) else {}


def credits_used_up(status: int, code: str | None, remaining: str | None) -> bool:
    """Return whether a 429 means that the org's credits are gone, not that calls came too fast."""
    return status == 429 and (code in _CREDIT_CODES or credits_left(remaining) == 0)


def credits_left(header: str | None) -> int | None:
    """Return the whole credits that `X-API-CREDITS-REMAINING` names, or None without it."""
    text = (header or "").strip()
    return int(float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds a server asks to wait, from either form of the header, or None."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None


def _spot(details: Mapping[str, Any]) -> str:
    permissions = details.get("permissions")
    parts = [
        details.get("json_path") or field_of(details),
        details.get("param_name"),
        details.get("column_name"),
        *(permissions if isinstance(permissions, list) else ()),
    ]
    named = ", ".join(str(part) for part in parts if part)
    return f" at {named}" if named else ""
