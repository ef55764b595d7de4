"""How a delimited text is laid out: delimiter, quote, escape, found from its first records."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x1f", "\x01", ":")
"""Marks that programs put between values. All are one byte, as the reader behind needs them."""

_LARGEST_CELL = 2**30
_NAMES = {"\t": "tab", "\x1f": "unit separator (0x1F)", "\x01": "0x01"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Delimiter, quote mark (None: no quoting), and whether a backslash escapes a quote."""

    delimiter: str
    quote: str | None
    escape: str | None = None

    @property
    def delimiter_name(self) -> str:
        """The delimiter as a person reads it."""
        return _NAMES.get(self.delimiter, self.delimiter)

    def records(self, lines: Iterator[str] | list[str], *, strict: bool = False) -> Reader:
        """Return a reader of records in this layout. `strict` raises csv.Error on an open quote."""
        csv.field_size_limit(_LARGEST_CELL)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape,
            doublequote=self.escape is None,
            strict=strict,
        )


def find_layout(sample: str, delimiter: str | None = None, *, cut: bool = False) -> Layout | None:
    """Return the layout under which the sample's records agree best; None for a single column.

    `sample` begins with the header; `cut` says that it ends within the file. A given `delimiter`
    is taken as it is. Of layouts that agree alike the plainest is taken: a backslash before a
    quote is an escape in some programs, and the end of a Windows path in others.
    """
    lines = sample.splitlines(keepends=True)
    candidates = [delimiter] if delimiter else [d for d in DELIMITERS if d in lines[0]]
    escapes = (None, "\\") if '\\"' in sample else (None,)
    layouts = [
        Layout(mark, quote, escape)
        for mark in candidates
        for quote in _quotes(sample, mark)
        for escape in (escapes if quote == '"' else (None,))
    ]
    scored = [(_agreement(layout, lines, cut=cut), layout) for layout in layouts]
    best = max(scored, key=lambda pair: pair[0], default=None)
    if best is None or (best[0] <= 0 and delimiter is None):
        return None
    return best[1]


def _quotes(sample: str, mark: str) -> Iterator[str | None]:
    """Yield the quote marks worth a try: those that stand directly beside a delimiter."""
    yield '"'
    if f"{mark}'" in sample and f"'{mark}" in sample:
        yield "'"
    if f'{mark}"' not in sample and f'"{mark}' in sample:
        yield None


def _agreement(layout: Layout, lines: list[str], *, cut: bool) -> float:
    """Return how well the sample's records agree on the header's number of columns.

    More columns win over fewer where both agree, so that `a;b,c;d` is read by its semicolons only
    when the commas do not line up. Quote marks left inside the cells count against a layout.
    """
    try:
        records = [record for record in layout.records(lines) if record]
    except csv.Error:
        return 0.0
    if not records:
        return 0.0
    records = records[:-1] if cut and len(records) > 2 else records
    width = len(records[0])
    if width < 2:
        return 0.0
    widths = Counter(len(record) for record in records)
    agreeing = widths[width] / len(records)
    cells = [cell for record in records[:200] for cell in record]
    stray = sum(c[:1] in "\"'" and len(c) > 1 and c[-1] == c[0] for c in cells) / len(cells)
    return agreeing * (1 + min(width, 50) / 200) - stray
