"""HTTP sessions, one per thread, and the header that carries the token."""

from __future__ import annotations

import threading
import weakref

import requests
from requests.adapters import HTTPAdapter

from migrator_kit import __version__
from migrator_kit.zoho.hosts import is_loopback


class TokenAuth(requests.auth.AuthBase):
    """Sets Zoho's authorization header.

    Given as `auth`, not as a header: a ~/.netrc entry for the host would replace a plain header.
    """

    def __init__(self, value: str) -> None:
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Zoho-oauthtoken {self._value}"
        return request


class PerThread:
    """Hands each thread a session of its own: `requests.Session` is not safe to share."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: weakref.WeakSet[requests.Session] = weakref.WeakSet()

    def get(self, url: str) -> requests.Session:
        """Return this thread's session for `url`; local hosts get one that ignores proxies."""
        name = "direct" if is_loopback(url) else "proxied"
        session: requests.Session | None = getattr(self._local, name, None)
        if session is None:
            session = make(direct=name == "direct")
            setattr(self._local, name, session)
            with self._lock:
                self._all.add(session)
        return session

    def close(self) -> None:
        """Close every thread's session."""
        with self._lock:
            for session in self._all:
                session.close()


def make(*, direct: bool) -> requests.Session:
    """Return a session that never retries by itself: only the transport knows what is safe."""
    session = requests.Session()
    session.trust_env = not direct
    session.headers["User-Agent"] = f"migrator-kit/{__version__}"
    session.headers["Accept"] = "application/json"
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=4, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
