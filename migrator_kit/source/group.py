"""Several practices as one snapshot: the snapshots of all, each read for itself or all together.

Each practice keeps snapshots of its own, so one can be read again, or added, without the others.
In the database a practice is a schema: whatever a SELECT joins there stays within the practice. The
tables of the whole group, which the audit looks at, carry the keys under the practice's name, as
everything does that is loaded: the patients 4711 of two practices are `north:4711`, `south:4711`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from migrator_kit.engagement import digest_text
from migrator_kit.source.manifest import Manifest, Origin, PartFile, Reference, TableManifest
from migrator_kit.source.model import quoted

DOCUMENTS = "documents-of-practices"
"""Folder of a group with one link for each practice: to its own folder of documents."""

_SCHEMA = "practice_"


def schema_of(practice: str) -> str:
    """Return the database schema that holds the tables of a practice."""
    return f"{_SCHEMA}{practice}"


def practices_of(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the practices of an open snapshot by name; empty where there is one alone."""
    rows = connection.execute(
        "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ORDER BY schema_name"
    ).fetchall()
    names = (str(row[0]) for row in rows)
    return tuple(name.removeprefix(_SCHEMA) for name in names if name.startswith(_SCHEMA))


def under(practice: str, column: str, none: Iterable[str] = ()) -> str:
    """Return the SQL of a key under its practice's name; `none` are keys that mean no record."""
    text = f"trim(CAST({column} AS VARCHAR))"
    empty = ", ".join(_literal(value) for value in ("", *none))
    return f"(CASE WHEN {text} NOT IN ({empty}) THEN '{practice}:' || {text} END)"


def group_manifest(members: Mapping[str, Manifest], documents: Path | None) -> Manifest:
    """Return what the snapshots of several practices add up to. Parts are named from above them."""
    digest = digest_text(*(f"{name} {one.digest}" for name, one in members.items()))
    taken_at = max(one.taken_at for one in members.values())
    keys = key_columns(members.values())
    places = ", ".join(f"{name} ({one.source.location})" for name, one in members.items())
    spelled: dict[str, str] = {}
    for one in members.values():
        for name in one.tables:
            spelled.setdefault(name.casefold(), name)
    return Manifest(
        snapshot_id=f"{taken_at:%Y%m%d-%H%M%S}{taken_at.microsecond // 1000:03d}-{digest[:8]}",
        digest=digest,
        taken_at=taken_at,
        watermark=min(one.watermark for one in members.values()),
        source=Origin(kind=f"{len(members)} practices", location=places, documents=documents),
        tables={name: _merged(members, name, keys) for name in spelled.values()},
    )


def key_columns(manifests: Iterable[Manifest]) -> set[str]:
    """Return the columns, in small letters, by which the sources declare that rows are told apart.

    A column of such a name is a key in every table: not all references are declared.
    """
    found: set[str] = set()
    for manifest in manifests:
        for table in manifest.tables.values():
            found.update(table.primary_key)
            for key in table.foreign_keys:
                found.update((*key.columns, *key.to_columns))
    return {column.casefold() for column in found}


def create_group_views(
    connection: duckdb.DuckDBPyConnection,
    members: Mapping[str, Manifest],
    selects: Mapping[str, Mapping[str, str]],
) -> None:
    """Make a schema with the tables of each practice, and the tables of the whole group.

    `selects` are the SELECTs of each practice by table. Every practice has every table and every
    column of the group, empty where it has none of its own: so one SELECT fits all that share a
    program.
    """
    keys = key_columns(members.values())
    whole: dict[str, list[str]] = {}
    for practice in members:
        connection.execute(f"CREATE SCHEMA {quoted(schema_of(practice))}")
    for spelled, by_practice in _by_table(selects).items():
        for practice in members:
            own = by_practice.get(practice)
            alike = [f"{files} WHERE false" for files in by_practice.values() if files != own]
            view = f"{quoted(schema_of(practice))}.{quoted(spelled)}"
            parts = " UNION ALL BY NAME ".join([own, *alike] if own else alike)
            connection.execute(f"CREATE VIEW {view} AS {parts}")
            if own:
                columns = members[practice].tables
                names = next(t for n, t in columns.items() if n.casefold() == spelled.casefold())
                named = [name for name in names.columns if name.casefold() in keys]
                swaps = ", ".join(f"{under(practice, quoted(n))} AS {quoted(n)}" for n in named)
                star = f"* REPLACE ({swaps})" if swaps else "*"
                whole.setdefault(spelled, []).append(f"SELECT {star} FROM {view}")
    for spelled, each in whole.items():
        everything = " UNION ALL BY NAME ".join(each)
        connection.execute(f"CREATE VIEW main.{quoted(spelled)} AS {everything}")


def _by_table(selects: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the SELECT of each table by practice, under one spelling."""
    spelled: dict[str, str] = {}
    found: dict[str, dict[str, str]] = {}
    for practice, own in selects.items():
        for name, select in own.items():
            by_practice = found.setdefault(spelled.setdefault(name.casefold(), name), {})
            by_practice[practice] = select
    return found


def _merged(members: Mapping[str, Manifest], name: str, keys: set[str]) -> TableManifest:
    """Return one table of the group from those of its practices."""
    own = {
        practice: table
        for practice, manifest in members.items()
        for other, table in manifest.tables.items()
        if other.casefold() == name.casefold()
    }
    tables = list(own.values())
    columns: dict[str, str] = {}
    declared: dict[str, str] = {}
    for table in tables:
        for column, kind in table.columns.items():
            known = columns.setdefault(column, kind)
            if known != kind or column.casefold() in keys:
                columns[column] = "string"
        declared = table.declared | declared
    references: dict[Reference, None] = {key: None for one in tables for key in one.foreign_keys}
    return TableManifest(
        rows=sum(table.rows for table in tables),
        columns=columns,
        declared=declared,
        primary_key=next((one.primary_key for one in tables if one.primary_key), ()),
        foreign_keys=tuple(references),
        parts=tuple(
            _placed(part, f"{practice}/{members[practice].snapshot_id}")
            for practice, table in own.items()
            for part in table.parts
        ),
        taken_at=max(table.taken_at for table in tables),
    )


def _placed(part: PartFile, place: str) -> PartFile:
    return part.model_copy(update={"path": f"{place}/{part.path}"})


def link_documents(folder: Path, members: Mapping[str, Manifest]) -> Path | None:
    """Return the folder that holds a link to the documents of each practice, brought up to date."""
    wanted = {name: one.source.documents for name, one in members.items()}
    if not any(wanted.values()):
        return None
    home = folder / DOCUMENTS
    home.mkdir(exist_ok=True)
    for name, documents in wanted.items():
        link = home / name
        if documents is None or not documents.is_dir():
            link.unlink(missing_ok=True)
        elif not link.is_symlink() or link.readlink() != documents:
            link.unlink(missing_ok=True)
            link.symlink_to(documents, target_is_directory=True)
    return home


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
