"""Values that people changed in Zoho CRM since they arrived: an outcome of its own, and no fault.

The diff sees that a value is not the source's. Whether a person did that is asked of the load,
which knows what it wrote; the cells in question then get their own verdict, with who and when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import duckdb
import pandas as pd

from migrator_kit.compare.datasets import KEYS, Parts, columns_of, files_sql, literal
from migrator_kit.compare.diff import CELL_SCHEMA, DiffReport
from migrator_kit.compare.rules import DAMAGE, Verdict
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping
from migrator_kit.mapping.targets import slot_target

SUSPECTS = 10_000
"""Records that are asked about at most: where more differ the load is at fault, and each costs."""

_NATURE = "changed in Zoho CRM since, by a person"

Look = Callable[[pd.DataFrame], pd.DataFrame]
"""Returns who changed which fields of some records, as `load.staff_edits` does."""


def with_edits(report: DiffReport, shaped: Parts, mapping: Mapping, look: Look) -> DiffReport:
    """Return the diff with the verdict `edited_in_zoho` where people changed a value since.

    The cells are written anew in their file.
    """
    held = _on_their_records(_damaged(report), shaped, mapping)
    records = held[["holder", "holder_id"]].drop_duplicates()
    if records.empty or len(records) > SUSPECTS:
        return report
    edits = look(records.rename(columns={"holder": "object", "holder_id": "source_id"}))
    names = {"object": "holder", "source_id": "holder_id", "field": "holder_field"}
    cells = held.merge(edits.rename(columns=names), on=list(names.values()))
    if cells.empty:
        return report
    _rewrite(report, cells)
    return replace(report, fields=_recounted(report.fields, cells))


def _damaged(report: DiffReport) -> pd.DataFrame:
    listed = ", ".join(literal(verdict) for verdict in DAMAGE)
    with duckdb.connect() as connection:
        return connection.execute(
            "select object, source_id, field, verdict from "
            f"{files_sql([report.cells])} where verdict in ({listed})"
        ).df()


def _on_their_records(cells: pd.DataFrame, shaped: Parts, mapping: Mapping) -> pd.DataFrame:
    """Add which record and field each cell stands in: `holder`, `holder_id`, `holder_field`.

    An insurance, for one, stands in numbered fields of its patient.
    """
    own = cells.assign(
        holder=cells["object"], holder_id=cells["source_id"], holder_field=cells["field"]
    )
    for item in mapping.objects:
        mine = own["object"] == str(item.object)
        if item.landing is Landing.FIELDS and item.into is not None and mine.any():
            slots = _slots(shaped, item).reindex(own.loc[mine, "source_id"])
            own.loc[mine, "holder"] = str(item.into)
            own.loc[mine, "holder_id"] = slots["parent_id"].to_numpy()
            own.loc[mine, "holder_field"] = [
                slot_target(field, int(slot))
                for field, slot in zip(own.loc[mine, "field"], slots["slot"], strict=True)
            ]
    return own


def _slots(shaped: Parts, item: ObjectMapping) -> pd.DataFrame:
    """Return parent and slot of each row of an object that lands as fields, by source id."""
    parts = shaped.parts(item.object)
    slot = "slot" if "slot" in columns_of(parts) else "1"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select source_id, parent_id, {slot} as slot from {files_sql(parts)}"
        ).df()
    return rows.drop_duplicates("source_id").set_index("source_id")


def _rewrite(report: DiffReport, edits: pd.DataFrame) -> None:
    fresh = report.cells.with_suffix(".new")
    told = {
        "verdict": f"case when e.source_id is null then c.verdict else '{Verdict.EDITED}' end",
        "nature": f"case when e.source_id is null then c.nature else {literal(_NATURE)} end",
        "changed_by": "e.changed_by", "changed_at": "e.changed_at",
    }  # fmt: skip
    columns = ", ".join(f"{told.get(name, f'c.{name}')} as {name}" for name in CELL_SCHEMA.names)
    with duckdb.connect() as connection:
        connection.register("edits", edits[[*KEYS, "field", "changed_by", "changed_at"]])
        connection.execute(f"""
            copy (select {columns}
                  from read_parquet({literal(str(report.cells))}, file_row_number = true) c
                  left join edits e using (object, source_id, field)
                  order by c.file_row_number)
            to {literal(str(fresh))} (format parquet, compression zstd)""")
    fresh.replace(report.cells)


def _recounted(fields: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Move the cells in the counts by field from their old verdicts to the new one."""
    keys = ["object", "field"]
    moved = pd.crosstab([cells[key] for key in keys], cells["verdict"])
    by_field = moved.reindex(pd.MultiIndex.from_frame(fields[keys]), fill_value=0)
    counted = fields.copy()
    for verdict in by_field.columns:
        counted[verdict] -= by_field[verdict].to_numpy()
    counted[Verdict.EDITED.value] += by_field.sum(axis=1).to_numpy()
    return counted
