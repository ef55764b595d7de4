"""The scan before anything is packed: no value of a patient may stand in any file of the pack."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from migrator_kit.errors import EvidenceError
from migrator_kit.evidence.patient_values import SHARED, PatientValues
from migrator_kit.evidence.windows import WORD
from migrator_kit.privacy import DataClass
from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.model import quoted
from migrator_kit.source.profile import plain_text
from migrator_kit.source.snapshot import Snapshot

SHOWN = 10
"""Hits that an error names; the rest are counted."""

_TAG = re.compile(r"<[^>]*>")
_OWN_ROOMS = ("sample", "emulator")
"""Rooms whose words are people's: they make no word an ordinary one."""
_DISTINCT = 5_000
Text = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Hit:
    """A place in a file where a patient's value stands. The value itself is not kept."""

    file: str
    place: str

    def __str__(self) -> str:
        return f"{self.file}, {self.place}"


def scan(
    members: Mapping[str, Path], values: PatientValues, *, progress: Progress = SILENT
) -> tuple[Hit, ...]:
    """Return every place where a patient's value stands, in the order of files and places."""
    hits: list[Hit] = []
    with progress("Looking for patient values", len(members)) as step:
        for name, path in members.items():
            hits += [Hit(name, place) for place in _places(path, values)]
            step.advance()
    return tuple(hits)


def refuse(hits: tuple[Hit, ...]) -> None:
    """Raise EvidenceError where there is any hit, naming files and places."""
    if hits:
        named = "\n".join(f"  - {hit}" for hit in hits[:SHOWN])
        more = f"\n  and {len(hits) - SHOWN} more places" if len(hits) > SHOWN else ""
        places = "1 place" if len(hits) == 1 else f"{len(hits)} places"
        raise EvidenceError(
            f"A patient's value stands in {places} of the evidence:\n{named}{more}",
            hint="Mask the column in mapping.yml (data_class) and run the step again; nothing was "
            "packed. What was shown on request is packed by asking again: --revealed",
        )


def ordinary_words(snapshot: Snapshot, classes: Mapping[tuple[str, str], DataClass]) -> set[str]:
    """Return words that stand in evidence without telling a patient.

    Those of the tool's own texts, of tables and columns, of columns that are no patient's, and of
    values that several patients share, such as insurers and towns.
    """
    words = set(_own_words())
    connection = snapshot.connect()
    try:
        for (table, column), data_class in classes.items():
            words.update(WORD.findall(f"{table} {column}".replace("_", " ")))
            if data_class is DataClass.IDENTIFIER:
                continue
            fewest = SHARED if data_class.is_phi else 1
            rows = connection.execute(
                f"SELECT {plain_text(column)} FROM {quoted(table)} "
                f"WHERE typeof({quoted(column)}) = 'VARCHAR' GROUP BY ALL "
                f"HAVING count(*) >= {fewest} ORDER BY count(*) DESC, 1 LIMIT {_DISTINCT}"
            ).fetchall()
            for (value,) in rows:
                words.update(WORD.findall(value or ""))
    finally:
        connection.close()
    return words


@cache
def _own_words() -> frozenset[str]:
    words: set[str] = set()
    for path in _walk(files("migrator_kit")):
        words.update(WORD.findall(path.read_text(encoding="utf-8").replace("_", " ")))
    return frozenset(words)


def _walk(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name not in (*_OWN_ROOMS, "__pycache__"):
                yield from _walk(entry)
        elif entry.name.endswith((".py", ".yml", ".css", ".js", ".j2", ".ipynb")):
            yield entry


def _places(path: Path, values: PatientValues) -> Iterator[str]:
    seen: set[str] = set()
    for place, text in _texts(path):
        for offset in sorted(set(values.find(text))):
            line = text.count("\n", 0, offset) + 1
            where = f"{place}, line {line}" if place and "\n" in text else place or f"line {line}"
            if where not in seen:
                seen.add(where)
                yield where


def _texts(path: Path) -> Iterator[Text]:
    """Yield the texts of a file with the place of each."""
    if path.suffix == ".pdf":
        for number, page in enumerate(PdfReader(path).pages, 1):
            yield f"page {number}", page.extract_text()
    elif path.suffix in (".ipynb", ".json"):
        yield from _leaves(json.loads(path.read_text(encoding="utf-8")), ())
    else:
        raw = path.read_text(encoding="utf-8-sig", errors="replace")
        if path.suffix == ".html":
            yield from _of_markup("", raw)
        else:
            yield "", raw


def _of_markup(place: str, raw: str) -> Iterator[Text]:
    """Yield markup twice: as it is, for attributes, and as it is read, tags left out."""
    yield place, html.unescape(raw)
    yield place, html.unescape(_TAG.sub(lambda tag: "\n" * tag[0].count("\n") or " ", raw))


def _leaves(tree: Any, place: tuple[str, ...]) -> Iterator[Text]:
    """Yield the texts of a JSON tree, keys included; lists of lines as one text."""
    if isinstance(tree, dict):
        yield ".".join((*place, "keys")), " \n ".join(map(str, tree))
        for key, value in tree.items():
            yield from _leaves(value, (*place, str(key)))
    elif isinstance(tree, list):
        if tree and all(isinstance(item, str) for item in tree):
            yield from _of_markup(".".join(place), "".join(tree))
            return
        for number, item in enumerate(tree):
            yield from _leaves(item, (*place[:-1], f"{place[-1]}[{number}]" if place else "[]"))
    elif tree is not None:
        yield from _of_markup(".".join(place), str(tree))
