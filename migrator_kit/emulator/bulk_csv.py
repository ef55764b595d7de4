"""Reads the CSV of a bulk-write file and turns its cells into JSON values (fact sheet 7.2, 7.3)."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from migrator_kit.emulator.schema import Field

MOST_COLUMNS = 200
MOST_ROWS = 25_000
_DELIMITERS = ",;:|"
_PATTERN = re.compile(r"yyyy|yy|MMMM|MMM|MM|dd|HH|hh|mm|ss|a|XXX|Z|M|d|H|h")
_STRPTIME = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d",
    "d": "%d", "HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M", "ss": "%S", "a": "%p",
    "XXX": "%z", "Z": "%z",
}  # fmt: skip

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError,
           UnicodeDecodeError, LookupError, csv.Error)  # fmt: skip
"""What torn archives, unknown encodings and foreign bytes make the readers raise."""

Convert = Callable[[str], Any]


class BadArchive(Exception):
    """The zip does not hold the CSV that was asked for."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """An open CSV: its name in the zip, its header, its rows, and at most how many there are."""

    name: str
    lines: int
    header: list[str]
    rows: Iterator[list[str]]


@contextmanager
def open_sheet(path: Path, wanted: str | None, encoding: str) -> Iterator[Sheet]:
    """The CSV of the zip. Raises BadArchive when it is not there or cannot be read."""
    with ExitStack() as opened:
        try:
            sheet = _sheet(opened, path, wanted, encoding)
        except _DAMAGE:
            raise BadArchive("INVALID_FILE_FORMAT") from None
        yield sheet


def _sheet(opened: ExitStack, path: Path, wanted: str | None, encoding: str) -> Sheet:
    archive = opened.enter_context(zipfile.ZipFile(path))
    names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
    if wanted is not None:
        names = [name for name in names if name == wanted]
    if len(names) != 1:
        raise BadArchive("FILE_NOT_FOUND")
    with archive.open(names[0]) as raw:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: raw.read(1 << 20), b""))
    raw = opened.enter_context(archive.open(names[0]))
    text = io.TextIOWrapper(raw, encoding=encoding, newline="")
    first = text.readline().removeprefix("\ufeff")
    delimiter = max(_DELIMITERS, key=first.count)
    header = next(csv.reader([first], delimiter=delimiter), [])
    if not any(header):
        raise BadArchive("INVALID_FILE_FORMAT")
    return Sheet(names[0], lines, header, _rows(csv.reader(text, delimiter=delimiter)))


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from (row for row in reader if row)
    except _DAMAGE:
        raise BadArchive("INVALID_FILE_FORMAT") from None


def converter(field: Field, layout: str | None, tz: ZoneInfo) -> Convert:
    """The function that turns a cell into the value REST would take for the field.

    `layout` is the date pattern of the mapping. A cell that cannot be turned is passed on as it
    is, so that the field's own check refuses it.
    """
    kind = field.data_type
    if kind in ("date", "datetime"):
        return lru_cache(maxsize=4096)(_moment(kind, layout, tz))
    return _CONVERTERS.get(kind, _same)


def _same(cell: str) -> Any:
    return cell


def _integer(cell: str) -> Any:
    try:
        return int(cell)
    except ValueError:
        return cell


def _number(cell: str) -> Any:
    try:
        return float(cell)
    except ValueError:
        return cell


def _boolean(cell: str) -> Any:
    return {"true": True, "1": True, "false": False, "0": False}.get(cell.lower(), cell)


def _several(cell: str) -> Any:
    return [part.strip() for part in cell.split(";") if part.strip()]


_CONVERTERS: dict[str, Convert] = {
    "integer": _integer,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "boolean": _boolean,
    "multiselectpicklist": _several,
}


def _moment(kind: str, layout: str | None, tz: ZoneInfo) -> Convert:
    pattern = _strptime_of(layout) if layout else None

    def convert(cell: str) -> Any:
        try:
            if pattern is not None:
                moment = datetime.strptime(cell, pattern)
            else:
                moment = datetime.fromisoformat(cell)
        except ValueError:
            return cell
        if kind == "date":
            return moment.date().isoformat()
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=tz)
        return moment.isoformat(timespec="seconds")

    return convert


@lru_cache(maxsize=64)
def _strptime_of(layout: str) -> str:
    """A Java date pattern in Python's spelling; quoted letters stand for themselves."""
    parts = layout.split("'")
    for number in range(0, len(parts), 2):
        escaped = parts[number].replace("%", "%%")
        parts[number] = _PATTERN.sub(lambda found: _STRPTIME[found.group()], escaped)
    return "".join(parts)
