"""Two sides of a comparison, 30 columns wide, and both ways to compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FIELDS = 29
SHAPED, LANDED = "shaped/patient/part-00000.parquet", "landed/patient/part-00000.parquet"


def make_sides(folder: str, rows: int) -> None:
    """Write both sides: half a per cent of four fields differ, one record in a thousand is gone."""
    import duckdb

    home = Path(folder)
    for part in (SHAPED, LANDED):
        (home / part).parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(_column(number) for number in range(FIELDS))
    changes = (
        "CASE WHEN hash(source_id || 'a') % 200 = 0 THEN c3 || '!' ELSE c3 END AS c3, "
        "CASE WHEN hash(source_id || 'b') % 200 = 0 THEN c21 + 0.01 ELSE c21 END AS c21, "
        "CASE WHEN hash(source_id || 'c') % 200 = 0 THEN c25 + 1 ELSE c25 END AS c25, "
        "CASE WHEN hash(source_id || 'd') % 200 = 0 THEN NULL ELSE c28 END AS c28"
    )
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            f"COPY (SELECT 'K' || n AS source_id, {columns} FROM range({rows}) t(n)) "
            f"TO '{home / SHAPED}' (FORMAT parquet, COMPRESSION zstd)"
        )
        connection.execute(
            f"COPY (SELECT * REPLACE ({changes}), 'Z' || source_id AS zoho_id, true AS known, "
            f"true AS named FROM '{home / SHAPED}' WHERE hash(source_id || 'e') % 1000 <> 0) "
            f"TO '{home / LANDED}' (FORMAT parquet, COMPRESSION zstd)"
        )


def _column(number: int) -> str:
    if number < 20:
        value = f"'Value ' || substr(md5(CAST(n * 31 + {number} AS VARCHAR)), 1, 20)"
    elif number < 24:
        value = f"CAST(hash(n * {number}) % 100000 AS DOUBLE) / 100"
    elif number < 27:
        value = f"DATE '2015-01-01' + CAST(hash(n * {number}) % 3000 AS INTEGER)"
    else:
        value = f"CASE WHEN hash(n * {number}) % 7 <> 0 THEN 'note ' || hash(n * {number}) END"
    return f"{value} AS c{number}"


def ours(folder: str) -> dict[str, int]:
    """Compare with `field_diff`; return cells that differ and records that are missing."""
    from migrator_kit.compare.datasets import Landed, LandedObject
    from migrator_kit.compare.diff import field_diff
    from migrator_kit.mapping.model import Mapping, ObjectName

    home = Path(folder)

    class Shaped:
        def parts(self, name: ObjectName, /) -> list[Path]:
            return [home / SHAPED] if name is ObjectName.PATIENT else []

    fields: list[dict[str, Any]] = [
        {"target": f"c{number}", "columns": [f"c{number}"]} for number in range(FIELDS)
    ]
    patient = {
        "object": "Patient", "landing": "records", "module": "Contacts", "key": "c0",
        "select": "SELECT 1 AS source_id", "fields": fields,
    }  # fmt: skip
    mapping = Mapping.model_validate({"profile": "benchmark", "objects": [patient]})
    landed = Landed(home / "landed", {ObjectName.PATIENT: LandedObject("Contacts", 0)}, "")
    report = field_diff(Shaped(), landed, mapping, home / "diff")
    names = ["changed_by_zoho", "lost", "unexpected", "equal_after_rule"]
    cells = int(report.fields[names].to_numpy().sum())
    return {"cells": cells, "missing": int(report.records["missing_record"].sum())}


def datacompy_polars(folder: str) -> dict[str, int]:
    """Compare with datacompy on its fastest backend. Runs in an environment of its own."""
    import datacompy
    import polars

    names = ["source_id", *(f"c{number}" for number in range(FIELDS))]
    sides = [polars.read_parquet(Path(folder) / part, columns=names) for part in (SHAPED, LANDED)]
    compared = datacompy.PolarsCompare(*sides, join_columns="source_id")
    cells = sum(int(one["unequal_cnt"]) for one in compared.column_stats)
    return {"cells": cells, "missing": len(compared.df1_unq_rows)}
