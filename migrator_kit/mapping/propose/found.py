"""An audited source as the proposal needs it: columns as a schema, keys, and what points where."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from migrator_kit.mapping.propose.schema import Schema, read_schema
from migrator_kit.source.inventory import Inventory, TableInventory
from migrator_kit.source.profile import ColumnProfile
from migrator_kit.source.relations import Relation

_FEW = 2
_LIST = 10


@dataclass(frozen=True, slots=True)
class Found:
    """The tables of an inventory by name, its columns as a schema, its references by column."""

    tables: dict[str, TableInventory]
    schema: Schema
    points: dict[tuple[str, str], Relation]

    def column(self, table: str, name: str) -> ColumnProfile:
        """Return a column's profile. Raises KeyError where there is none."""
        for column in self.tables[table].columns:
            if column.name == name:
                return column
        raise KeyError(f"{table}.{name}")

    def key(self, table: str) -> str | None:
        """Return the one column that identifies a table's rows, or None."""
        key = self.tables[table].key
        return key[0] if len(key) == 1 else None

    def references(self, table: str) -> dict[str, Relation]:
        """Return what the columns of a table point to, by column."""
        return {column: r for (name, column), r in self.points.items() if name == table}


def found_in(inventory: Inventory) -> Found:
    """Return an inventory ready for a proposal.

    References with most rows orphaned are left out, and those that nobody declared of one or two
    values to a longer table: a yes or no is found in every key that counts from 1.
    """
    tables = {table.name: table for table in inventory.tables_found}
    few = {
        (table.name, column.name)
        for table in tables.values()
        for column in table.columns
        if column.distinct <= _FEW
    }
    points = {
        (r.from_table, r.from_columns[0]): r
        for r in sorted(inventory.relations_found, key=lambda r: r.confidence)
        if len(r.from_columns) == 1 and not r.false_friend and r.orphans <= r.rows / 2
        and (r.declared or (r.from_table, r.from_columns[0]) not in few
             or tables[r.to_table].rows <= _LIST)
    }  # fmt: skip
    return Found(tables, read_schema(source_frame(inventory, points)), points)


def source_frame(inventory: Inventory, points: dict[tuple[str, str], Relation]) -> pd.DataFrame:
    """Return the columns of an inventory in the shape of `rank_matches`.

    Samples are the values of closed lists alone, as the profile shows them: of no patient.
    """
    rows = []
    for table in inventory.tables_found:
        for column in table.columns:
            relation = points.get((table.name, column.name))
            shown = column.picklist if column.picklist and not column.data_class.is_phi else ()
            rows.append({
                "table": table.name, "column": column.name,
                "type": str(column.content) if column.filled else column.type,
                "length": column.max_length,
                "samples": [value for value, _ in shown] or None,
                "null_share": 1 - column.filled / column.rows if column.rows else None,
                "distinct_share": column.distinct / column.filled if column.filled else None,
                "key": table.key == (column.name,) and relation is None,
                "references": relation.to_table if relation else None,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=[
        "table", "column", "type", "length", "samples", "null_share", "distinct_share", "key",
        "references",
    ])  # fmt: skip
