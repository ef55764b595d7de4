"""Notes: the text with a first line that names source id, time and author.

Notes take no custom field (fact sheet 8.2), so the first line is where the original date and author
stand, and by which a note is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import glue, glue_present, to_arrow, to_series
from migrator_kit.mapping.transforms.dates import DateOptions, local_stamp
from migrator_kit.mapping.transforms.registry import (
    LocalOptions,
    Options,
    Transformed,
    find,
    many_columns,
    run,
)
from migrator_kit.mapping.transforms.text import CleanOptions


class NoteOptions(LocalOptions):
    """`length`: characters that a note takes, its first line among them."""

    length: int = 32_000
    markup: Literal["auto", "plain", "rtf", "html"] = "auto"


@many_columns("note", version=1, options=NoteOptions)
def note(columns: Sequence[pd.Series], options: NoteOptions) -> Transformed:
    """Note text under its marker. Columns: source id, time, author, text."""
    source_id, noted_at, author, body = columns
    cleaned, reasons = run(find("clean"), [body], CleanOptions(markup=options.markup))
    first_line = marker(source_id, noted_at, author, options)
    text = to_series(glue(to_arrow(first_line), to_arrow(cleaned), separator="\n")).set_axis(
        body.index
    )
    long = text.str.len() > options.length
    reasons = reasons.mask(long, str(RejectReason.TOO_LONG))
    cut = text.where(~long, text.str.slice(0, options.length).str.rstrip())
    return Transformed(cut, reasons)


def marker(
    source_id: pd.Series, noted_at: pd.Series, author: pd.Series, options: LocalOptions
) -> pd.Series:
    """Return `[source N17 | 2021-05-04 10:30 +02:00 | Dr Name]`, leaving out what is not known."""
    zone = options.zone or "UTC"
    local = DateOptions(zone=zone, region=options.region, day_first=options.day_first)
    instants, _ = run(find("datetime"), [noted_at], local)
    stamps = local_stamp(instants, zone)
    names, _ = run(find("text"), [author.str.replace(r"[\[\]|]+", " ", regex=True)], Options())
    start = glue("[source ", to_arrow(source_id))
    line = glue_present(start, to_arrow(stamps), to_arrow(names), separator=" | ")
    return to_series(glue(line, "]")).set_axis(source_id.index)
