"""Files of bulk jobs: zipped CSV out, result files and read results in, always in pieces."""

from __future__ import annotations

import csv
import errno
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import limits
from migrator_kit.zoho.reasons import reason_of, remedy_of
from migrator_kit.zoho.values import to_zoho_datetime

RESULT_COLUMNS = ("STATUS", "RECORD_ID", "ERRORS")
KEY_COLUMNS = 3
"""Source columns that come back in a result file."""
_DAMAGE = (zipfile.BadZipFile, zlib.error, csv.Error, EOFError, KeyError, NotImplementedError,
           RuntimeError, ValueError)  # fmt: skip
"""What torn or foreign files make the readers of zip and CSV raise."""
_BLOCK = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BulkFile:
    """One zip to upload: where it is, its rows, its size, and the rows of the frame it holds."""

    path: Path
    rows: int
    size: int
    first_row: int


def cells(values: pd.Series) -> pd.Series:
    """Return a column as CSV cells: ISO times with offset, true/false, lists joined by `;`."""
    if isinstance(values.dtype, pd.ArrowDtype):
        values = values.astype(object)
    kind = values.dtype
    if isinstance(kind, pd.DatetimeTZDtype):
        stamped: pd.Series = values.dt.strftime("%Y-%m-%dT%H:%M:%S%z")
        return stamped.str.replace(r"([+-]\d\d)(\d\d)$", r"\1:\2", regex=True)
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_object_dtype(kind):
        shaped: pd.Series = values.map(_cell, na_action="ignore")
        return shaped
    return values


def _cell(value: object) -> object:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return to_zoho_datetime(value)
    if isinstance(value, list | tuple | np.ndarray):
        return ";".join(map(str, value))
    return value


def write_zips(
    frame: pd.DataFrame, folder: Path, name: str, *, key: str, most_bytes: int = limits.BULK_BYTES
) -> list[BulkFile]:
    """Write a frame as zipped CSV files within Zoho's limits on rows, columns and bytes.

    `key` is the column of the source key: it must be one of the first three, for only these come
    back in the result file. Columns are named by API name, in the order of the job's columns.
    """
    if frame.shape[1] > limits.BULK_COLUMNS:
        raise TerminalError(
            f"A bulk write of {name} has {frame.shape[1]} columns, at most {limits.BULK_COLUMNS}.",
            code="HEADER_LIMIT_EXCEEDED",
        )
    if key not in list(frame.columns)[:KEY_COLUMNS]:
        raise TerminalError(f"A bulk write of {name} must have {key} among its first 3 columns.")
    folder.mkdir(parents=True, exist_ok=True)
    shaped = frame.apply(cells) if len(frame) else frame
    files: list[BulkFile] = []
    waiting = [
        (s, min(s + limits.BULK_ROWS, len(frame))) for s in range(0, len(frame), limits.BULK_ROWS)
    ]
    while waiting:
        start, end = waiting.pop(0)
        path = folder / f"{name}-{start:09d}.zip"
        _write_zip(shaped.iloc[start:end], path, name)
        size = path.stat().st_size
        if size <= most_bytes:
            files.append(BulkFile(path, end - start, size, start))
            continue
        path.unlink()
        if end - start == 1:
            raise TerminalError(f"One row of {name} alone is larger than a bulk file may be.")
        middle = (start + end) // 2
        waiting[:0] = [(start, middle), (middle, end)]
    return files


def _write_zip(part: pd.DataFrame, path: Path, name: str) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        archive.open(f"{name}.csv", "w", force_zip64=True) as entry,
        io.TextIOWrapper(entry, encoding="utf-8", newline="") as text,
    ):
        # Python quotes only the line breaks of its own line ends: a bare return in a cell as well.
        part.to_csv(text, index=False, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)


