"""Lists beside the pages: CSV with record ids and reasons, safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pandas.api import types

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet read a cell as a formula, full-width forms included."""

_MOVED_FILES = "Attachment"
_OVERSIZE, _MISSING = "file_oversize", ("file_missing", "file_empty", "file_unreadable",
                                        "file_outside_documents")  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListFile:
    """One list: its file, what it lists, how many rows it has."""

    path: Path
    title: str
    rows: int


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


def write_standard_lists(
    folder: Path, *, excluded: pd.DataFrame, rejects: pd.DataFrame, failed: pd.DataFrame
) -> tuple[ListFile, ...]:
    """Write the five lists that every client gets, empty ones included, and return them.

    `excluded` and `failed` are the load's lists, `rejects` those of shaping. They hold record ids,
    fields and reasons, never values.
    """
    files = excluded[excluded["object"] == _MOVED_FILES]
    keys = ["object", "source_id"]
    lists: Iterable[tuple[str, str, pd.DataFrame]] = (
        ("excluded", "Records that do not move, with the reason", excluded),
        ("rejects", "Values that could not be carried over as they are", rejects),
        ("failed", "Records that Zoho CRM refused or that wait for another", failed),
        ("files_oversize", "Files too large to move; a note on the record says where they are",
         files[files["reason"] == _OVERSIZE]),
        ("files_missing", "Files that the source names and that cannot be read",
         files[files["reason"].isin(_MISSING)]),
    )  # fmt: skip
    written = []
    for name, title, frame in lists:
        known = [column for column in _COLUMNS if column in frame.columns]
        shown = frame[known].sort_values([k for k in keys if k in known], ignore_index=True)
        path = write_list(shown, folder / f"{name}.csv")
        written.append(ListFile(path, title, len(shown)))
    return tuple(written)


_COLUMNS = (
    "object", "module", "source_id", "field", "status", "code", "reason", "action", "expected",
    "remedy",
)  # fmt: skip
"""Columns that a list may have: whatever else a frame holds stays out of it."""
