"""Switches of the emulator that a test or a rehearsal can turn (`PUT /_emulator/settings`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Settings:
    """Every switch with its value in a fresh file; README.md explains each choice."""

    licences: int = 10
    token_seconds: int = 3600
    token_quota: int = 10
    tokens_alive: int = 15
    attachment_bytes: int = 100 * 1024 * 1024
    zfs_bytes: int = 20 * 1024 * 1024
    storage_bytes: int = 50 * 1024 * 1024 * 1024
    bulk_zip_bytes: int = 25 * 1024 * 1024
    bulk_read_rows: int = 200_000
    job_seconds: float = 0.1
    page_limit: int = 2_000
    token_page_limit: int = 100_000
    coql_in_values: int = 50
    unknown_fields: str = "ignore"
    hipaa_restricted: bool = False
    clock_offset_s: float = 0.0
    org_type: str = "sandbox"

    def changed(self, values: dict[str, Any]) -> Settings:
        """The settings with these values. Raises ValueError for an unknown name or a wrong type."""
        known = {item.name for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown setting {name}; known are {', '.join(sorted(known))}")
            wanted = type(getattr(self, name))
            fits = isinstance(value, wanted) or (wanted is float and type(value) is int)
            if not fits or (wanted is not bool and isinstance(value, bool)):
                raise ValueError(f"setting {name} takes {wanted.__name__}")
        return replace(self, **values)

    def document(self) -> dict[str, Any]:
        """The settings as JSON."""
        return asdict(self)
