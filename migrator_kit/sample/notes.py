"""Clinical notes: plain text, RTF and HTML with everything that makes them hard to carry over."""

from __future__ import annotations

import html

import numpy as np

from migrator_kit.sample import vocabulary
from migrator_kit.sample.columns import (
    ANCHOR,
    Column,
    Rows,
    Table,
    between,
    children,
    joined,
    numbered,
    one_of,
    timestamps,
    values,
)
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.patients import UNKNOWN_PROVIDERS, PatientChunk, orphans
from migrator_kit.sample.phrases import MOJIBAKE_PHRASES, PHRASES
from migrator_kit.sample.spelling import mojibake
from migrator_kit.sample.staff import Staff
from migrator_kit.sample.treatment import PlanChunk

NOTES_PER_PATIENT = 1.5
LONGEST = (33_500, 70_000)
"""Lengths of the overlong notes: above Zoho's 32,000, and above its 65,535 as well."""

TEXT, RTF, HTML, RTF_GREEK = range(4)
BLANK = values(
    ["  \r\n", "{\\rtf1\\ansi\\pard\\par}", "<p>&nbsp;</p>", "{\\rtf1\\ansi\\pard\\par}"]
)
"""A note without text in each format."""
_FORMATS = values(["text", "rtf", "html", "rtf"])
_RTF_HEAD = (
    "{{\\rtf1\\ansi\\ansicpg{page}\\deff0{{\\fonttbl{{\\f0\\fswiss\\fcharset{charset} Arial;}}"
    "{{\\f1\\froman Times New Roman;}}}}\r\n{{\\colortbl ;\\red192\\green0\\blue0;}}\r\n"
    "\\viewkind4\\uc1\\pard\\f0\\fs20 "
)
# What stands before, between and after the sentences of a note in each format.
_BEFORE = values(
    [
        "",
        _RTF_HEAD.format(page=1252, charset=0) + "{\\b Visit}\\par\r\n",
        "<html><body><p><b>Visit</b></p>\r\n<p>",
        _RTF_HEAD.format(page=1253, charset=161) + "\\cf1 ",
    ]
)
_BETWEEN = values(["\r\n", "\\par\r\n", "<br>\r\n", "\\line\r\n"])
_AFTER = values(["", "\\par\r\n}", "</p></body></html>", "\\cf0\\par\r\n}"])


def rtf_escaped(words: str, page: str) -> str:
    """Return text as RTF: `\\'xx` for letters of the code page, `\\uN?` (UTF-16) for others."""
    return "".join(_rtf_letter(letter, page) for letter in words)


def _rtf_letter(letter: str, page: str) -> str:
    if letter in "\\{}":
        return "\\" + letter
    if letter == "\t":
        return "\\tab "
    if letter.isascii():
        return letter
    try:
        return f"\\'{letter.encode(page)[0]:02x}"
    except UnicodeEncodeError:
        units = np.frombuffer(letter.encode("utf-16-le"), dtype="<i2")
        return "".join(f"\\u{unit}?" for unit in units)


class NoteTexts:
    """Sentences filled in and escaped once for each format, so that notes are joined from them."""

    def __init__(self, rng: np.random.Generator, count: int = 900) -> None:
        templates = one_of(rng, PHRASES, count)
        teeth, others = (one_of(rng, vocabulary.TEETH, count) for _ in range(2))
        numbers = rng.integers(1, 32, count)
        self.plain = values(
            [
                template.format(fdi=fdi, fdi2=other, n=number, mm=number % 6 + 2)
                for template, fdi, other, number in zip(
                    templates, teeth, others, numbers, strict=True
                )
            ]
        )
        escaped = [
            self.plain.tolist(),
            [rtf_escaped(sentence, "cp1252") for sentence in self.plain],
            [html.escape(s).replace("\t", "&nbsp;").replace("⅔", "&#8532;") for s in self.plain],
            [rtf_escaped(sentence, "cp1253") for sentence in self.plain],
        ]
        self.by_format = values([cell for row in escaped for cell in row]).reshape(4, count)

    def bodies(self, rng: np.random.Generator, formats: Rows, breaks: Column) -> Column:
        """Return bodies of one to five sentences. `breaks` stand between sentences."""
        count = len(formats)
        sentences = rng.integers(1, 6, count)
        body = _BEFORE[formats]
        for number in range(5):
            wanted = np.flatnonzero(sentences > number)
            picked = self.by_format[
                formats[wanted], rng.integers(0, self.by_format.shape[1], len(wanted))
            ]
            if number:
                picked = joined(breaks[wanted], picked)
            body[wanted] = joined(body[wanted], picked)
        return joined(body, _AFTER[formats])

    def long_body(self, rng: np.random.Generator, length: int) -> str:
        """Return plain text of at least `length` characters."""
        lines: list[str] = []
        while sum(map(len, lines)) < length:
            lines += one_of(rng, self.plain, 100).tolist()
        return "\r\n".join(lines)


