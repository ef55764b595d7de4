"""Values of a closed list: picklists by value map, several choices in one text."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from pydantic import Field

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import to_series
from migrator_kit.mapping.transforms.registry import (
    Options,
    Transformed,
    no_reasons,
    one_column,
)

CHOICES = pa.list_(pa.string())
KEEP = "keep"


class PicklistOptions(Options):
    """`values`: source value to target value; an empty target empties the field.

    `otherwise`: what is proposed for a value without an entry: nothing (the field arrives empty),
    `keep` (the value itself), or a target value.
    """

    values: dict[str, str] = Field(default_factory=dict)
    otherwise: str | None = None


@one_column("picklist", version=1, options=PicklistOptions)
def picklist(values: pd.Series, options: PicklistOptions) -> Transformed:
    """The target value of a status or code, by the value map of the mapping row."""
    found = [map_choice(value, options) for value in values]
    targets = pd.Series([target or None for target, _ in found], index=values.index, dtype="str")
    known = pd.Series([known for _, known in found], index=values.index, dtype=bool)
    unknown = targets.isna() | (~known & (options.otherwise != KEEP))
    return Transformed(
        targets, no_reasons(values.index).mask(unknown, str(RejectReason.UNKNOWN_VALUE))
    )


class MultiselectOptions(PicklistOptions):
    """`separators`: signs between the choices."""

    separators: str = ",;|"


@one_column("multiselect", version=1, options=MultiselectOptions, gives=CHOICES)
def multiselect(values: pd.Series, options: MultiselectOptions) -> Transformed:
    """Several choices of one text, by the value map where there is one."""
    lists, reasons = [], []
    for value in values:
        chosen, unknown = _choices(value, options)
        lists.append(chosen or None)
        reasons.append(str(RejectReason.UNKNOWN_VALUE) if unknown else None)
    return Transformed(
        to_series(pa.array(lists, CHOICES)), pd.Series(reasons, index=values.index, dtype="str")
    )


def map_choice(value: str, options: PicklistOptions) -> tuple[str, bool]:
    """Return the target of one value, and whether the value map has an entry for it."""
    entry = find_entry(value, options.values)
    if entry is not None:
        return options.values[entry], True  # noqa: PD011 (a value map, no frame)
    if options.otherwise == KEEP:
        return value.strip(), False
    return options.otherwise or "", False


def find_entry(value: str, values: dict[str, str]) -> str | None:
    """Return the entry of the value map for a value: as it is, then without case and space."""
    if value in values:
        return value
    folded = value.strip().casefold()
    return next((entry for entry in values if entry.strip().casefold() == folded), None)


def _choices(value: str, options: MultiselectOptions) -> tuple[list[str], bool]:
    text = value
    for sign in options.separators:
        text = text.replace(sign, "\n")
    chosen: list[str] = []
    unknown = False
    for piece in (part.strip() for part in text.splitlines()):
        mapped = bool(options.values)
        target, known = map_choice(piece, options) if mapped else (piece, True)
        unknown |= bool(piece) and not (known and target)
        if target and target not in chosen:
            chosen.append(target)
    return chosen, unknown
