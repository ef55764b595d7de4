"""A carried snapshot as a source, opened on the analyst's side with its passphrase."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from migrator_kit.errors import SourceError
from migrator_kit.source.carry import key_of, passphrase, unpack
from migrator_kit.source.documents import FOLDER_NAME
from migrator_kit.source.manifest import Manifest, TableManifest, read_manifest
from migrator_kit.source.model import Closing, ForeignKey, SourceTable

DOCUMENTS = "carried_documents"
"""Folder of an engagement for the documents that came with a carried snapshot."""


class CarriedSource(Closing):
    """The tables of a carried snapshot.

    `work` is where it is opened for the time being, `home` the engagement whose folder the
    documents go to. Raises SourceError for a wrong passphrase or an altered file.
    """

    kind = "carried snapshot"

    def __init__(self, path: Path, *, work: Path | None = None, home: Path | None = None) -> None:
        self.location = path.name
        self._path, self._work, self._home = path, work, home
        self._key = key_of(path, passphrase())
        self._scratch: Path | None = None
        self._whole = False
        self._manifest: Manifest | None = None
        self.documents: Path | None = None

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables as they were described where they were read."""
        return tuple(_table(name, each) for name, each in self._known().tables.items())

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:  # noqa: ARG002
        """Yield the parts of a table as they were written: so the digest stays the same."""
        tables = self._known().tables
        if table not in tables:
            raise SourceError(
                f"{self.location} holds no table {table}.",
                hint=f"Tables found: {', '.join(tables)}",
            )
        if not self._whole:
            self._unpack()
        for part in tables[table].parts:
            yield parquet.read_table(self._folder() / "whole" / part.path)

    def notes(self, table: str) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: the notes of the first reading are part of the description."""
        return {}

    def close(self) -> None:
        """Remove what was opened; documents stay in the engagement."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _known(self) -> Manifest:
        if self._manifest is None:
            folder = self._folder() / "manifest"
            unpack(self._path, self._key, folder, only_manifest=True)
            self._manifest = read_manifest(folder)
            self.location = f"{self._path.name} of {self._manifest.source.location}"
        return self._manifest

    def _unpack(self) -> None:
        whole = self._folder() / "whole"
        unpack(self._path, self._key, whole)
        self._whole = True
        if self._home is not None and (whole / FOLDER_NAME).is_dir():
            self.documents = self._home / DOCUMENTS
            shutil.rmtree(self.documents, ignore_errors=True)
            shutil.move(whole / FOLDER_NAME, self.documents)

    def _folder(self) -> Path:
        if self._scratch is None:
            if self._work is not None:
                self._work.mkdir(parents=True, exist_ok=True)
            self._scratch = Path(tempfile.mkdtemp(prefix=".carried-", dir=self._work))
        return self._scratch


def _table(name: str, told: TableManifest) -> SourceTable:
    keys = (ForeignKey(key.columns, key.to_table, key.to_columns) for key in told.foreign_keys)
    return SourceTable(
        name, told.declared, told.primary_key, tuple(keys), told.rows, dict(told.reading)
    )
