"""Amounts, numbers, yes and no."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import to_arrow, to_series
from migrator_kit.mapping.transforms.placeholders import is_placeholder
from migrator_kit.mapping.transforms.registry import (
    AmountOptions,
    Options,
    Transformed,
    many_columns,
    no_reasons,
    one_column,
)

NUMBER, WHOLE, YES_NO = pa.float64(), pa.int64(), pa.bool_()
_CURRENCY = (
    r"(?i)\b(?:eur|usd|gbp|chf|all|try|cad|aud|sek|nok|dkk|pln)\b|[€$£¥₺]|[\s\x{a0}\x{202f}'’]"
)
_PLAIN = r"^[+-]?\d{1,16}(?:\.\d+)?$"


class DecimalOptions(AmountOptions):
    """`decimal`: the sign before the fraction. `places`: decimals kept, the half rounded up.

    `placeholders`: numbers that mean not known, such as -1.
    """

    places: int = 2
    placeholders: tuple[str, ...] = ()


@one_column("decimal", version=3, options=DecimalOptions, gives=NUMBER)
def decimal(values: pd.Series, options: DecimalOptions) -> Transformed:
    """A number or an amount of money, currency signs and grouping left out."""
    texts = _digits(to_arrow(values), options.decimal or ".")
    plain = pc.fill_null(pc.match_substring_regex(texts, _PLAIN), False)
    short = pc.replace_substring_regex(texts, pattern=r"(\.\d{12})\d+$", replacement=r"\1")
    exact = pc.if_else(plain, short, None).cast(pa.decimal128(38, 12))
    rounded = pc.round(exact, ndigits=options.places, round_mode="half_towards_infinity")
    # By way of text: a decimal cast straight to a float ends next to the number that was written.
    nearest = rounded.cast(pa.string()).cast(NUMBER)
    return _with_placeholders(values, nearest, plain, options.placeholders)


class IntegerOptions(AmountOptions):
    """`digits`: how many fit (9 in a number field, 18 in a long integer, fact sheet 2.5)."""

    digits: int = 9
    placeholders: tuple[str, ...] = ()


@one_column("integer", version=2, options=IntegerOptions, gives=WHOLE)
def integer(values: pd.Series, options: IntegerOptions) -> Transformed:
    """A whole number; a fraction is refused unless it is zero."""
    texts = _digits(to_arrow(values), options.decimal or ".")
    texts = pc.replace_substring_regex(texts, pattern=r"\.0+$", replacement="")
    texts = pc.replace_substring_regex(texts, pattern=r"^([+-]?)0+(\d)", replacement=r"\1\2")
    texts = pc.replace_substring_regex(texts, pattern=r"^\+", replacement="")
    most = min(options.digits, 18)
    plain = pc.fill_null(pc.match_substring_regex(texts, rf"^-?\d{{1,{most}}}$"), False)
    numbers = pc.if_else(plain, texts, None).cast(WHOLE)
    return _with_placeholders(values, numbers, plain, options.placeholders)


class OrdinalOptions(Options):
    """`last`: the place of what has none."""

    last: int = 99


@many_columns("ordinal", version=1, options=OrdinalOptions, gives=WHOLE)
def ordinal(columns: list[pd.Series], options: OrdinalOptions) -> Transformed:
    """The place of a row among its siblings, such as the priority of an insurance."""
    column = columns[0]
    digits = pc.replace_substring_regex(to_arrow(column), pattern=r"\.0+$", replacement="")
    plain = pc.fill_null(pc.match_substring_regex(digits, r"^[1-9]\d{0,3}$"), False)
    places = pc.if_else(plain, digits, str(options.last)).cast(WHOLE)
    return Transformed(to_series(places).set_axis(column.index), no_reasons(column.index))


class BooleanOptions(Options):
    """`yes`, `no`: the texts that mean it. `invert`: consent to opt-out and the like.

    `missing`: what stands where nothing was recorded (before it is inverted).
    """

    yes: tuple[str, ...] = ("1", "-1", "true", "t", "yes", "y", "on", "x", "ja", "j", "ναι", "sí")
    no: tuple[str, ...] = ("0", "false", "f", "no", "n", "off", "nein", "όχι", "οχι")
    invert: bool = False
    missing: bool | None = None


@many_columns("boolean", version=1, options=BooleanOptions, gives=YES_NO)
def boolean(columns: list[pd.Series], options: BooleanOptions) -> Transformed:
    """Yes or no, by the words and signs that programs and people use for them."""
    column = columns[0]
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(to_arrow(column)))
    yes = pc.is_in(texts, value_set=pa.array(options.yes, pa.large_string()))
    no = pc.is_in(texts, value_set=pa.array(options.no, pa.large_string()))
    answers = pc.if_else(yes, True, pc.if_else(no, False, None))
    unread = np.asarray(pc.and_(pc.is_valid(texts), pc.is_null(answers)))
    if options.missing is not None:
        answers = pc.if_else(pc.is_null(texts), options.missing, answers)
    if options.invert:
        answers = pc.invert(answers)
    reasons = no_reasons(column.index).mask(unread, str(RejectReason.BAD_BOOLEAN))
    return Transformed(to_series(answers).set_axis(column.index), reasons)


def _digits(texts: pa.Array, sign: str) -> pa.Array:
    """Return amounts as sign, digits and point alone; what is no amount stays what it is."""
    texts = pc.replace_substring_regex(texts, pattern=_CURRENCY, replacement="")
    texts = pc.replace_substring_regex(texts, pattern=r"^\((.*)\)$", replacement=r"-\1")
    texts = pc.replace_substring_regex(texts, pattern=r"^([^-]*)-$", replacement=r"-\1")
    group = "," if sign == "." else "."
    grouped = rf"^([+-]?\d{{1,3}}(?:\{group}\d{{3}})+)(\{sign}\d+)?$"
    is_grouped = pc.match_substring_regex(texts, grouped)
    texts = pc.if_else(is_grouped, pc.replace_substring(texts, group, ""), texts)
    if sign == ",":
        # A point before one or two digits at the end is a decimal point in any notation.
        texts = pc.replace_substring_regex(
            texts, pattern=r"^([+-]?\d+),(\d+)$", replacement=r"\1.\2"
        )
    scientific = pc.match_substring_regex(texts, r"^[+-]?\d(?:\.\d+)?[eE][+-]?\d{1,2}$")
    if pc.any(scientific).as_py():
        texts = pc.if_else(scientific, _expanded(texts, scientific), texts)
    texts = pc.replace_substring_regex(texts, pattern=r"^([+-]?)\.(\d)", replacement=r"\10.\2")
    return pc.replace_substring_regex(texts, pattern=r"\.$", replacement="")


def _expanded(texts: pa.Array, scientific: pa.Array) -> pa.Array:
    plain = pc.if_else(scientific, texts, None)
    return plain.cast(pa.float64()).cast(pa.string()).cast(texts.type)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", text) is not None


def _with_placeholders(
    values: pd.Series, numbers: pa.Array, plain: pa.Array, placeholders: tuple[str, ...]
) -> Transformed:
    series = to_series(numbers).set_axis(values.index)
    reasons = no_reasons(values.index).mask(~np.asarray(plain), str(RejectReason.BAD_NUMBER))
    refused = np.flatnonzero(reasons.notna())
    words = [int(position) for position in refused if is_placeholder(values.iloc[position])]
    marks = pa.array([float(mark) for mark in placeholders if _is_number(mark)], NUMBER)
    # A server of databases writes the placeholder -1 as -1.00.
    empty = values.str.strip().isin([*placeholders])
    empty |= np.asarray(pc.is_in(numbers.cast(NUMBER), value_set=marks))
    empty.iloc[words] = True
    return Transformed(series.mask(empty), reasons.mask(empty, str(RejectReason.NOT_GIVEN)))
