"""Text: what a person wrote, without what a program wrote around it.

RTF and HTML become plain text, broken encodings are repaired, control characters go, line ends
become LF. Dental notation, quotes and symbols stay as they were written.
"""

from __future__ import annotations

import re
from typing import Literal

import ftfy
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from bs4 import BeautifulSoup
from ftfy import TextFixerConfig
from ftfy.badness import is_bad
from striprtf.striprtf import rtf_to_text

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import blank_to_none, to_arrow, to_series
from migrator_kit.mapping.transforms.registry import Options, Transformed, no_reasons, one_column

_ENCODING_ONLY = TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
)
_RTF = r"^\s*\{\\rtf"
_HTML = (
    r"(?i)<(?:!doctype|html|head|body|p|br|div|span|b|i|u|em|strong|font|table|tr|td|th|ul|ol|li|"
    r"h[1-6]|a|img|hr|pre|blockquote|center|style|script)(?:\s[^<>]*)?/?>"
)
_HIDDEN = ("script", "style", "head")
_LINE_ENDS = ("br", "hr")
_CELLS = ("td", "th")
_BLOCKS = ("p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "pre")
_LAID_OUT = [*_HIDDEN, *_LINE_ENDS, *_CELLS, *_BLOCKS]
_FIRST_BYTES = r"[\x{c2}-\x{f4}\x{392}-\x{3c4}\x{412}-\x{444}]"
_NEXT_BYTES = (
    r"[\x{80}-\x{bf}\x{152}-\x{178}\x{17d}\x{17e}\x{192}\x{2c6}\x{2dc}\x{384}-\x{38f}"
    r"\x{401}-\x{40f}\x{451}-\x{491}\x{2013}-\x{203a}\x{20ac}\x{2116}\x{2122}]"
)
_BROKEN_LETTER = _FIRST_BYTES + _NEXT_BYTES
"""Two letters as they come out when the bytes of UTF-8 are read in a Windows encoding."""
_CONTROLS = r"[\x00-\x08\x0e-\x1f\x7f-\x9f\x{200b}\x{2060}\x{feff}\x{fffe}\x{ffff}]"


class CleanOptions(Options):
    """`lines`: keep line breaks. `markup`: what the text is written in, or find out by itself."""

    lines: bool = True
    markup: Literal["auto", "plain", "rtf", "html"] = "auto"


@one_column("clean", version=1, options=CleanOptions)
def clean(values: pd.Series, options: CleanOptions) -> Transformed:
    """Plain text of several lines: RTF, HTML, encodings, control characters and line ends."""
    reasons = no_reasons(values.index)
    if options.markup != "plain":
        values, reasons = _without_markup(values, options.markup)
    values, repaired = _repaired(values)
    array = pc.utf8_normalize(to_arrow(values), form="NFC")
    array = pc.replace_substring_regex(array, pattern=r"\r\n|[\r\x0b\x0c\x{2028}\x{2029}]",
                                       replacement="\n")  # fmt: skip
    array = pc.replace_substring_regex(array, pattern=_CONTROLS, replacement="")
    # A repaired or cleaned letter can make a new composed one: the second pass settles it.
    array = pc.utf8_normalize(array, form="NFC")
    if options.lines:
        array = pc.replace_substring_regex(array, pattern=r"[ \t\x{a0}]+\n", replacement="\n")
    else:
        array = pc.replace_substring_regex(array, pattern=r"[\s\x{a0}\x{85}]+", replacement=" ")
    array = pc.utf8_trim_whitespace(array)
    cleaned = blank_to_none(to_series(array))
    cleaned.index = values.index
    repaired = repaired & reasons.isna()
    return Transformed(cleaned, reasons.mask(repaired, str(RejectReason.BROKEN_ENCODING)))


@one_column("text", version=1)
def text(values: pd.Series, _options: Options) -> Transformed:
    """Plain text of one line: cleaned, white space inside as single spaces."""
    return clean(values, CleanOptions(lines=False, markup="plain"))


class CaseOptions(Options):
    """`to`: the case wanted. `only_uniform`: leave text alone that mixes small and capital."""

    to: Literal["upper", "lower", "title"] = "title"
    only_uniform: bool = True


@one_column("case", version=1, options=CaseOptions)
def case(values: pd.Series, options: CaseOptions) -> Transformed:
    """Letter case of names: by default only where a name is all capitals or all small."""
    match options.to:
        case "upper":
            changed = values.str.upper()
        case "lower":
            changed = values.str.lower()
        case "title":
            changed = values.map(_title)
    if options.only_uniform:
        uniform = (values == values.str.upper()) | (values == values.str.lower())
        changed = changed.where(uniform, values)
    return Transformed(changed.astype("str"), no_reasons(values.index))


class LengthOptions(Options):
    """`length`: characters that fit."""

    length: int


@one_column("truncate", version=1, options=LengthOptions)
def truncate(values: pd.Series, options: LengthOptions) -> Transformed:
    """Text cut to a length. `overflow` gives the whole text of what was cut to another field."""
    long = values.str.len() > options.length
    reasons = no_reasons(values.index).mask(long, str(RejectReason.TOO_LONG))
    cut = values.where(~long, values.str.slice(0, options.length).str.rstrip())
    return Transformed(cut, reasons)


def _without_markup(values: pd.Series, markup: str) -> tuple[pd.Series, pd.Series]:
    reasons = no_reasons(values.index)
    array = to_arrow(values)
    rtf = _matches(array, _RTF) if markup == "auto" else np.full(len(array), markup == "rtf")
    html = _matches(array, _HTML) if markup == "auto" else np.full(len(array), markup == "html")
    html &= ~rtf
    if not (rtf.any() or html.any()):
        return values, reasons
    plain = values.astype(object)
    plain[html] = [_from_html(value) for value in values[html]]
    read = [_from_rtf(value) for value in values[rtf]]
    plain[rtf] = [text for text, _ in read]
    broken = np.zeros(len(values), dtype=bool)
    broken[rtf] = [not whole for _, whole in read]
    return plain.astype("str"), reasons.mask(broken, str(RejectReason.BROKEN_MARKUP))


def _from_rtf(value: str) -> tuple[str, bool]:
    """Return the text of an RTF document, and whether it could be read as one."""
    try:
        text = str(rtf_to_text(value.strip(), errors="ignore"))  # type: ignore[no-untyped-call]
    except (ValueError, IndexError, KeyError, TypeError, LookupError, OverflowError):
        return re.sub(r"\\'[0-9a-f]{2}|\\[a-z]+-?\d* ?|[{}]", "", value), False
    # The reader gives letters beyond the basic plane as two halves.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    balanced = value.count("{") - value.count(r"\{") == value.count("}") - value.count(r"\}")
    return whole, balanced


def _from_html(value: str) -> str:
    soup = BeautifulSoup(value, "html.parser")
    for tag in soup.find_all(_LAID_OUT):
        if tag.decomposed:
            continue
        if tag.name in _HIDDEN:
            tag.decompose()
        elif tag.name in _LINE_ENDS:
            tag.replace_with("\n")
        else:
            tag.append("\t" if tag.name in _CELLS else "\n")
    return soup.get_text()


def _matches(array: pa.Array, pattern: str) -> npt.NDArray[np.bool_]:
    return np.array(pc.fill_null(pc.match_substring_regex(array, pattern), False))


def _repaired(values: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the texts with broken encodings repaired, and which ones were."""
    mask = _matches(to_arrow(values), _BROKEN_LETTER)
    if not mask.any():
        return values, pd.Series(False, index=values.index)
    texts = [
        ftfy.fix_text(value, _ENCODING_ONLY) if is_bad(value) else value for value in values[mask]
    ]
    repaired = values.copy()
    repaired[mask] = pd.array(texts, dtype="str")
    return repaired, repaired != values


def _title(value: str) -> str:
    """Return a name in title case, with Mc, O' and particles as they are written."""
    words = re.split(r"(\s+|-)", value.lower())
    return "".join(_capital(word, position) for position, word in enumerate(words))


_PARTICLES = {"van", "von", "der", "den", "de", "del", "da", "di", "la", "zu", "und", "of", "and"}


def _capital(word: str, position: int) -> str:
    if position and word in _PARTICLES:
        return word
    if position and re.fullmatch(r"[ivx]{2,4}", word):
        return word.upper()
    head = word[:1].title() + word[1:]
    if match := re.match(r"(mc|[do]['’])(\w.*)", word):
        return match[1].capitalize() + match[2].capitalize()
    return head
