"""Lists beside the pages: CSV with record ids and reasons, safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from pandas.api import types

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet read a cell as a formula, full-width forms included."""


def write_list(frames: pd.DataFrame | Iterable[pd.DataFrame], path: Path) -> Path:
    """Write a frame, or the parts of one, as CSV and return the path.

    UTF-8 with mark, so that spreadsheets read it. Text that a spreadsheet would run as a formula
    is written with a leading apostrophe.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = [frames] if isinstance(frames, pd.DataFrame) else frames
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        for number, frame in enumerate(parts):
            _safe(frame).to_csv(file, index=False, header=not number, lineterminator="\n")
    return path


def _safe(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose texts no spreadsheet runs."""
    safe = frame.copy()
    for name in safe.columns:
        if types.is_numeric_dtype(safe[name]):
            continue
        text = safe[name].astype("str")
        safe[name] = text.mask(text.str.lstrip(" ").str.startswith(_FORMULA, na=False), "'" + text)
    return safe


def cell_of_list(cell: str) -> str:
    """Return a cell of a written list as it was, without the apostrophe against formulas."""
    guarded = cell.startswith("'") and cell[1:].lstrip(" ").startswith(_FORMULA)
    return cell[1:] if guarded else cell
