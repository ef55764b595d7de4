"""Excel and OpenDocument workbooks as a source: each worksheet a table, its header row found.

Read by calamine, which took a 60,000-row sheet in a seventeenth of openpyxl's time. A column keeps
the type all its cells share; dates and times become text in ISO form, as from every other source.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.faults import TextFile
from migrator_kit.source.model import Closing, HoldsNoTable, SourceTable, distinct_names
from migrator_kit.source.parts import in_parts
from migrator_kit.source.values import Kinds, column_of

_LOOKED_AT = 50
_BATCH = 5_000
_OLD_CONTAINER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_DEFAULT_NAMES = (
    "sheet", "tabelle", "feuil", "hoja", "foglio", "planilha", "folha", "blad", "ark", "arkusz",
    "list", "лист", "φύλλο", "sayfa",
)  # fmt: skip


@dataclass(slots=True)
class _Sheet:
    """One worksheet: its cells, where its header is, and the type of each column."""

    file: TextFile
    name: str
    cells: CalamineSheet
    header_row: int
    columns: list[str]
    kinds: list[Kinds]

    @property
    def place(self) -> str:
        return f"{self.file.name}, sheet {self.name}"

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows below the header that hold anything."""
        width = len(self.columns)
        for row in islice(self.cells.iter_rows(), self.header_row, None):
            if any(value != "" for value in row):
                yield [None if v == "" else v for v in row[:width]]


class WorkbookSource(Closing):
    """Workbooks as tables. Raises SourceError naming file and sheet."""

    kind = "workbooks"

    def __init__(self, files: Iterable[TextFile], location: str, settings: SourceSettings) -> None:
        self.location = location
        self._files = tuple(files)
        self._settings = settings
        self._sheets: dict[str, _Sheet] | None = None

    def describe(self) -> tuple[SourceTable, ...]:
        """Return one table for each filled worksheet. Raises SourceError where there are none."""
        return tuple(
            SourceTable(
                name,
                dict(zip(s.columns, (kinds.declared for kinds in s.kinds), strict=True)),
                reading={
                    "file": s.file.name, "sheet": s.name, "header row": str(s.header_row),
                },
            )
            for name, s in self._known().items()
        )  # fmt: skip

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a worksheet in parts."""
        known = self._known()
        if table not in known:
            raise SourceError(
                f"{self.location} holds no table {table}.",
                hint=f"Tables found: {', '.join(known)}",
            )
        sheet = known[table]
        types = [kinds.type for kinds in sheet.kinds]
        schema = pa.schema(list(zip(sheet.columns, types, strict=True)))
        return in_parts(_batches(sheet.rows(), schema), part_rows, schema)

    def notes(self, table: str) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: what there is to say is known before the rows are read."""
        return {}

    def _known(self) -> dict[str, _Sheet]:
        if self._sheets is None:
            self._sheets = dict(sorted(self._found().items()))
        if not self._sheets:
            raise HoldsNoTable(
                f"{self.location} holds no table: every worksheet is empty.",
                hint="Export each table as a worksheet with its column names in the first row.",
            )
        return self._sheets

    def _found(self) -> dict[str, _Sheet]:
        found: dict[str, _Sheet] = {}
        for file in self._files:
            workbook = _workbook(file)
            filled = [s for s in _sheets(file, workbook) if s.end is not None]
            for cells in filled:
                table = _table_name(cells.name, file, alone=len(filled) == 1)
                sheet = _sheet(file, cells, self._settings.table(table).header_row)
                other = next((t for t in found if t.casefold() == table.casefold()), None)
                if other is not None:
                    raise SourceError(
                        f"{found[other].place} and {sheet.place} would both be the table {table}.",
                        hint="Rename or remove one of them.",
                    )
                found[table] = sheet
        return found


def _workbook(file: TextFile) -> CalamineWorkbook:
    """Open a workbook. Raises SourceError where it is protected or no workbook at all."""
    with file.open() as stream:
        raw = stream.read()
    # An encrypted workbook is a container of another kind, which calamine cannot tell from noise.
    if raw.startswith(_OLD_CONTAINER) and _ENCRYPTED in raw:
        raise SourceError(
            f"{file.name} is protected by a password.",
            hint="Open it in Excel, take the password off (File, Info, Protect), and save a copy.",
        )
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(raw))
    except (CalamineError, OSError, ValueError):
        raise _unreadable(file.name) from None


def _sheets(file: TextFile, workbook: CalamineWorkbook) -> Iterator[CalamineSheet]:
    for name in workbook.sheet_names:
        try:
            yield workbook.get_sheet_by_name(name)
        except (CalamineError, OSError, ValueError):
            raise _unreadable(f"{file.name}, sheet {name}") from None


def _unreadable(place: str) -> SourceError:
    return SourceError(
        f"{place} is not a readable workbook.",
        hint="Open it in Excel and save it again as .xlsx, or export its sheets as CSV.",
    )


def _table_name(sheet: str, file: TextFile, *, alone: bool) -> str:
    """Return a sheet's table: the file's name where the sheet has the name it was born with."""
    born = sheet.strip().rstrip("0123456789").strip().casefold()
    return file.table if alone and born in _DEFAULT_NAMES else sheet.strip()


def _sheet(file: TextFile, cells: CalamineSheet, header_row: int | None) -> _Sheet:
    """Find a sheet's header and the types of its columns, in one pass over its cells."""
    top = list(islice(cells.iter_rows(), _LOOKED_AT))
    place = f"{file.name}, sheet {cells.name}"
    number = header_row or _header_row(top)
    if number is None or number > len(top):
        raise SourceError(
            f"{place}: no header row was found in its first {len(top)} rows.",
            hint="Put the column names in one row above the values, or name the row as "
            "`header_row:` of the table under `source:`, `tables:` in engagement.yml.",
        )
    header = [_name(value) for value in top[number - 1]]
    while header and not header[-1]:
        header.pop()
    sheet = _Sheet(file, cells.name, cells, number, distinct_names(header), [])
    kinds = [Kinds() for _ in header]
    for row in sheet.rows():
        for kind, value in zip(kinds, row, strict=False):
            kind.see(value)
    sheet.kinds = kinds
    return sheet


def _header_row(top: Sequence[list[Any]]) -> int | None:
    """Return the row of the column names: the first that is as wide as what follows, all text.

    Titles and remarks above it fill fewer cells.
    """
    widths = [sum(value != "" for value in row) for row in top]
    widest = max(widths, default=0)
    for number, (row, width) in enumerate(zip(top, widths, strict=True), start=1):
        filled = [value for value in row if value != ""]
        names = [v.strip().casefold() for v in filled if isinstance(v, str) and v.strip()]
        if width >= max(1, 0.6 * widest) and len(set(names)) == len(filled):
            return number
    return None


def _name(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split())


def _batches(rows: Iterator[list[Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    while batch := [_padded(row, len(schema)) for row in islice(rows, _BATCH)]:
        columns = zip(*batch, strict=True)
        arrays = [column_of(v, field.type) for v, field in zip(columns, schema, strict=True)]
        yield pa.table(arrays, schema=schema)


def _padded(row: list[Any], width: int) -> list[Any]:
    return [_iso(value) for value in row] + [None] * (width - len(row))


def _iso(value: Any) -> Any:
    """Return dates and times as text in ISO form, other values as they are."""
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value) if isinstance(value, dt.timedelta) else value
