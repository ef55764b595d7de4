"""Keys of the record itself, of its parents and of its owner."""

from __future__ import annotations

import pandas as pd

from migrator_kit.mapping.transforms.registry import (
    Options,
    Transformed,
    no_reasons,
    one_column,
)


class KeyOptions(Options):
    """`none`: keys that mean no record, such as 0."""

    none: tuple[str, ...] = ()


@one_column("lookup", version=1, options=KeyOptions)
def lookup(values: pd.Series, options: KeyOptions) -> Transformed:
    """The source key of a parent record, without space around it."""
    keys = values.str.strip()
    return Transformed(keys.mask(keys.isin([*options.none])), no_reasons(values.index))


@one_column("owner", version=1, options=KeyOptions)
def owner(values: pd.Series, options: KeyOptions) -> Transformed:
    """The key of the member of staff who owns the record."""
    return lookup(values, options)
