"""Objects as rows: the SELECT of a mapping over the tables of a snapshot, in parts.

An object is what its SELECT says, so joins are the same for every kind of source. DuckDB runs it
over the Parquet parts and spills to disk; a part is all that is in memory here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

import duckdb
import pandas as pd
import pyarrow as pa

from migrator_kit.errors import MappingError
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName, OwnerSource
from migrator_kit.source.group import practices_of, schema_of, under

PART_ROWS = 50_000
COPY_COLUMN = "_copy"
"""Which of several rows with the same key a row is, counted from 1."""
SLOT_ORDER = "slot_order"
"""Column of a SELECT by which the rows that go into one record are numbered."""


class SnapshotTables(Protocol):
    """What the mapping needs of a snapshot (`source.snapshot.Snapshot` is one)."""

    @property
    def snapshot_id(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def decimal_commas(self) -> frozenset[str]:
        """Columns of text (`table.column`, in small letters) with a decimal comma."""
        ...

    @property
    def notation_digest(self) -> str:
        """Digest of how dates and amounts in its columns of text are read."""
        ...

    def of(self, practice: str) -> SnapshotTables:
        """Return one practice's own snapshot, where this is one of a group."""
        ...

    def connect(self, *, as_written: Collection[str] | None = ()) -> duckdb.DuckDBPyConnection:
        """Return a connection with every table as a view; closed by the caller.

        Dates in columns of text come in ISO form, but for the columns `as_written`.
        """
        ...


def object_rows(
    snapshot: SnapshotTables, mapping: Mapping, name: ObjectName, *, part_rows: int = PART_ROWS
) -> Iterator[pd.DataFrame]:
    """Give the rows of an object in parts, ordered by `source_id`.

    `source_id` is text; the column `_copy` counts rows with the same key. Every object gives at
    least one part, an empty one where it has no rows. Raises MappingError where the SELECT does
    not run.
    """
    with opened(snapshot, mapping) as connection:
        for practice in practices_of(connection) or (None,):
            yield from read_rows(connection, mapping.object(name), part_rows, practice)


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    mapping: ObjectMapping,
    part_rows: int = PART_ROWS,
    practice: str | None = None,
) -> Iterator[pd.DataFrame]:
    """Give the rows of an object as `object_rows` does, over an open connection.

    `practice` is the one practice of a group whose rows are wanted.
    """
    with clear_errors(mapping.object):
        rows = connection.sql(_ordered(connection, mapping, practice))
        reader: pa.RecordBatchReader = rows.to_arrow_reader(part_rows)
        given = False
        for batch in reader:
            given = True
            yield to_frame(pa.Table.from_batches([batch]))
        if not given:
            yield to_frame(reader.schema.empty_table())


def count(snapshot: SnapshotTables, mapping: Mapping, name: ObjectName) -> int:
    """Return how many rows an object has. Raises MappingError where its SELECT does not run."""
    with opened(snapshot) as connection:
        return count_rows(connection, mapping.object(name))


def count_rows(connection: duckdb.DuckDBPyConnection, mapping: ObjectMapping) -> int:
    """Return how many rows an object has, over an open connection."""
    with clear_errors(mapping.object):
        query = f"SELECT count(*) FROM ({rows_sql(connection, mapping)})"
        ((rows,),) = connection.execute(query).fetchall()
    return int(rows)


def rows_sql(connection: duckdb.DuckDBPyConnection, item: ObjectMapping | OwnerSource) -> str:
    """Return the SELECT of an object's rows, or of the staff, fit to stand in brackets.

    In a group it is asked of each practice, so that its joins stay within one, and its keys come
    under the practice's name. Raises duckdb.Error where it does not run.
    """
    practices = practices_of(connection)
    if not practices:
        return inner(item.select)
    return " UNION ALL BY NAME ".join(practice_rows(connection, item, one) for one in practices)


def practice_rows(
    connection: duckdb.DuckDBPyConnection, item: ObjectMapping | OwnerSource, practice: str
) -> str:
    """Return the SELECT of one practice's rows as `rows_sql` does."""
    name = item.object if isinstance(item, ObjectMapping) else "owners"
    view = f"{quoted(schema_of(practice))}.{quoted(f'rows of {name}')}"
    select = inner(item.selects.get(practice, item.select))
    # A view's tables are those of its own schema.
    connection.execute(f"CREATE OR REPLACE VIEW {view} AS {select}")
    given = {row[0].lower(): row[0] for row in connection.execute(f"DESCRIBE {view}").fetchall()}
    swaps = ", ".join(
        f"{under(practice, quoted(given[column]), none)} AS {quoted(given[column])}"
        for column, none in _keys(item).items()
        if column in given
    )
    return f"SELECT * REPLACE ({swaps}) FROM {view}" if swaps else f"SELECT * FROM {view}"


def _keys(item: ObjectMapping | OwnerSource) -> dict[str, tuple[str, ...]]:
    """Return the columns that hold keys, each with the keys that mean no record."""
    if not isinstance(item, ObjectMapping):
        return {"owner_key": ()}
    found: dict[str, tuple[str, ...]] = {"source_id": (), "parent_id": ()}
    for row in item.fields:
        if row.lookup or any(step.name == "owner" for step in row.transform):
            none = row.transform[0].options.get("none", ()) if row.transform else ()
            found |= {column.lower(): tuple(map(str, none)) for column in row.columns}
    return found


