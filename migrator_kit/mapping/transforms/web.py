"""Addresses of websites."""

from __future__ import annotations

import pandas as pd

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.registry import (
    Options,
    Transformed,
    no_reasons,
    one_column,
)

_ADDRESS = (
    r"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^\s/?#@.,;]+(?:\.[^\s/?#@.,;]+)+(?::\d+)?(?:[/?#]\S*)?$"
)


@one_column("website", version=1)
def website(values: pd.Series, _options: Options) -> Transformed:
    """The address of a website."""
    addresses = values.str.strip()
    good = addresses.str.match(_ADDRESS)
    return Transformed(
        addresses.where(good), no_reasons(values.index).mask(~good, str(RejectReason.BAD_WEBSITE))
    )
