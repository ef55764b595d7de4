"""Reads what Zoho CRM holds now, for everything or for a sample, into Parquet by object.

The records come back under the logical names of the mapping, lookups as the parents' source ids,
owners as persons, times as instants, files as the SHA-256 of their bytes. So the result stands
beside the shaped dataset and can be compared with it by one query. Nothing here writes to Zoho.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.compare.datasets import (
    Landed,
    LandedField,
    LandedObject,
    Parts,
    columns_of,
    files_sql,
    quoted,
)
from migrator_kit.compare.landed_files import read_files
from migrator_kit.compare.landed_notes import read_notes
from migrator_kit.compare.landed_parts import (
    FOUND,
    PART_ROWS,
    Identities,
    PartWriter,
    arrow_type,
    is_reference,
    to_column,
)
from migrator_kit.compare.people import persons
from migrator_kit.engagement import slug
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.target import Target
from migrator_kit.load.target_fields import record_fields
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName
from migrator_kit.progress import SILENT, Progress, Step
from migrator_kit.zoho.fields import FieldInfo

Scope = Map[ObjectName, Collection[str]]
"""Source ids by object, where only some records are read."""

Row = dict[str, Any]

LOST_LOOKUPS = 2_000
"""Records that the ledger knows and the module no longer shows by key are asked for by id, up to
this many: beyond, a whole load was deleted and no single answer tells more."""


def read_back(
    target: Target,
    ledger: Ledger,
    mapping: Mapping,
    names: Map[str, Map[str, str]],
    folder: Path,
    *,
    scope: Scope | None = None,
    shaped: Parts | None = None,
    progress: Progress = SILENT,
) -> Landed:
    """Read records, notes and attachments into `folder` (emptied first) and return them.

    `names` are API names by module and logical name (see `load.provision.field_names`). Records
    are found by their source key, so that copies are seen, and by the ledger's Zoho ids, so that a
    record that lost its key is seen as well. `shaped` tells the source id of keys that are not the
    source id itself; without it they are taken to be the same. Raises TargetError where Zoho does
    not answer.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reader = _Reader(target, ledger, mapping, names, folder, shaped)
    objects: dict[ObjectName, LandedObject] = {}
    for item in mapping.objects:
        if item.landing in (Landing.FIELDS, Landing.REFERENCE):
            continue
        wanted = None if scope is None else scope.get(item.object, ())
        if wanted is not None and not wanted:
            continue
        with progress(f"Reading back {item.object}", reader.expected(item, wanted)) as step:
            objects[item.object] = reader.read(item, wanted, step)
    read_at = datetime.now(UTC).isoformat(timespec="seconds")
    landed = Landed(folder, objects, read_at, scope is not None)
    landed.save()
    return landed


