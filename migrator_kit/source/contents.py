"""What the values of a column look like, whatever type is declared: dates, codes, e-mails, RTF."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.privacy import shape


class Content(StrEnum):
    """What a column holds, judged by its values and not by its declared type."""

    EMPTY = "empty"
    INTEGER = "integer"
    DECIMAL = "decimal"
    CODE = "code"
    """Digits that are no number: leading zeros would be lost."""
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "date and time"
    EMAIL = "e-mail"
    PHONE = "phone"
    PATH = "file path"
    RTF = "RTF"
    HTML = "HTML"
    LONG_TEXT = "long text"
    TEXT = "text"
    BINARY = "binary"


class DateOrder(StrEnum):
    """The order of day, month and year in dates written as text."""

    YEAR_FIRST = "year first"
    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"
    UNCLEAR = "day or month first"
    COMPACT = "compact"


class Amounts(StrEnum):
    """Which mark stands before the fraction of amounts written as text."""

    POINT = "point"
    COMMA = "comma"
    UNCLEAR = "unclear"
    """Nothing but numbers such as 1.234 or 1,234: a fraction or thousands."""


_TIME = r"([ T]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp][Mm])?(Z|[+-]\d{2}(:?\d{2})?)?)"
_ISO = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}"
_SHORT = r"\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})"
MOJIBAKE = "Ã[\u0080-\u00bf]|Â[\u0080-\u00bf]|â€|Î[\u0080-\u00bf]Î|Ï[\u0080-\u00bf]Î|\ufffd"
"""Letters as they stand after UTF-8 was read as a Western code page, or could not be read."""
_PATTERNS = {
    "integer": r"^[+-]?\d{1,18}$",
    "zeros": r"^0\d+$",
    "decimal": r"^[+-]?(\d+|\d{1,3}([.,']\d{3})+)[.,]\d+$",
    "comma": r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$",
    "grouped": r"^[+-]?[1-9]\d{0,2}(,\d{3})+$|^[+-]?[1-9]\d{0,2}(\.\d{3})+$",
    "grouped_comma": r"^[+-]?[1-9]\d{0,2}(,\d{3})+$",
    "boolean": r"(?i)^(true|false|yes|no|y|n|t|f)$",
    "iso": rf"^{_ISO}{_TIME}?$",
    "short": rf"^{_SHORT}{_TIME}?$",
    "compact": r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$",
    "timed": rf"^({_ISO}|{_SHORT}){_TIME}$",
    "midnight": rf"^({_ISO}|{_SHORT})[ T]0?0:00(:00([.,]0+)?)?$",
    "day_over_12": r"^(1[3-9]|2\d|3[01])[-/.]\d{1,2}[-/.]",
    "month_over_12": r"^\d{1,2}[-/.](1[3-9]|2\d|3[01])[-/.]",
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "phone": r"^[+(]?\d[\d\s().\-/+]{6,}\d(\s?(x|ext\.?)\s?\d+)?$",
    "path": r"(?i)\.(jpe?g|png|pdf|tiff?|dcm|docx?|bmp|gif|heic|txt|rtf|xml)$",
    "rtf": r"^\{\\rtf",
    "html": r"(?i)</?(p|br|div|b|i|span|table|html|body)\b[^>]*>",
    "greek_id": r"^(0[1-9]|[12]\d|3[01])(0[1-9]|1[0-2])\d{7}$",
    "ssn": r"^\d{3}-\d{2}-\d{4}$",
    "mojibake": MOJIBAKE,
}
CENTURY_TURN = 30
"""Years of two digits up to this are of 2000, those above are of 1900."""
_LONG = 60
_LEAST = 0.8


class _Seen:
    """Distinct values of a column with their counts; asks each pattern at most once."""

    def __init__(self, values: pa.Array) -> None:
        counted = pc.value_counts(values)
        self._values = counted.field("values")
        self._counts = counted.field("counts")
        self.filled = len(values)
        self._shares: dict[str, float] = {}

    def share(self, pattern: str) -> float:
        """Return the share of the values that fit a pattern."""
        if pattern not in self._shares:
            fits = pc.match_substring_regex(self._values, _PATTERNS[pattern])
            self._shares[pattern] = self._share(fits)
        return self._shares[pattern]

    def longer_than(self, length: int) -> float:
        """Return the share of the values with more characters than `length`."""
        return self._share(pc.greater(pc.utf8_length(self._values), length))

    def _share(self, fits: pa.Array) -> float:
        count = pc.sum(pc.filter(self._counts, fits)).as_py() or 0
        return count / max(self.filled, 1)


@dataclass(frozen=True, slots=True)
class Look:
    """What the values looked at add up to: content, how sure, and how dates and amounts stand."""

    content: Content
    share: float = 1.0
    date_order: DateOrder | None = None
    amounts: Amounts | None = None
    mojibake: float = 0.0
    """Share of values whose encoding went wrong before they came here."""
    emails: float = 0.0
    personal_numbers: float = 0.0

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma stands before the fraction of its amounts."""
        return self.amounts is Amounts.COMMA


def look_at(values: pa.Array, kind: str) -> Look:
    """Return what a column holds, from its trimmed values without blanks, and its Arrow type."""
    if kind == "binary":
        return Look(Content.BINARY)
    if not len(values):
        return Look(Content.EMPTY)
    if kind == "bool":
        return Look(Content.BOOLEAN)
    seen = _Seen(values)
    if kind in ("double", "float") or kind.startswith("decimal"):
        return Look(Content.DECIMAL)
    content, sure = _content(seen, number=kind.startswith(("int", "uint")))
    text = content is Content.TEXT
    return Look(
        content,
        round(sure, 4),
        date_order=_order(seen) if content in (Content.DATE, Content.DATETIME) else None,
        amounts=_amounts(seen) if content is Content.DECIMAL else None,
        mojibake=seen.share("mojibake") if kind == "string" else 0.0,
        emails=seen.share("email") if text else float(content is Content.EMAIL),
        personal_numbers=max(seen.share("greek_id"), seen.share("ssn")),
    )


