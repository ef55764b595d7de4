"""Parquet datasets by object: what should be in Zoho CRM (shaped) and what is there (landed).

Both sides are folders of Parquet parts, one sub-folder an object, so that every comparison is one
DuckDB query over files and the same code serves a hundred records and millions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from migrator_kit.engagement import slug
from migrator_kit.errors import EvidenceError
from migrator_kit.mapping.model import ObjectName

MANIFEST = "manifest.json"
MEMORY_LIMIT = "1400MB"
"""DuckDB's share of the 2 GB that a run may use; beyond it, DuckDB spills to disk."""

KEYS = ("object", "source_id")


class Parts(Protocol):
    """A dataset kept as Parquet parts by object; the shaped and the landed dataset are both one."""

    def parts(self, name: ObjectName, /) -> Sequence[Path]:
        """Return the Parquet files of an object, in order; empty where it has no rows."""


@dataclass(frozen=True, slots=True)
class LandedField:
    """One field of a landed object: its real name and type in Zoho, and whether Zoho hides it."""

    api_name: str
    data_type: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class LandedObject:
    """What was read back of one object: module, rows, fields by logical name."""

    module: str | None
    rows: int
    fields: Mapping[str, LandedField] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Landed:
    """What Zoho CRM held when it was read: a folder of Parquet parts with a manifest.

    Every object has `source_id`, `zoho_id` and `found_by` (`key` where the record itself names its
    source, `ledger` where only our ledger does) beside the columns of the shaped dataset.
    """

    folder: Path
    objects: Mapping[ObjectName, LandedObject]
    read_at: str
    scoped: bool = False

    def parts(self, name: ObjectName, /) -> list[Path]:
        """Return the Parquet files of an object, in order."""
        return sorted((self.folder / slug(name)).glob("part-*.parquet"))

    def field(self, name: ObjectName, target: str) -> LandedField | None:
        """Return what is known of a field, or None where Zoho does not have it."""
        landed = self.objects.get(name)
        return landed.fields.get(target) if landed else None

    def save(self) -> None:
        """Write the manifest beside the parts."""
        tree = {
            "read_at": self.read_at,
            "scoped": self.scoped,
            "objects": {
                name.value: {
                    "module": landed.module,
                    "rows": landed.rows,
                    "fields": {target: asdict(item) for target, item in landed.fields.items()},
                }
                for name, landed in self.objects.items()
            },
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(tree, indent=1, ensure_ascii=False)
        (self.folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def open_landed(folder: Path) -> Landed:
    """Return the landed dataset in `folder`. Raises EvidenceError where there is none."""
    path = folder / MANIFEST
    if not path.is_file():
        raise EvidenceError(
            f"{folder.name} holds nothing that was read back from Zoho CRM.",
            hint="Read the target back first: run the sample or the reconcile notebook.",
        )
    tree = json.loads(path.read_text(encoding="utf-8"))
    objects = {
        ObjectName(name): LandedObject(
            item["module"],
            item["rows"],
            {target: LandedField(**known) for target, known in item["fields"].items()},
        )
        for name, item in tree["objects"].items()
    }
    return Landed(folder, objects, tree["read_at"], tree["scoped"])


@contextmanager
def database(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB that spills to `spill`, loads no extension and has two threads."""
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill / "spill"),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    try:
        connection.execute("set global TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def quoted(name: str) -> str:
    """Return a name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def object_rank(column: str = "object") -> str:
    """Return the SQL of an object's place among the ten, for ordering rows as the client reads."""
    listed = ", ".join(literal(name) for name in ObjectName)
    return f"list_position([{listed}], {column})"


def files_sql(paths: Sequence[Path]) -> str:
    """Return a FROM item that reads several Parquet files as one table."""
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"


def columns_of(paths: Sequence[Path]) -> dict[str, pa.DataType]:
    """Return the columns of Parquet parts with their Arrow types, from the files' footers."""
    found: dict[str, pa.DataType] = {}
    for path in paths:
        for column in pq.read_schema(path):
            if column.name not in found or pa.types.is_null(found[column.name]):
                found[column.name] = column.type
    return found


def rows_of(paths: Sequence[Path]) -> int:
    """Return the number of rows of Parquet parts, from the files' footers."""
    return sum(pq.read_metadata(path).num_rows for path in paths)


def no_keys() -> pd.DataFrame:
    """Return an empty frame of record keys: columns `object` and `source_id`."""
    return pd.DataFrame({name: pd.Series(dtype="str") for name in KEYS})
