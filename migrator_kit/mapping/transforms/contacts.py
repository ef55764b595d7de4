"""What was recorded about a contact and could not move as it was, kept as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.compose import labelled
from migrator_kit.mapping.transforms.registry import (
    Locale,
    LocalOptions,
    Transformed,
    find,
    many_columns,
    no_reasons,
    read_options,
    run,
)

_NOTHING_TO_TELL = [str(RejectReason.NOT_GIVEN), str(RejectReason.SENTINEL_DATE)]


class AsRecordedOptions(LocalOptions):
    """`kinds`: how each column is read, in their order. `labels`: names put before them."""

    kinds: tuple[Literal["phone", "email", "date", "datetime", "decimal"], ...]
    labels: tuple[str, ...] = ()


@many_columns("as_recorded", version=1, options=AsRecordedOptions)
def as_recorded(columns: Sequence[pd.Series], options: AsRecordedOptions) -> Transformed:
    """The text as it was recorded, where a phone, e-mail or date of it was refused or changed."""
    locale = Locale(options.zone or "UTC", options.region, bool(options.day_first))
    kept = []
    for kind, column in zip(options.kinds, columns, strict=False):
        _, reasons = run(find(kind), [column], read_options(kind, {}, locale))
        told = reasons.notna() & ~reasons.isin(_NOTHING_TO_TELL)
        kept.append(column.where(told))
    index = columns[0].index
    joined = labelled(kept, options.labels, "; ")
    return Transformed(joined.set_axis(index), no_reasons(index))
