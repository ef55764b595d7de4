"""Words inside table and column names: `HmPhone`, `phone_home`, `PHONE1` all speak of a phone."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BORDER = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\D)(?=\d)|[\W_]+")
_KEY_WORDS = frozenset(
    ("id", "num", "no", "nr", "number", "code", "key", "guid", "uuid", "oid", "pk", "fk", "kod")
)
_IDENTITIES = frozenset(("id", "num", "guid", "uuid", "oid", "pk", "fk"))
_NOT_KEYS = ("paid", "valid", "void", "avoid", "covid", "fluid", "thyroid", "steroid", "maid")


@lru_cache(maxsize=50_000)
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case without accents: `DateTStamp` is date, t, stamp."""
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    return tuple(part.lower() for part in _BORDER.split(plain) if part)


def joined(name: str) -> str:
    """Return the letters and digits of a name in lower case, without borders."""
    return "".join(words(name))


def names_key(name: str) -> bool:
    """Whether a name speaks of a key: its last word is id, num, code and the like."""
    found = words(name)
    return bool(found) and (found[-1] in _KEY_WORDS or _ends_as_key(found[-1]))


def names_identity(name: str) -> bool:
    """Whether a name speaks of nothing but a key: id, num, guid, and not code or number."""
    found = words(name)
    return bool(found) and (found[-1] in _IDENTITIES or _ends_as_key(found[-1]))


def _ends_as_key(word: str) -> bool:
    return word.endswith(("id", "num", "guid")) and not word.endswith(_NOT_KEYS)


@lru_cache(maxsize=50_000)
def stem(name: str) -> str:
    """Return a key's name without the word that makes it one: `ProvNum` is prov."""
    found = words(name)
    while len(found) > 1 and found[-1] in _KEY_WORDS:
        found = found[:-1]
    text = "".join(found)
    if len(found) == 1:
        text = re.sub(r"(?<=[a-z]{3})(id|num|guid)$", "", text)
    return text


def singular(name: str) -> str:
    """Return a table's name in the singular, by the rules of English, letters joined."""
    text = joined(name)
    for plural, single in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("xes", "x"), ("s", "")):
        if text.endswith(plural) and len(text) > len(plural) + 2 and not text.endswith("ss"):
            return text[: -len(plural)] + single
    return text
