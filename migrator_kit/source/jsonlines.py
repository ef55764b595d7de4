"""JSON lines as a source: one object a line, nested values kept as JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.encoding import survey
from migrator_kit.source.exports import by_table
from migrator_kit.source.faults import TextFile
from migrator_kit.source.model import Closing, HoldsNoTable, SourceTable, distinct_names
from migrator_kit.source.parts import in_parts
from migrator_kit.source.values import Kinds, column_of

_BATCH = 5_000
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Survey:
    """What one pass over a file told: its encoding, its keys as column names, their types."""

    encoding: str
    names: dict[str, str]
    kinds: dict[str, Kinds]


class JsonLinesSource(Closing):
    """Files of JSON lines, one table each. Raises SourceError naming file and line."""

    kind = "JSON lines"

    def __init__(self, files: Iterable[TextFile], location: str, settings: SourceSettings) -> None:
        self.location = location
        self._files = by_table(files)
        self._settings = settings
        self._surveys: dict[str, _Survey] = {}

    def describe(self) -> tuple[SourceTable, ...]:
        """Return one table for each file. Raises SourceError where no file holds an object."""
        tables = []
        for name, file in self._files.items():
            found = self._survey(name)
            columns = {found.names[key]: kind.declared for key, kind in found.kinds.items()}
            if columns:
                reading = {"file": file.name, "encoding": found.encoding}
                tables.append(SourceTable(name, columns, reading=reading))
        if not tables:
            raise HoldsNoTable(
                f"{self.location} holds no table: its JSON lines name no field.",
                hint="Export each table as one JSON object a line.",
            )
        return tuple(tables)

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a file in parts."""
        if table not in self._files:
            raise SourceError(
                f"{self.location} holds no table {table}.",
                hint=f"Tables found: {', '.join(self._files)}",
            )
        found = self._survey(table)
        schema = pa.schema([(found.names[key], kind.type) for key, kind in found.kinds.items()])
        records = _records(self._files[table], found.encoding)
        return in_parts(_batches(records, list(found.kinds), schema), part_rows, schema)

    def notes(self, table: str) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: what there is to say is known before the rows are read."""
        return {}

    def _survey(self, table: str) -> _Survey:
        if table not in self._surveys:
            file = self._files[table]
            encoding = self._settings.table(table).encoding
            if encoding is None:
                with file.open() as stream:
                    encoding = survey(stream).encoding
            kinds: dict[str, Kinds] = {}
            for record in _records(file, encoding):
                for key, value in record.items():
                    (kinds.get(key) or kinds.setdefault(key, Kinds())).see(value)
            names = dict(zip(kinds, distinct_names(kinds), strict=True))
            self._surveys[table] = _Survey(encoding, names, kinds)
        return self._surveys[table]


def _records(file: TextFile, encoding: str) -> Iterator[Record]:
    """Yield the objects of a file with nested values as text. Raises SourceError by line."""
    with file.text(encoding) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                raise _broken(file, number, "is not valid JSON, or nested too deep") from None
            if not isinstance(record, dict):
                raise _broken(file, number, "is no JSON object")
            yield {key: _flat(value) for key, value in record.items()}


def _flat(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def _broken(file: TextFile, line: int, what: str) -> SourceError:
    return SourceError(
        f"{file.name}:{line}: the line {what}.",
        hint='Each line must be one object, such as {"id": 1}. Was the export cut off?',
    )


def _batches(records: Iterator[Record], keys: list[str], schema: pa.Schema) -> Iterator[pa.Table]:
    while batch := list(islice(records, _BATCH)):
        arrays = [
            column_of([record.get(key) for record in batch], field.type)
            for key, field in zip(keys, schema, strict=True)
        ]
        yield pa.table(arrays, schema=schema)
