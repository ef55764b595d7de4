"""Names the way people type them: second spellings, capitals, spaces, titles, wrong encodings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from migrator_kit.sample.columns import Column, Floats, values
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.people import Identities, Origin

_ACCENTED = ("Müller", "Núñez", "Gößling", "Peña", "Lefèvre", "Größmann")
_TEST_NAMES = ("TEST", "ZZZ DO NOT USE", "Patient", "Mustermann")


def mojibake(words: str) -> str:
    """Return UTF-8 text as it looks when its bytes are read as Windows-1252.

    The text may hold only characters whose bytes that code page knows.
    """
    return words.encode("utf-8").decode("cp1252")


def respelled(rng: np.random.Generator, first: Column, last: Column) -> tuple[Column, Column]:
    """Return the names of the same people as somebody else would have typed them."""
    ways = rng.integers(0, 5, len(first))
    places: Floats = rng.random(len(first))
    pairs = [
        _respell(given, family, int(way), place)
        for given, family, way, place in zip(first, last, ways, places, strict=True)
    ]
    return values([pair[0] for pair in pairs]), values([pair[1] for pair in pairs])


def _respell(first: str, last: str, way: int, place: float) -> tuple[str, str]:
    at = 1 + int(place * (len(last) - 2)) if len(last) > 3 else 0
    if way == 0 and at:
        return first, last[:at] + last[at + 1 :]
    if way == 1 and at:
        return first, last[:at] + last[at] + last[at:]
    if way == 2:
        return f"{first[0]}.", last
    if way == 3 and at and last[at] != last[at + 1]:
        return first, last[:at] + last[at + 1] + last[at] + last[at + 2 :]
    return f"{first} {chr(65 + int(place * 26))}.", last


def dirty_names(
    rng: np.random.Generator, draw: DirtDraw, people: Identities, pools: tuple[Origin, ...]
) -> None:
    """Spoil names in place."""
    long_name = " ".join(sorted(pools[0].last[0][:14]))
    changes: dict[Dirt, Callable[[str, str, float], tuple[str | None, str | None]]] = {
        Dirt.TEST_PATIENT: lambda _, __, u: ("TEST", _TEST_NAMES[int(u * len(_TEST_NAMES))]),
        Dirt.LAST_NAME_MISSING: lambda first, _, __: (first, None),
        Dirt.NAME_TOO_LONG: lambda first, last, _: (
            f"{first} {long_name[:45]}",
            f"{last} {long_name}",
        ),
        Dirt.FIRST_NAME_MISSING: lambda _, last, __: (None, last),
        Dirt.NAME_MOJIBAKE: lambda first, _, u: (first, mojibake(_ACCENTED[int(u * 6)])),
        Dirt.NAME_COMMA: lambda first, last, u: (
            first,
            last + (", Jr.", ", III", ", DDS", f", {first}")[int(u * 4)],
        ),
        Dirt.NAME_TITLE: lambda first, last, u: (
            (f"Dr. {first}", f"Mrs. {first}", f'{first} "Bobby"', f"{first} (Mia)")[int(u * 4)],
            last,
        ),
        Dirt.NAME_LOWER_CASE: lambda first, last, _: (first.lower(), last.lower()),
        Dirt.NAME_SPACES: lambda first, last, u: (
            (first, f" {last}"),
            (f"{first}  ", f"{last} "),
            (first, f"{last}\t"),
            (f"{first}\u00a0", last),
        )[int(u * 4)],
        Dirt.NAME_ALL_CAPS: lambda first, last, _: (first.upper(), last.upper()),
    }
    drawn = draw.rows(rng, np.arange(len(people.first)), *changes)
    for kind, rows in drawn.items():
        chances: Floats = rng.random(len(rows))
        for row, chance in zip(rows.tolist(), chances.tolist(), strict=True):
            names = changes[kind](people.first[row], people.last[row], chance)
            people.first[row], people.last[row] = names