def _content(seen: _Seen, *, number: bool) -> tuple[Content, float]:
    """Return the first content that most values fit, in the order of how telling it is."""
    whole = seen.share("integer")
    if whole >= _LEAST:
        if seen.share("compact") > 0.95:
            return Content.DATE, seen.share("compact")
        coded = not number and seen.share("zeros") > 0.02
        return (Content.CODE if coded else Content.INTEGER), whole
    if whole + seen.share("decimal") >= _LEAST:
        return Content.DECIMAL, whole + seen.share("decimal")
    dates = seen.share("iso") + seen.share("short")
    if dates >= _LEAST:
        timed = seen.share("timed") - seen.share("midnight") > 0.2
        return (Content.DATETIME if timed else Content.DATE), dates
    for content, pattern, least in (
        (Content.EMAIL, "email", _LEAST),
        (Content.RTF, "rtf", 0.4),
        (Content.PATH, "path", _LEAST),
        (Content.BOOLEAN, "boolean", 0.98),
        (Content.PHONE, "phone", _LEAST),
        (Content.HTML, "html", 0.4),
    ):
        if seen.share(pattern) >= least:
            return content, seen.share(pattern)
    long = seen.longer_than(_LONG)
    return (Content.LONG_TEXT, long) if long >= 0.25 else (Content.TEXT, 1.0)


def _order(seen: _Seen) -> DateOrder:
    if seen.share("iso") >= seen.share("short") and seen.share("iso") > 0:
        return DateOrder.YEAR_FIRST
    if seen.share("short") == 0:
        return DateOrder.COMPACT
    if seen.share("day_over_12") > seen.share("month_over_12"):
        return DateOrder.DAY_FIRST
    if seen.share("month_over_12") > 0:
        return DateOrder.MONTH_FIRST
    return DateOrder.UNCLEAR


def _amounts(seen: _Seen) -> Amounts:
    """Judge by the numbers that can be read in one way only; 1.234 and 1,234 are none."""
    commas = seen.share("comma") - seen.share("grouped_comma")
    points = seen.share("decimal") - seen.share("comma")
    points -= seen.share("grouped") - seen.share("grouped_comma")
    if max(commas, points) <= 0:
        return Amounts.UNCLEAR
    return Amounts.COMMA if commas > points else Amounts.POINT


def shapes(values: pa.Array) -> Counter[str]:
    """Return how often each shape occurs, as `privacy.shape` names shapes."""
    text = pc.utf8_slice_codeunits(values, 0, 60)
    for pattern, mark in (
        (r"\p{Nd}+", "9"), (r"[\p{Ll}\p{Lo}\p{Lt}\p{Lm}]+", "a"), (r"\p{Lu}+", "A"),
        (r"[\s\p{Z}]+", " "),
    ):  # fmt: skip
        text = pc.replace_substring_regex(text, pattern, mark)
    found: Counter[str] = Counter()
    for rough in pc.value_counts(text).to_pylist():
        found[shape(rough["values"])] += rough["counts"]
    return found


def date_of(value: str, order: DateOrder) -> str:
    """Return SQL that reads a date written in the given order; null where it is impossible."""
    day = f"regexp_extract({value}, '^[0-9./-]+')"
    if order is DateOrder.YEAR_FIRST:
        return f"try_cast(replace(replace({day}, '/', '-'), '.', '-') AS DATE)"
    if order is DateOrder.COMPACT:
        return f"CAST(try_strptime({day}, '%Y%m%d') AS DATE)"
    plain = f"replace(replace({day}, '.', '/'), '-', '/')"
    year = f"right({plain}, 2)"
    whole = f"left({plain}, -2) || if({year} <= '{CENTURY_TURN}', '20', '19') || {year}"
    full = f"if(regexp_matches({plain}, '/\\d\\d$'), {whole}, {plain})"
    parts = "%m/%d" if order is DateOrder.MONTH_FIRST else "%d/%m"
    return f"CAST(try_strptime({full}, '{parts}/%Y') AS DATE)"


def moment_of(value: str, order: DateOrder) -> str:
    """Return SQL that reads a date with its time of day; null where either is missing."""
    clock = f"try_cast(regexp_extract({value}, '[ T](\\d{{1,2}}:\\d{{2}}(:\\d{{2}})?)', 1) AS TIME)"
    late = f"regexp_matches({value}, '(?i)[ T](0?[1-9]|1[01]):[0-9:.]+ ?pm')"
    noon = f"CASE WHEN {late} THEN INTERVAL 12 HOUR ELSE INTERVAL 0 HOUR END"
    whole = f"({date_of(value, order)} + {clock} + {noon})"
    if order is not DateOrder.YEAR_FIRST:
        return whole
    # What the database reads itself takes a tenth of the time.
    plain = f"CASE WHEN contains({value}, ':') THEN try_cast({value} AS TIMESTAMP) END"
    return f"coalesce({plain}, {whole})"


def number_of(value: str, *, comma: bool) -> str:
    """Return SQL that reads a number written as text, thousands marks left out."""
    thousands, point = (".", ",") if comma else (",", ".")
    plain = f"replace(replace({value}, '{thousands}', ''), '{point}', '.')"
    return f"try_cast({plain} AS DOUBLE)"
