"""The text of a SQL dump cut into statements and blocks of copied rows, never held as a whole.

A regular expression passes over each statement a thousand pieces at a time (about 100 MB a second),
so that a semicolon in a value, a comment or a function's body ends nothing. Groups are repeated
plainly: repeated possessively, they match wrongly or never end on Python before 3.11.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from migrator_kit.errors import SourceError

BLOCK = 4 * 2**20


class Dialect(StrEnum):
    """The dialects of dumps, by sqlglot's names."""

    MYSQL = "mysql"
    SQL_SERVER = "tsql"
    POSTGRESQL = "postgres"
    SQLITE = "sqlite"


_SIGNS = (
    (Dialect.MYSQL, r"-- M(ySQL|ariaDB) dump|\bENGINE\s*=\s*\w|^/\*!40\d{3} |AUTO_INCREMENT|`\w+`"),
    (Dialect.SQL_SERVER, r"^GO\s*$|\[dbo\]|\bSET (ANSI_NULLS|IDENTITY_INSERT)\b|^USE \[|\(N'"),
    (Dialect.SQLITE, r"^PRAGMA foreign_keys|\bAUTOINCREMENT\b"),
    (Dialect.POSTGRESQL, r"PostgreSQL database dump|^COPY .* FROM stdin;|\bSET search_path|::\w"),
)  # fmt: skip
_STATEMENTS = (
    "GO INSERT CREATE ALTER SET USE IF EXEC EXECUTE BEGIN END DROP PRINT DECLARE UPDATE DELETE "
    "TRUNCATE GRANT DENY REVOKE COMMIT RETURN RAISERROR"
).replace(" ", "|")
_QUOTES = r"""'[^']*+'|"[^"]*+" """
_ESCAPED_QUOTES = r"""'[^'\\]*+(?:\\.[^'\\]*+)*'|"[^"\\]*+(?:\\.[^"\\]*+)*" """
_COMMENTS = r"--[^\n]*+|/\*.*?\*/|/(?!\*)|-(?!-)"
_PIECES = {
    Dialect.MYSQL: rf"""[^'"`;/\-\#]++|{_ESCAPED_QUOTES}|`[^`]*+`|\#[^\n]*+|{_COMMENTS}""",
    Dialect.SQL_SERVER: rf"""[^'"\[;/\-\n]++|{_QUOTES}|\[[^\]]*+\]
        |\n(?![ \t]*(?:{_STATEMENTS})\b)|{_COMMENTS}""",
    Dialect.SQLITE: rf"""[^'"`;/\-]++|{_QUOTES}|`[^`]*+`|{_COMMENTS}""",
    Dialect.POSTGRESQL: rf"""[^'"$;/\-eE]++|(?<![\w'])[eE]'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*'|[eE]
        |{_QUOTES}|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|\$(?!\w*\$)|{_COMMENTS}""",
}  # fmt: skip
_ENDS = {Dialect.SQL_SERVER: rf";|\n(?=[ \t]*(?:{_STATEMENTS})\b)"}
_BETWEEN = r"\s++|;|--[^\n]*+\n|/\*.*?\*/"
_LEADS = {
    Dialect.MYSQL: rf"{_BETWEEN}|\#[^\n]*+\n",
    Dialect.SQL_SERVER: rf"{_BETWEEN}|(?<!\w)(?:GO|go|Go)(?:[ \t]+\d+)?[ \t\r]*+\n",
}
_DELIMITER = re.compile(r"DELIMITER[ \t]+(\S+)[^\n]*\n", re.IGNORECASE)
_COPY = re.compile(r"COPY\s.*\sFROM\s+stdin\b", re.IGNORECASE | re.DOTALL)


def dialect_of(head: str) -> Dialect:
    """Return the dialect of a dump, from its first lines; PostgreSQL's where nothing tells."""
    found = {dialect: len(re.findall(signs, head, re.MULTILINE)) for dialect, signs in _SIGNS}
    best = max(found, key=lambda dialect: found[dialect])
    return best if found[best] else Dialect.POSTGRESQL


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its end mark, and the line it begins on."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class CopiedRows:
    """Lines of a PostgreSQL COPY block, and the line the first of them is on."""

    lines: list[str]
    line: int


