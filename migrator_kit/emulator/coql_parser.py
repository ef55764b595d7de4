"""Parses COQL (fact sheet 5) into a small tree. Knows nothing of modules and fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_LIMIT = 200
MOST_ROWS = 2_000
AGGREGATES = ("SUM", "MAX", "MIN", "AVG", "COUNT")
_KEYWORDS = frozenset(
    {"select", "from", "where", "group", "order", "by", "limit", "offset", "and", "or", "not"}
    | {"in", "is", "null", "like", "between", "as", "asc", "desc"}
)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<quoted>"[^"]*")
    | (?P<number>-?\d+(?:\.\d+)?(?![\w]))
    | (?P<name>!?[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z_$][A-Za-z0-9_$]*)*)
    | (?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,|\*)
    )""",
    re.VERBOSE,
)


class CoqlError(Exception):
    """A query that is refused: the vendor's code and details."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the query: its kind, its text, and where it stands."""

    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """The keyword in lower case, or empty."""
        low = self.text.lower()
        return low if self.kind == "name" and low in _KEYWORDS else ""


@dataclass(frozen=True, slots=True)
class Column:
    """A field, perhaps of a record pointed at (`Account_Name.Phone`), perhaps aggregated."""

    path: tuple[str, ...]
    aggregate: str | None = None
    alias: str | None = None

    @property
    def key(self) -> str:
        """The key of the value in the answer."""
        if self.alias:
            return self.alias
        name = ".".join(self.path)
        return f"{self.aggregate}({name})" if self.aggregate else name


