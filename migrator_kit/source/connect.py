"""Opening a source from what the engagement says: a path, a folder, an archive, or a URL.

Databases are given by SQLAlchemy URL. SQLite, PostgreSQL and MariaDB or MySQL are read in the tests
of this package. For the others a driver is installed first:

- SQL Server: `pip install pyodbc` and Microsoft's ODBC Driver 18, then
  `mssql+pyodbc://user:password@host/database?driver=ODBC+Driver+18+for+SQL+Server`. Use a user with
  the role db_datareader alone: SQL Server has no read-only session, so what stands between this
  package and a write is that role, and the refusal of every statement that is no SELECT.
- MS Access: `pip install sqlalchemy-access` on Windows with the Access ODBC driver, then
  `access+pyodbc://@dsn` with `READONLY=1` in the data source, on a copy of the file.

A database that cannot be reached is read from its dump (`.sql`), its exports, or carried away.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from migrator_kit import yamlfile
from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.rest_settings import RestFile
from migrator_kit.source.carried import CarriedSource
from migrator_kit.source.carry import is_carried
from migrator_kit.source.combined import CombinedSource
from migrator_kit.source.dump import DumpSource
from migrator_kit.source.exports import (
    DUMPS,
    JSON_LINES,
    SUFFIXES,
    WORKBOOKS,
    archive_files,
    folder_files,
    is_export,
    of_kind,
    single_file,
)
from migrator_kit.source.faults import TextFile
from migrator_kit.source.files import TextSource
from migrator_kit.source.jsonlines import JsonLinesSource
from migrator_kit.source.model import Source
from migrator_kit.source.packed import DAMAGE
from migrator_kit.source.place import is_web_address, source_path
from migrator_kit.source.rest import RestSource
from migrator_kit.source.sql import SqlSource
from migrator_kit.source.sqlite import SqliteSource
from migrator_kit.source.workbook import WorkbookSource

_NOT_READ = {
    ".mdb": "an MS Access database",
    ".accdb": "an MS Access database",
    ".bak": "a database backup",
    ".fdb": "a Firebird database",
}


def open_source(
    settings: SourceSettings, *, base: Path | None = None, work: Path | None = None
) -> Source:
    """Open a source read-only: database file, URL, dump, exports in a folder or zip, carried file.

    A relative path is looked for in `base` (the engagement's folder), then where the command
    runs. `work` is where the rows of a dump are put for the time being, else the system's folder
    for such things. Raises SourceError, free of credentials, where the source cannot be opened.
    """
    if is_web_address(settings.url):
        return RestSource(settings, work)
    path = source_path(settings, base=base)
    if path is None:
        return SqlSource(settings.url)
    if not path.exists():
        raise SourceError(
            f"{path} does not exist.",
            hint="Give the path of a SQLite file, a folder or zip of CSV files, or a database URL.",
        )
    if path.is_dir():
        return _exports(settings, folder_files(path), path, work)
    suffix = path.suffix.lower()
    if suffix in (".yml", ".yaml"):
        return _described(settings, path, work)
    if suffix == ".zip":
        return _archive(settings, path, work, base)
    if is_export(path.name):
        return _exports(settings, [single_file(path)], path, work)
    if suffix in _NOT_READ:
        raise SourceError(
            f"{path.name} looks like {_NOT_READ[suffix]}, which cannot be read directly.",
            hint="Export each table as CSV into one folder, or give the URL of the database.",
        )
    return SqliteSource(path)


def _described(settings: SourceSettings, path: Path, work: Path | None) -> Source:
    """Open the service that a YAML file describes with `url:` and `rest:`."""
    try:
        told = yamlfile.load_model(path, RestFile)
    except yamlfile.InvalidYaml as error:
        lines = "\n".join(f"  - {finding}" for finding in error.findings)
        raise SourceError(f"{path.name} describes no source.\n{lines}") from None
    return RestSource(settings.model_copy(update={"url": told.url, "rest": told.rest}), work)


def _exports(
    settings: SourceSettings,
    files: list[TextFile],
    path: Path,
    work: Path | None,
    archive: zipfile.ZipFile | None = None,
) -> Source:
    """Return exported files of every kind as one source."""
    place = f"{path.name}/" if path.is_dir() else path.name
    readers = ((SUFFIXES, TextSource), (WORKBOOKS, WorkbookSource), (JSON_LINES, JsonLinesSource))
    sources: list[Source] = [
        reader(chosen, place, settings)
        for suffixes, reader in readers
        if (chosen := of_kind(files, suffixes))
    ]
    sources += [DumpSource(file, place, settings, work) for file in of_kind(files, DUMPS)]
    return CombinedSource(sources or [TextSource([], place, settings)], place, archive)


def _archive(settings: SourceSettings, path: Path, work: Path | None, home: Path | None) -> Source:
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGE:
        raise SourceError(
            f"{path.name} is not a readable zip archive.", hint="Copy it again and retry."
        ) from None
    if is_carried(archive):
        archive.close()
        return CarriedSource(path, work=work, home=home)
    return _exports(settings, archive_files(archive), path, work, archive)
