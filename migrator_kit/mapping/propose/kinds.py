"""What kind of value a column holds, judged by type, name, description and samples alike."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from migrator_kit.mapping.propose.schema import Schema
from migrator_kit.mapping.propose.words import word_set


class Kind(IntEnum):
    """Kinds that a mapping must not confuse."""

    IDENTITY = 0
    DATE = 1
    TIME = 2
    MONEY = 3
    NUMBER = 4
    FLAG = 5
    EMAIL = 6
    PHONE = 7
    PROSE = 8
    NAME = 9
    CODE = 10
    PLACE = 11
    FILE = 12
    WEB = 13
    TEXT = 14


NAMES = {
    Kind.IDENTITY: "keys", Kind.DATE: "dates", Kind.TIME: "times", Kind.MONEY: "amounts",
    Kind.NUMBER: "numbers", Kind.FLAG: "yes or no", Kind.EMAIL: "e-mail addresses",
    Kind.PHONE: "phone numbers", Kind.PROSE: "free text", Kind.NAME: "names",
    Kind.CODE: "codes of a list", Kind.PLACE: "parts of an address", Kind.FILE: "files",
    Kind.WEB: "web addresses", Kind.TEXT: "text",
}  # fmt: skip


def _nearness() -> np.ndarray:
    matrix = np.eye(len(Kind), dtype=np.float32)
    for a, b, near in (
        (Kind.DATE, Kind.TIME, 0.5), (Kind.FLAG, Kind.CODE, 0.35), (Kind.MONEY, Kind.NUMBER, 0.4),
        (Kind.PROSE, Kind.TEXT, 0.4), (Kind.NAME, Kind.TEXT, 0.3), (Kind.CODE, Kind.NAME, 0.25),
        (Kind.CODE, Kind.NUMBER, 0.15), (Kind.NAME, Kind.PROSE, 0.2), (Kind.FILE, Kind.TEXT, 0.2),
        (Kind.CODE, Kind.IDENTITY, 0.15),
    ):  # fmt: skip
        matrix[a, b] = matrix[b, a] = near
    return matrix


NEARNESS = _nearness()
"""How far one kind can stand for another."""

_BY_WORD: dict[Kind, frozenset[str]] = {
    Kind.IDENTITY: word_set("id identifier key number num guid oid npi"),
    Kind.DATE: word_set("date day birth birthday datetime timestamp stamp year month time"),
    Kind.TIME: word_set("time datetime timestamp stamp hour at"),
    Kind.MONEY: word_set(
        "amount fee price cost balance total charge tax discount payment paid due money currency "
        "revenue copay deductible salary"),
    Kind.NUMBER: word_set(
        "count quantity minute month day duration percent rate order sequence length width height "
        "weight size age number unit score latitude longitude second interval year supply"),
    Kind.FLAG: word_set("is has flag indicator archived active hidden enabled consent"),
    Kind.EMAIL: frozenset(("email",)),
    Kind.PHONE: word_set("phone mobile fax telephone"),
    Kind.PROSE: word_set(
        "note remark comment description text memo body summary message content"),
    Kind.NAME: word_set("name title label surname nickname preferred abbreviation"),
    Kind.CODE: word_set(
        "code type status category class stage kind mode method sex gender race ethnicity "
        "concept relationship salutation language state position direction outcome"),
    Kind.PLACE: word_set(
        "address street city state postal country county region province zip location"),
    Kind.FILE: word_set("file path filename image document folder attachment"),
    Kind.WEB: word_set("website url web link uri"),
}  # fmt: skip
_LONG = r"textarea|mediumtext|longtext|clob|varchar\(max\)|long text|rtf|html"
_LONG_TEXT = re.compile(_LONG)
_BY_TYPE: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    (r"^(date$|year)", (Kind.DATE,)),
    (r"datetime|timestamp|date and time|smalldatetime", (Kind.DATE, Kind.TIME)),
    (r"^time", (Kind.TIME,)),
    (r"bool|^bit$|bit\(1\)", (Kind.FLAG,)),
    (r"currency|money", (Kind.MONEY,)),
    (r"decimal|numeric|double|float|real|percent", (Kind.MONEY, Kind.NUMBER)),
    (r"tinyint", (Kind.FLAG, Kind.CODE, Kind.NUMBER)),
    (r"int|serial|^number", (Kind.IDENTITY, Kind.NUMBER, Kind.CODE)),
    (r"lookup|owner", (Kind.IDENTITY,)),
    (r"picklist|enum", (Kind.CODE,)),
    (r"email|e-mail", (Kind.EMAIL,)),
    (r"phone", (Kind.PHONE,)),
    (r"website|url", (Kind.WEB,)),
    (_LONG, (Kind.PROSE,)),
    (r"char|text|string|code", (Kind.TEXT,)),
    (r"file path", (Kind.FILE,)),
    (r"uuid|uniqueidentifier", (Kind.IDENTITY,)),
)  # fmt: skip
_TYPES = tuple((re.compile(pattern), kinds) for pattern, kinds in _BY_TYPE)
_BY_VALUE: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.EMAIL, re.compile(r"[^@\s]+@[^@\s]+\.\w+")),
    (Kind.TIME, re.compile(r"\d{4}-\d{2}-\d{2}[ t]\d{1,2}:\d{2}.*")),
    (Kind.DATE, re.compile(r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}).*")),
    (Kind.WEB, re.compile(r"(https?://|www\.).+")),
    (Kind.PHONE, re.compile(r"[+(]?\d[\d\s().\-/+]{6,}\d(\s?x\d+)?")),
    (Kind.FLAG, re.compile(r"true|false|yes|no|y|n|t|f")),
    (Kind.MONEY, re.compile(r"[-+]?[$€£]?\d+[.,]\d{2,}")),
    (Kind.NUMBER, re.compile(r"[-+]?\d{1,9}")),
    (Kind.FILE, re.compile(r".+\.(pdf|jpe?g|png|dcm|tiff?|docx?|txt)")),
)  # fmt: skip
_FITS = 0.7
_BESIDE_NAME, _NAME_SILENT = 0.35, 0.6
"""What a description counts for beside a name that tells a kind, and where the name tells none."""
_TEXTUAL = (Kind.TEXT, Kind.PROSE, Kind.NAME, Kind.CODE, Kind.PLACE, Kind.FILE, Kind.PHONE,
            Kind.EMAIL, Kind.WEB, Kind.IDENTITY)  # fmt: skip


def kinds_of(schema: Schema) -> np.ndarray:
    """Return a matrix, columns of the schema by kinds: how much speaks for each, 0 to 1."""
    matrix = np.zeros((len(schema), len(Kind)), dtype=np.float32)
    for n in range(len(schema)):
        _by_name(matrix[n], schema.names[n], 1.0)
        _by_text(matrix[n], schema.texts[n])
        allowed = _by_type(schema.types[n])
        if allowed is not None:
            matrix[n] *= np.where(allowed, 1.0, 0.25)
            matrix[n] = np.maximum(matrix[n], 0.6 * allowed / max(allowed.sum(), 1))
        _by_values(matrix[n], schema.samples[n])
        if schema.keys[n] or schema.references[n]:
            matrix[n, Kind.IDENTITY] = 1.0
        if schema.names[n][-1:] == ("date",) and not schema.samples[n]:
            matrix[n, Kind.TIME] = 0.0
    return matrix


def gathers(schema: Schema) -> np.ndarray:
    """Return which columns are long free text: several columns of a table can go to such a one."""
    return np.array([_LONG_TEXT.search(text) is not None for text in schema.types], dtype=bool)


def _by_name(row: np.ndarray, name: Sequence[str], weight: float) -> None:
    for position, word in enumerate(reversed(name)):
        for kind, known in _BY_WORD.items():
            if word in known:
                row[kind] = max(row[kind], weight if position == 0 else 0.5 * weight)
    if name and name[0] in ("is", "has"):
        row[Kind.FLAG] = weight


def _by_text(row: np.ndarray, text: Sequence[str]) -> None:
    """Hear the description: with half a voice beside a name that tells a kind by its last word."""
    weight = _BESIDE_NAME if row.max() >= 1.0 else _NAME_SILENT
    for kind, known in _BY_WORD.items():
        if any(word in known for word in text[:12]):
            row[kind] = max(row[kind], weight)
    if "foreign" in text[:6] or ("primary" in text[:4] and "key" in text[:6]):
        row[Kind.IDENTITY] = 1.0


def _by_type(text: str) -> np.ndarray | None:
    """Return which kinds a declared type admits, or None where it says nothing."""
    for pattern, kinds in _TYPES:
        if text and pattern.search(text):
            allowed = np.zeros(len(Kind), dtype=np.float32)
            allowed[list(kinds)] = 1.0
            if Kind.TEXT in kinds or Kind.PROSE in kinds:
                allowed[list(_TEXTUAL)] = 1.0
            return allowed
    return None


def _by_values(row: np.ndarray, samples: Sequence[str]) -> None:
    if not samples:
        return
    for kind, pattern in _BY_VALUE:
        share = sum(pattern.fullmatch(value) is not None for value in samples) / len(samples)
        if share >= _FITS:
            row *= 0.5
            row[kind] = 1.0
            return
    if sum(len(value) > 60 for value in samples) > 0.3 * len(samples):
        row[Kind.PROSE] = 1.0
