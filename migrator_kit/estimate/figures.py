"""What an estimate is made from: counts of the source, before anything is confirmed or reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import duckdb

from migrator_kit.load.target_fields import target_fields
from migrator_kit.mapping.bindings import against_snapshot
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName
from migrator_kit.mapping.objects import (
    SnapshotTables,
    count_rows,
    opened,
    quoted,
    rows_sql,
    tables_of,
)
from migrator_kit.source.inventory import Inventory
from migrator_kit.source.profile import ColumnProfile

CLEAR = 0.8
"""A mapping row below this confidence counts as unclear."""


class Fit(StrEnum):
    """How an object of the source finds its place in Zoho CRM."""

    ONE_TO_ONE = "one to one"
    PARTLY = "some columns are missing"
    REBUILT = "rebuilt by hand"
    UNREADABLE = "its SELECT does not fit this source"
    UNMAPPED = "to be mapped"
    MISSING = "not in this source"


@dataclass(frozen=True, slots=True)
class ObjectFigures:
    """One of the ten objects in this source."""

    object: ObjectName
    fit: Fit
    landing: Landing | None = None
    module: str = ""
    rows: int = 0
    parents: int = 0
    """Records that get files (landing `files`)."""
    counted: bool = True
    """Whether its rows count as records: an object that only names another's rows does not."""

    @property
    def records(self) -> int:
        """Rows that count as records to move."""
        return self.rows if self.counted and self.landing is not Landing.REFERENCE else 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of a source, and what the mapping makes of them. Holds no value of a patient."""

    objects: tuple[ObjectFigures, ...]
    columns: int = 0
    """Columns that hold values."""
    unclear: tuple[str, ...] = ()
    """Columns as `table.column` that hold values, and that no profile knows or the mapping is not
    sure of. An empty column costs nobody a decision: it is archived."""
    new_fields: tuple[tuple[str, int], ...] = ()
    """Custom fields to create, by module."""
    file_bytes: int = 0
    files_missing: int = 0
    files_oversize: int = 0
    too_long: int = 0
    """Values that are longer than their field."""
    dirt: tuple[tuple[str, int], ...] = ()
    """Rows that somebody has to look at, by kind."""
    rules: int = 0
    unread: int = 0
    """Rows of all tables, where no profile says which of them are records."""

    @property
    def records(self) -> int:
        """Records to move."""
        return sum(one.records for one in self.objects) + self.unread

    @property
    def dirty(self) -> int:
        """Rows that somebody has to look at."""
        return sum(rows for _, rows in self.dirt)


def figures_of(
    snapshot: SnapshotTables, mapping: Mapping, found: Inventory, *, too_long: int = 0
) -> Figures:
    """Return the figures of a snapshot under a mapping, confirmed or not.

    Reads the snapshot alone. Where the mapping has no objects, the rows of all tables stand for
    the records. `too_long` are the values that `needs.misfits` counted.
    """
    places = {place for place, _, _ in against_snapshot(mapping, snapshot)}
    with opened(snapshot) as connection:
        objects = [_object(connection, mapping, name, places) for name in ObjectName]
    modules: dict[str, int] = {}
    for field in target_fields(mapping):
        if field.create is not None:
            modules[field.module] = modules.get(field.module, 0) + 1
    files = found.attachments
    return Figures(
        tuple(objects),
        columns=len(_in_use(found)),
        unclear=_unclear(mapping, found),
        new_fields=tuple(modules.items()),
        file_bytes=files.bytes,
        files_missing=files.missing if files.root else 0,
        files_oversize=files.oversize,
        too_long=too_long,
        dirt=_dirt(found),
        rules=len(found.rules),
        unread=0 if mapping.objects else sum(table.rows for table in found.tables_found),
    )


def _object(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    name: ObjectName,
    places: set[tuple[object, ...]],
) -> ObjectFigures:
    number = next((i for i, one in enumerate(mapping.objects) if one.object is name), None)
    if number is None:
        return ObjectFigures(name, Fit.MISSING if mapping.objects else Fit.UNMAPPED)
    item = mapping.objects[number]
    if ("objects", number, "select") in places:
        home = next(iter(item.fields[0].sources), "").partition(".")[0].casefold()
        there = home in {table.casefold() for table in tables_of(connection)}
        return ObjectFigures(name, Fit.UNREADABLE if there else Fit.MISSING)
    broken = any(place[:3] == ("objects", number, "fields") for place in places)
    fit = Fit.PARTLY if broken else Fit.ONE_TO_ONE
    return ObjectFigures(
        name,
        Fit.REBUILT if item.landing is Landing.REFERENCE else fit,
        item.landing,
        item.module or "",
        count_rows(connection, item),
        _parents(connection, item) if item.landing is Landing.FILES and not broken else 0,
        not _names_its_carrier(mapping, item),
    )


def _parents(connection: duckdb.DuckDBPyConnection, item: ObjectMapping) -> int:
    """Return how many records get files: the first lookup column that holds a key names it."""
    row = item.field("Parent_Id")
    if row is None or not row.columns:
        return 0
    keys = [f"nullif(trim(CAST({quoted(column)} AS VARCHAR)), '')" for column in row.columns]
    named = ", ".join(f"'{place}:' || {key}" for place, key in enumerate(keys))
    query = f"SELECT count(DISTINCT coalesce({named})) FROM ({rows_sql(connection, item)})"
    ((count,),) = connection.execute(query).fetchall()
    return int(count)


def _names_its_carrier(mapping: Mapping, item: ObjectMapping) -> bool:
    """Return whether an object is nothing but the key of the records that carry it."""
    carrier = next((one for one in mapping.objects if one.object is item.into), None)
    return carrier is not None and {row.target for row in item.fields} <= {carrier.key}


def _unclear(mapping: Mapping, found: Inventory) -> tuple[str, ...]:
    unsure = {
        source.casefold()
        for item in mapping.objects
        for row in item.fields
        if row.confidence < CLEAR and not row.confirmed
        for source in row.sources
    }
    nobody_knows = not mapping.objects
    named = ((f"{one.table}.{one.name}", one) for one in _in_use(found))
    return tuple(
        name for name, one in named if one.custom or nobody_knows or name.casefold() in unsure
    )


def _in_use(found: Inventory) -> list[ColumnProfile]:
    """Return the columns that hold values; of a schema without any row, all of them."""
    columns = found.columns_found()
    return [one for one in columns if one.filled] or columns


def _dirt(found: Inventory) -> tuple[tuple[str, int], ...]:
    columns = found.columns_found()
    counted = {
        "rows that point to a missing record": sum(
            one.orphans for one in found.relations_found if not one.false_friend
        ),
        "patients that look like another one": found.duplicates.surplus,
        "dates that cannot be": sum(one.impossible_dates for one in columns),
        "texts whose encoding went wrong": sum(
            round(one.look.mojibake * one.filled) for one in columns
        ),
        "documents without a file": found.attachments.missing if found.attachments.root else 0,
        "empty files": found.attachments.empty,
    }
    return tuple((kind, rows) for kind, rows in counted.items() if rows)
