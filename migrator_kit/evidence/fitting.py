"""How wide the columns of a table should be, so that it fits a page without scrolling.

Widths are counted in characters. Numbers and short words keep the room they need; long texts and
names share what is left of a line, and wrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

FITS_ANYHOW = 90
"""Tables that need no more characters than this are left to the browser."""
LINE = 112
"""Characters on a printed line of a table, in a wide typeface, on the narrower of A4 and Letter;
`LINE_OF_WIDE` in the smaller type of wide tables."""
LINE_OF_WIDE = 128

_SHORT = 14
_LONGEST_WORD = 25
_WORDS_A_LINE = 34
_NARROWEST = 9.0
_PROSE = 16.0
"""What a column of whole sentences keeps in any case: narrower ones run down the page."""
_GAP = 1.5
_BOLD = 1.15
"""How much wider than other text a heading is."""


def column_shares(
    headings: Sequence[str], texts: pd.DataFrame, numeric: Sequence[bool], *, wide: bool
) -> list[float] | None:
    """Return each column's share of the width, or None where the table is narrow anyhow.

    `texts` are the cells as text, in the order of `headings`; `wide` tables have smaller type.
    """
    needs = [
        _need(heading, texts[name], is_number)
        for heading, name, is_number in zip(headings, texts.columns, numeric, strict=True)
    ]
    line = LINE_OF_WIDE if wide else LINE
    if sum(need.wanted for need in needs) <= FITS_ANYHOW:
        return None
    narrow, usual = [need.least for need in needs], [need.whole_words for need in needs]
    if sum(usual) < line:
        narrow, usual = usual, [need.wanted for need in needs]
    more = [want - floor for want, floor in zip(usual, narrow, strict=True)]
    share = min(max(line - sum(narrow), 0) / max(sum(more), 1), 1)
    widths = [floor + share * extra for floor, extra in zip(narrow, more, strict=True)]
    return [width / sum(widths) for width in widths]


class _Need(NamedTuple):
    """How many characters a column wants on a line, and needs so as not to break words, or at all.

    Numbers and short words need what they want.
    """

    wanted: float
    whole_words: float
    least: float


def _need(heading: str, cells: pd.Series, is_number: bool) -> _Need:
    title = max((len(word) for word in heading.split()), default=1) * _BOLD
    if is_number:
        return _Need(*[max(title, float(cells.str.len().max())) + _GAP] * 3)
    word = float(cells.str.split().map(_longest).max())
    usual = float(cells.str.len().quantile(0.9))
    prose = _PROSE if usual > 2 * _PROSE else 0.0
    whole = max(title, prose, min(word, _LONGEST_WORD)) + _GAP
    if usual <= _SHORT:
        return _Need(max(usual + _GAP, whole), whole, whole)
    wanted = max(min(_SHORT + (usual - _SHORT) * 0.4, _WORDS_A_LINE), min(word, _WORDS_A_LINE))
    return _Need(max(wanted + _GAP, whole), whole, max(title, _NARROWEST, prose) + _GAP)


def _longest(words: Sequence[str]) -> int:
    return max((len(word) for word in words), default=1)
