"""E-mail addresses: syntax only, no look-up. Zoho CRM takes 100 characters (fact sheet 2.5)."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from email_validator import EmailNotValidError, validate_email

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import to_arrow, to_series
from migrator_kit.mapping.transforms.placeholders import is_placeholder
from migrator_kit.mapping.transforms.registry import Options, Transformed, one_column

_PLAIN = (
    r"^(?P<local>[A-Za-z0-9_%+'-]+(?:\.[A-Za-z0-9_%+'-]+)*)@"
    r"(?P<domain>(?:[A-Za-z0-9](?:[A-Za-z0-9]|-[A-Za-z0-9]){0,30}\.)+[A-Za-z]{2,20})$"
)
_RESERVED = r"\.(?:arpa|invalid|local|localhost|onion|test)$"
_LOOKED_AT = 1_000
"""Letters in which an address is looked for: the search grows with their square."""
_INSIDE = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")


class EmailOptions(Options):
    """`length`: characters that fit. `test_domains`: admit the reserved domain `.test`."""

    length: int = 100
    test_domains: bool = False


@one_column("email", version=1, options=EmailOptions)
def email(values: pd.Series, options: EmailOptions) -> Transformed:
    """One address with its domain in small letters; two give the first; others are refused."""
    found = _plain_addresses(to_arrow(values), options.length)
    rest = np.asarray(pc.is_null(found))
    addresses = to_series(found)
    reasons = pd.Series(pd.NA, index=addresses.index, dtype="str")
    if rest.any():
        judged = [_judge(value, options.length, options.test_domains) for value in values[rest]]
        addresses[rest] = pd.array([address for address, _ in judged], dtype="str")
        reasons[rest] = pd.array([reason for _, reason in judged], dtype="str")
    return Transformed(addresses.set_axis(values.index), reasons.set_axis(values.index))


def _plain_addresses(texts: pa.Array, length: int) -> pa.Array:
    """Return the texts that are plain addresses beyond doubt, None for others."""
    trimmed = pc.utf8_trim_whitespace(texts).cast(pa.string())
    parts = pc.extract_regex(trimmed, pattern=_PLAIN)
    local, domain = pc.struct_field(parts, "local"), pc.struct_field(parts, "domain")
    domain = pc.utf8_lower(domain)
    plain = pc.and_(
        pc.and_(
            pc.is_valid(parts),
            pc.less_equal(pc.utf8_length(trimmed), min(length, 200)),
        ),
        pc.and_(
            pc.less_equal(pc.utf8_length(local), 64),
            pc.invert(pc.match_substring_regex(domain, _RESERVED)),
        ),
    )
    whole = pc.binary_join_element_wise(local, domain, "@")
    return pc.if_else(pc.fill_null(plain, False), whole, None).cast(pa.large_string())


@lru_cache(maxsize=65_536)
def _judge(value: str, length: int, test_domains: bool) -> tuple[str | None, str | None]:
    """Return the address in one text and what is wrong with the text."""
    if is_placeholder(value):
        return None, str(RejectReason.NOT_GIVEN)
    whole = _checked(value.strip().removeprefix("mailto:"), test_domains)
    reason: RejectReason | None = None
    if whole is None:
        inside = [_checked(match, test_domains) for match in _INSIDE.findall(value[:_LOOKED_AT])]
        good = [address for address in inside if address]
        if not good:
            return None, str(RejectReason.BAD_EMAIL)
        whole = good[0]
        several = len(set(good)) > 1
        reason = RejectReason.SEVERAL_VALUES if several else RejectReason.EXTRA_TEXT
    if len(whole) > length:
        return None, str(RejectReason.TOO_LONG)
    return whole, str(reason) if reason else None


def _checked(value: str, test_domains: bool) -> str | None:
    try:
        checked = validate_email(value, check_deliverability=False, test_environment=test_domains)
    except EmailNotValidError:
        return None
    return checked.normalized
