"""Where a source is, from what the engagement says: a file or folder here, or an address."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9_+.-]*://|^[A-Za-z][A-Za-z0-9_+.-]*:/{1,2}[^/]*@")
_SQLITE = re.compile(r"^sqlite(\+\w+)?:", re.IGNORECASE)
_WEB = re.compile(r"^https?://", re.IGNORECASE)


def is_web_address(url: str) -> bool:
    """Whether a source is a service on the web rather than a database or a file."""
    return _WEB.match(url) is not None


def source_path(settings: SourceSettings, *, base: Path | None = None) -> Path | None:
    """Return the file or folder a source is, absolute; None for a database server."""
    url = settings.url
    if _SQLITE.match(url):
        try:
            url = make_url(url).database or ""
        except ArgumentError:
            raise SourceError(
                "The source's URL cannot be understood.",
                hint="A SQLite file is given by its path, or as sqlite:////path/to/file.db",
            ) from None
    elif _URL.match(url):
        return None
    path = Path(url).expanduser()
    inside = base / path if base is not None else path
    return (inside if inside.exists() else path).resolve()
