"""Files of delimited text (CSV, TSV, odd delimiters) as a source, one table each.

Every column is text: nothing is guessed, so no leading zero, no odd date and no code is lost. An
empty cell is null. Encoding and layout are found from the files and named in the manifest.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from migrator_kit.engagement import SourceSettings, TableSettings
from migrator_kit.errors import SourceError
from migrator_kit.source import faults
from migrator_kit.source.delimiter import Layout, find_layout
from migrator_kit.source.encoding import Survey, survey
from migrator_kit.source.exports import SUFFIXES, by_table
from migrator_kit.source.faults import TextFile
from migrator_kit.source.model import Closing, HoldsNoTable, SourceTable, distinct_names
from migrator_kit.source.parts import in_parts
from migrator_kit.source.text_stream import RaggedRows, Reading

_SAMPLE_CHARACTERS = 256 * 1024
_LARGEST_ROW = 16 * 2**20
_TOLERATED = 3


@dataclass(slots=True)
class _Opened:
    """What was found out about a text file before its rows are read."""

    file: TextFile
    survey: Survey
    layout: Layout
    header: list[str]
    header_lines: int
    columns: list[str]
    holds_rows: bool
    notes: dict[str, str] = field(default_factory=dict)

    def reading(self) -> dict[str, str]:
        """How the file is read, for the manifest."""
        said = {
            "file": self.file.name,
            "encoding": self.survey.encoding + ("" if self.survey.certain else " (guessed)"),
            "delimiter": self.layout.delimiter_name,
            "quote": self.layout.quote or "none",
        }
        renamed = [
            f"{old.strip() or '(no name)'} is {new}"
            for old, new in zip(self.header, self.columns, strict=True)
            if old.strip() != new
        ]
        return said | ({"renamed columns": ", ".join(renamed)} if renamed else {})


class TextSource(Closing):
    """Delimited texts, one table each. Raises SourceError naming file and line."""

    kind = "text files"
    tables_at_once = 4

    def __init__(
        self,
        files: Iterable[TextFile],
        location: str,
        settings: SourceSettings,
    ) -> None:
        self.location = location
        self._files = by_table(files)
        self._settings = settings
        self._opened: dict[str, _Opened] = {}

    def describe(self) -> tuple[SourceTable, ...]:
        """Return one table for each file, by name. Raises SourceError where there are none."""
        found = {name: self._look(file) for name, file in self._files.items()}
        tables = tuple(
            SourceTable(name, dict.fromkeys(opened.columns, "text"), reading=opened.reading())
            for name, opened in found.items()
            if opened is not None
        )
        if not tables:
            raise HoldsNoTable(
                f"{self.location} holds no table: no file ends in {', '.join(SUFFIXES)} and has "
                "a header line.",
                hint="Export each table as CSV with its column names in the first line.",
            )
        return tables

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a file in parts of text columns. Raises SourceError by line."""
        opened = self._known(table)
        schema = pa.schema([(name, pa.string()) for name in opened.columns])
        return in_parts(self._batches(opened), part_rows, schema)

    def notes(self, table: str) -> dict[str, str]:
        """Return what reading the file brought to light."""
        return self._known(table).notes

    def _known(self, table: str) -> _Opened:
        opened = self._look(self._files[table]) if table in self._files else None
        if opened is None:
            raise SourceError(
                f"{self.location} holds no table {table}.",
                hint=f"Tables found: {', '.join(self._files) or 'none'}",
            )
        return opened

    def _look(self, file: TextFile) -> _Opened | None:
        """Find out how a file is written. None where a `.txt` is no table at all."""
        if file.table in self._opened:
            return self._opened[file.table]
        wanted = self._settings.table(file.table)
        found = _survey(file, wanted)
        with file.text(found.encoding) as text:
            sample = text.read(_SAMPLE_CHARACTERS)
        if not sample:  # A byte order mark and nothing after it.
            raise _empty(file)
        cut = len(sample) == _SAMPLE_CHARACTERS
        layout = find_layout(sample, wanted.delimiter, cut=cut)
        if layout is None and file.name.lower().endswith(".txt"):
            return None
        layout = layout or Layout(",", '"')
        if wanted.quote:
            layout = replace(layout, quote=None if wanted.quote == "none" else wanted.quote)
        reader = layout.records(sample.splitlines(keepends=True))
        header = next((record for record in reader if record), [])
        lines, names = reader.line_num, distinct_names(header)
        opened = _Opened(file, found, layout, header, lines, names, any(reader))
        self._opened[file.table] = opened
        return opened

    def _batches(self, opened: _Opened) -> Iterator[pa.Table]:
        """Yield batches of rows. Ragged rows, bad bytes and an open quote are errors by line."""
        file, encoding = opened.file, opened.survey.encoding
        if not opened.holds_rows:
            return
        refused: str | None = None
        with file.open() as stream:
            reading = Reading(stream, encoding, _TOLERATED)
            try:
                yield from _arrow_tables(opened, reading)
            except pa.ArrowInvalid as error:
                refused = str(error)
            finally:
                reading.wait()
        if reading.undecodable:
            raise faults.undecodable_error(file, encoding)
        if refused is not None and not reading.too_ragged:
            raise _unreadable(opened, refused)
        _refuse_open_quote(opened)
        if reading.ragged:
            found = faults.ragged_rows(file, encoding, opened.layout)
            if not found.is_trailer:
                raise faults.ragged_error(file, found)
            opened.notes["trailer lines left out"] = str(len(found.rows))


