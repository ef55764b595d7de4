"""Field-level diff of what was expected (shaped) against what Zoho CRM holds (landed).

Every field is compared by the rule of its kind, and only the cells that are not equal are written.
Plain fields are compared column beside column (see `by_column`); what needs more than its own
column, such as links and persons, by one join on the source key. The same code serves a sample of
eighty records and millions: the join is cut into slices by a hash of the key, so memory is bounded
by a column or a slice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from migrator_kit.compare.by_column import alone, by_column, differing, pair_rows
from migrator_kit.compare.datasets import (
    Landed,
    Parts,
    columns_of,
    database,
    literal,
    object_rank,
)
from migrator_kit.compare.rules import (
    FIELD_VERDICTS,
    NO_FAULT,
    RECORD_VERDICTS,
    FieldRule,
    Verdict,
    field_rules,
)
from migrator_kit.compare.sides import Scope, Sides
from migrator_kit.compute import Part, Pool, open_pool
from migrator_kit.engagement import ComputeSettings, slug
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.progress import SILENT, Progress, Step

CELLS_IN_MEMORY = 20_000_000
"""Cells of one slice: rows times fields that DuckDB joins at once within its memory limit."""

CELL_SCHEMA = pa.schema(
    [(name, pa.string())
     for name in ("object", "source_id", "field", "verdict", "nature", "expected", "actual",
                  "changed_by", "changed_at")]
)  # fmt: skip
"""Of one value that is not equal; who changed it and when, where a person did in Zoho CRM."""


@dataclass(frozen=True, slots=True, eq=False)
class DiffReport:
    """The result of a diff. Values are in the file `cells` alone, never in the frames."""

    fields: pd.DataFrame
    """object, field, kind, compared, equal, one column for each verdict, missing_record"""
    records: pd.DataFrame
    """object, expected, landed, compared, missing_record, extra_record, duplicate_record"""
    cells: Path

    @property
    def clean(self) -> bool:
        """Whether nothing differs but by a named rule or a person's hand, and nothing is hidden."""
        cells = [verdict.value for verdict in FIELD_VERDICTS if verdict not in NO_FAULT]
        records = [verdict.value for verdict in RECORD_VERDICTS]
        return not (self.fields[cells].to_numpy().any() or self.records[records].to_numpy().any())

    def differences(self, limit: int = 1_000) -> pd.DataFrame:
        """Return the first cells that are not equal, with their nature and without values."""
        return self._query(f"{_DIFFERENCES} limit {int(limit)}")

    def difference_batches(self) -> Iterator[pd.DataFrame]:
        """Yield all of `differences` in parts that fit in memory; one at least."""
        with duckdb.connect() as connection:
            reader = connection.sql(_DIFFERENCES.format(cells=self._cells)).to_arrow_reader(_BATCH)
            yield reader.schema.empty_table().to_pandas()
            for batch in reader:
                yield batch.to_pandas()

    def edits(self) -> pd.DataFrame:
        """Return the cells that people changed in Zoho CRM since, and by whom and when."""
        return self._query(
            "select object, source_id, field, changed_by, changed_at from {cells} "
            f"where verdict = '{Verdict.EDITED}' order by {object_rank()}, source_id, field"
        )

    def natures(self) -> pd.DataFrame:
        """Return how often each kind of difference occurs: object, field, verdict, nature."""
        return self._query(
            "select * from (select object, field, verdict, nature, count(*) as records "
            "from {cells} group by all) "
            f"order by {object_rank()}, field, verdict, nature"
        )

    @property
    def _cells(self) -> str:
        return f"read_parquet({literal(str(self.cells))})"

    def _query(self, sql: str) -> pd.DataFrame:
        with duckdb.connect() as connection:
            return connection.execute(sql.format(cells=self._cells)).df()


_BATCH = 100_000
_DIFFERENCES = (
    "select object, source_id, field, verdict, nature from {cells} "
    f"where verdict not in {tuple(map(str, NO_FAULT))} "
    f"order by {object_rank()}, source_id, field"
)


