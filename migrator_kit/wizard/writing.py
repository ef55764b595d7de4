"""CSV files within the wizard's limits: a file that would grow too large goes on in the next.

Limits: 200 files and 25 GB at once, 5 GB a file (prewww.zoho.com/crm/help/migrate-data.html; fact
sheet section 12; older copies of that page name smaller ones). Files hold patient data: 0600.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv

from migrator_kit.errors import MigratorError


@dataclass(frozen=True, slots=True)
class WizardLimits:
    """What one run of the wizard takes."""

    file_bytes: int = 5_000_000_000
    files: int = 200
    total_bytes: int = 25_000_000_000


WIZARD = WizardLimits()


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file of a package; `path` is relative to its folder."""

    path: str
    module: str
    object: str
    rows: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class _Open:
    path: Path
    stream: BinaryIO
    digest: hashlib._Hash
    size: int = 0
    rows: int = 0

    def add(self, data: bytes, rows: int) -> None:
        self.stream.write(data)
        self.digest.update(data)
        self.size += len(data)
        self.rows += rows


@dataclass(slots=True)
class CsvFiles:
    """The files of one object: `Contacts.csv`, then `Contacts_2.csv` and so on.

    `first` is the number of the first file, for two objects may land in one module.
    """

    folder: Path
    module: str
    object: str
    limit: int
    first: int = 1
    done: list[PackageFile] = field(default_factory=list)
    _open: _Open | None = None

    def write(self, table: pa.Table) -> None:
        """Append rows. Raises MigratorError where one row alone is larger than a file may be."""
        head, data = _head(table), _rows(table)
        if self._open is not None and self._open.size + len(data) > self.limit:
            self.close()
        if self._open is None:
            if len(head) + len(data) > self.limit:
                self._halves(table)
                return
            self._begin(head)
        if self._open is not None:
            self._open.add(data, table.num_rows)

    def close(self) -> None:
        """Finish the file that is open."""
        if self._open is None:
            return
        self._open.stream.close()
        one, self._open = self._open, None
        path = str(one.path.relative_to(self.folder.parent))
        found = PackageFile(
            path, self.module, self.object, one.rows, one.size, one.digest.hexdigest()
        )
        self.done.append(found)

    def _halves(self, table: pa.Table) -> None:
        if table.num_rows < 2:
            raise MigratorError(
                f"{self.object}: one record is larger than the {self.limit:,} bytes a file may be.",
                hint="Shorten its longest text in the source, then take a new snapshot.",
            )
        middle = table.num_rows // 2
        self.write(table.slice(0, middle))
        self.write(table.slice(middle))

    def _begin(self, head: bytes) -> None:
        number = self.first + len(self.done)
        name = f"{self.module}.csv" if number == 1 else f"{self.module}_{number}.csv"
        path = self.folder / name
        self._open = _Open(path, private_file(path), hashlib.sha256())
        self._open.add(head, 0)


def private_file(path: Path) -> BinaryIO:
    """Open a new file that its owner alone can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _head(table: pa.Table) -> bytes:
    return _csv(table.slice(0, 0), header=True)


def _rows(table: pa.Table) -> bytes:
    return _csv(table, header=False)


def _csv(table: pa.Table, *, header: bool) -> bytes:
    buffer = io.BytesIO()
    options = pacsv.WriteOptions(include_header=header, quoting_style="needed")
    pacsv.write_csv(table, buffer, options)
    return buffer.getvalue()
