"""Checks of a mapping against a snapshot: SELECTs that run, columns that are there."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any

import duckdb

from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, OwnerSource
from migrator_kit.mapping.objects import (
    SLOT_ORDER,
    SnapshotTables,
    explain,
    inner,
    missing_name,
    opened,
    rows_sql,
    select_columns,
    tables_of,
)
from migrator_kit.spelling import correction

Problem = tuple[tuple[Any, ...], str, str]
OWNER_COLUMNS = ("owner_key", "email", "name", "active")


def against_snapshot(mapping: Mapping, snapshot: SnapshotTables) -> Iterator[Problem]:
    """Give what does not fit between a mapping and the tables of a snapshot."""
    with opened(snapshot) as connection:
        tables = {
            table.lower(): [column.lower() for column in columns]
            for table, columns in tables_of(connection).items()
        }
        if mapping.owners:
            where = ("owners", "select")
            given = yield from _bound(connection, "owners", mapping.owners, where, tables)
            yield from _needed(given, "owners", OWNER_COLUMNS, where)
        for i, item in enumerate(mapping.objects):
            yield from _object(connection, item, ("objects", i), tables)
    yield from _sources(mapping, tables)


def _object(
    connection: duckdb.DuckDBPyConnection,
    item: ObjectMapping,
    where: tuple[Any, ...],
    tables: dict[str, list[str]],
) -> Iterator[Problem]:
    place = (*where, "select")
    given = yield from _bound(connection, str(item.object), item, place, tables)
    needed = ["source_id"]
    if item.landing is Landing.FIELDS:
        needed += ["parent_id"] + ([SLOT_ORDER] if item.slots > 1 else [])
    yield from _needed(given, str(item.object), needed, place)
    if given is None:
        return
    for j, row in enumerate(item.fields):
        for column in row.columns:
            if column.lower() not in given:
                text = f"{item.object}.{row.target}: the SELECT gives no column {column!r}"
                yield (*where, "fields", j), text, correction(column, given)


def _bound(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    item: ObjectMapping | OwnerSource,
    where: tuple[Any, ...],
    tables: dict[str, list[str]],
) -> Generator[Problem, None, set[str] | None]:
    """Return the columns of a SELECT in small letters; give the problem where it does not run."""
    try:
        for select in (item.select, *item.selects.values()):
            statements = connection.extract_statements(inner(select))
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                problem = f"{name}: one SELECT is expected and nothing else"
                yield where, problem, "correct the SELECT"
                return None
        return {column.lower() for column in select_columns(connection, rows_sql(connection, item))}
    except duckdb.Error as error:
        kind, missing = missing_name(error)
        columns = (column for table in tables.values() for column in table)
        known: Iterable[str] = tables if kind == "table" else set(columns)
        hint = correction(missing, known) if missing else "correct the SELECT"
        yield where, f"{name}: {explain(error)}", hint
        return None


def _needed(
    given: set[str] | None, name: str, needed: Iterable[str], where: tuple[Any, ...]
) -> Iterator[Problem]:
    for column in needed if given is not None else ():
        if column not in (given or ()):
            problem = f"{name}: the SELECT gives no column {column}"
            yield where, problem, f"name it: SELECT … AS {column}"


def _sources(mapping: Mapping, tables: dict[str, list[str]]) -> Iterator[Problem]:
    """Give the source columns that the mapping disposes of and the snapshot does not have.

    A missing table is one problem, not one for each of its columns.
    """
    told = set()
    for where, source in _named_sources(mapping):
        table, column = source.lower().split(".", 1)
        if table not in tables:
            if table not in told:
                yield (
                    where,
                    f"{source}: the snapshot has no table {table!r}",
                    correction(table, tables),
                )
            told.add(table)
        elif column != "*" and column not in tables[table]:
            problem = f"{source}: {table!r} has no column {column!r}"
            yield where, problem, correction(column, tables[table])


def _named_sources(mapping: Mapping) -> Iterator[tuple[tuple[Any, ...], str]]:
    for i, item in enumerate(mapping.objects):
        for j, row in enumerate(item.fields):
            for source in row.sources:
                yield ("objects", i, "fields", j), source
    for i, entry in enumerate(mapping.not_moved):
        for source in entry.sources:
            if not source.endswith(".*"):
                yield ("not_moved", i), source
