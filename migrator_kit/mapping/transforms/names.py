"""Person names in one column: title, first, middle and last name; organisations stay whole."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import pandas as pd
from nameparser import HumanName

from migrator_kit.mapping.transforms.registry import (
    Options,
    Transformed,
    no_reasons,
    one_column,
)

_ORGANISATION = re.compile(
    r"\b(?:inc|llc|ltd|limited|corp|corporation|plc|llp|gmbh|ag|kg|ohg|sarl|srl|spa|bv|nv|ab|oy|"
    r"company|holdings?|group|foundation|trust|estate of|school|university|college|hospital|"
    r"clinic|insurance|society|association|church|bank|services|department|ministry|municipality|"
    r"εταιρεία|εταιρία|ομιλος|όμιλος|δημος|δήμος|σχολείο)\b"
    r"|(?:\bα\.?ε\.?|\bε\.?π\.?ε\.?|\bο\.?ε\.?|\bι\.?κ\.?ε\.?|\bs\.a\.)(?:\s|$)",
    re.IGNORECASE,
)
_TITLE_WORDS = re.compile(
    r"^(?:(?:κ|κα|κος|δρ|δις|herr|frau|fru|sr|sra|srta|sig|mme|mlle|monsieur|madame)\.?)\s+",
    re.IGNORECASE,
)

_LONGEST = 500
"""Letters beyond which a text is no name: the parser's time grows with the square of its length."""
_TITLE_OF_LAST = re.compile(r"^(?:dr|prof|mr|mrs|ms|miss)\.?\s+(?=\S)", re.IGNORECASE)
_LAST_BEFORE_FIRST = re.compile(
    r"^((?:(?:van|von|der|den|de|del|della|da|di|la|le|zu|zur|ten|ter|al|el)\s+)*\S+)\s+(?=\S)",
    re.IGNORECASE,
)
"""A last name with what belongs to it, where another name follows."""

Part = Literal["title", "first", "middle", "last", "suffix", "nickname"]


class NameOptions(Options):
    """`part`: which part is wanted.

    `lone`: where a name that stands alone goes; Zoho CRM requires a last name. `order`: how names
    without a comma are written; with one, the last name stands before it in any case.
    """

    part: Part
    lone: Literal["last", "as_parsed"] = "last"
    order: Literal["first_last", "last_first"] = "first_last"


@one_column("name_part", version=1, options=NameOptions)
def name_part(values: pd.Series, options: NameOptions) -> Transformed:
    """One part of a full name in one column; of an organisation, the whole as last name."""
    told = (options.lone == "last", options.order == "last_first")
    parts = [split_name(value, *told)[options.part] or None for value in values]
    return Transformed(pd.Series(parts, index=values.index, dtype="str"), no_reasons(values.index))


@lru_cache(maxsize=65_536)
def split_name(
    value: str, lone_is_last: bool = True, last_is_first: bool = False
) -> dict[Part, str]:
    """Return the parts of a full name. `lone_is_last`: a name alone is a last name."""
    empty: dict[Part, str] = dict.fromkeys(
        ("title", "first", "middle", "last", "suffix", "nickname"), ""
    )
    whole = " ".join(value.split())
    if len(whole) > _LONGEST:
        return {**empty, "last": whole}
    if _ORGANISATION.search(whole):
        return {**empty, "last": whole}
    title = ""
    if match := _TITLE_WORDS.match(whole):
        title, whole = match[0].strip(), whole[match.end() :]
    if last_is_first and "," not in whole:
        while match := _TITLE_OF_LAST.match(whole):
            title, whole = f"{title} {match[0]}".strip(), whole[match.end() :]
        whole = _LAST_BEFORE_FIRST.sub(r"\1, ", whole)
    try:
        parsed = HumanName(whole)
    except (ValueError, IndexError, TypeError):
        return {**empty, "last": whole}
    parts: dict[Part, str] = {
        "title": " ".join(part for part in (title, parsed.title) if part),
        "first": parsed.first,
        "middle": parsed.middle,
        "last": parsed.last,
        "suffix": parsed.suffix,
        "nickname": parsed.nickname,
    }
    if not any(parts.values()):
        return {**empty, "last": whole}
    if lone_is_last and not parts["last"]:
        return {**parts, "first": "", "last": parts["first"] or parts["nickname"] or whole}
    return parts
