"""Columns of loose values (Excel cells, JSON) as Arrow: the type that every value bears out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

_LARGEST = 2**63


class Kinds:
    """What kinds of values a column was seen to hold, and the type they have in common."""

    __slots__ = ("_seen", "_wide")

    def __init__(self) -> None:
        self._seen: set[type] = set()
        self._wide = False

    def see(self, value: Any) -> None:
        """Take note of a value; None says nothing."""
        if value is None:
            return
        kind = type(value)
        if kind is float and value.is_integer() and abs(value) < 2**53:
            kind = int
        elif kind is int and not -_LARGEST <= value < _LARGEST:
            self._wide = True
        self._seen.add(kind)

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the column: text where values of different kinds stand."""
        if self._seen == {bool}:
            return pa.bool_()
        if self._seen == {int} and not self._wide:
            return pa.int64()
        return pa.float64() if self._seen in ({float}, {int, float}) else pa.string()

    @property
    def declared(self) -> str:
        """The type in words, as a source would declare it."""
        names = {pa.bool_(): "boolean", pa.int64(): "integer", pa.float64(): "number"}
        return names.get(self.type, "text")


def column_of(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Return values as a column of the type that `Kinds` found for them."""
    if kind == pa.string():
        return pa.array([None if v is None else text_of(v) for v in values], kind)
    if kind == pa.int64():
        return pa.array([None if v is None else int(v) for v in values], kind)
    if kind == pa.float64():
        return pa.array([None if v is None else float(v) for v in values], kind)
    return pa.array(values, kind)


def text_of(value: Any) -> str:
    """Return a value as a person would write it: 12.0 is 12, True is true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)