def select_columns(connection: duckdb.DuckDBPyConnection, select: str) -> dict[str, str]:
    """Return the columns of a SELECT with their DuckDB types. Raises duckdb.Error."""
    rows = connection.execute(f"DESCRIBE ({inner(select)})").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def tables_of(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """Return the columns of every table of an open snapshot."""
    found: dict[str, list[str]] = {}
    rows = connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE NOT internal AND schema_name = 'main' ORDER BY table_name, column_index"
    ).fetchall()
    for table, column in rows:
        found.setdefault(str(table), []).append(str(column))
    return {table: tuple(columns) for table, columns in found.items()}


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame: text as `str`, all else as its Arrow type, nothing lost."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_pandas_type)
    return frame


def inner(select: str) -> str:
    """Return a SELECT fit to stand in brackets."""
    return select.strip().rstrip(";")


@contextmanager
def opened(
    snapshot: SnapshotTables, mapping: Mapping | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the tables of a snapshot and close them at the end.

    Dates for which the rows of a `mapping` say themselves how they are written come so.
    """
    connection = snapshot.connect(as_written=told_columns(mapping) if mapping else ())
    try:
        yield connection
    finally:
        connection.close()


def told_columns(mapping: Mapping) -> frozenset[str]:
    """Return the columns (`table.column` or `*.column`) whose rows say how dates stand."""
    rows = (row for item in mapping.objects for row in item.fields)
    told = (row for row in rows if any("day_first" in step.options for step in row.transform))
    return frozenset(
        place.casefold()
        for row in told
        for place in row.sources or [f"*.{column}" for column in row.columns]
    )


@contextmanager
def clear_errors(name: ObjectName | str) -> Iterator[None]:
    """Turn the error of a SELECT into a MappingError that holds no field value."""
    try:
        yield
    except duckdb.Error as error:
        raise MappingError(
            f"The SELECT of {name} in the mapping does not run: {explain(error)}.",
            hint="Correct `select` in mapping.yml, or take a snapshot that has what it names.",
        ) from None


_MISSING_TABLE = re.compile(r"Table with name \"?([^\s\"]+)\"? does not exist")
_MISSING_COLUMN = re.compile(
    r"Referenced column \"([^\"]+)\" not found|does not have a column named \"([^\"]+)\""
)
_OF_TABLE = re.compile(r"(?:Table|Values list) \"([^\"]+)\" does not have")


def missing_name(error: duckdb.Error) -> tuple[str, str]:
    """Return what a SELECT names and the snapshot lacks: `table` or `column`, and its name."""
    text = str(error)
    if table := _MISSING_TABLE.search(text):
        return "table", table[1]
    if column := _MISSING_COLUMN.search(text):
        return "column", column[1] or column[2]
    return "", ""


def explain(error: duckdb.Error) -> str:
    """Return what is wrong with a SELECT in words that hold names, but no value of the data."""
    kind, name = missing_name(error)
    if kind == "table":
        return f"the snapshot has no table {name!r}"
    if kind == "column":
        of_table = _OF_TABLE.search(str(error))
        if of_table:
            return f"{of_table[1]!r} has no column {name!r}"
        return f"no table of the SELECT has a column {name!r}"
    if isinstance(error, duckdb.ParserException | duckdb.BinderException):
        return str(error).splitlines()[0]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    if isinstance(error, duckdb.ConversionException | duckdb.OutOfRangeException):
        return f"{words} on a value of the data (use TRY_CAST to leave such values empty)"
    return words


def _ordered(
    connection: duckdb.DuckDBPyConnection, mapping: ObjectMapping, practice: str | None
) -> str:
    """Return the SELECT with text keys, ordered by them, copies of a key counted."""
    if practice is None:
        given = inner(mapping.select)
    else:
        given = practice_rows(connection, mapping, practice)
    columns = select_columns(connection, given)
    if "source_id" not in columns:
        raise MappingError(
            f"The SELECT of {mapping.object} gives no column source_id.",
            hint="Name the key of the rows: SELECT … AS source_id",
        )
    rows = f"SELECT * REPLACE (CAST(source_id AS VARCHAR) AS source_id) FROM ({given})"
    # Zoho CRM compares unique keys without regard to letter case.
    same = "lower(trim(source_id))" if mapping.landing is Landing.RECORDS else "trim(source_id)"
    doubled = connection.execute(
        f"SELECT 1 FROM ({rows}) GROUP BY {same} "
        "HAVING count(*) > 1 OR count(source_id) < count(*) LIMIT 1"
    ).fetchall()
    copy = "1"
    if doubled:
        order = ", ".join(quoted(column) for column in columns)
        copy = f"row_number() OVER (PARTITION BY {same} ORDER BY {order})"
    return f"SELECT *, {copy} AS {COPY_COLUMN} FROM ({rows}) ORDER BY source_id, {COPY_COLUMN}"


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a text or path as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def _pandas_type(arrow: pa.DataType) -> pd.api.extensions.ExtensionDtype:
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return pd.StringDtype(na_value=float("nan"))
    return pd.ArrowDtype(arrow)