def field_diff(
    shaped: Parts,
    landed: Landed,
    mapping: Mapping,
    folder: Path,
    *,
    scope: Scope | None = None,
    compute: ComputeSettings | None = None,
    progress: Progress = SILENT,
) -> DiffReport:
    """Compare every field of every object and return the report; cells go to `folder`.

    `compute` says where columns are compared: in threads where nothing is said.

    Deterministic: the same two sides give the same frames and the same cells in the same order.
    """
    work = folder / "cells"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    compared = [
        item for item in mapping.objects
        if item.landing is not Landing.REFERENCE and shaped.parts(item.object)
    ]  # fmt: skip
    fields, records = [], []
    total = sum(len(columns_of(shaped.parts(item.object))) for item in compared)
    with (
        progress("Comparing fields", total) as step,
        database(work) as connection,
        open_pool(compute or ComputeSettings()) as pool,
    ):
        for item in compared:
            with connection.cursor() as own:
                sides = Sides(own, shaped, landed, mapping, item, scope or Scope())
                summary, counts = _Comparison(sides, work, pool, step).run()
            fields.append(summary)
            records.append(counts)
        cells = _gather(connection, work, folder / "cells.parquet")
    shutil.rmtree(work)
    return DiffReport(_stack(fields, _FIELD_COLUMNS), _stack(records, _RECORD_COLUMNS), cells)


