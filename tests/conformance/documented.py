"""The vendor's documented samples, which are in scope, and how two answers are compared."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from migrator_kit.emulator import app

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d\d:\d\d|Z)\Z")
DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
NUMBER = re.compile(r"\d{15,19}\Z")
COMMENTS = re.compile(r'("(?:\\.|[^"\\])*")|/\*.*?\*/|//[^\n]*', re.DOTALL)
# What an answer says in so many words: compared as it stands, not as a type.
WORDS = ("code", "message", "action", "operation", "state", "file_type")


class Samples:
    """The documented requests and answers, one file each."""

    def __init__(self, folder: Path) -> None:
        files = sorted((folder / "samples").iterdir())
        self._files = {path.name.removesuffix(".json"): path for path in files}
        self._index = folder / "samples_index.csv"

    @property
    def all_names(self) -> set[str]:
        """The names of all samples."""
        return set(self._files)

    def names(self, page: str) -> set[str]:
        """The samples of one page."""
        return {name for name in self._files if name.rpartition("__")[0] == page}

    def pages(self) -> Iterator[tuple[str, str]]:
        """Every page with each of its documented addresses, as printed."""
        with self._index.open(encoding="utf-8", newline="") as file:
            rows = {(row["page"], row["request_url"]) for row in csv.DictReader(file)}
        yield from sorted(rows)

    def load(self, name: str) -> Any:
        """A sample as JSON; comments in it, missing commas and line ends in texts are repaired."""
        text = self._files[name].read_text(encoding="utf-8")
        try:
            return json.loads(text, strict=False)
        except ValueError:
            text = COMMENTS.sub(lambda match: match[1] or "", text)
            text = re.sub(r"\}(\s*)\{", r"},\1{", text)
            missing = text.count("{") - text.count("}")
            return json.loads(text + "}" * missing, strict=False)


def kind_of(value: Any) -> str:
    """The JSON type of a value; of a text also what it holds."""
    if isinstance(value, str):
        forms = {"instant": INSTANT, "date": DATE, "id": NUMBER}
        return next((kind for kind, form in forms.items() if form.match(value)), "text")
    kinds = {dict: "object", list: "array", bool: "boolean", int: "number", float: "number"}
    return "null" if value is None else kinds[type(value)]


def differences(documented: Any, ours: Any, at: str = "") -> list[str]:
    """Where our answer has another shape than the documented one.

    Keys that one of them lacks, other JSON types (and other forms of text: ids, dates, instants),
    other words in `WORDS`. Elements of an array are compared as one that holds what any of them
    fills, apart by what they say. A documented null may be anything.
    """
    kind, own = kind_of(documented), kind_of(ours)
    if kind == "null":
        return []
    if kind != own:
        return [f"{at}: {own} instead of {kind}"]
    if kind == "object":
        found = [f"{at}.{key}: missing" for key in documented if key not in ours]
        found += [f"{at}.{key}: not documented" for key in ours if key not in documented]
        both = [key for key in documented if key in ours]
        return found + [d for key in both for d in _of_key(documented[key], ours[key], at, key)]
    if kind == "array":
        return _of_arrays(documented, ours, at)
    return []


def _of_key(documented: Any, ours: Any, at: str, key: str) -> list[str]:
    said = key in WORDS or documented in ("success", "error")
    if said and isinstance(documented, str) and documented != ours:
        return [f"{at}.{key}: {ours!r} instead of {documented!r}"]
    return differences(documented, ours, f"{at}.{key}")


def _of_arrays(documented: list[Any], ours: list[Any], at: str) -> list[str]:
    theirs, own = _together(documented), _together(ours)
    found = []
    for said, item in theirs.items():
        if said not in own:
            found.append(f"{at}[]: none that says {said or 'anything'}")
        else:
            found += differences(item, own[said], f"{at}[]")
    return found


def _together(items: list[Any]) -> dict[str, Any]:
    """One item for each thing that items say, with every key that any of them fills."""
    found: dict[str, Any] = {}
    for item in items:
        said = f"{item['code']} {item.get('message')}" if _is_outcome(item) else ""
        found[said] = _merged(found[said], item) if said in found else item
    return found


def _is_outcome(item: Any) -> bool:
    return isinstance(item, dict) and "code" in item and "status" in item


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = dict.fromkeys([*one, *other])
        return {
            key: _merged(one[key], other[key])
            if key in one and key in other
            else one.get(key, other.get(key))
            for key in keys
        }
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    return other if one is None else one


# Pages whose address the index of the samples does not print, or prints as prose.
ADDRESSES = {"get-users": "users", "del-recycle-bin-records": "settings/recycle_bin"}
ROUTES = [
    re.sub(r"^/crm/(bulk/)?v8/", lambda match: match[1] or "", route.template)
    for route in (*app.SETTINGS, *app.BIN, *app.BULK, *app.RECORDS)
]
MODULES = {"Leads", "Accounts", "Contacts", "Deals", "Tasks", "Events", "Calls", "Notes"}


def plain(address: str) -> str:
    """A documented address without host, version and parameters, its variables as `{}`."""
    text = re.sub(r"\*\*.*?\*\*\s*-?", "", address.replace("\\", "")).strip()
    text = re.sub(r"\{\{?[^}]*\}?\}", "{}", re.sub(r"^\{api[^}]*\}", "", text))
    text = re.sub(r"^https?://[^/]+", "", text.split("?")[0].split("(")[0].strip())
    return re.sub(r"^/?crm/(bulk/)?(\{\}|v7)/?", lambda match: match[1] or "", text).strip("/")


def served(address: str) -> bool:
    """Whether the emulator has this address: literal parts must be literal there too."""
    parts = address.split("/")
    return any(
        len(parts) == len(segments)
        and all(_fits(*pair) for pair in zip(parts, segments, strict=True))
        for segments in (route.split("/") for route in ROUTES)
    )


def _fits(part: str, segment: str) -> bool:
    if not segment.startswith("{"):
        return part == segment
    return part.startswith("{") or (segment == "{module}" and part in MODULES)


def scope_of(samples: Samples) -> set[str]:
    """The samples of every page whose address the emulator serves."""
    pages = {page for page, address in samples.pages() if served(plain(address))}
    return {name for page in pages | set(ADDRESSES) for name in samples.names(page)}
