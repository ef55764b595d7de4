"""New records of a step as files of a bulk write, column by column (fact sheet 7.2, 7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from migrator_kit.errors import LedgerError, MappingError
from migrator_kit.load.payload import Layout, Row
from migrator_kit.zoho import bulkfiles
from migrator_kit.zoho.bulkfiles import BulkFile
from migrator_kit.zoho.bulkjobs import BulkColumn, BulkWrite

OWNER = "Owner"


@dataclass(frozen=True, slots=True)
class BulkFiles:
    """Writes files of one module into a folder. `key` is the API name of its unique source key."""

    folder: Path
    module: str
    key: str
    columns: tuple[BulkColumn, ...]

    @classmethod
    def of(cls, folder: Path, layout: Layout) -> BulkFiles:
        """Return the writer for a layout: the key first, lookups and owners by id.

        Raises MappingError for a layout without a key.
        """
        if layout.key is None:
            raise MappingError(
                f"{layout.object} has no key: a bulk write could not find its records again.",
                hint="Map a unique field to the source key and name it as `key`.",
            )
        key = layout.key.api_name
        sent = [one for one in layout.columns if one.api_name != key]
        named = {key, *(one.api_name for one in sent)}
        columns = [BulkColumn(key)]
        columns += [
            BulkColumn(one.api_name, find_by="id" if one.lookup or one.logical == OWNER else None)
            for one in sent
        ]
        constants = layout.constants or {}
        columns += [
            BulkColumn(name, constant=value) for name, value in constants.items()
            if name not in named
        ]  # fmt: skip
        return cls(folder, layout.module, key, tuple(columns))

    @property
    def job(self) -> BulkWrite:
        """What is asked for with each file."""
        return BulkWrite(self.module, "upsert", self.columns, find_by=self.key)

    def write(self, rows: Sequence[Row], name: str) -> list[BulkFile]:
        """Write payloads; more than one file where they are too large for one.

        Raises LedgerError where the disk takes no file.
        """
        frame = pd.DataFrame(
            {
                one.api_name: pd.Series(_values(rows, one), dtype=object)
                for one in self.columns
                if one.constant is None
            }
        )
        try:
            return bulkfiles.write_zips(frame, self.folder, name, key=self.key)
        except OSError as error:
            raise LedgerError(
                f"The file of a bulk write cannot be written ({error.strerror}).",
                hint="Free space on the engagement's disk and run again: it goes on from here.",
            ) from None


def _values(rows: Sequence[Row], column: BulkColumn) -> list[Any]:
    values = [row.get(column.api_name) for row in rows]
    if column.find_by is None:
        return values
    return [value["id"] if value is not None else None for value in values]
