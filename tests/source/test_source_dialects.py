from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Column, MetaData, Table, select, types
from sqlalchemy.dialects import mssql, mysql, postgresql
from sqlalchemy.engine.default import DefaultDialect

from migrator_kit.source.dialects import arrow_type, selected, session_statements


class AccessDialect(DefaultDialect):
    name = "access"


def read_as(kind: Any, dialect: Any) -> str:
    """Return how a column of a type is selected."""
    table = Table("t", MetaData(), Column("c", kind))
    return str(select(selected(table.c.c)).compile(dialect=dialect)).split("\n")[0].strip()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (mssql.DATETIME2(), "SELECT CONVERT(NVARCHAR(MAX), t.c, 126) AS c"),
        (types.DATE(), "SELECT CONVERT(NVARCHAR(MAX), t.c, 126) AS c"),
        (mssql.DATETIMEOFFSET(), "SELECT CONVERT(NVARCHAR(MAX), t.c, 126) AS c"),
        (mssql.UNIQUEIDENTIFIER(), "SELECT CONVERT(NVARCHAR(MAX), t.c) AS c"),
        (mssql.XML(), "SELECT t.c"),
        (mssql.MONEY(), "SELECT t.c"),
        (mssql.BIT(), "SELECT t.c"),
        (mssql.IMAGE(), "SELECT t.c"),
    ],
)
def test_sql_server_columns_are_read_as_iso_text(kind: Any, expected: str) -> None:
    assert read_as(kind, mssql.dialect()) == expected


def test_access_columns_are_read_as_iso_text() -> None:
    dialect = AccessDialect()
    assert read_as(types.DateTime(), dialect) == ("SELECT Format(t.c, 'yyyy-mm-dd hh:nn:ss') AS c")
    assert read_as(types.Uuid(native_uuid=True), dialect).startswith("SELECT IIf(IsNull(t.c)")
    assert read_as(types.Integer(), dialect) == "SELECT t.c"


def test_the_other_servers_cast_what_arrow_has_no_type_for() -> None:
    assert read_as(types.Date(), postgresql.dialect()) == "SELECT CAST(t.c AS TEXT) AS c"
    assert read_as(types.Date(), mysql.dialect()) == "SELECT CAST(t.c AS CHAR) AS c"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (mssql.BIT(), pa.bool_()),
        (mssql.TINYINT(), pa.int64()),
        (types.DECIMAL(18, 2), pa.decimal128(18, 2)),
        (mssql.NVARCHAR(50), pa.string()),
        (mssql.VARBINARY("max"), pa.binary()),
        (mssql.ROWVERSION(), pa.binary()),
        (mssql.MONEY(), pa.decimal128(19, 4)),
        (mssql.SMALLDATETIME(), None),
    ],
)
def test_sql_server_types_have_their_arrow_type(kind: Any, expected: pa.DataType | None) -> None:
    assert arrow_type(Column("c", kind)) == expected


def test_servers_with_a_read_only_session_are_asked_for_it() -> None:
    for dialect in ("postgresql", "mysql", "mariadb", "oracle"):
        assert any("READ ONLY" in statement for statement in session_statements(dialect))