def read_result(path: Path) -> pd.DataFrame:
    """Return a bulk write's result file as a frame, one row per row sent.

    Columns: the first three sent, then `status` (added, updated, skipped, unprocessed),
    `record_id`, `ok`, `code`, `field`, `reason`, `remedy`. Rows stand in the order of the file.
    """
    with _readable():
        frames = [_result_frame(archive, entry) for archive, entry in _csv_entries(path)]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    missing = [column for column in RESULT_COLUMNS if column not in frame.columns]
    if missing:
        raise TerminalError(
            f"A bulk result file lacks the column {missing[0]}.",
            hint="Read the records back by their keys instead.",
        )
    keys = [column for column in frame.columns if column not in RESULT_COLUMNS]
    status = frame["STATUS"].str.strip().str.lower()
    out = frame[keys].copy()
    out["status"] = status
    out["record_id"] = frame["RECORD_ID"].str.extract(r"(\d{5,20})", expand=False)
    out["ok"] = status.isin(["added", "updated"])
    parsed = {text: parse_errors(text) for text in frame["ERRORS"].dropna().unique()}
    for position, column in enumerate(("code", "field", "reason", "remedy")):
        chosen = {text: found[position] for text, found in parsed.items()}
        out[column] = frame["ERRORS"].map(chosen).astype("str")
    return out


def parse_errors(text: str) -> tuple[str, str, str, str]:
    """Return code, field, reason and remedy of an ERRORS cell: `CODE-Column,Column:CODE-Column`."""
    codes: list[str] = []
    fields: list[str] = []
    for part in filter(None, (piece.strip() for piece in text.split(":"))):
        code, _, columns = part.partition("-")
        codes.append(code.strip())
        fields += [column.strip() for column in columns.split(",") if column.strip()]
    if not codes:
        return "", "", "", ""
    reason = reason_of(codes[0])
    return codes[0], ", ".join(dict.fromkeys(fields)), reason.value, remedy_of(reason)


def _result_frame(archive: zipfile.ZipFile, entry: str) -> pd.DataFrame:
    with archive.open(entry) as stream:
        return pd.read_csv(
            stream, dtype="str", keep_default_na=False, na_values=[""], encoding="utf-8-sig"
        )


def _csv_entries(path: Path) -> Iterator[tuple[zipfile.ZipFile, str]]:
    with zipfile.ZipFile(path) as archive:
        for entry in sorted(archive.namelist()):
            if entry.lower().endswith(".csv"):
                yield archive, entry


@contextmanager
def _readable() -> Iterator[None]:
    """Say in the client's words that a fetched file is torn, or no zip of CSV files."""
    torn = TerminalError(
        "A bulk result cannot be read as CSV in a zip file.", hint="Fetch the result again."
    )
    try:
        yield
    except _DAMAGE:
        raise torn from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # A directory that points before the file's begin.
            raise
        raise torn from None


def to_parquet(path: Path, target: Path) -> int:
    """Turn a bulk read's zip into a Parquet file, block by block; return the number of rows.

    Every column is text and empty cells are null: types are the reader's to give.
    """
    writer: pq.ParquetWriter | None = None
    rows = 0
    try:
        with _readable():
            for archive, entry in _csv_entries(path):
                with archive.open(entry) as stream:
                    for batch in _batches(stream):
                        schema = batch.schema
                        writer = writer or pq.ParquetWriter(target, schema, compression="zstd")
                        writer.write_batch(batch)
                        rows += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows


def _batches(stream: IO[bytes]) -> Iterator[pa.RecordBatch]:
    buffered = io.BufferedReader(stream, _BLOCK)  # type: ignore[type-var]
    header = buffered.peek(65_536).split(b"\n", 1)[0].decode("utf-8-sig")
    names = next(csv.reader([header.rstrip("\r")]), [])
    if not names:
        return
    convert = pacsv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=True,
    )
    reader = pacsv.open_csv(
        buffered,
        read_options=pacsv.ReadOptions(block_size=_BLOCK),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=convert,
    )
    yield from reader
