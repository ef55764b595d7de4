"""Finding records in the store by id or by the value of a field."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson

from migrator_kit.emulator.schema import Module, table_of
from migrator_kit.emulator.store import Store

_CHUNK = 500
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

Data = dict[str, Any]


def expression(api_name: str, alias: str = "") -> str:
    """The SQL expression that reads a field out of a stored record.

    Indexes use the same text, so that the query planner recognises them.
    """
    prefix = f"{alias}." if alias else ""
    return f"""json_extract({prefix}data, '$."{api_name}"')"""


def fold(value: object) -> object:
    """The form in which two values count as the same (ASCII letters without case)."""
    if not isinstance(value, str):
        return value
    return value.lower() if value.isascii() else value.translate(_LOWER)


def exact(value: object) -> object:
    """The form of a value in a case-sensitive unique field."""
    return value


def ensure_index(store: Store, module: str, api_name: str) -> None:
    """Index a field that is asked for by value. Costs nothing when the index stands."""
    _ensure(store, f"ix_{module}_{api_name}", module, f"{expression(api_name)} COLLATE NOCASE")


def ensure_order(store: Store, module: str, api_name: str) -> None:
    """Index a field that lists go by, for pages that begin where the last one ended."""
    _ensure(store, f"by_{module}_{api_name}", module, f"{expression(api_name)}, id")


def drop_index(db: sqlite3.Connection, store: Store, module: str, api_name: str) -> None:
    """Forget the index of a field that is being deleted."""
    name = f"ix_{module}_{api_name}"
    db.execute(f'DROP INDEX IF EXISTS "{name}"')
    store.indexes.discard(name)


def ids_by_value(
    db: sqlite3.Connection,
    module: str,
    api_name: str,
    values: Iterable[object],
    key: Callable[[object], object] = fold,
) -> dict[object, int]:
    """Value → id of the oldest record that holds it. `key` tells which values are the same."""
    field = expression(api_name)
    found: dict[object, int] = {}
    for chunk in chunks(list(values)):
        marks = ",".join("?" * len(chunk))
        for value, number in db.execute(
            f"SELECT {field}, id FROM {table_of(module)} "
            f"WHERE {field} COLLATE NOCASE IN ({marks}) ORDER BY id",
            chunk,
        ):
            found.setdefault(key(value), number)
    return found


def existing(db: sqlite3.Connection, module: str, ids: Iterable[int]) -> set[int]:
    """Those of the ids that are records of the module."""
    found: set[int] = set()
    for chunk in chunks(list(ids)):
        marks = ",".join("?" * len(chunk))
        query = f"SELECT id FROM {table_of(module)} WHERE id IN ({marks})"
        found.update(row[0] for row in db.execute(query, chunk))
    return found


def load(db: sqlite3.Connection, module: str, ids: Iterable[int]) -> dict[int, Data]:
    """The stored records of these ids."""
    found: dict[int, Data] = {}
    for chunk in chunks(list(ids)):
        marks = ",".join("?" * len(chunk))
        query = f"SELECT id, data FROM {table_of(module)} WHERE id IN ({marks})"
        found.update((number, orjson.loads(data)) for number, data in db.execute(query, chunk))
    return found


def names(db: sqlite3.Connection, module: Module, ids: Iterable[int]) -> dict[int, str]:
    """Display names of these records."""
    found: dict[int, str] = {}
    field = expression(module.display_field)
    for chunk in chunks(list(ids)):
        marks = ",".join("?" * len(chunk))
        query = f"SELECT id, {field} FROM {module.table} WHERE id IN ({marks})"
        found.update(db.execute(query, chunk))
    return found


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Slices that fit into one statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _ensure(store: Store, name: str, module: str, indexed: str) -> None:
    if name in store.indexes:
        return
    with store.writing() as writer:
        writer.db.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON {table_of(module)}({indexed})')
    store.indexes.add(name)
