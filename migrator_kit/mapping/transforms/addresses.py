"""Addresses that stand in one column: street, city, state, postal code and country of each.

Addresses in several columns need none of this: `join` puts street lines together. What is not
understood stays with the street, so that nothing of an address is lost.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import pandas as pd

from migrator_kit.mapping.transforms.registry import (
    LocalOptions,
    Transformed,
    no_reasons,
    one_column,
)

Part = Literal["street", "city", "state", "postcode", "country"]

_CODES = {
    "US": r"\d{5}(?:-\d{4})?",
    "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "GR": r"\d{3} ?\d{2}",
    "NL": r"\d{4} ?[A-Z]{2}",
    "PT": r"\d{4}-\d{3}",
    "PL": r"\d{2}-\d{3}",
    "SE": r"\d{3} ?\d{2}",
    "CZ": r"\d{3} ?\d{2}",
    "SK": r"\d{3} ?\d{2}",
    **dict.fromkeys(("DE", "ES", "FR", "IT", "HR", "EE", "FI"), r"\d{5}"),
    **dict.fromkeys(("AT", "AU", "BE", "BG", "CH", "CY", "DK", "HU", "LU", "NO", "SI", "AL"),
                    r"\d{4}"),
}  # fmt: skip
"""How postal codes are written, by region."""
_ANY_CODE = r"\d{4,5}"
_STATE_BEFORE_CODE = frozenset(("US", "CA", "AU"))
_CITY_BEFORE_CODE = _STATE_BEFORE_CODE | {"GB"}
_COUNTRIES = frozenset((
    "greece", "hellas", "ελλάδα", "ελλας", "cyprus", "κύπρος", "usa", "u.s.a.", "united states",
    "united states of america", "canada", "uk", "u.k.", "united kingdom", "great britain",
    "england", "scotland", "wales", "ireland", "germany", "deutschland", "italy", "italia",
    "spain", "españa", "france", "austria", "österreich", "switzerland", "schweiz", "suisse",
    "netherlands", "nederland", "belgium", "portugal", "australia", "albania", "shqipëri",
    "bulgaria",
))  # fmt: skip


class AddressOptions(LocalOptions):
    """`part`: which part is wanted. `region`: how postal codes are written there."""

    part: Part


@one_column("address_part", version=1, options=AddressOptions)
def address_part(values: pd.Series, options: AddressOptions) -> Transformed:
    """One part of an address in one column; what is not understood stays with the street."""
    region = (options.region or "").upper()
    parts = [split_address(value, region)[options.part] or None for value in values]
    return Transformed(pd.Series(parts, index=values.index, dtype="str"), no_reasons(values.index))


@lru_cache(maxsize=65_536)
def split_address(value: str, region: str) -> dict[Part, str]:
    """Return the parts of an address; each word of it stands in exactly one of them."""
    pieces = [" ".join(piece.split()) for piece in re.split(r"[\n\r;,]+", value)]
    pieces = [piece for piece in pieces if piece]
    country = pieces.pop() if len(pieces) > 1 and pieces[-1].casefold() in _COUNTRIES else ""
    found: dict[Part, str] = {
        "street": "", "city": "", "state": "", "postcode": "", "country": country,
    }  # fmt: skip
    place, match = _postcode(pieces, region)
    if match is None:
        if len(pieces) > 1 and not re.search(r"\d", pieces[-1]):
            found["city"] = pieces.pop()
        return {**found, "street": ", ".join(pieces)}
    piece = pieces.pop(place)
    before, after = (part.strip(" -") for part in (piece[: match.start()], piece[match.end() :]))
    found["postcode"] = match[0].strip()
    if region in _STATE_BEFORE_CODE and (state := re.search(r"(?:^|\s)([A-Z]{2,3})$", before)):
        found["state"], before = state[1], before[: state.start()].strip()
    return {**found, **_around(pieces, place, before, after, region)}


def _around(pieces: list[str], place: int, before: str, after: str, region: str) -> dict[Part, str]:
    """Return street and city from what stands around a postal code and in the other pieces."""
    above, below = pieces[:place], pieces[place:]
    if region in _CITY_BEFORE_CODE:
        # In one piece nothing tells the street from the city.
        city = before if above else ""
        street = [*above, *([] if above else [before])]
        if not city and len(street) > 1 and not before:
            city = street.pop()
        return {"street": _listed([*street, after, *below]), "city": city}
    if after:
        return {"street": _listed([*above, before, *below]), "city": after}
    if below:
        return {"street": _listed([*above, before, *below[1:]]), "city": below[0]}
    if before and above:
        return {"street": _listed(above), "city": before}
    city = above.pop() if len(above) > 1 else ""
    return {"street": _listed([*above, before]), "city": city}


def _listed(pieces: list[str]) -> str:
    return ", ".join(piece for piece in pieces if piece)


def _postcode(pieces: list[str], region: str) -> tuple[int, re.Match[str] | None]:
    """Return the last piece with a postal code at its start, at its end or before a city."""
    pattern = re.compile(rf"(?:(?<=\s)|^)(?:{_CODES.get(region, _ANY_CODE)})(?=\s|$)")
    for place in range(len(pieces) - 1, -1, -1):
        found = list(pattern.finditer(pieces[place]))
        # A number that begins an address is that of a house.
        found = [match for match in found if place > 0 or match.start() > 0]
        if found:
            return place, found[-1]
    return -1, None
