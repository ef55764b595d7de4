"""A table of patients with thirty columns, for the benchmarks of the audit and of expectations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

PART = 50_000
_WORDS = np.array(
    ["Ann", "Maria", "Γιώργος", "José", "Olga", "Peter", "Lena", "Ελένη", "Tom", "Eva"]
)
_STATES = np.array(["active", "inactive", "archived", "deceased"])


def parts(rows: int) -> Iterator[pd.DataFrame]:
    """Give the table in parts, always the same: 4 keys and numbers, 6 dates, 20 texts."""
    for start in range(0, rows, PART):
        yield _part(start, min(PART, rows - start))


def _part(start: int, size: int) -> pd.DataFrame:
    draw = np.random.default_rng(start)
    number = np.arange(start, start + size)
    columns: dict[str, object] = {
        "source_id": np.char.add("P", np.char.zfill(number.astype("U"), 8)),
        "provider_id": np.char.add("D", draw.integers(0, 40, size).astype("U")),
        "balance": np.round(draw.gamma(2, 90, size), 2),
        "visits": draw.integers(0, 60, size),
        "status": _STATES[draw.integers(0, 4, size)],
        "email": np.char.add(number.astype("U"), "@mail.example"),
        "phone": np.char.add("555-", np.char.zfill(draw.integers(0, 10**7, size).astype("U"), 7)),
    }
    for n in range(6):
        days = draw.integers(0, 20_000, size).astype("timedelta64[D]")
        columns[f"date_{n}"] = (np.datetime64("1965-01-01") + days).astype("U10")
    for n in range(17):
        words = _WORDS[draw.integers(0, 10, size)]
        suffix = draw.integers(0, 10 ** (1 + n % 5), size).astype("U")
        columns[f"text_{n}"] = np.char.add(np.char.add(words, " "), suffix)
    frame = pd.DataFrame(columns)
    for n in range(0, 17, 3):
        frame.loc[draw.random(size) < 0.3, f"text_{n}"] = None
    return frame


def write(rows: int, path: Path) -> None:
    """Write the table into one Parquet file, part by part."""
    writer: parquet.ParquetWriter | None = None
    for frame in parts(rows):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        table = table.cast(pa.schema([_plain(field) for field in table.schema]))
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _plain(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field
