"""Opening a source from what the engagement says: a path, a folder, an archive, or a URL."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.faults import TextFile
from migrator_kit.source.files import (
    SUFFIXES,
    TextSource,
    archive_files,
    checked_encoding,
    folder_files,
    single_file,
)
from migrator_kit.source.model import Source
from migrator_kit.source.sql import SqlSource
from migrator_kit.source.sqlite import SqliteSource

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9_+.-]*://|^[A-Za-z][A-Za-z0-9_+.-]*:/{1,2}[^/]*@")
_SQLITE = re.compile(r"^sqlite(\+\w+)?:", re.IGNORECASE)
_NOT_READ = {
    ".mdb": "an MS Access database",
    ".accdb": "an MS Access database",
    ".xlsx": "an Excel workbook",
    ".xls": "an Excel workbook",
    ".sql": "a database dump",
    ".bak": "a database backup",
    ".fdb": "a Firebird database",
}


def open_source(settings: SourceSettings, *, base: Path | None = None) -> Source:
    """Open a source read-only: SQLite file, SQLAlchemy URL, folder or zip of CSV, one CSV file.

    A relative path is looked for in `base` (the engagement's folder), then where the command
    runs. Raises SourceError, free of credentials, where the source cannot be opened.
    """
    if _URL.match(settings.url) and not _SQLITE.match(settings.url):
        return SqlSource(settings.url)
    path = source_path(settings, base=base)
    if path is None or not path.exists():
        raise SourceError(
            f"{settings.url if path is None else path} does not exist.",
            hint="Give the path of a SQLite file, a folder or zip of CSV files, or a database URL.",
        )
    if path.is_dir():
        return _texts(settings, folder_files(path), path)
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return _archive(settings, path)
    if suffix in SUFFIXES:
        return _texts(settings, [single_file(path)], path)
    if suffix in _NOT_READ:
        raise SourceError(
            f"{path.name} looks like {_NOT_READ[suffix]}, which cannot be read directly.",
            hint="Export each table as CSV into one folder, or give the URL of the database.",
        )
    return SqliteSource(path)


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


def _texts(
    settings: SourceSettings,
    files: list[TextFile],
    path: Path,
    archive: zipfile.ZipFile | None = None,
) -> TextSource:
    return TextSource(
        files,
        f"{path.name}/" if path.is_dir() else path.name,
        encoding=checked_encoding(settings.encoding) if settings.encoding else None,
        delimiter=settings.delimiter,
        archive=archive,
    )


def _archive(settings: SourceSettings, path: Path) -> TextSource:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError):
        raise SourceError(
            f"{path.name} is not a readable zip archive.", hint="Copy it again and retry."
        ) from None
    return _texts(settings, archive_files(archive), path, archive)
