"""Tooth numbers: FDI or universal, several in one text, kept readable."""

from __future__ import annotations

import re
from typing import Literal

import pandas as pd

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.registry import Options, Transformed, one_column

Notation = Literal["fdi", "universal"]


def _adult_teeth() -> list[str]:
    top = [f"1{n}" for n in range(8, 0, -1)] + [f"2{n}" for n in range(1, 9)]
    bottom = [f"3{n}" for n in range(8, 0, -1)] + [f"4{n}" for n in range(1, 9)]
    return top + bottom


def _milk_teeth() -> list[str]:
    top = [f"5{n}" for n in range(5, 0, -1)] + [f"6{n}" for n in range(1, 6)]
    bottom = [f"7{n}" for n in range(5, 0, -1)] + [f"8{n}" for n in range(1, 6)]
    return top + bottom


_UNIVERSAL_OF = {fdi: str(n) for n, fdi in enumerate(_adult_teeth(), start=1)} | {
    fdi: chr(ord("A") + n) for n, fdi in enumerate(_milk_teeth())
}
_FDI_OF = {universal: fdi for fdi, universal in _UNIVERSAL_OF.items()}
_NONE = frozenset(("0", "00", "000"))


class ToothOptions(Options):
    """`notation`: how teeth are recorded. `to`: the notation wanted; the same where None."""

    notation: Notation = "fdi"
    to: Notation | None = None


@one_column("teeth", version=1, options=ToothOptions)
def teeth(values: pd.Series, options: ToothOptions) -> Transformed:
    """Teeth as `11, 12`; 00 is none; what is no tooth stays as it was recorded."""
    read = [_teeth(value, options) for value in values]
    return Transformed(
        pd.Series([text for text, _ in read], index=values.index, dtype="str"),
        pd.Series([reason for _, reason in read], index=values.index, dtype="str"),
    )


def _teeth(value: str, options: ToothOptions) -> tuple[str | None, str | None]:
    marks = [mark for mark in re.split(r"[,;/\s+&]+", value.strip()) if mark]
    marks = [mark for mark in marks if mark not in _NONE]
    if not marks:
        return None, None
    known = _UNIVERSAL_OF if options.notation == "fdi" else _FDI_OF
    bounds = [mark.upper().split("-") for mark in marks]
    if any(len(bound) > 2 or any(tooth not in known for tooth in bound) for bound in bounds):
        return " ".join(value.split()), str(RejectReason.BAD_TOOTH)
    if options.to not in (None, options.notation):
        bounds = [[known[tooth] for tooth in bound] for bound in bounds]
    return ", ".join("-".join(bound) for bound in bounds), None
