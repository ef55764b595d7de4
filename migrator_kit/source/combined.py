"""Exports of several kinds as one source: CSV beside Excel beside JSON lines, one folder or zip."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence

import pyarrow as pa

from migrator_kit.errors import SourceError
from migrator_kit.source.exports import same_table
from migrator_kit.source.model import Closing, HoldsNoTable, Source, SourceTable


class CombinedSource(Closing):
    """The tables of several sources. Raises SourceError where two hold the same table."""

    kind = "files"

    def __init__(
        self, sources: Sequence[Source], location: str, archive: zipfile.ZipFile | None = None
    ) -> None:
        self.location = location
        if len(sources) == 1:
            self.kind = sources[0].kind
        self.tables_at_once = min(source.tables_at_once for source in sources)
        self._sources = sources
        self._archive = archive
        self._tables: dict[str, tuple[Source, SourceTable]] | None = None

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables of all by name. Raises SourceError where there are none."""
        return tuple(table for _, table in self._known().values())

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a table in parts."""
        return self._holder(table).read(table, part_rows)

    def notes(self, table: str) -> dict[str, str]:
        """Return what reading the table brought to light."""
        return self._holder(table).notes(table)

    def close(self) -> None:
        """Let go of all sources and of the archive."""
        for source in self._sources:
            source.close()
        if self._archive:
            self._archive.close()

    def _known(self) -> dict[str, tuple[Source, SourceTable]]:
        if self._tables is None:
            self._tables = dict(sorted(self._found().items()))
        return self._tables

    def _found(self) -> dict[str, tuple[Source, SourceTable]]:
        found: dict[str, tuple[Source, SourceTable]] = {}
        spelled: dict[str, str] = {}
        nothing: HoldsNoTable | None = None
        for source in self._sources:
            try:
                tables = source.describe()
            except HoldsNoTable as none:
                nothing = nothing or none
                continue
            for table in tables:
                other = spelled.setdefault(table.name.casefold(), table.name)
                if other in found:
                    places = [t.reading.get("file", t.name) for t in (found[other][1], table)]
                    raise same_table(table.name, *places)
                found[table.name] = (source, table)
        if nothing and not found:
            raise nothing
        return found

    def _holder(self, table: str) -> Source:
        known = self._known()
        if table not in known:
            raise SourceError(
                f"{self.location} holds no table {table}.",
                hint=f"Tables found: {', '.join(known)}",
            )
        return known[table][0]
