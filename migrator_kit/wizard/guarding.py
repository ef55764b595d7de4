"""Cells that a spreadsheet would run: marked with an apostrophe, and unmarked again.

What can only be read as a number (a telephone number in international form, with its extension; an
amount) is left as it is: it holds no function and no reference, and an apostrophe would stay in
Zoho CRM.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = "^'* *[=+\\-@\t\r\n＝＋－＠]"
_NUMBER = r"^'*[+\-]?[0-9][0-9 .,()/:\-]*( x[0-9]{1,7})?$"


def guarded(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return text that no spreadsheet runs, and which rows were changed for it.

    A text that begins with apostrophes before a formula gets one more, so that `unguarded` gives
    every text back as it was.
    """
    runs = _runs(values)
    return pc.if_else(runs, pc.binary_join_element_wise("'", values, ""), values), runs


def unguarded(values: pa.Array) -> pa.Array:
    """Return text as it was before `guarded`."""
    marked = pc.and_(_runs(values), pc.fill_null(pc.starts_with(values, "'"), False))
    return pc.if_else(marked, pc.utf8_slice_codeunits(values, 1), values)


def _runs(values: pa.Array) -> pa.Array:
    formula = pc.match_substring_regex(values, _FORMULA)
    number = pc.match_substring_regex(values, _NUMBER)
    return pc.fill_null(pc.and_not(formula, number), False)