def note_rows(
    rng: np.random.Generator,
    draw: DirtDraw,
    texts: NoteTexts,
    chunk: PatientChunk,
    plans: PlanChunk,
    team: Staff,
    first: int,
) -> Table:
    """Make the clinical notes, about 1.5 for each patient."""
    parents, _ = children(rng, chunk.activity, NOTES_PER_PATIENT)
    count = len(parents)
    formats = rng.choice(4, count, p=[0.5, 0.26, 0.2, 0.04])
    empty = draw.one(rng, np.arange(count), Dirt.NOTE_EMPTY)
    plain: Rows = np.setdiff1d(np.flatnonzero(formats == TEXT), empty)
    rich: Rows = np.setdiff1d(np.flatnonzero(formats != TEXT), empty)
    drawn = draw.rows(
        rng,
        plain,
        Dirt.NOTE_TOO_LONG,
        Dirt.NOTE_MOJIBAKE,
        Dirt.NOTE_CONTROL_CHARACTERS,
        Dirt.NOTE_LONE_CR,
    )
    body = texts.bodies(rng, formats, _breaks(rng, formats, drawn[Dirt.NOTE_LONE_CR]))
    plan, _ = plans.of_patients(rng, parents, 0.4)
    noted = between(rng, chunk.registered[parents], ANCHOR - np.timedelta64(86_400, "s"))
    created = noted + rng.integers(60, 7_200, count).astype("timedelta64[s]")
    clinician = team.clinicians[rng.integers(0, len(team.clinicians), count)]
    table: Table = {
        "note_id": numbered("CN", np.arange(first, first + count) + 1, 7),
        "patient_id": chunk.ids[parents],
        "plan_id": plan,
        "provider_id": team.ids[
            np.where(rng.random(count) < 0.6, chunk.dentist[parents], clinician)
        ],
        "noted_at": timestamps(noted),
        "body_format": _FORMATS[formats],
        "body": body,
        "created_at": timestamps(created),
        "modified_at": timestamps(
            np.where(rng.random(count) < 0.8, created, between(rng, created, ANCHOR))
        ),
    }
    _dirty_bodies(rng, texts, body, drawn)
    body[empty] = one_of(rng, ("", None), len(empty))
    body[empty[::3]] = BLANK[formats[empty[::3]]]
    _dirty_notes(rng, draw, chunk, table, rich)
    return table


def _breaks(rng: np.random.Generator, formats: Rows, lone_cr: Rows) -> Column:
    """Return what stands between the sentences: in plain text CRLF, LF or a lone CR."""
    breaks = _BETWEEN[formats]
    breaks[np.flatnonzero((formats == TEXT) & (rng.random(len(formats)) < 0.2))] = "\n"
    breaks[lone_cr] = "\r"
    return breaks


def _dirty_bodies(
    rng: np.random.Generator, texts: NoteTexts, body: Column, drawn: dict[Dirt, Rows]
) -> None:
    for row, length in zip(drawn[Dirt.NOTE_TOO_LONG].tolist(), LONGEST, strict=False):
        body[row] = texts.long_body(rng, length)
    rows = drawn[Dirt.NOTE_MOJIBAKE]
    broken = [mojibake(phrase) for phrase in MOJIBAKE_PHRASES]
    body[rows] = joined(body[rows], "\r\n", one_of(rng, broken, len(rows)))
    rows = drawn[Dirt.NOTE_CONTROL_CHARACTERS]
    body[rows] = joined(
        one_of(rng, ("\x07", "\x0b", "\x1f", "\x0c"), len(rows)), body[rows], "\x02"
    )


def _dirty_notes(
    rng: np.random.Generator, draw: DirtDraw, chunk: PatientChunk, table: Table, rich: Rows
) -> None:
    """Spoil what is not text. `rich` are the RTF and HTML notes."""
    every = np.arange(len(table["body"]))
    table["body_format"][draw.one(rng, rich, Dirt.NOTE_FORMAT_WRONG)] = "text"
    rows = draw.one(rng, every, Dirt.NOTE_PROVIDER_UNKNOWN)
    table["provider_id"][rows] = one_of(rng, UNKNOWN_PROVIDERS, len(rows))
    rows = draw.one(rng, every, Dirt.NOTE_ORPHAN)
    table["patient_id"][rows] = orphans(rng, chunk, len(rows))
