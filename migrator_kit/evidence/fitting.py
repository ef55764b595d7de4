"""How wide the columns of a table should be, so that it fits a page without scrolling.

Widths are counted in characters. Numbers and short words keep the room they need; long texts and
names share what is left of a line, and wrap.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

FITS_ANYHOW = 100
"""Tables that need no more characters than this are left to the browser."""
LINE = 130
"""Characters on a printed line of a table; `LINE_OF_WIDE` in the smaller type of wide tables."""
LINE_OF_WIDE = 150

_SHORT = 14
_LONGEST_WORD = 20
_WORDS_A_LINE = 34
_NARROWEST = 9.0
_GAP = 1.5
_BOLD = 1.15
"""How much wider than other text a heading is."""


def column_shares(
    headings: Sequence[str], texts: pd.DataFrame, numeric: Sequence[bool], *, wide: bool
) -> list[float] | None:
    """Return each column's share of the width, or None where the table is narrow anyhow.

    `texts` are the cells as text, in the order of `headings`; `wide` tables have smaller type.
    """
    needs, firm = [], []
    for heading, name, is_number in zip(headings, texts.columns, numeric, strict=True):
        need, is_firm = _need(heading, texts[name], is_number)
        needs.append(need)
        firm.append(is_firm)
    whole, line = sum(needs), LINE_OF_WIDE if wide else LINE
    if whole <= FITS_ANYHOW:
        return None
    if whole > line:
        kept = sum(need for need, is_firm in zip(needs, firm, strict=True) if is_firm)
        squeeze = max(line - kept, 1) / max(whole - kept, 1)
        needs = [
            need if is_firm else max(need * squeeze, _NARROWEST)
            for need, is_firm in zip(needs, firm, strict=True)
        ]
    return [need / sum(needs) for need in needs]


def _need(heading: str, cells: pd.Series, is_number: bool) -> tuple[float, bool]:
    """Return how many characters a column wants on a line, and whether it must have them."""
    title = max((len(word) for word in heading.split()), default=1) * _BOLD
    if is_number:
        return max(title, float(cells.str.len().max())) + _GAP, True
    word = float(cells.str.split().map(_longest).max())
    usual = float(cells.str.len().quantile(0.9))
    if usual <= _SHORT:
        return max(title, usual, min(word, _LONGEST_WORD)) + _GAP, True
    wanted = min(_SHORT + (usual - _SHORT) * 0.4, _WORDS_A_LINE)
    return max(title, wanted, min(word, _WORDS_A_LINE)) + _GAP, False


def _longest(words: Sequence[str]) -> int:
    return max((len(word) for word in words), default=1)
