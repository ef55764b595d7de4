"""Where a delimited text is broken, to the line. Only run once something is known to be wrong."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from migrator_kit.errors import SourceError
from migrator_kit.source.delimiter import Layout


@dataclass(frozen=True, slots=True)
class TextFile:
    """One delimited text: its name as a person knows it, its table, and how to open it."""

    name: str
    table: str
    open: Callable[[], BinaryIO]

    @contextmanager
    def text(self, encoding: str, errors: str = "replace") -> Iterator[io.TextIOWrapper]:
        """Open the file as text, line ends untouched, without its byte order mark."""
        name = "utf-8-sig" if encoding == "utf-8" else encoding
        with (
            self.open() as stream,
            io.TextIOWrapper(stream, encoding=name, errors=errors, newline="") as text,
        ):
            yield text


@dataclass(frozen=True, slots=True)
class RaggedRows:
    """Rows whose number of values differs from the header's, as (line, values found)."""

    rows: tuple[tuple[int, int], ...]
    expected: int
    last_good_line: int

    @property
    def is_trailer(self) -> bool:
        """Whether they are a closing remark such as `-- 1,204 rows exported`."""
        after = all(line > self.last_good_line for line, _ in self.rows)
        return after and 0 < len(self.rows) <= 3 and all(found == 1 for _, found in self.rows)


def ragged_rows(file: TextFile, encoding: str, layout: Layout) -> RaggedRows:
    """Return the rows of a file that do not fit its header, at most the first hundred."""
    rows: list[tuple[int, int]] = []
    last_good = expected = 0
    with file.text(encoding) as lines:
        reader = layout.records(lines)
        start = 1
        for record in reader:
            expected = expected or len(record)
            if record and len(record) != expected and len(rows) < 100:
                rows.append((start, len(record)))
            elif record:
                last_good = start
            start = reader.line_num + 1
    return RaggedRows(tuple(rows), expected, last_good)


def ragged_error(file: TextFile, found: RaggedRows) -> SourceError:
    """Return the error for the first row that does not fit the header."""
    if not found.rows:
        return SourceError(
            f"{file.name}: a row does not have the {found.expected} values it needs."
        )
    line, values = found.rows[0]
    more = f" ({len(found.rows):,} such rows)" if len(found.rows) > 1 else ""
    return SourceError(
        f"{file.name}, line {line}: the row has {values} values, the header has "
        f"{found.expected}{more}.",
        hint="Mend the export: a value that holds the delimiter or a line break must be quoted.",
    )


def open_quote_line(file: TextFile, encoding: str, layout: Layout) -> int | None:
    """Return the line where a quoted value begins that never ends, or None.

    Such a value swallows all rows after it, so it can only stand in the last record.
    """
    last = start = 1
    with file.text(encoding) as lines:
        reader = layout.records(lines)
        for _ in reader:
            last, start = start, reader.line_num + 1
    with file.text(encoding) as lines:
        try:
            deque(layout.records(islice(lines, last - 1, None), strict=True), maxlen=0)
        except csv.Error as error:
            return last if "unexpected end of data" in str(error) else None
    return None


def undecodable_error(file: TextFile, encoding: str) -> SourceError:
    """Return the error for the first line whose bytes are not of the encoding."""
    return SourceError(
        f"{file.name}{_undecodable_line(file, encoding)}: the bytes are not {encoding} text.",
        hint="Give the right code page as `encoding:` under `source:` in engagement.yml.",
    )


def _undecodable_line(file: TextFile, encoding: str) -> str:
    if encoding.startswith(("utf-16", "utf-32")):
        return ""
    with file.open() as stream:
        for line, raw in enumerate(stream, start=1):
            try:
                raw.decode(encoding)
            except UnicodeDecodeError:
                return f", line {line}"
    return ""