def _arrow_tables(opened: _Opened, reading: Reading) -> Iterator[pa.Table]:
    """Yield what Arrow reads. What it holds of `reading` is let go of when this ends."""
    options = _options(opened, reading.ragged_rows())
    with arrow_csv.open_csv(reading.stream(), **options) as rows:
        for batch in rows:
            yield pa.Table.from_batches([batch])


def _survey(file: TextFile, wanted: TableSettings) -> Survey:
    with file.open() as stream:
        found = survey(stream)
    if found.size == 0:
        raise _empty(file)
    if wanted.encoding:
        return replace(found, encoding=checked_encoding(wanted.encoding), certain=True)
    return found


def _empty(file: TextFile) -> SourceError:
    return SourceError(
        f"{file.name} is empty: expected a line with column names.",
        hint="Export it again, or take it out of the folder.",
    )


def checked_encoding(name: str) -> str:
    """Return an encoding's name as Python knows it. Raises SourceError for an unknown one."""
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise SourceError(
            f"{name!r} is no known encoding.",
            hint="Known ones are for example utf-8, windows-1252, windows-1253, utf-16.",
        ) from None


def _options(opened: _Opened, on_ragged: RaggedRows) -> dict[str, Any]:
    """Return the reader's options. One thread: the order of rows and errors must not vary."""
    layout = opened.layout
    return {
        "read_options": arrow_csv.ReadOptions(
            use_threads=False,
            block_size=_LARGEST_ROW,
            skip_rows=opened.header_lines,
            column_names=opened.columns,
        ),
        "parse_options": arrow_csv.ParseOptions(
            delimiter=layout.delimiter,
            quote_char=layout.quote or False,
            double_quote=layout.escape is None,
            escape_char=layout.escape or False,
            newlines_in_values=layout.quote is not None,
            invalid_row_handler=on_ragged,
        ),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(opened.columns, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    }


def _unreadable(opened: _Opened, reason: str) -> SourceError:
    """Return the error behind a refusal of the reader, without the row that it quotes."""
    file, encoding = opened.file, opened.survey.encoding
    if "UTF8" in reason or "UTF-8" in reason:
        return faults.undecodable_error(file, encoding)
    line = faults.open_quote_line(file, encoding, opened.layout)
    if line is not None:
        return _open_quote(file, line)
    return SourceError(
        f"{file.name} cannot be read as delimited text, or holds a row larger than "
        f"{_LARGEST_ROW // 2**20} MB.",
        hint="Open it in an editor and compare its first lines with the column names.",
    )


def _refuse_open_quote(opened: _Opened) -> None:
    """Refuse a file whose last quote never closes: it would swallow the rows after it."""
    marks = {'"': opened.survey.quotes, "'": opened.survey.apostrophes}
    if marks.get(opened.layout.quote or "", 0) % 2 == 1:
        line = faults.open_quote_line(opened.file, opened.survey.encoding, opened.layout)
        if line is not None:
            raise _open_quote(opened.file, line)


def _open_quote(file: TextFile, line: int) -> SourceError:
    return SourceError(
        f"{file.name}, line {line}: a quoted value begins here and has no end.",
        hint="Close the quote in the export: the rows after it would be lost.",
    )