class _Reader:
    """Reads one object after the other with what all of them need."""

    def __init__(
        self,
        target: Target,
        ledger: Ledger,
        mapping: Mapping,
        names: Map[str, Map[str, str]],
        folder: Path,
        shaped: Parts | None,
    ) -> None:
        self.target, self.ledger, self.mapping, self.names = target, ledger, mapping, names
        self.folder, self.shaped = folder, shaped
        own = {
            item.object.value
            for item in mapping.objects
            if item.landing not in (Landing.FIELDS, Landing.REFERENCE)
        }
        landed = ledger.landed("object", "source_id", "zoho_id")
        self.crosswalk = landed[landed["object"].isin(own)].reset_index(drop=True)
        self.identities = Identities(self.crosswalk)
        self.persons = persons(target.users)

    def expected(self, item: ObjectMapping, wanted: Collection[str] | None) -> int:
        """Return how many records are likely to come."""
        return len(wanted) if wanted else int((self.crosswalk["object"] == item.object).sum())

    def read(self, item: ObjectMapping, wanted: Collection[str] | None, step: Step) -> LandedObject:
        """Read one object and return what is known of it."""
        folder = self.folder / slug(item.object)
        if item.landing is Landing.NOTES:
            return read_notes(
                self.target.client, self.ledger, self.identities, item, folder, wanted, step
            )
        if item.landing is Landing.FILES:
            return read_files(
                self.target.client, self.ledger, self.identities, item, folder, wanted, step
            )
        return self._records(item, folder, wanted, step)

    def _records(
        self, item: ObjectMapping, folder: Path, wanted: Collection[str] | None, step: Step
    ) -> LandedObject:
        module = item.module or ""
        columns = _columns(self.mapping, item, self.names, self.target)
        key = next((one for one in columns if one.logical == item.key), None)
        known = LandedObject(module, 0, {one.logical: one.known for one in columns})
        if key is None:
            return known
        writer = PartWriter(folder, _schema(columns))
        seen: set[str] = set()
        renamed = self._renamed(item, key)
        asked = None if wanted is None else sorted(renamed.keys_of(wanted))
        for rows in _chunks(self._by_key(module, key, columns, asked)):
            seen.update(str(row["id"]) for row in rows)
            writer.write(self._typed(item, columns, key, rows, renamed))
            step.advance(len(rows))
        lost = self._lost(item, seen, wanted)
        select = [one.api_name for one in columns if not one.known.hidden]
        found = self.target.client.records.find(module, "id", lost, select)
        for rows in _chunks(row for listed in found.values() for row in listed):
            writer.write(self._typed(item, columns, key, rows, renamed))
        return LandedObject(module, writer.rows, known.fields)

    def _renamed(self, item: ObjectMapping, key: _Column) -> _Renamed:
        """Return the records whose source key is not their source id."""
        parts = self.shaped.parts(item.object) if self.shaped else ()
        if not parts or key.logical not in columns_of(parts):
            return _Renamed({})
        name = quoted(key.logical)
        with duckdb.connect() as connection:
            rows = connection.execute(
                f"select {name}, source_id from {files_sql(parts)} "
                f"where {name} is not null and {name} <> source_id"
            ).fetchall()
        return _Renamed(dict(rows))

    def _by_key(
        self, module: str, key: _Column, columns: list[_Column], keys: list[str] | None
    ) -> Iterator[Row]:
        """Yield the records that carry a source key, or one of the wanted keys."""
        select = [one.api_name for one in columns if not one.known.hidden]
        records = self.target.client.records
        if keys is None:
            yield from records.coql(select, module, f"{key.api_name} is not null")
            return
        for listed in records.find(module, key.api_name, keys, select).values():
            yield from listed

    def _lost(
        self, item: ObjectMapping, seen: set[str], wanted: Collection[str] | None
    ) -> list[str]:
        """Return Zoho ids of the ledger that no source key led to."""
        own = self.crosswalk[self.crosswalk["object"] == item.object]
        if wanted is not None:
            own = own[own["source_id"].isin(list(wanted))]
        return own.loc[~own["zoho_id"].isin(seen), "zoho_id"].tolist()[:LOST_LOOKUPS]

    def _typed(
        self,
        item: ObjectMapping,
        columns: list[_Column],
        key: _Column,
        rows: list[Row],
        renamed: _Renamed,
    ) -> dict[str, pa.Array]:
        """Return rows as columns under logical names."""
        ids = to_column([row["id"] for row in rows], "text", "record ids")
        found, sources = self.identities.of(ids)
        ours = pc.equal(found, item.object.value)
        keys = to_column([row.get(key.api_name) for row in rows], "text", item.key or "")
        typed: dict[str, pa.Array] = {
            "source_id": pc.coalesce(
                pc.if_else(ours, sources, None), renamed.sources_of(keys), ids
            ),
            "zoho_id": ids,
            "known": found.is_valid(),
            "named": keys.is_valid(),
        }
        for one in columns:
            place = f"{item.module}.{one.api_name}"
            values = to_column([row.get(one.api_name) for row in rows], one.known.data_type, place)
            if one.logical == "Owner":
                values = pa.array([self._person(user) for user in values.to_pylist()], pa.string())
            elif one.lookup:
                objects, values = self.identities.link(values, one.lookup)
                if len(one.lookup) > 1:
                    typed[f"{one.logical}_object"] = objects
            typed[one.logical] = values
        return typed

    def _person(self, user_id: str | None) -> str | None:
        return None if user_id is None else self.persons.get(user_id, f"user {user_id}")


@dataclass(frozen=True, slots=True)
class _Renamed:
    """Source keys that differ from the source id: usually none."""

    source_of: dict[str, str]

    def keys_of(self, source_ids: Collection[str]) -> set[str]:
        """Return the source keys of some source ids."""
        key_of = {source_id: key for key, source_id in self.source_of.items()}
        return {key_of.get(source_id, source_id) for source_id in source_ids}

    def sources_of(self, keys: pa.Array) -> pa.Array:
        """Return the source id of each source key."""
        if not self.source_of:
            return keys
        return pa.array([self.source_of.get(k, k) for k in keys.to_pylist()], pa.string())


@dataclass(frozen=True, slots=True)
class _Column:
    """One field to read: its logical and API name, what is known of it, what it points to."""

    logical: str
    api_name: str
    known: LandedField
    lookup: tuple[ObjectName, ...]


def _columns(
    mapping: Mapping, item: ObjectMapping, names: Map[str, Map[str, str]], target: Target
) -> list[_Column]:
    """Return the fields that the mapping fills and the org has."""
    module = item.module or ""
    infos: dict[str, FieldInfo] = {
        info.api_name: info for info in target.client.metadata.fields(module)
    }
    found = []
    for field in record_fields(mapping, item.object):
        info = infos.get(names.get(module, {}).get(field.logical, ""))
        if info is not None:
            known = LandedField(info.api_name, info.data_type, info.hidden_by_hipaa)
            found.append(_Column(field.logical, info.api_name, known, field.mapping.lookup))
    return found


def _schema(columns: list[_Column]) -> pa.Schema:
    fields = dict(FOUND)
    for one in columns:
        reference = one.lookup or is_reference(one.known.data_type)
        fields[one.logical] = pa.string() if reference else arrow_type(one.known.data_type)
        if len(one.lookup) > 1:
            fields[f"{one.logical}_object"] = pa.string()
    return pa.schema(list(fields.items()))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    stream = iter(rows)
    while chunk := list(islice(stream, PART_ROWS)):
        yield chunk
