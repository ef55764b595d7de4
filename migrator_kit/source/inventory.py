"""The inventory of a snapshot: what is there, how it hangs together, what speaks of a patient."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.document_files import examine
from migrator_kit.source.documents import AttachmentInventory, take_stock
from migrator_kit.source.duplicates import DuplicateCount, count_duplicates
from migrator_kit.source.likely_duplicates import LikelyDuplicates, score_duplicates
from migrator_kit.source.manifest import TableManifest
from migrator_kit.source.oddities import find_oddities, no_oddities
from migrator_kit.source.profile import ColumnProfile, profile_table
from migrator_kit.source.relations import Relation, declared_relations, discover, find_keys
from migrator_kit.source.rules import Rule
from migrator_kit.source.scored_pairs import scored_once
from migrator_kit.source.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class TableInventory:
    """One table: its rows, its key, its columns, and how it had to be read."""

    name: str
    rows: int
    key: tuple[str, ...]
    key_declared: bool
    columns: tuple[ColumnProfile, ...]
    reading: dict[str, str]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything the audit knows of a snapshot. Holds no value of a patient."""

    snapshot_id: str
    snapshot_digest: str
    tables_found: tuple[TableInventory, ...]
    relations_found: tuple[Relation, ...]
    duplicates: DuplicateCount
    attachments: AttachmentInventory
    rules: tuple[Rule, ...] = ()
    likely_duplicates: LikelyDuplicates | None = None
    """Pairs of patients that are likely one person; None where they were not scored."""
    oddities: pd.DataFrame = field(default_factory=no_oddities)
    """Rows that mislead whoever reads them: table, column, what, rows, why it matters."""

    def columns_found(self) -> list[ColumnProfile]:
        """Return the columns of all tables, in the order of the source."""
        return [column for table in self.tables_found for column in table.columns]

    def tables(self) -> pd.DataFrame:
        """Return one row a table: rows, columns, empty and custom columns, key."""
        return pd.DataFrame(
            [
                {
                    "table": table.name,
                    "rows": table.rows,
                    "columns": len(table.columns),
                    "empty columns": sum(c.filled == 0 for c in table.columns),
                    "custom columns": sum(bool(c.custom) for c in table.columns),
                    "patient data": sum(c.data_class.is_phi for c in table.columns),
                    "key": ", ".join(table.key) or "none found",
                }
                for table in self.tables_found
            ]
        )

    def columns(self, table: str | None = None) -> pd.DataFrame:
        """Return one row a column, of one table or of all. Free of patient values."""
        wanted = [c for c in self.columns_found() if table is None or c.table == table]
        return pd.DataFrame([_column_row(column) for column in wanted])

    def picklists(self) -> pd.DataFrame:
        """Return one row a value of each closed list; rare values as one row without a value."""
        rows: list[dict[str, Any]] = []
        for column in self.columns_found():
            if column.picklist is None:
                continue
            place = {"table": column.table, "column": column.name}
            rows += [{**place, "value": value, "rows": n} for value, n in column.picklist]
            if column.picklist_hidden:
                shown = sum(n for _, n in column.picklist)
                text = f"({column.picklist_hidden} not shown)"
                rows.append({**place, "value": text, "rows": column.filled - shown})
        return pd.DataFrame(rows, columns=["table", "column", "value", "rows"])

    def custom_columns(self) -> pd.DataFrame:
        """Return the columns that the profile does not know, with what they hold."""
        custom = [_column_row(column) for column in self.columns_found() if column.custom]
        return pd.DataFrame(custom, columns=list(_COLUMN_HEADINGS))

    def relations(self) -> pd.DataFrame:
        """Return one row a relation, with orphans, confidence and why; false friends last."""
        found = sorted(
            self.relations_found, key=lambda r: (r.false_friend, r.from_table, r.from_columns)
        )
        return pd.DataFrame(
            [
                {
                    "from": f"{r.from_table}.{', '.join(r.from_columns)}",
                    "to": f"{r.to_table}.{', '.join(r.to_columns)}",
                    "found": "declared" if r.declared else "discovered",
                    "rows": r.rows,
                    "orphans": r.orphans,
                    "confidence": r.confidence,
                    "false friend": r.false_friend,
                    "why": "; ".join(r.reasons),
                }
                for r in found
            ],
            columns=[
                "from", "to", "found", "rows", "orphans", "confidence", "false friend", "why",
            ],
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return the inventory in the shape of `audit --json` (the estimate is added later)."""
        return {
            "snapshot": {"id": self.snapshot_id, "digest": self.snapshot_digest},
            "tables": [_table_json(table) for table in self.tables_found],
            "relations": [_relation_json(relation) for relation in self.relations_found],
            "duplicates": self._duplicates_json(),
            "attachments": self.attachments.to_json(),
            "rules": [rule.to_json() for rule in self.rules],
            "oddities": self.oddities.to_dict(orient="records"),
        }

    def _duplicates_json(self) -> dict[str, Any]:
        likely = self.likely_duplicates
        return self.duplicates.to_json() | {"likely": None if likely is None else likely.to_json()}


def inventory(
    snapshot: Snapshot,
    known_columns: Collection[str] | None = None,
    *,
    file_rows: pd.DataFrame | None = None,
    rules: Sequence[Rule] = (),
    file_limit_mb: float = 25,
    time_zone: str | None = None,
    likely_duplicates: bool = False,
    scored_in: Path | None = None,
    progress: Progress = SILENT,
) -> Inventory:
    """Return the inventory of a snapshot.

    `known_columns` are the `table.column` (or `table.*`) that the profile knows: all others are
    custom. `file_rows` are the rows that point to files, with a column `file_path`. `time_zone` is
    the practice's, for times at a change of clocks. With `likely_duplicates`, pairs of patients
    are scored, which takes some seconds more; once a snapshot where `scored_in` is a folder.
    """
    declared = {name: t.primary_key for name, t in snapshot.manifest.tables.items()}
    connection = snapshot.connect(as_written=None)
    try:
        profiles: dict[str, tuple[ColumnProfile, ...]] = {}
        with progress("Profiling the tables", len(snapshot.tables())) as step:
            for name, table in snapshot.manifest.tables.items():
                notations = snapshot.notations.get(name)
                columns = profile_table(connection, name, table.columns, notations)
                profiles[name] = _marked(columns, known_columns)
                step.advance()
        references = {
            name: [(k.columns, k.to_table, k.to_columns) for k in table.foreign_keys]
            for name, table in snapshot.manifest.tables.items()
        }
        keys = find_keys(profiles, declared)
        relations = declared_relations(connection, profiles, references)
        relations += discover(connection, profiles, keys, relations)
        duplicates = count_duplicates(connection, profiles)
        taken = snapshot.manifest.taken_at.date()
        odd = find_oddities(connection, profiles, today=taken, time_zone=time_zone)
        found: dict[str, tuple[str, ...]] = {k.table: (k.column,) for k in reversed(keys)}
        found |= {name: key for name, key in declared.items() if key}
    finally:
        connection.close()
    likely = _likely(snapshot, profiles, found, scored_in) if likely_duplicates else None
    paths = None if file_rows is None else file_rows["file_path"]
    root = snapshot.files_root()
    files = None if root is None else examine(root, limit_mb=file_limit_mb, progress=progress)
    return Inventory(
        snapshot_id=snapshot.snapshot_id,
        snapshot_digest=snapshot.digest,
        tables_found=tuple(
            TableInventory(
                name, table.rows, found.get(name, ()), bool(declared[name]),
                profiles[name], _reading(table),
            )
            for name, table in snapshot.manifest.tables.items()
        ),
        relations_found=tuple(relations),
        duplicates=duplicates,
        attachments=take_stock(root, paths, limit_mb=file_limit_mb, examined=files),
        rules=tuple(rules),
        likely_duplicates=likely,
        oddities=odd,
    )  # fmt: skip


def _reading(table: TableManifest) -> dict[str, str]:
    """Return how a table was read: its file, what came up, and from which mark on."""
    told = table.extraction.told
    return table.reading | ({"rows": told} if told else {})


def _likely(
    snapshot: Snapshot,
    profiles: dict[str, tuple[ColumnProfile, ...]],
    keys: dict[str, tuple[str, ...]],
    folder: Path | None,
) -> LikelyDuplicates:
    if folder is None:
        return _scored(snapshot, profiles, keys)
    source = f"{snapshot.digest} {snapshot.notation_digest}"
    return scored_once(folder, source, lambda: _scored(snapshot, profiles, keys))


def _scored(
    snapshot: Snapshot,
    profiles: dict[str, tuple[ColumnProfile, ...]],
    keys: dict[str, tuple[str, ...]],
) -> LikelyDuplicates:
    """Score pairs on a connection of their own, which gives back what the profiling took."""
    connection = snapshot.connect(as_written=None, memory_limit="1000MB")
    try:
        return score_duplicates(connection, profiles, keys)
    finally:
        connection.close()


def _marked(
    columns: tuple[ColumnProfile, ...], known: Collection[str] | None
) -> tuple[ColumnProfile, ...]:
    """Mark the columns that the profile does not know. Case does not matter."""
    if known is None:
        return columns
    folded = {name.casefold() for name in known}
    return tuple(
        replace(
            column,
            custom=f"{column.table}.{column.name}".casefold() not in folded
            and f"{column.table}.*".casefold() not in folded,
        )
        for column in columns
    )


_COLUMN_HEADINGS = (
    "table", "column", "type", "content", "filled", "filled %", "distinct", "length", "range",
    "shapes", "written", "data class", "why", "custom",
)  # fmt: skip


def _column_row(column: ColumnProfile) -> dict[str, Any]:
    lengths = dict.fromkeys((column.min_length, column.max_length))
    values = (
        column.table,
        column.name,
        column.type,
        str(column.content),
        column.filled,
        round(100 * column.filled / column.rows, 1) if column.rows else 0.0,
        column.distinct,
        "" if None in lengths else " to ".join(map(str, lengths)),
        _range(column),
        ", ".join(f"{shape} ({rows:,})" for shape, rows in column.shapes[:3]),
        _written(column),
        str(column.data_class),
        column.class_reason,
        bool(column.custom),
    )
    return dict(zip(_COLUMN_HEADINGS, values, strict=True))


def _written(column: ColumnProfile) -> str:
    """Say how dates and amounts are written where they are text, and how that is known."""
    if column.notation is not None:
        plain = column.notation.why == "found"
        return str(column.notation.notation) + ("" if plain else f" ({column.notation.why})")
    if column.type != "string":
        return ""
    return str(column.look.date_order or "")


def _range(column: ColumnProfile) -> str:
    if column.first is not None:
        return f"{column.first} to {column.last}"
    if column.minimum is not None:
        return f"{column.minimum:,g} to {column.maximum:,g}"
    return ""


def _table_json(table: TableInventory) -> dict[str, Any]:
    return {
        "name": table.name,
        "rows": table.rows,
        "key": list(table.key),
        "key_declared": table.key_declared,
        "reading": table.reading,
        "columns": [_column_json(column) for column in table.columns],
    }


def _column_json(column: ColumnProfile) -> dict[str, Any]:
    look = column.look
    picklist = column.picklist
    return {
        "name": column.name,
        "type": column.type,
        "content": str(column.content),
        "nulls": column.nulls,
        "blank": column.blank,
        "filled": column.filled,
        "distinct": column.distinct,
        "distinct_exact": column.distinct_exact,
        "unique": column.unique,
        "min_length": column.min_length,
        "max_length": column.max_length,
        "min": column.minimum,
        "max": column.maximum,
        "quartiles": list(column.quartiles) if column.quartiles else None,
        "first": column.first,
        "last": column.last,
        "impossible_dates": column.impossible_dates,
        "date_order": str(look.date_order) if look.date_order else None,
        "decimal_comma": look.decimal_comma,
        "written": None if column.notation is None else str(column.notation.notation),
        "written_why": None if column.notation is None else column.notation.why,
        "mojibake": round(look.mojibake, 4),
        "shapes": [{"shape": shape, "rows": rows} for shape, rows in column.shapes],
        "picklist": None if picklist is None else [{"value": v, "rows": n} for v, n in picklist],
        "picklist_hidden": column.picklist_hidden,
        "data_class": str(column.data_class),
        "class_confidence": column.class_confidence,
        "class_reason": column.class_reason,
        "custom": column.custom,
    }


def _relation_json(relation: Relation) -> dict[str, Any]:
    return {
        "from_table": relation.from_table,
        "from_columns": list(relation.from_columns),
        "to_table": relation.to_table,
        "to_columns": list(relation.to_columns),
        "declared": relation.declared,
        "rows": relation.rows,
        "orphans": relation.orphans,
        "confidence": relation.confidence,
        "reasons": list(relation.reasons),
        "false_friend": relation.false_friend,
    }
