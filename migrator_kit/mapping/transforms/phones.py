"""Phone numbers: E.164 of the practice's region, with an extension as ` x123`.

Zoho CRM takes 30 characters of digits, letters and a few signs, no `=` (fact sheet 2.5).

Plain numbers are judged by column with the numbering plan's own patterns; whatever is left goes
through the phone number library, value by value. Both give the same answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import to_arrow, to_series
from migrator_kit.mapping.transforms.placeholders import is_placeholder
from migrator_kit.mapping.transforms.registry import LocalOptions, Transformed, one_column

_KINDS = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip",
    "pager", "uan", "voicemail",
)  # fmt: skip
_PLAIN = (
    r"^\s*(?P<number>[+(]*\d[\d ().\-\x{a0}]*\d)(?:\s*(?:x|ext\.?)\s*(?P<extension>\d{1,7}))?\s*$"
)
_ONE_NUMBER = re.compile(r"\s*\+?[\d().\-]+(?:\s*x\s*\d+)?\s*")
_MATCHER_LENIENCY = phonenumbers.Leniency.VALID


class PhoneOptions(LocalOptions):
    """`region`: where numbers without a country code are. `accept`: valid in the numbering plan,
    or only of a possible length."""

    accept: Literal["valid", "possible"] = "valid"


@dataclass(frozen=True, slots=True)
class NumberingPlan:
    """What is needed to judge a plain national number of a region by column."""

    country_code: str
    trunk: str
    prefixes: str
    abroad: str
    general: str
    kinds: str


@one_column("phone", version=1, options=PhoneOptions)
def phone(values: pd.Series, options: PhoneOptions) -> Transformed:
    """E.164 with extension; two numbers give the first; what is no number is refused."""
    region = (options.region or "").upper() or None
    found = _plain_numbers(to_arrow(values), region)
    rest = np.asarray(pc.is_null(found))
    numbers = to_series(found)
    reasons = pd.Series(pd.NA, index=numbers.index, dtype="str")
    if rest.any():
        judged = [_judge(value, region, options.accept) for value in values[rest]]
        numbers[rest] = pd.array([number for number, _ in judged], dtype="str")
        reasons[rest] = pd.array([reason for _, reason in judged], dtype="str")
    return Transformed(numbers.set_axis(values.index), reasons.set_axis(values.index))


def _plain_numbers(texts: pa.Array, region: str | None) -> pa.Array:
    """Return E.164 for the texts that are plain valid numbers of the region, None for others."""
    plan = numbering_plan(region) if region else None
    if plan is None:
        return pa.nulls(len(texts), pa.large_string())
    parts = pc.extract_regex(texts.cast(pa.string()), pattern=_PLAIN)
    number = pc.struct_field(parts, "number")
    extension = pc.struct_field(parts, "extension")
    digits = pc.replace_substring_regex(number, pattern=r"\D", replacement="")
    with_code = pc.and_(
        pc.starts_with(number, pattern="+"), pc.starts_with(digits, pattern=plan.country_code)
    )
    national = pc.if_else(
        with_code, pc.utf8_slice_codeunits(digits, len(plan.country_code)), digits
    )
    plausible = pc.or_(
        with_code,
        pc.and_(
            pc.invert(pc.match_substring(number, "+")),
            pc.invert(pc.match_substring_regex(digits, f"^(?:{plan.abroad})")),
        ),
    )
    if plan.prefixes:
        trunk = pc.starts_with(national, pattern=plan.trunk or "-")
        # Carrier codes and other prefixes are left to the library.
        prefixed = pc.match_substring_regex(national, f"^(?:{plan.prefixes})")
        plausible = pc.and_(plausible, pc.or_(trunk, pc.invert(prefixed)))
        national = pc.if_else(trunk, pc.utf8_slice_codeunits(national, len(plan.trunk)), national)
    valid = pc.and_(
        pc.and_(plausible, pc.match_substring_regex(national, plan.general)),
        pc.match_substring_regex(national, plan.kinds),
    )
    suffix = pc.if_else(
        pc.equal(extension, ""), "", pc.binary_join_element_wise(" x", extension, "")
    )
    whole = pc.binary_join_element_wise(f"+{plan.country_code}", national, suffix, "")
    return pc.if_else(pc.fill_null(valid, False), whole, None).cast(pa.large_string())


@lru_cache(maxsize=256)
def numbering_plan(region: str) -> NumberingPlan | None:
    """Return the plan of a region, or None where its numbers need more than patterns."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.national_prefix_transform_rule:
        return None
    trunk = metadata.national_prefix or ""
    descriptions = [getattr(metadata, kind) for kind in _KINDS] + [metadata.general_desc]
    if descriptions[-1] is None:
        return None
    *patterns, general = [getattr(one, "national_number_pattern", None) for one in descriptions]
    return NumberingPlan(
        country_code=str(metadata.country_code),
        trunk=trunk,
        prefixes=metadata.national_prefix_for_parsing or "",
        abroad=metadata.international_prefix or "00",
        general=f"^(?:{general})$",
        kinds=f"^(?:{'|'.join(pattern for pattern in patterns if pattern)})$",
    )


@lru_cache(maxsize=65_536)
def _judge(value: str, region: str | None, accept: str) -> tuple[str | None, str | None]:
    """Return the number of one text and what is wrong with the text."""
    if is_placeholder(value):
        return None, str(RejectReason.NOT_GIVEN)
    for text in dict.fromkeys((value, re.sub(r"^\s*00", "+", value))):
        number = _parsed(text, region)
        if number is not None and phonenumbers.is_valid_number(number):
            return _written(number)
    # What is one number and nothing else has no other number inside.
    others = [] if _ONE_NUMBER.fullmatch(value) else _found_inside(value, region)
    if others:
        several = len({_written(number)[0] for number in others}) > 1
        reason = RejectReason.SEVERAL_VALUES if several else RejectReason.EXTRA_TEXT
        return _written(others[0])[0], str(reason)
    number = _parsed(value, region)
    if accept == "possible" and number is not None and _possible(number):
        return _written(number)
    return None, str(RejectReason.BAD_PHONE)


def _found_inside(value: str, region: str | None) -> list[PhoneNumber]:
    """Return valid numbers inside a text, in its order."""
    pieces = [piece for piece in re.split(r"[/;,|\n]|\s(?:or|and|ή|oder|y|e)\s", value) if piece]
    found = []
    for piece in pieces:
        matcher = phonenumbers.PhoneNumberMatcher(piece, region, leniency=_MATCHER_LENIENCY)
        found += [match.number for match in matcher]
    return found


def _parsed(value: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(value, region)
    except NumberParseException:
        return None


def _possible(number: PhoneNumber) -> bool:
    reason = phonenumbers.is_possible_number_with_reason(number)
    zeros = str(number.national_number).strip("0") == ""
    return reason == phonenumbers.ValidationResult.IS_POSSIBLE and not zeros


def _written(number: PhoneNumber) -> tuple[str, str | None]:
    """Return a number as Zoho CRM takes it, and a reason where its extension does not fit."""
    whole = phonenumbers.format_number(
        PhoneNumber(
            country_code=number.country_code,
            national_number=number.national_number,
            italian_leading_zero=number.italian_leading_zero,
            number_of_leading_zeros=number.number_of_leading_zeros,
        ),
        phonenumbers.PhoneNumberFormat.E164,
    )
    if not number.extension:
        return whole, None
    if len(whole) + 2 + len(number.extension) > 30:
        return whole, str(RejectReason.TOO_LONG)
    return f"{whole} x{number.extension}", None
