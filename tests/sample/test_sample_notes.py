"""Notes are what real programs read: RTF, HTML, odd line breaks, odd letters."""

from __future__ import annotations

import re

import numpy as np
from bs4 import BeautifulSoup
from ftfy import fix_encoding
from striprtf.striprtf import rtf_to_text

from migrator_kit.sample.notes import LONGEST, NoteTexts, rtf_escaped


def bodies(query, body_format: str) -> list[str]:
    rows = query("SELECT body FROM clinical_notes WHERE body_format = ?", body_format)
    return [body for (body,) in rows if body and len(body) < 32_000]


def test_an_independent_reader_gets_the_sentences_back_from_rtf():
    texts = NoteTexts(np.random.default_rng(5))
    for page, charset in (("cp1252", 0), ("cp1253", 161)):
        fonts = f"{{\\fonttbl{{\\f0\\fcharset{charset} A;}}}}"
        head = f"{{\\rtf1\\ansi\\ansicpg{page[2:]}\\deff0{fonts}\\f0 "
        for sentence in dict.fromkeys(texts.plain):
            read = rtf_to_text(head + rtf_escaped(sentence, page) + "}")
            # Letters above U+FFFF come back as two UTF-16 units, as RTF writes them.
            read = read.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            assert read == sentence


def test_rtf_has_escapes_of_both_kinds_and_breaks(query):
    rtf = bodies(query, "rtf")
    whole = "\n".join(rtf)
    assert len(rtf) > 300
    assert all(body.startswith("{\\rtf1") and body.endswith("}") for body in rtf)
    for part in (
        "\\'fc",
        "\\'df",
        "\\u8532?",
        "\\par\r\n",
        "\\line",
        "\\tab",
        "\\ansicpg1253",
        "\\{",
    ):
        assert part in whole


def test_html_is_readable_and_escaped(query):
    pages = [body for body in bodies(query, "html") if body.startswith("<html>")]
    texts = [BeautifulSoup(page, "html.parser").get_text() for page in pages]
    assert len(pages) > 200
    assert any("&lt;" in page and "<br>" in page for page in pages)
    assert any("⅔" in text for text in texts)


def test_plain_notes_have_every_kind_of_line_break_and_notation(query, practice):
    plain = bodies(query, "text")
    assert sum("\r\n" in body for body in plain) > 100
    assert sum(bool(re.search(r"[^\r]\n", body)) for body in plain) > 30
    lone = sum("\r" in body and "\n" not in body for body in plain)
    assert 0.5 * practice.dirt["note_lone_cr"] < lone <= practice.dirt["note_lone_cr"]
    whole = "\n".join(plain)
    assert re.search(r"#\d+ MOD composite", whole)
    for part in ("16-27", "⅔", "\t", "½", "Απονεύρωση", "{see scan}"):
        assert part in whole


def test_control_characters_and_mojibake_are_there_as_often_as_stated(query, practice):
    plain = bodies(query, "text")
    control = sum(bool(re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", body)) for body in plain)
    assert control == practice.dirt["note_control_characters"]
    broken = [body for body in plain if re.search("Ã[¼±©]|â…”", body)]
    assert len(broken) == practice.dirt["note_mojibake"]
    assert all(re.search("ü|ñ|é|⅔", fix_encoding(body)) for body in broken)


def test_two_notes_pass_the_limits_of_the_target(query):
    lengths = sorted(
        length
        for (length,) in query("SELECT length(body) FROM clinical_notes")
        if length and length > 32_000
    )
    assert len(lengths) == 2
    assert all(length >= wanted for length, wanted in zip(lengths, LONGEST, strict=True))
    assert lengths[0] < 65_535 < lengths[1]