_FIELD_COLUMNS = (
    "object", "field", "kind", "compared", "equal",
    *(verdict.value for verdict in FIELD_VERDICTS), Verdict.MISSING.value,
)  # fmt: skip
_RECORD_COLUMNS = (
    "object", "expected", "landed", "compared", *(verdict.value for verdict in RECORD_VERDICTS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The comparison of one object."""

    sides: Sides
    work: Path
    pool: Pool
    step: Step

    @property
    def name(self) -> ObjectName:
        """The object that is compared."""
        return self.sides.item.object

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open database."""
        return self.sides.connection

    def run(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Write the cells that are not equal and return the counts by field and by record."""
        sides = self.sides
        sides.prepare()
        rules = field_rules(sides)
        target = str(self.work / slug(self.name))
        self._write_records(f"{target}-records.parquet")
        expected = sides.rows("expected")
        plain = self._write_columns(target, rules)
        joined = [rule for rule in rules if rule not in plain]
        slices = max(1, -(-expected * (len(joined) + 1) // CELLS_IN_MEMORY))
        compared = 0
        for number in range(slices):
            self._write_cells(f"{target}-{number:03d}.parquet", joined, number, slices)
            compared += self._pairs(number, slices)
        self.step.advance(len(sides.columns) - len(plain))
        counts = self._records(f"{target}-records.parquet")
        fields = self._fields(rules, compared, counts[Verdict.MISSING], f"{target}-0*.parquet")
        landed = sides.rows("landed" if sides.own_records else "actual")
        row = {"object": self.name.value, "expected": expected, "landed": landed}
        return fields, pd.DataFrame([row | {"compared": compared} | counts])

    def _write_columns(self, target: str, rules: list[FieldRule]) -> list[FieldRule]:
        """Compare plain columns, write their cells that are not equal, and return their rules."""
        pairs = pair_rows(self.sides)
        plain = [] if pairs is None else by_column(rules, pairs)
        parts = (Part(f"{self.name}.{rule.target}", (rule.target, pairs)) for rule in plain)
        found = self.pool.run(differing, parts)
        for number, (rule, rows) in enumerate(zip(plain, found, strict=True)):
            own = alone(rule)
            self.connection.register("differing", rows)
            self.connection.execute(f"""
                copy (
                  select {literal(self.name)} as object, source_id,
                         unnest([{own.cell}], recursive := true)
                  from differing d where {own.differs}
                ) to {literal(f"{target}-0-column-{number:03d}.parquet")} (format parquet)""")
            self.connection.unregister("differing")
            self.step.advance()
        return plain

    def _write_cells(self, path: str, rules: list[FieldRule], number: int, slices: int) -> None:
        """Write the cells of one slice that are not equal."""
        if not rules:
            pq.write_table(CELL_SCHEMA.empty_table(), path)
            return
        differs = " or ".join(rule.differs for rule in rules)
        cells = ",\n".join(f"case when {rule.differs} then {rule.cell} end" for rule in rules)
        listed = f"list_filter([{cells}], lambda cell: cell is not null)"
        one_slice = _slice(number, slices)
        self.connection.execute(f"""
            copy (
              select {literal(self.name)} as object, source_id,
                     unnest({listed}, recursive := true)
              from (select * from expected {one_slice}) s
              join (select * from actual {one_slice}) t using (source_id)
              where {differs}
            ) to {literal(path)} (format parquet)""")

    def _pairs(self, number: int, slices: int) -> int:
        """Return how many records of a slice stand on both sides."""
        one_slice = _slice(number, slices)
        return _one_number(
            self.connection,
            f"select count(*) from (select source_id from expected {one_slice}) "
            f"semi join (select source_id from actual {one_slice}) using (source_id)",
        )

    def _write_records(self, path: str) -> None:
        """Write one row for each record that is missing, superfluous or there more than once."""
        parts = [_record_sql(Verdict.MISSING, "not there", "expected anti join actual")]
        if self.sides.own_records:
            parts.append(_record_sql(Verdict.EXTRA, "not expected", "actual anti join expected"))
        selects = [f"{part} using (source_id)" for part in parts]
        if self.sides.own_records:
            selects.append(
                f"select source_id, '' as field, '{Verdict.DUPLICATE}' as verdict, "
                "format('there {} times', copies) as nature from duplicates"
            )
        self.connection.execute(f"""
            copy (select {literal(self.name)} as object, *, null::varchar as expected,
                         null::varchar as actual from ({" union all ".join(selects)}))
            to {literal(path)} (format parquet)""")

    def _records(self, path: str) -> dict[str, int]:
        """Return how many records are missing, superfluous, there more than once."""
        rows = self.connection.execute(
            f"select verdict, count(*) from read_parquet({literal(path)}) group by verdict"
        ).fetchall()
        found = {str(verdict): int(count) for verdict, count in rows}
        return {verdict.value: found.get(verdict, 0) for verdict in RECORD_VERDICTS}

    def _fields(
        self, rules: list[FieldRule], compared: int, missing: int, paths: str
    ) -> pd.DataFrame:
        """Return one row for each field with the counts of its verdicts."""
        rows = self.connection.execute(
            "select field, verdict, count(*) from "
            f"read_parquet({literal(paths)}) group by field, verdict"
        ).fetchall()
        found = {(field, verdict): count for field, verdict, count in rows}
        summary = []
        for rule in rules:
            counts = {v.value: found.get((rule.target, v.value), 0) for v in FIELD_VERDICTS}
            summary.append(
                {
                    "object": self.name.value,
                    "field": rule.target,
                    "kind": rule.kind.value,
                    "compared": compared,
                    "equal": compared - sum(counts.values()),
                    **counts,
                    Verdict.MISSING.value: missing,
                }
            )
        return pd.DataFrame(summary, columns=list(_FIELD_COLUMNS))


def _record_sql(verdict: Verdict, nature: str, sides: str) -> str:
    return (
        f"select source_id, '' as field, '{verdict}' as verdict, '{nature}' as nature from {sides}"
    )


def _slice(number: int, slices: int) -> str:
    return f"where hash(source_id) % {slices} = {number}" if slices > 1 else ""


def _gather(connection: duckdb.DuckDBPyConnection, work: Path, path: Path) -> Path:
    """Write the cells of all objects as one file, ordered, and return its path."""
    if not any(work.glob("*.parquet")):
        pq.write_table(CELL_SCHEMA.empty_table(), path)
        return path
    connection.execute(f"""
        copy (select {", ".join(CELL_SCHEMA.names[:-2])}, null::varchar as changed_by,
                     null::varchar as changed_at
              from read_parquet({literal(str(work / "*.parquet"))}, union_by_name = true)
              order by {object_rank()}, source_id, field)
        to {literal(str(path))} (format parquet, compression zstd)""")
    return path


def _stack(frames: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))


def _one_number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    ((number,),) = connection.execute(sql).fetchall()
    return int(number)
