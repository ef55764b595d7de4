"""The files of an export: found in a folder, a zip archive or alone, sorted by how they are read.

A file is read where it lies: nothing of an archive is unpacked to disk.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from migrator_kit.errors import SourceError
from migrator_kit.source.faults import TextFile
from migrator_kit.source.packed import opened

SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
JSON_LINES = (".jsonl", ".ndjson")
DUMPS = (".sql", ".sql.gz")
_ALL = (*SUFFIXES, *WORKBOOKS, *JSON_LINES, *DUMPS)


def is_export(name: str) -> bool:
    """Whether a file is read by one of the readers of exports, by the ending of its name."""
    return name.lower().endswith(_ALL) and not name.startswith((".", "~$"))


def of_kind(files: Iterable[TextFile], suffixes: tuple[str, ...]) -> list[TextFile]:
    """Return the files whose names end in one of `suffixes`."""
    return [file for file in files if file.name.lower().endswith(suffixes)]


def single_file(path: Path) -> TextFile:
    """Return one file as a table named like it."""
    return TextFile(path.name, _table_of(path.name), partial(_open_file, path))


def folder_files(folder: Path) -> list[TextFile]:
    """Return the exports of a folder (not of its sub-folders), by name."""
    found = sorted(path for path in folder.iterdir() if is_export(path.name) and path.is_file())
    return [single_file(path) for path in found]


def archive_files(archive: zipfile.ZipFile) -> list[TextFile]:
    """Return the exports in a zip archive. Raises SourceError where one is encrypted."""
    files = []
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        name = PurePosixPath(entry.filename).name
        if not is_export(name) or entry.is_dir() or "__MACOSX" in entry.filename:
            continue
        if entry.flag_bits & 0x1:
            raise SourceError(
                f"{entry.filename} in the archive is protected by a password.",
                hint="Unpack the archive into a folder and give that folder as the source.",
            )
        files.append(
            TextFile(entry.filename, _table_of(name), partial(_open_entry, archive, entry))
        )
    return files


def by_table(files: Iterable[TextFile]) -> dict[str, TextFile]:
    """Return files by table. Raises SourceError where two would be the same table."""
    tables: dict[str, TextFile] = {}
    for file in files:
        other = next((t for t in tables if t.casefold() == file.table.casefold()), None)
        if other is not None:
            raise same_table(file.table, tables[other].name, file.name)
        tables[file.table] = file
    return tables


def same_table(table: str, *places: str) -> SourceError:
    """Return the error for a table that two places hold."""
    return SourceError(
        f"{' and '.join(places)} would both be the table {table}.",
        hint="Rename or remove one of them.",
    )


def _table_of(name: str) -> str:
    stem = name.removesuffix(".gz").removesuffix(".GZ")
    return stem.rpartition(".")[0] or stem


def _open_file(path: Path) -> BinaryIO:
    try:
        if path.suffix.lower() == ".gz":
            return opened(partial(gzip.open, path, "rb"), path.name, path.stat().st_size)
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"{path.name} cannot be opened: {error.strerror}.") from None


def _open_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    return opened(partial(archive.open, entry), entry.filename, entry.compress_size)
