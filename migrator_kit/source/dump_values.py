"""The rows of a dump put into the words of SQLite, which then reads them itself, at its own speed.

Only what the dialects write differently is touched: escaped quotes, binary values, casts. A run of
text without any of it is passed over by one step of a regular expression.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from migrator_kit.source.dump_text import Dialect

_BROKEN = "\udc80-\udcff"
"""Bytes that are not text of the dump's encoding, as the decoder lets them through."""

_NO_TEXT = re.compile(rf"[{_BROKEN}]")
_TEXT = r"'[^']*+(?:''[^']*+)*'(?!')"
_SQLITE = re.compile(
    rf"(?P<skip>(?:[^']++|'[^'{_BROKEN}]*+'(?!')){{1,1000}})|'(?P<body>[^']*+(?:''[^']*+)*)'(?!')"
)
_MYSQL = re.compile(
    rf"""(?P<skip>(?:[^'"\w\\]++|'[^'\\{_BROKEN}]*+'(?!')|(?!0[xX]|\d{{19}}|_)[\w.]++(?!')){{1,1000}})
    |(?:(?P<prefix>_\w+|[bBxXnN])\s*)?(?P<quote>['"])
        (?P<body>[^'"\\]*+(?:(?:\\.|''|""|(?!(?P=quote))['"])[^'"\\]*+)*)(?P=quote)(?!(?P=quote))
    |0[xX](?P<hex>[0-9A-Fa-f]*+)|(?P<long>\d{{19,}}+(?![\d.]))|.""",
    re.DOTALL | re.VERBOSE,
)
_SQL_SERVER = re.compile(
    rf"""(?P<skip>(?:[^'\w]++|'[^'{_BROKEN}]*+'(?!')
        |(?!0[xX]|CAST\b|Cast\b|cast\b|\d{{19}})[\w.]++(?!')){{1,1000}})
    |CAST\s*\(\s*(?P<cast>[nN]?{_TEXT}|0[xX][0-9A-Fa-f]*+|[-+\w.]++)\s+AS\s+(?P<type>\w+)
        \s*(?:\([^)]*\))?\s*\)
    |[nN]?(?P<text>{_TEXT})|0[xX](?P<hex>[0-9A-Fa-f]*+)|(?P<long>\d{{19,}}+(?![\d.]))|.""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_POSTGRESQL = re.compile(
    rf"""(?P<skip>(?:[^'\w:]++|'[^'{_BROKEN}]*+'(?!')|[\w.]++(?!')){{1,1000}})
    |[eE]'(?P<escaped>[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*)'(?!')
    |[bB]?'(?P<body>[^']*+(?:''[^']*+)*)'(?!')
    |::[\w ]+?(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])?(?=\s*[,)])|.""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "f": "\f"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SIGNS = {
    Dialect.MYSQL: ("\\", '"', "0x", "0X", "_b", "_u", "b'", "N'"),
    Dialect.SQL_SERVER: ("N'", "n'", "0x", "CAST(", "CAST (", "cast(", "Cast("),
    Dialect.POSTGRESQL: ("E'", "e'", "::", "B'"),
    Dialect.SQLITE: (),
}


class Rewriter:
    """Puts value lists of a dialect into SQLite's words. `encoding` is the dump's."""

    def __init__(self, dialect: Dialect, encoding: str) -> None:
        rules: dict[Dialect, tuple[re.Pattern[str], Callable[[re.Match[str]], str]]] = {
            Dialect.MYSQL: (_MYSQL, self._from_mysql),
            Dialect.SQL_SERVER: (_SQL_SERVER, self._from_sql_server),
            Dialect.POSTGRESQL: (_POSTGRESQL, self._from_postgresql),
            Dialect.SQLITE: (_SQLITE, self._from_sqlite),
        }
        self._pattern, self._replace = rules[dialect]
        self._signs = _SIGNS[dialect]
        self._encoding = encoding

    def __call__(self, values: str, *, thorough: bool = False) -> str:
        """Return the text after VALUES rewritten.

        `thorough` is for texts that may hold bytes that are no text, or numbers beyond 64 bits.
        """
        if thorough or any(sign in values for sign in self._signs):
            return self._pattern.sub(self._replace, values)
        return values

    def _literal(self, text: str, *, binary: bool = False) -> str:
        """Return a text as SQLite writes it; what is no text goes as its bytes."""
        if binary or not (text.isascii() or _NO_TEXT.search(text) is None):
            return f"X'{text.encode(self._encoding, 'surrogateescape').hex()}'"
        if "\0" in text:
            return f"CAST(X'{text.encode().hex()}' AS TEXT)"
        return "'" + text.replace("'", "''") + "'"

    def _from_mysql(self, found: re.Match[str]) -> str:
        if found["skip"] is not None:
            return found[0]
        if found["body"] is not None:
            prefix = (found["prefix"] or "").lower()
            if prefix in ("b", "x"):
                return str(int(found["body"] or "0", 2)) if prefix == "b" else f"X'{found['body']}'"
            quote = found["quote"]
            text = unescaped(found["body"].replace(quote * 2, quote))
            return self._literal(text, binary=prefix == "_binary")
        return _number(found)

    def _from_sqlite(self, found: re.Match[str]) -> str:
        if found["body"] is not None:
            return self._literal(found["body"].replace("''", "'"))
        return found[0]

    def _from_sql_server(self, found: re.Match[str]) -> str:
        if found["skip"] is not None:
            return found[0]
        if found["cast"] is not None:
            inner = found["cast"]
            if inner[:2].lower() == "0x":
                return _moment(inner[2:], found["type"].lower())
            return inner[1:] if inner[:2].lower() == "n'" else inner
        if found["text"] is not None:
            return self._literal(found["text"][1:-1].replace("''", "'"))
        return _number(found)

    def _from_postgresql(self, found: re.Match[str]) -> str:
        if found["skip"] is not None:
            return found[0]
        if found["escaped"] is not None:
            return self._literal(unescaped(found["escaped"].replace("''", "'")))
        if found["body"] is not None:
            return self._literal(found["body"].replace("''", "'"))
        return "" if found[0].startswith("::") else found[0]


def unescaped(text: str) -> str:
    """Return a text with backslash escapes resolved, as MySQL and PostgreSQL write them.

    `\\%` and `\\_` keep their backslash in MySQL, which matters to patterns alone.
    """
    return _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), text)


def copied(field: str) -> str | None:
    """Return a field of a COPY block: `\\N` is null."""
    if field == "\\N":
        return None
    return _ESCAPE.sub(lambda m: _COPY_ESCAPES.get(m[1], m[1]), field) if "\\" in field else field


_COPY_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _number(found: re.Match[str]) -> str:
    if found["hex"] is not None:
        return f"X'{found['hex']}'" if len(found["hex"]) % 2 == 0 else f"X'0{found['hex']}'"
    if found["long"] is not None and int(found["long"]) >= 2**63:
        return f"'{found['long']}'"
    return found[0]


def _moment(digits: str, kind: str) -> str:
    """Return a date that SQL Server's scripts write as bytes.

    `datetime` is days since 1900 and 1/300 seconds, `smalldatetime` days and minutes in two bytes
    each, `date` days since year 1 from the lowest byte up (SQL Server's storage formats).
    """
    raw = bytes.fromhex(digits)
    begin = dt.datetime(1900, 1, 1)
    if kind == "datetime" and len(raw) == 8:
        days = int.from_bytes(raw[:4], "big", signed=True)
        ticks = int.from_bytes(raw[4:], "big")
        moment = begin + dt.timedelta(days=days, milliseconds=round(ticks * 10 / 3))
        return f"'{moment.isoformat(' ', 'milliseconds')}'"
    if kind == "smalldatetime" and len(raw) == 4:
        days, minutes = int.from_bytes(raw[:2], "big"), int.from_bytes(raw[2:], "big")
        return f"'{(begin + dt.timedelta(days=days, minutes=minutes)).isoformat(' ')}'"
    if kind == "date" and len(raw) in (3, 4):
        days = int.from_bytes(raw[:3], "little")
        return f"'{(dt.date(1, 1, 1) + dt.timedelta(days=days)).isoformat()}'"
    return f"X'{digits}'"
