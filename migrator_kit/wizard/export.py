"""The org's own backup: a zip of CSV files by module, read part by part and never unpacked.

Data_001.zip and so on hold one CSV for each module (v8 documentation, get-backup-urls and
download-backup; a zip has at most 1 GB). Columns carry the fields' labels; a lookup has a second
column `<label>.id` with the record's id, ids may begin with `zcrm_` (as exports of orgs show).
"""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from migrator_kit.errors import ParameterError
from migrator_kit.wizard.columns import CsvColumn

_BLOCK = 8 << 20
_NUMBERED = re.compile(r"[_ -]?\d+$")
_PREFIX = "^zcrm_"
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, csv.Error, pa.ArrowException, EOFError,
    MemoryError, OSError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip
"""What a torn or foreign file makes the readers of zip and CSV raise."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One CSV file of a backup: the zip it lies in, its name there, its columns."""

    archive: Path
    member: str
    header: tuple[str, ...]

    def place(self, name: str) -> str:
        """Return how a message names one of the file's columns."""
        return f"{self.archive.name}: {self.member}: column {name!r}"

    def column(self, *names: str) -> int | None:
        """Return the place of the first of these columns that the file has, or None."""
        known = {folded(name): place for place, name in reversed(list(enumerate(self.header)))}
        return next((known[folded(name)] for name in names if folded(name) in known), None)

    def parts(self, wanted: Sequence[int]) -> Iterator[list[pa.Array]]:
        """Yield these columns as text, part by part. Raises ParameterError where it is damaged."""
        names = [str(place) for place in range(len(self.header))]
        chosen = [str(place) for place in wanted]
        try:
            with zipfile.ZipFile(self.archive) as archive, archive.open(self.member) as stream:
                reader = pacsv.open_csv(
                    pa.PythonFile(stream, mode="r"),
                    pacsv.ReadOptions(
                        column_names=names, skip_rows_after_names=1, block_size=_BLOCK
                    ),
                    pacsv.ParseOptions(newlines_in_values=True),
                    pacsv.ConvertOptions(
                        column_types=dict.fromkeys(chosen, pa.string()),
                        include_columns=chosen,
                        strings_can_be_null=False,
                    ),
                )
                for batch in reader:
                    yield [batch.column(place) for place in range(len(chosen))]
        except _DAMAGE:
            raise _damaged(self.archive, self.member) from None


def export_files(archives: Sequence[Path]) -> dict[str, list[ExportFile]]:
    """Return the CSV files of backup zips by the module that their name tells.

    Raises ParameterError where a file is no zip or there is no CSV in any of them.
    """
    found: dict[str, list[ExportFile]] = {}
    for path in archives:
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    name = PurePosixPath(info.filename)
                    if name.suffix.lower() != ".csv" or info.is_dir():
                        continue
                    with archive.open(info) as stream:
                        header = _header(stream.read(_BLOCK))
                    file = ExportFile(path, info.filename, header)
                    found.setdefault(_NUMBERED.sub("", name.stem), []).append(file)
        except _DAMAGE:
            raise _damaged(path, "the archive") from None
    if not found:
        raise ParameterError(
            "There is no CSV file in the export.",
            hint="Give the backup's data file, such as Data_001.zip, not the attachments.",
        )
    return found


def record_id(file: ExportFile, module: str) -> int | None:
    """Return the place of the records' own ids."""
    return file.column("Record Id", f"{module.removesuffix('s')} Id", "Id")


def value_column(file: ExportFile, column: CsvColumn) -> int | None:
    """Return the place of a field's values: by label or API name, of a lookup its ids."""
    names = (column.label, column.logical.removesuffix("__c"))
    if column.lookup:
        ids = file.column(*(f"{name}.id" for name in names))
        return ids if ids is not None or column.logical != "Parent_Id" else file.column(*names)
    return file.column(*names)


def plain_ids(values: pa.Array) -> pa.Array:
    """Return record ids as the API gives them, empty ones as null."""
    ids = pc.replace_substring_regex(pc.utf8_trim_whitespace(values), _PREFIX, "")
    return pc.if_else(pc.equal(ids, ""), None, ids)


def folded(name: str) -> str:
    """Return a header without what differs between labels and API names."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _header(start: bytes) -> tuple[str, ...]:
    text = start.decode("utf-8-sig", errors="ignore")
    return tuple(next(csv.reader(io.StringIO(text, newline="")), []))


def _damaged(path: Path, member: str) -> ParameterError:
    return ParameterError(
        f"{path.name}: {member} cannot be read as CSV in UTF-8 inside a zip.",
        hint="Download the backup again; its links work for 7 days. Change nothing in it.",
    )
