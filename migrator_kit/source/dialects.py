"""What differs between database servers: drivers, read-only sessions, types.

Dates and times are read as text in ISO form on every server, as in SQLite and CSV: `0000-00-00`,
`infinity` and other dirt arrive unchanged, and one parser serves all sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    Numeric,
    Text,
    cast,
    func,
    literal,
    null,
    types,
)
from sqlalchemy.dialects import mssql, mysql, postgresql
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ColumnElement

from migrator_kit.source.model import quoted

DRIVERS = {
    "postgresql": ("psycopg[binary]", "postgresql+psycopg://user:password@host/database"),
    "mysql": ("PyMySQL", "mysql+pymysql://user:password@host/database"),
    "mariadb": ("PyMySQL", "mariadb+pymysql://user:password@host/database"),
    "mssql": ("pyodbc", "mssql+pyodbc://user:password@host/database?driver=ODBC+Driver+18+for+SQL+Server"),
    "oracle": ("oracledb", "oracle+oracledb://user:password@host/?service_name=name"),
    "access": ("sqlalchemy-access", "access+pyodbc://@dsn"),
    "firebird": ("sqlalchemy-firebird", "firebird+firebird://user:password@host/path"),
}  # fmt: skip
"""Package to install and form of the URL, by dialect."""


def completed(url: URL) -> URL:
    """Return a URL with the driver this package is tested with, where none is named."""
    default = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
    driver = default.get(url.drivername)
    return url.set(drivername=f"{url.drivername}+{driver}") if driver else url


def session_statements(dialect: str) -> tuple[str, ...]:
    """Return what makes a fresh session read-only, steady and in UTC."""
    if dialect == "postgresql":
        return (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ",
            "SET TIME ZONE 'UTC'",
            "SET DATESTYLE = 'ISO, YMD'",
            "SET synchronize_seqscans = off",
        )
    if dialect in ("mysql", "mariadb"):
        return (
            "SET SESSION TRANSACTION READ ONLY",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            "SET time_zone = '+00:00'",
        )
    if dialect == "mssql":
        # There is neither a read-only session nor, without an option of the database, one moment
        # for all tables: the user has db_datareader alone, and the practice is closed meanwhile.
        return ("SET DATEFORMAT ymd", "SET LOCK_TIMEOUT 30000")
    if dialect == "oracle":
        return ("ALTER SESSION SET TIME_ZONE = 'UTC'", "SET TRANSACTION READ ONLY")
    return ()


def arrow_type(column: Column[Any]) -> pa.DataType | None:
    """Return the Arrow type of a column that keeps its values; None for what is read as text."""
    kind = column.type
    match kind:
        case types.Boolean():
            return pa.bool_()
        case mysql.BIT():
            return pa.int64()
        case mysql.YEAR() | types.Enum():
            return None
        case types.Integer():
            return pa.uint64() if getattr(kind, "unsigned", False) else pa.int64()
        case mssql.MONEY() | mssql.SMALLMONEY():
            return pa.decimal128(19, 4)
        case types.Float() | types.Numeric():
            return _fraction(kind)
        case types.LargeBinary() | types.BINARY() | types.VARBINARY() | mssql.TIMESTAMP():
            return pa.binary()
        case types.String():
            return pa.string()
        case _:
            return None


def _fraction(kind: types.Float[Any] | types.Numeric[Any]) -> pa.DataType:
    """Return a decimal type where the column declares one that Arrow has room for."""
    if isinstance(kind, types.Float) or not kind.precision or kind.precision > 38:
        return pa.float64()
    return pa.decimal128(kind.precision, kind.scale or 0)


def selected(column: Column[Any]) -> ColumnElement[Any]:
    """Return a column as it is read: what has no plain type in Arrow is cast to text."""
    if isinstance(column.type, mysql.BIT):
        return cast(column, Integer).label(column.name)
    if arrow_type(column) is not None:
        return column
    return AsText(column).label(column.name)


def mark_of(column: Column[Any], value: str | int) -> Any:
    """Return a mark of a snapshot as the server compares it with a column."""
    if isinstance(value, int) or not isinstance(column.type, types.Date | types.DateTime):
        return value
    moment = datetime.fromisoformat(value)
    return moment.date() if isinstance(column.type, types.Date) else moment


@dataclass(frozen=True, slots=True)
class Term:
    """A number that changes with a value of a column, for the server and for DuckDB."""

    value: ColumnElement[Any]
    in_duckdb: str
    """Empty where the column has no such number."""


def term(column: Column[Any], dialect: str) -> Term:
    """Return what stands for a column's values when they are added up on both sides.

    Text counts by the first 32 bits of its MD5 where the server has that, else by its length;
    dates, as text, too; whole numbers as they are.
    """
    kind, name = arrow_type(column), quoted(column.name)
    if kind in (pa.int64(), pa.uint64()):
        return Term(cast(selected(column), Numeric(38)), name)
    if kind not in (None, pa.string()):
        return Term(cast(null(), Integer), "")
    text, digest = selected(column), f"CAST('0x' || left(md5({name}), 8) AS BIGINT)"
    if dialect == "postgresql":
        bits = cast(literal("x").concat(func.left(func.md5(text), 8)), postgresql.BIT(32))
        return Term(cast(bits, BigInteger), digest)
    if dialect in ("mysql", "mariadb"):
        plain = func.md5(cast(text, mysql.CHAR(charset="utf8mb4")))
        return Term(cast(func.conv(func.left(plain, 8), 16, 10), Numeric(38)), digest)
    return Term(func.char_length(text), f"length({name})")


class AsText(ColumnElement[str]):
    """A column as text, dates and times in ISO form, in the words of each database."""

    inherit_cache = False

    def __init__(self, column: Column[Any]) -> None:
        self.column = column
        self.type = Text()

    @property
    def holds_moment(self) -> bool:
        """Whether the column holds dates or times."""
        moments = (types.Date, types.DateTime, types.Time, mssql.DATETIMEOFFSET)
        return isinstance(self.column.type, moments)


@compiles(AsText)
def _as_text(element: AsText, compiler: Any, **more: Any) -> str:
    return str(compiler.process(cast(element.column, Text), **more))


@compiles(AsText, "mssql")
def _as_text_mssql(element: AsText, compiler: Any, **more: Any) -> str:
    """Style 126 is ISO 8601; a plain CAST gives `May  1 2013 10:20AM` (CAST and CONVERT)."""
    style = ", 126" if element.holds_moment else ""
    return f"CONVERT(NVARCHAR(MAX), {compiler.process(element.column, **more)}{style})"


@compiles(AsText, "access")
def _as_text_access(element: AsText, compiler: Any, **more: Any) -> str:
    inner = compiler.process(element.column, **more)
    if element.holds_moment:
        return f"Format({inner}, 'yyyy-mm-dd hh:nn:ss')"
    return f"IIf(IsNull({inner}), Null, CStr({inner}))"


def without_credentials(url: URL) -> str:
    """Return where a database is, without user, password or options."""
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{url.host or ''}{port}/{url.database or ''}"


def reason_without_credentials(error: BaseException, url: URL) -> str:
    """Return the first line of a driver's message with every part of the credentials removed."""
    text = str(getattr(error, "orig", None) or error).strip().splitlines()
    line = text[0] if text else type(error).__name__
    secrets = [url.password, url.username]
    for value in url.query.values():
        secrets += [value] if isinstance(value, str) else list(value)
    for secret in sorted(filter(None, map(str, filter(None, secrets))), key=len, reverse=True):
        line = line.replace(secret, "***")
    return line


def begin_snapshot(connection: Connection) -> None:
    """Start the one transaction that all tables are read in."""
    if connection.dialect.name in ("mysql", "mariadb"):
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
