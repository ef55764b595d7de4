"""Data classes of fields, masking for people's eyes, keyed tokens.

Every value that can reach a table, plot, log line or error passes through `mask` first. A token is
keyed with the engagement's secret, so the client can resolve it and nobody else can.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

import pandas as pd


class DataClass(StrEnum):
    """What a column tells about a person. The first five are patient data (PHI)."""

    IDENTIFIER = "direct identifier"
    CONTACT = "contact"
    HEALTH = "health"
    INSURANCE = "insurance"
    FREE_TEXT = "free text"
    OPERATIONAL = "operational"
    TECHNICAL = "technical"

    @property
    def is_phi(self) -> bool:
        """Whether values of this class must not leave the analyst's machine."""
        return self not in (DataClass.OPERATIONAL, DataClass.TECHNICAL)


def token(value: object, key: bytes) -> str:
    """Return a short keyed token: equal values give equal tokens within an engagement."""
    digest = hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()
    return f"‹{digest[:10]}›"


def shape(value: object) -> str:
    """Return the shape of a value: letters as `a` or `A`, digits as `9`, runs shortened.

    `"Maria 12-B"` becomes `"Aa 9-A"`. Shapes hold no readable patient data.
    """
    classes = [_character_class(character) for character in str(value)]
    runs = [c for c, before in zip(classes, [None, *classes], strict=False) if c != before]
    return "".join(runs)[:24]


def _character_class(character: str) -> str:
    if character.isnumeric():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return " " if character.isspace() else character


def mask(values: pd.Series, data_class: DataClass, *, reveal: bool = False) -> pd.Series:
    """Return a column fit for display: PHI as shapes (empty stays empty), the rest unchanged."""
    if reveal or not data_class.is_phi:
        return values
    return values.map(shape, na_action="ignore")