@dataclass(frozen=True, slots=True)
class Literal:
    """A value of the query; `quoted` tells text from numbers and words."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """One criterion."""

    column: Column
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """Two conditions joined by `and` or `or`."""

    operator: str
    left: Compare | Both
    right: Compare | Both


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    columns: tuple[Column, ...]
    module: str
    where: Compare | Both
    group_by: tuple[Column, ...] = ()
    order_by: tuple[tuple[Column, bool], ...] = ()
    offset: int = 0
    limit: int = DEFAULT_LIMIT


@lru_cache(maxsize=64)
def parse(text: str) -> Query:
    """The query as a tree. Raises CoqlError with the code the vendor documents."""
    return _Parser(text).query()


def tokens_of(text: str) -> list[Token]:
    """The words of the query. Raises CoqlError at what is no word."""
    tokens, at = [], 0
    end = len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise _syntax(near=text[at : at + 20].strip())
        tokens.append(Token(found.lastgroup, found.group(found.lastgroup), at))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = tokens_of(text)
        self._at = 0

    def query(self) -> Query:
        if self._word() != "select":
            raise _syntax(clause="select", message="only select queries are supported")
        self._at += 1
        columns = self._columns()
        self._clause("from")
        module = self._name("from")
        self._clause("where")
        where = self._condition()
        group = self._grouping() if self._word() == "group" else ()
        order = self._ordering() if self._word() == "order" else ()
        offset, limit = self._limits() if self._word() == "limit" else (0, DEFAULT_LIMIT)
        if self._at < len(self._tokens):
            raise _syntax(near=self._tokens[self._at].text)
        return Query(columns, module, where, group, order, offset, limit)

    def _columns(self) -> tuple[Column, ...]:
        columns = [self._column(selecting=True)]
        while self._sign(","):
            columns.append(self._column(selecting=True))
        return tuple(columns)

    def _column(self, *, selecting: bool = False) -> Column:
        token = self._next("select")
        if token.kind not in ("name", "quoted", "string") or token.word:
            raise _syntax(near=token.text)
        if token.kind == "name" and token.text in AGGREGATES and self._sign("("):
            inner = self._next("select")
            if not self._sign(")"):
                raise _syntax(near=inner.text)
            path = ("*",) if inner.text == "*" else _path(inner)
            column = Column(path, token.text)
        else:
            column = Column(_path(token))
        if not selecting:
            return column
        return self._aliased(column)

    def _aliased(self, column: Column) -> Column:
        if self._word() == "as":
            self._at += 1
            token = self._next("as")
        elif self._kind() in ("string", "quoted") or (self._kind() == "name" and not self._word()):
            token = self._next("as")
        else:
            return column
        alias = token.text.strip("'\"")
        if not alias:
            raise CoqlError("INVALID_ALIAS", "invalid alias", alias=alias)
        return Column(column.path, column.aggregate, alias)

    def _condition(self) -> Compare | Both:
        left = self._operand()
        operator = self._word()
        if operator not in ("and", "or"):
            return left
        self._at += 1
        right = self._operand()
        if self._word() in ("and", "or"):
            # Criteria join in pairs: a third one needs brackets around the first two.
            raise _syntax(near=self._tokens[self._at].text)
        return Both(operator, left, right)

    def _operand(self) -> Compare | Both:
        if self._sign("("):
            inner = self._condition()
            if not self._sign(")"):
                raise _syntax(near=self._rest())
            return inner
        return self._comparison()

    def _comparison(self) -> Compare:
        column = self._column()
        token = self._next("where")
        word = token.word
        if token.kind == "sign" and token.text in ("=", "!=", "<>", "<", "<=", ">", ">="):
            operator = "!=" if token.text == "<>" else token.text
            return Compare(column, operator, (self._literal(),))
        if word == "is":
            negated = self._skip("not")
            if not self._skip("null"):
                raise _syntax(near=self._rest())
            return Compare(column, "is not null" if negated else "is null", ())
        negated = word == "not"
        if negated:
            token = self._next("where")
            word = token.word
        prefix = "not " if negated else ""
        if word == "like":
            return Compare(column, f"{prefix}like", (self._literal(),))
        if word == "in":
            return Compare(column, f"{prefix}in", self._literals())
        if word == "between":
            low = self._literal()
            if not self._skip("and"):
                raise _syntax(near=self._rest())
            return Compare(column, f"{prefix}between", (low, self._literal()))
        raise _syntax(operator=token.text)

    def _literals(self) -> tuple[Literal, ...]:
        if not self._sign("("):
            raise _syntax(near=self._rest())
        values = [self._literal()]
        while self._sign(","):
            values.append(self._literal())
        if not self._sign(")"):
            raise _syntax(near=self._rest())
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._next("where")
        if token.kind == "string":
            return Literal(re.sub(r"\\(.)", r"\1", token.text[1:-1]), quoted=True)
        if token.kind == "number" or (token.kind == "name" and not token.word):
            return Literal(token.text, quoted=False)
        raise _syntax(near=token.text)

    def _grouping(self) -> tuple[Column, ...]:
        self._at += 1
        self._clause("by")
        columns = [self._column()]
        while self._sign(","):
            columns.append(self._column())
        return tuple(columns)

    def _ordering(self) -> tuple[tuple[Column, bool], ...]:
        self._at += 1
        self._clause("by")
        orders = [self._order()]
        while self._sign(","):
            orders.append(self._order())
        return tuple(orders)

    def _order(self) -> tuple[Column, bool]:
        column = self._column()
        descending = self._word() == "desc"
        if self._word() in ("asc", "desc"):
            self._at += 1
        return column, descending

    def _limits(self) -> tuple[int, int]:
        self._at += 1
        first = self._count()
        if self._sign(","):
            return first, self._count()
        if self._skip("offset"):
            return self._count(), first
        return 0, first

    def _count(self) -> int:
        token = self._next("limit")
        if token.kind != "number" or not token.text.isdigit():
            raise _syntax(near=token.text)
        return int(token.text)

    def _clause(self, word: str) -> None:
        if self._word() != word:
            raise _syntax(clause=word, message="missing clause")
        self._at += 1

    def _name(self, clause: str) -> str:
        token = self._next(clause)
        if token.kind != "name" or token.word:
            raise _syntax(clause=clause)
        return token.text

    def _next(self, clause: str) -> Token:
        if self._at >= len(self._tokens):
            raise _syntax(clause=clause)
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _word(self) -> str:
        return self._tokens[self._at].word if self._at < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else ""

    def _skip(self, word: str) -> bool:
        if self._word() != word:
            return False
        self._at += 1
        return True

    def _sign(self, sign: str) -> bool:
        if self._kind() != "sign" or self._tokens[self._at].text != sign:
            return False
        self._at += 1
        return True

    def _rest(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else "end of query"


def _path(token: Token) -> tuple[str, ...]:
    text = token.text.strip("'\"").removeprefix("!")
    if not text:
        raise _syntax(near=token.text)
    return tuple(text.split("."))


def _syntax(
    message: str = "error occurred while parsing the query", **details: object
) -> CoqlError:
    return CoqlError("SYNTAX_ERROR", message, **details)
