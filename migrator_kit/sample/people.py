"""Names and addresses of the sample practice, drawn from mimesis.

The pools are drawn once for each practice; columns are then picked from the pools, so that a
million patients cost no more calls to mimesis than a hundred.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mimesis import Address, Person
from mimesis.enums import Gender
from mimesis.locales import Locale

from migrator_kit.sample.columns import Column, Flags, Rows, joined, one_of, padded, text, values

FEMALE, MALE = 0, 1

# Romanisation of Greek letters (ISO 843 type 2), for e-mail addresses.
_GREEK = str.maketrans(
    {
        **dict(zip("αβγδεζηικλμνξοπρστυφως", "avgdeziiklmnxoprstyfos", strict=True)),
        **{"θ": "th", "χ": "ch", "ψ": "ps"},
    }
)

# Towns around the practices: city, state, first three digits of the ZIP code.
_TOWNS = (
    ("New York", "NY", "100"),
    ("Brooklyn", "NY", "112"),
    ("Yonkers", "NY", "107"),
    ("White Plains", "NY", "106"),
    ("Albany", "NY", "122"),
    ("Astoria", "NY", "111"),
    ("Hoboken", "NJ", "070"),
    ("Newark", "NJ", "071"),
    ("Trenton", "NJ", "086"),
    ("Stamford", "CT", "069"),
    ("New Haven", "CT", "065"),
    ("Hartford", "CT", "061"),
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part of the patients comes from: names, language, and the address back home."""

    language: str
    country: str
    share: float
    first: tuple[Column, Column]
    last: tuple[Column, Column]
    streets: Column
    cities: Column
    regions: Column


# language, country, share of the patients, locale
_ORIGINS = (
    ("en", "USA", 0.82, Locale.EN),
    ("el", "Greece", 0.09, Locale.EL),
    ("es", "Spain", 0.06, Locale.ES),
    ("de", "Germany", 0.03, Locale.DE),
)
_ABROAD = 0.12
"""Share of those with another origin than English whose address is in that country."""


def ascii_name(name: str) -> str:
    """Return a name in the small letters a-z, as e-mail addresses spell it."""
    plain = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return "".join(
        letter for letter in plain.translate(_GREEK) if letter.isascii() and letter.isalpha()
    )


def _drawn(draw: Callable[[], str], count: int) -> Column:
    """Return the distinct values among `count` draws, in the order of their first draw."""
    return values(list(dict.fromkeys(draw() for _ in range(count))))


def _street(address: Address, english: bool) -> str:
    # Only English keeps the kind of street apart from its name.
    return (
        f"{address.street_name()} {address.street_suffix()}" if english else address.street_name()
    )


def origins(seed: int) -> tuple[Origin, ...]:
    """Draw the pools of names, streets and cities."""
    made = []
    for language, country, share, locale in _ORIGINS:
        person, address = Person(locale, seed=seed), Address(locale, seed=seed)
        genders = (Gender.FEMALE, Gender.MALE)
        first = [_drawn(lambda p=person, g=g: p.first_name(gender=g), 700) for g in genders]  # type: ignore[misc]
        last = [_drawn(lambda p=person, g=g: p.last_name(gender=g), 1_200) for g in genders]  # type: ignore[misc]
        streets = _drawn(lambda a=address, en=language == "en": _street(a, en), 400)  # type: ignore[misc]
        made.append(
            Origin(
                language=language,
                country=country,
                share=share,
                first=(first[0], first[1]),
                last=(last[0], last[1]),
                streets=streets,
                cities=_drawn(address.city, 200),
                regions=_drawn(address.state, 60),
            )
        )
    return tuple(made)


@dataclass(slots=True)
class Identities:
    """Who the patients of a chunk are and where they live, before anything is wrong."""

    gender: Rows
    abroad: Flags
    first: Column
    last: Column
    street: Column
    city: Column
    postcode: Column
    region: Column
    country: Column
    language: Column


def identities(rng: np.random.Generator, pools: tuple[Origin, ...], count: int) -> Identities:
    """Return names and addresses for `count` patients."""
    gender = (rng.random(count) < 0.47).astype(np.int64)
    origin = rng.choice(len(pools), count, p=[pool.share for pool in pools])
    abroad = (origin > 0) & (rng.random(count) < _ABROAD)
    town = rng.integers(0, len(_TOWNS), count)
    city, region, prefix = (values(column)[town] for column in zip(*_TOWNS, strict=True))
    people = Identities(
        gender=gender,
        abroad=abroad,
        first=np.empty(count, np.object_),
        last=np.empty(count, np.object_),
        street=np.empty(count, np.object_),
        city=city,
        postcode=joined(prefix, padded(rng.integers(1, 99, count), 2)),
        region=region,
        country=np.where(abroad, "", "USA").astype(np.object_),
        language=values([pool.language for pool in pools])[origin],
    )
    for index, pool in enumerate(pools):
        for sex in (FEMALE, MALE):
            rows = np.flatnonzero((origin == index) & (gender == sex))
            people.first[rows] = one_of(rng, pool.first[sex], len(rows))
            people.last[rows] = one_of(rng, pool.last[sex], len(rows))
        _give_addresses(rng, people, pools, index, np.flatnonzero(origin == index))
    return people


def _give_addresses(
    rng: np.random.Generator,
    people: Identities,
    pools: tuple[Origin, ...],
    index: int,
    rows: Rows,
) -> None:
    house = text(rng.integers(1, 990, len(rows)))
    people.street[rows] = joined(house, " ", one_of(rng, pools[0].streets, len(rows)))
    away = rows[people.abroad[rows]]
    pool = pools[index]
    people.street[away] = joined(one_of(rng, pool.streets, len(away)), " ", house[: len(away)])
    people.city[away] = one_of(rng, pool.cities, len(away))
    people.region[away] = one_of(rng, pool.regions, len(away))
    people.postcode[away] = text(rng.integers(10_000, 89_999, len(away)))
    people.country[away] = pool.country
