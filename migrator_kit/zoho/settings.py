"""How to reach one Zoho CRM org: hosts, credentials, time-outs, budget.

Credentials come from environment variables or the system keyring, never from a notebook
parameter. No secret stands in a repr, a log line or an exception.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migrator_kit.errors import ConfigError
from migrator_kit.zoho.hosts import HOSTS, DataCentre, Environment, is_loopback

KEYRING_SERVICE = "migrator-kit-zoho"
CREDENTIALS = {
    "client_id": "ZOHO_CLIENT_ID",
    "client_secret": "ZOHO_CLIENT_SECRET",
    "refresh_token": "ZOHO_REFRESH_TOKEN",
}
"""Credential to the environment variable, and the keyring's user name, that holds it."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for an answer, for the answer to an upload."""

    connect: float = 10.0
    read: float = 90.0
    upload: float = 600.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long a call that did nothing is sent again.

    `attempts` counts the first one; waits grow from `first_wait` to `longest_wait` seconds with
    full jitter. `quota_wait` bounds the wait for the token quota of ten in ten minutes.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 30.0
    quota_wait: float = 660.0


@dataclass(frozen=True, slots=True)
class ZohoSettings:
    """Everything the client needs to know about one org. Secrets are left out of the repr.

    `upload_url` is derived from the API host where it is None. `expected_kind` is `emulator`,
    `sandbox`, `developer` or `production`: with it set, the client refuses to write to any other.
    `edition` and `users` override what the org says of its licence. `credit_budget` caps the
    credits of a rolling 24 hours, else `credit_share` of the edition's credits is used.
    `state_folder` keeps the access token (mode 0600) and the credit count between processes.
    """

    accounts_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    upload_url: str | None = None
    api_url: str | None = None
    expected_kind: str | None = None
    edition: str | None = None
    users: int | None = None
    credit_budget: int | None = None
    credit_share: float = 0.95
    workers: int | None = None
    attachment_bytes: int | None = None
    state_folder: Path | None = None
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()

    def __post_init__(self) -> None:
        for name in ("accounts_url", "upload_url", "api_url"):
            url = getattr(self, name)
            if url is None:
                continue
            if not url.startswith(("https://", "http://")):
                raise ConfigError(f"{name} must be a URL that begins with https://.")
            if url.startswith("http://") and not is_loopback(url):
                raise ConfigError(
                    f"{name} would send credentials in clear text.",
                    hint="Use https://; plain http:// is for the local emulator only.",
                )
            object.__setattr__(self, name, url.rstrip("/"))

    @classmethod
    def for_emulator(cls, url: str, **changes: object) -> ZohoSettings:
        """Return settings for a local emulator at `url`."""
        given: dict[str, object] = {
            "client_id": "emulator",
            "client_secret": "emulator",
            "refresh_token": "emulator",
            "expected_kind": "emulator",
            **changes,
        }
        return cls(accounts_url=url, **given)  # type: ignore[arg-type]

    def fingerprint(self) -> str:
        """Return a short digest that tells one org's credentials from another's."""
        text = "\0".join((self.accounts_url, self.client_id, self.refresh_token))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def settings_from_environment(
    *,
    data_centre: DataCentre | str = DataCentre.US,
    environment: Environment | None = None,
    accounts_url: str | None = None,
    upload_url: str | None = None,
    expected_kind: str | None = None,
    edition: str | None = None,
    state_folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    **changes: object,
) -> ZohoSettings:
    """Return settings with credentials from the environment, else from the system keyring.

    The API host comes with each token; `environment` names it from the table of hosts instead,
    for a token answer that names the production host for a sandbox or developer org.
    Raises ConfigError naming every credential that neither holds; never shows one that is there.
    """
    found = {
        name: _credential(variable, os.environ if environ is None else environ)
        for name, variable in CREDENTIALS.items()
    }
    missing = [CREDENTIALS[name] for name, value in found.items() if not value]
    if missing:
        raise ConfigError(
            f"Zoho credentials are missing: {', '.join(missing)}.",
            hint="Set them as environment variables, or in the system keyring under "
            f"{KEYRING_SERVICE}. Never put them in a notebook or in engagement.yml.",
        )
    hosts = HOSTS[_data_centre(data_centre)]
    if environment is not None:
        changes.setdefault("api_url", hosts.api(environment))
    return ZohoSettings(
        accounts_url=accounts_url or hosts.accounts,
        upload_url=upload_url,
        expected_kind=expected_kind,
        edition=edition,
        state_folder=state_folder,
        **found,  # type: ignore[arg-type]
        **changes,  # type: ignore[arg-type]
    )


def _data_centre(name: DataCentre | str) -> DataCentre:
    try:
        return DataCentre(str(name).lower())
    except ValueError:
        known = ", ".join(DataCentre)
        raise ConfigError(
            f"Unknown Zoho data centre {str(name)[:20]!r}.", hint=f"Use one of: {known}."
        ) from None


def _credential(variable: str, environ: Mapping[str, str]) -> str | None:
    value = environ.get(variable, "").strip()
    return value or _from_keyring(variable)


def _from_keyring(name: str) -> str | None:
    """Return a credential from the system keyring, or None without the package or a backend."""
    try:
        keyring = importlib.import_module("keyring")
    except ModuleNotFoundError:
        return None
    try:
        value = keyring.get_password(KEYRING_SERVICE, name)
    except keyring.errors.KeyringError:
        return None
    return str(value).strip() if value else None
