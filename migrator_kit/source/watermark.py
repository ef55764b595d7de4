"""A further snapshot of a table by watermark: only rows newer than the last mark are read.

The parts of the snapshot before are taken over where none of their rows changed. A watermark is
worth what the practice's program makes of it, so nothing is taken on trust: the keys of all rows
with their marks must be those of the result (rows that are gone show in them), and so must the
counts and sums of every column, and a sample of old rows value by value. Where anything differs,
or there is no watermark, the table is read whole, and the manifest says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from migrator_kit.engagement import TableSettings, digest_file
from migrator_kit.errors import ConfigError
from migrator_kit.source.manifest import Extraction, PartFile, TableManifest
from migrator_kit.source.model import SourceTable, quoted
from migrator_kit.source.naming import joined
from migrator_kit.source.part_files import PartFolder, number_of
from migrator_kit.source.since import ReadsSince, Since, Sum

MODIFIED = re.compile(r"modif|updat|lastedit|tedit$|tstamp$|lastchange|changedat")
"""Names of columns that programs set whenever they change a row."""
_FILLED = 0.9
_SAMPLE = 500
_MOST_SMALL_PARTS = 16


class Unfit(Exception):
    """Why a table has to be read whole."""


@dataclass(frozen=True, slots=True)
class Before:
    """A table in the snapshot before, and its folder."""

    table: TableManifest
    folder: Path

    @property
    def paths(self) -> list[Path]:
        """The parts."""
        return [self.folder / part.path for part in self.table.parts]


def watermark_of(table: SourceTable, before: Before, said: TableSettings) -> str:
    """Return the column whose values grow with every change of a row. Raises Unfit.

    A person's word goes first. Raises ConfigError where it names a column that is not there.
    """
    if said.watermark is False:
        raise Unfit("engagement.yml says so")
    if isinstance(said.watermark, str):
        if said.watermark not in table.columns:
            raise ConfigError(
                f"Table {table.name} has no column {said.watermark!r}, which engagement.yml names "
                "as its watermark.",
                hint=f"Its columns: {', '.join(table.columns)}",
            )
        return said.watermark
    for name in table.columns:
        if MODIFIED.search(joined(name)) and _is_stamp(name, before):
            return name
    raise Unfit("no column tells when a row was changed")


def _is_stamp(column: str, before: Before) -> bool:
    """Whether nearly every row has a moment in a column."""
    held = f"SELECT CAST({quoted(column)} AS VARCHAR) AS t FROM read_parquet(?)"
    sql = f"SELECT count(*), count(try_cast(t AS TIMESTAMP)) FROM ({held})"
    rows, stamped = _asked(sql, before.paths)
    return bool(rows) and stamped >= _FILLED * rows


def _asked(sql: str, paths: Iterable[Path]) -> tuple[Any, ...]:
    with duckdb.connect() as connection:
        rows: list[tuple[Any, ...]] = connection.execute(sql, [[str(p) for p in paths]]).fetchall()
    return rows[0]


def extract(
    source: ReadsSince,
    table: SourceTable,
    before: Before,
    said: TableSettings,
    *,
    work: Path,
    part_rows: int,
    target: PartFolder,
) -> tuple[list[PartFile], Extraction]:
    """Write the parts of a table from the snapshot before and the rows that are newer.

    `work` is an empty folder for what is needed on the way. Raises Unfit where the table has to
    be read whole.
    """
    column = watermark_of(table, before, said)
    key = _key(source, table, before, part_rows)
    since = Since(column, _last(column, before))
    newer = _stored(source.read_since(table.name, part_rows, since), work / "newer.parquet")
    marks = list(dict.fromkeys([key, column]))
    _stored(source.read_keys(table.name, marks, part_rows), work / "keys.parquet")
    changed, gone = _differences(before, work, key)
    parts = list(_taken_over(before, key, pa.concat_arrays([changed, gone]), target))
    last = max(map(number_of, before.paths))
    kept = parquet.read_table(work / "newer.parquet")
    kept = kept.filter(pc.is_in(kept[key], changed))
    for start in range(0, kept.num_rows, part_rows):
        last += 1
        parts.append(target.write(last, kept.slice(start, part_rows)))
    _prove(source, table, [target.snapshot / part.path for part in parts], work)
    return parts, Extraction(
        how="by watermark", column=column, since=str(since.value), rows_read=newer,
        changed=len(changed), gone=len(gone),
    )  # fmt: skip


def _prove(source: ReadsSince, table: SourceTable, paths: list[Path], work: Path) -> None:
    """Compare the written parts with the source, without reading its rows. Raises Unfit."""
    (key,) = table.primary_key
    with duckdb.connect() as connection:
        connection.from_parquet([str(path) for path in paths]).create_view("result")
        connection.from_parquet(str(work / "keys.parquet")).create_view("now")
        columns = ", ".join(quoted(c) for c in parquet.read_schema(work / "keys.parquet").names)
        for one, other in (("now", "result"), ("result", "now")):
            sql = f"SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {other}"
            if connection.execute(f"SELECT 1 FROM ({sql}) LIMIT 1").fetchall():
                raise Unfit("a row has a mark older than the last one, and is new or changed")
        _compare_sums(connection, source.sums(table.name))
        total = connection.execute("SELECT count(*) FROM result").fetchall()[0][0]
        step = max(1, total // _SAMPLE)
        chosen = connection.execute(
            f"SELECT k FROM (SELECT {quoted(key)} AS k, row_number() OVER (ORDER BY {quoted(key)}) "
            f"AS n FROM result) WHERE n % {step} = 0 LIMIT {_SAMPLE}"
        ).fetchall()
        sample = _stored(
            source.read_rows(table.name, key, [value for (value,) in chosen]),
            work / "sample.parquet",
        )
        sql = f"FROM read_parquet('{_escaped(work / 'sample.parquet')}') EXCEPT ALL FROM result"
        if sample and connection.execute(f"SELECT 1 FROM ({sql}) LIMIT 1").fetchall():
            raise Unfit("rows were changed whose mark did not move")


def _compare_sums(connection: duckdb.DuckDBPyConnection, sums: dict[str, Sum]) -> None:
    wanted = [
        f"count({quoted(name)}), {f'sum({s.in_duckdb})' if s.total is not None else 'NULL'}"
        for name, s in sums.items()
    ]
    (found,) = connection.execute(f"SELECT {', '.join(wanted)} FROM result").fetchall()
    for position, (name, one) in enumerate(sums.items()):
        filled, total = found[2 * position : 2 * position + 2]
        if filled != one.filled or (one.total is not None and int(total or 0) != one.total):
            raise Unfit(f"values of {name} were changed in rows whose mark did not move")


def _key(source: ReadsSince, table: SourceTable, before: Before, part_rows: int) -> str:
    """Return the one key column of a table that is as it was. Raises Unfit."""
    if len(table.primary_key) != 1 or before.table.primary_key != table.primary_key:
        raise Unfit("it has no key of one column")
    same = before.table.declared == table.columns
    if not same or before.table.columns != source.types(table.name):
        raise Unfit("its columns are not what they were")
    whole = -(-before.table.rows // part_rows)
    if len(before.table.parts) > whole + _MOST_SMALL_PARTS:
        raise Unfit("its rows lie in many small parts")
    for part, path in zip(before.table.parts, before.paths, strict=True):
        if not path.is_file() or digest_file(path) != part.sha256:
            raise Unfit("the snapshot before was altered")
    return table.primary_key[0]


def _last(column: str, before: Before) -> str | int:
    """Return the greatest mark of the snapshot before, marks beyond its own time left out."""
    value, limit = quoted(column), before.table.taken_at.date().isoformat()
    ahead = f"try_cast(CAST({value} AS VARCHAR) AS DATE) > DATE '{limit}' + 1"
    (found,) = _asked(
        f"SELECT max({value}) FROM read_parquet(?) WHERE {ahead} IS NOT TRUE", before.paths
    )
    if not isinstance(found, str | int):
        raise Unfit(f"{column} holds no mark")
    return found


def _stored(tables: Iterator[pa.Table], path: Path) -> int:
    """Write tables as they come into one file, and return their rows."""
    rows = 0
    writer: parquet.ParquetWriter | None = None
    for table in tables:
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
        rows += table.num_rows
    if writer is not None:
        writer.close()
    return rows


def _differences(before: Before, work: Path, key: str) -> tuple[pa.Array, pa.Array]:
    """Return the keys of rows that are new or changed, and of those that are gone."""
    kind = parquet.read_schema(work / "keys.parquet").field(key).type
    name = quoted(key)
    changed = (
        f"SELECT DISTINCT {name} FROM (FROM newer EXCEPT "
        f"SELECT * FROM earlier WHERE {name} IN (SELECT {name} FROM newer))"
    )
    gone = f"SELECT {name} FROM earlier EXCEPT SELECT {name} FROM keys"
    with duckdb.connect() as connection:
        connection.from_parquet([str(path) for path in before.paths]).create_view("earlier")
        for view in ("newer", "keys"):
            connection.from_parquet(str(work / f"{view}.parquet")).create_view(view)
        found = [
            connection.sql(sql).to_arrow_table().column(0).combine_chunks().cast(kind)
            for sql in (changed, gone)
        ]
    return found[0], found[1]


def _taken_over(
    before: Before, key: str, touched: pa.Array, target: PartFolder
) -> Iterator[PartFile]:
    """Yield the parts of the snapshot before: linked as they are, or without the touched rows."""
    for position, (part, path) in enumerate(zip(before.table.parts, before.paths, strict=True)):
        held = pc.is_in(parquet.read_table(path, columns=[key])[key], touched)
        if not pc.any(held).as_py():
            yield target.take_over(path, part)
            continue
        rows = parquet.read_table(path).filter(pc.invert(held))
        if rows.num_rows or position == 0:
            yield target.write(number_of(path), rows)


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
