"""Numbers that a state gives to persons and firms, judged by their check digit."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

import pandas as pd

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.placeholders import is_placeholder
from migrator_kit.mapping.transforms.registry import Options, Transformed, one_column


class GreekIdOptions(Options):
    """`kind`: `afm`, the tax number, or `amka`, the number of social security."""

    kind: Literal["afm", "amka"]


@one_column("greek_id", version=1, options=GreekIdOptions)
def greek_id(values: pd.Series, options: GreekIdOptions) -> Transformed:
    """The digits of a Greek tax or social security number; a wrong check digit is refused."""
    right = _right_afm if options.kind == "afm" else _right_amka
    numbers, reasons = [], []
    for value in values:
        digits = re.sub(r"[\s.\-/]", "", value)
        digits = re.sub(r"^(?:EL|GR)(?=\d)", "", digits, flags=re.IGNORECASE)
        good = digits.isascii() and digits.isdigit() and right(digits)
        numbers.append(digits if good else None)
        refused = RejectReason.NOT_GIVEN if is_placeholder(value) else RejectReason.BAD_ID
        reasons.append(None if good else str(refused))
    return Transformed(
        pd.Series(numbers, index=values.index, dtype="str"),
        pd.Series(reasons, index=values.index, dtype="str"),
    )


def _right_afm(digits: str) -> bool:
    if len(digits) != 9 or digits == "0" * 9:
        return False
    weighed = sum(int(digit) << (8 - place) for place, digit in enumerate(digits[:8]))
    return weighed % 11 % 10 == int(digits[8])


def _right_amka(digits: str) -> bool:
    """Return whether eleven digits begin with a day of the calendar and end as Luhn asks."""
    if len(digits) != 11:
        return False
    day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if not any(_is_day(century + year, month, day) for century in (1900, 2000)):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
