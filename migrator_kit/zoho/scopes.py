"""The OAuth scopes that a migration needs, and whether a grant covers them (fact sheet 1.4)."""

from __future__ import annotations

from collections.abc import Iterable

NEEDED = (
    "ZohoCRM.modules.ALL",
    "ZohoCRM.modules.attachments.ALL",
    "ZohoCRM.modules.notes.ALL",
    "ZohoCRM.settings.ALL",
    "ZohoCRM.users.READ",
    "ZohoCRM.org.READ",
    "ZohoCRM.coql.READ",
    "ZohoCRM.bulk.ALL",
    "ZohoCRM.mass_delete.DELETE",
    "ZohoFiles.files.ALL",
)
"""Scopes to ask for when the refresh token is made."""


def missing(granted: str, needed: Iterable[str] = NEEDED) -> tuple[str, ...]:
    """Return the needed scopes that a token's space- or comma-separated scopes do not cover."""
    have = {scope.lower() for scope in granted.replace(",", " ").split()}
    return tuple(scope for scope in needed if not _covered(scope.lower(), have))


def _covered(scope: str, have: set[str]) -> bool:
    """`ZohoCRM.modules.ALL` covers every scope that begins with `ZohoCRM.modules`."""
    parts = scope.split(".")
    wider = {".".join([*parts[:length], "all"]) for length in range(2, len(parts))}
    return scope in have or bool(wider & have)