class DumpText:
    """Cuts the text of one dump. Raises SourceError where a value or statement has no end."""

    def __init__(self, name: str, text: TextIO, dialect: Dialect, block: int = BLOCK) -> None:
        self._name, self._text, self._block = name, text, block
        self._dialect = dialect
        self._pieces = re.compile(f"(?:{_PIECES[dialect]}){{1,1000}}", re.DOTALL | re.VERBOSE)
        self._end = re.compile(_ENDS.get(dialect, ";"))
        self._lead = re.compile(f"(?:{_LEADS.get(dialect, _BETWEEN)})*", re.DOTALL)
        self._buffer, self._at, self._line, self._ended = "", 0, 1, False

    def pieces(self) -> Iterator[Statement | CopiedRows]:
        """Yield every statement in order; rows follow the COPY statement they belong to."""
        while (statement := self._statement()) is not None:
            yield statement
            if self._dialect is Dialect.POSTGRESQL and _COPY.match(statement.text[:4_000]):
                yield from self._copied()

    def _statement(self) -> Statement | None:
        while True:
            lead = self._lead.match(self._buffer, self._at)
            begin = lead.end() if lead else self._at
            if self._dialect is Dialect.MYSQL and _DELIMITER.match(self._buffer, begin):
                self._forward(begin)
                return self._routine()
            end = self._end_of_statement(self._buffer, begin)
            if end is not None:
                self._forward(begin)
                line = self._line
                self._forward(end)
                return Statement(self._buffer[begin:end].removesuffix(";").rstrip(), line)
            if not self._more():
                return self._last()

    def _end_of_statement(self, text: str, begin: int) -> int | None:
        """Return where the statement ends that begins there, its end mark included."""
        at = begin
        while pieces := self._pieces.match(text, at):
            at = pieces.end()
        end = self._end.match(text, at)
        return end.end() if end else None

    def _last(self) -> Statement | None:
        """Return what stands at the end without an end mark. Raises SourceError where cut off."""
        lead = self._lead.match(self._buffer, self._at)
        begin = lead.end() if lead else self._at
        self._forward(begin)
        rest = self._buffer[begin:]
        line = self._line
        self._forward(len(self._buffer))
        bare = re.sub(r"\s+|--[^\n]*|^(?:GO|go)$", "", rest)
        if not bare:
            return None
        if self._end_of_statement(rest + "\n;", 0) == len(rest) + 2:
            return Statement(rest.rstrip(), line)
        raise SourceError(
            f"{self._name}:{line}: the statement that begins here has no end.",
            hint="The dump was cut off, or a quote in it is not closed: make it again.",
        )

    def _routine(self) -> Statement:
        """Return a block of routines between changes of MySQL's end mark as one statement."""
        line = self._line
        ordinary = re.compile(r"^DELIMITER[ \t]+;[ \t\r]*(?:\n|\Z)", re.IGNORECASE | re.MULTILINE)
        while not (end := ordinary.search(self._buffer, self._at)):
            if not self._more():
                break
        begin = self._at
        self._forward(end.end() if end else len(self._buffer))
        return Statement(self._buffer[begin : self._at], line)

    def _copied(self) -> Iterator[CopiedRows]:
        """Yield the lines of a COPY block, up to the line that ends it."""
        while "\n" not in self._buffer[self._at :] and self._more():
            pass
        self._forward(self._buffer.find("\n", self._at) + 1)
        while True:
            end = self._buffer.find("\\.", self._at)
            while end > self._at and self._buffer[end - 1] != "\n":
                end = self._buffer.find("\\.", end + 1)
            stop = end if end >= 0 else self._buffer.rfind("\n", self._at) + 1
            if stop > self._at:
                line, begin = self._line, self._at
                self._forward(stop)
                yield CopiedRows(self._buffer[begin:stop].splitlines(), line)
            if end >= 0:
                self._forward(end + 2)
                return
            if not self._more():
                raise SourceError(
                    f"{self._name}:{self._line}: the copied rows before this line have no end.",
                    hint="The dump was cut off: make it again.",
                )

    def _forward(self, to: int) -> None:
        self._line += self._buffer.count("\n", self._at, to)
        self._at = to

    def _more(self) -> bool:
        """Read on; what is asked for grows with the statement that does not end."""
        if self._ended:
            return False
        rest = self._buffer[self._at :]
        try:
            block = self._text.read(max(self._block, len(rest)))
        except UnicodeError:
            raise SourceError(
                f"{self._name}: after line {self._line} the bytes are not text.",
                hint="The dump was cut off or damaged: make it again.",
            ) from None
        self._buffer, self._at = rest + block, 0
        self._ended = not block
        return not self._ended
