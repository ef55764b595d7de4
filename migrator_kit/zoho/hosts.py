"""Zoho's data centres and their hosts (fact sheet 1.5).

The host of the API itself is never taken from here: the token answer names it. The table gives
accounts and upload hosts, and tells Zoho's own hosts from any other.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit


class DataCentre(StrEnum):
    """The eight data centres, by their usual short names."""

    US = "us"
    EU = "eu"
    IN = "in"
    AU = "au"
    JP = "jp"
    CN = "cn"
    CA = "ca"
    SA = "sa"


class Environment(StrEnum):
    """Which of an org's environments a refresh token belongs to."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    DEVELOPER = "developer"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of one data centre: accounts, upload, and the domain its API hosts share."""

    accounts: str
    upload: str
    api_domain: str

    def api(self, environment: Environment = Environment.PRODUCTION) -> str:
        """Return the API URL that a token of `environment` should name."""
        prefix = {Environment.PRODUCTION: "www"}.get(environment, environment.value)
        return f"https://{prefix}.{self.api_domain}"


HOSTS: dict[DataCentre, Hosts] = {
    DataCentre.US: Hosts(
        "https://accounts.zoho.com", "https://content.zohoapis.com", "zohoapis.com"
    ),
    DataCentre.EU: Hosts("https://accounts.zoho.eu", "https://content.zohoapis.eu", "zohoapis.eu"),
    DataCentre.IN: Hosts("https://accounts.zoho.in", "https://content.zohoapis.in", "zohoapis.in"),
    DataCentre.AU: Hosts(
        "https://accounts.zoho.com.au", "https://content.zohoapis.com.au", "zohoapis.com.au"
    ),
    DataCentre.JP: Hosts("https://accounts.zoho.jp", "https://content.zohoapis.jp", "zohoapis.jp"),
    DataCentre.CN: Hosts(
        "https://accounts.zoho.com.cn", "https://content.zohoapis.com.cn", "zohoapis.com.cn"
    ),
    DataCentre.CA: Hosts(
        "https://accounts.zohocloud.ca", "https://upload.zohocloud.ca", "zohoapis.ca"
    ),
    DataCentre.SA: Hosts("https://accounts.zoho.sa", "https://files.zoho.sa", "zohoapis.sa"),
}

_ZOHO_DOMAINS = tuple(
    f"{name}.{suffix}"
    for name, suffixes in {
        "zoho": ("com", "eu", "in", "com.au", "jp", "com.cn", "sa"),
        "zohoapis": ("com", "eu", "in", "com.au", "jp", "com.cn", "ca", "sa"),
        "zohocloud": ("ca",),
    }.items()
    for suffix in suffixes
)


def is_zoho(url: str) -> bool:
    """Return whether `url` is on one of Zoho's own domains, over https."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return parts.scheme == "https" and any(
        host == domain or host.endswith(f".{domain}") for domain in _ZOHO_DOMAINS
    )


def is_loopback(url: str) -> bool:
    """Return whether `url` names this machine."""
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def upload_host(api_domain: str) -> str:
    """Return the upload host that belongs to an API host; a host that is not Zoho's takes its own.

    Sandbox and developer hosts upload through their data centre's host (fact sheet 1.5, 7.1).
    """
    if is_zoho(api_domain):
        host = urlsplit(api_domain).hostname or ""
        for hosts in HOSTS.values():
            if host == hosts.api_domain or host.endswith(f".{hosts.api_domain}"):
                return hosts.upload
    return api_domain
