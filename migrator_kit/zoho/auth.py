"""One access token for all workers: refreshed under a lock, within Zoho's quota (fact sheet 1).

Errors of the token endpoint come with HTTP 200, so the body is asked for `access_token` and the
status is not trusted. Ten refreshes in ten minutes is all that Zoho gives; processes that share a
state file share the token and the count.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from migrator_kit.errors import TargetError, TerminalError, TransientError
from migrator_kit.zoho import faults, sessions
from migrator_kit.zoho.hosts import is_loopback, is_zoho
from migrator_kit.zoho.settings import ZohoSettings
from migrator_kit.zoho.tokenstore import FileStore, MemoryStore, Refreshes, TokenStore

LOG = logging.getLogger("migrator_kit.zoho")
EARLY_SECONDS = 60.0
"""A token this close to its end is renewed before it is used."""
_DEAD = frozenset({"invalid_code", "invalid_client", "invalid_grant", "invalid_client_secret"})


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, its API host, when it ends (seconds since the epoch), what it may do."""

    value: str = field(repr=False)
    api_domain: str
    expires_at: float
    scope: str = ""

    def fresh(self, now: float) -> bool:
        """Whether the token can still be used at `now`."""
        return now < self.expires_at - EARLY_SECONDS


class TokenCache:
    """Gives every worker the same access token."""

    def __init__(
        self,
        settings: ZohoSettings,
        *,
        store: TokenStore | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._store: TokenStore = store or _store_for(settings)
        self._sleep, self._clock = sleep, clock
        self._lock = threading.Lock()
        self._current: Token | None = None

    def token(self) -> Token:
        """Return a usable token, refreshing it first where needed.

        Raises TerminalError where the credentials are refused, TransientError where Zoho's
        accounts server cannot be reached or its quota would take longer than the settings allow.
        """
        current = self._current
        if current is not None and current.fresh(self._clock()):
            return current
        with self._lock:
            if self._current is None or not self._current.fresh(self._clock()):
                self._current = self._renewed()
            return self._current

    def discard(self, refused: Token) -> None:
        """Forget a token that Zoho refused; a newer one that another worker fetched stays."""
        with self._lock:
            if self._current is not None and self._current.value == refused.value:
                self._current = None
            with self._store.exclusive() as held:
                if held.value == refused.value:
                    held.value = None

    def _renewed(self) -> Token:
        while True:
            with self._store.exclusive() as held:
                now = self._clock()
                if held.value is not None:
                    shared = Token(held.value, held.api_domain, held.expires_at, held.scope)
                    if shared.fresh(now):
                        return shared
                wait = held.wait_for_quota(now)
                if wait <= 0:
                    renewed = self._refreshed(held, now)
                    if renewed is not None:
                        return renewed
                    wait = held.wait_for_quota(now)
            self._await_quota(wait)

    def _await_quota(self, wait: float) -> None:
        if wait > self._settings.retries.quota_wait:
            raise TransientError(
                "Zoho gives ten access tokens in ten minutes, and they are used up.",
                hint=f"Run the same command again in {wait:.0f} seconds.",
            )
        LOG.warning("token quota used up; waiting %.0f s", wait)
        self._sleep(wait)

    def _refreshed(self, held: Refreshes, now: float) -> Token | None:
        """Return a new token, or None where Zoho says that its quota is used up."""
        body = self._post()
        held.note(now)
        value = body.get("access_token")
        if not isinstance(value, str) or not value:
            if _over_quota(body):
                held.exhaust(now)
                return None
            raise _refusal(body)
        domain = self._trusted(str(body.get("api_domain") or self._settings.accounts_url))
        lifetime = body.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float | str) else 3600.0
        held.value, held.api_domain, held.expires_at = value, domain, now + seconds
        held.scope = str(body.get("scope") or "")
        LOG.info("access token refreshed, valid for %.0f s", seconds)
        return Token(value, domain, now + seconds, held.scope)

    def _post(self) -> Mapping[str, object]:
        """Send the refresh; secrets travel in the form body, never in the URL."""
        settings = self._settings
        url = f"{settings.accounts_url}/oauth/v2/token"
        form = {
            "grant_type": "refresh_token",
            "refresh_token": settings.refresh_token,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }
        timeouts = (settings.timeouts.connect, settings.timeouts.read)
        place = "POST /oauth/v2/token"
        with sessions.make(direct=is_loopback(url)) as session:
            try:
                response = session.post(url, data=form, timeout=timeouts, allow_redirects=False)
            except requests.RequestException as error:
                raise faults.from_exception(error, place, writes=False) from None
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or response.status_code >= 500:
            media = response.headers.get("Content-Type", "")
            raise faults.from_answer(place, response.status_code, body, False, media=media)
        return body

    def _trusted(self, domain: str) -> str:
        """Return the API host of a token answer, or refuse one that is not Zoho's own.

        Records would go there: a host elsewhere is accepted only beside an accounts host that is
        not Zoho's either (a local emulator, a test).
        """
        clean = domain.rstrip("/")
        accounts = self._settings.accounts_url
        same = urlsplit(clean).netloc == urlsplit(accounts).netloc
        if same or is_zoho(clean) or (is_loopback(clean) and is_loopback(accounts)):
            return clean
        raise TerminalError(
            "Zoho's accounts server named an API host that is not Zoho's own.",
            hint="Check the accounts URL of the target.",
        )


def _over_quota(body: Mapping[str, object]) -> bool:
    """Return whether a refusal means too many tokens. Its spelling is not confirmed (1.1)."""
    text = f"{body.get('error') or ''} {body.get('error_description') or ''}".lower()
    return any(words in text for words in ("too many", "access denied", "access_denied"))


def _refusal(body: Mapping[str, object]) -> TargetError:
    code = str(body.get("error") or body.get("code") or "unknown")[:40]
    hint = "Make a new refresh token in Zoho's API console and set ZOHO_REFRESH_TOKEN."
    if code not in _DEAD:
        hint = "Check ZOHO_CLIENT_ID, ZOHO_CLIENT_SECRET, ZOHO_REFRESH_TOKEN and the data centre."
    return TerminalError(f"Zoho refuses the credentials: {code}.", code=code, hint=hint)


def _store_for(settings: ZohoSettings) -> TokenStore:
    if settings.state_folder is None:
        return MemoryStore()
    return FileStore(settings.state_folder / f"zoho-access-{settings.fingerprint()}.db")
