"""A JSON service as a source, read-only, described under `rest:` of the source's settings.

A list is fetched page by page into a file of JSON lines in a scratch folder and read from there:
only when all pages are there is it known which columns there are and what they hold.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.exports import single_file
from migrator_kit.source.jsonlines import JsonLinesSource
from migrator_kit.source.model import Closing, SourceTable, distinct_names
from migrator_kit.source.rest_client import RestClient
from migrator_kit.source.values import Kinds


class RestSource(Closing):
    """The lists of one service as tables. `work` is where rows go on their way: patient data."""

    kind = "REST"

    def __init__(self, settings: SourceSettings, work: Path | None = None) -> None:
        if settings.rest is None:
            raise SourceError(
                "What to read from the service is not said.",
                hint="Describe it under `rest:` beside `url:` in a YAML file, and give that file "
                "as the source; or under `source:` in engagement.yml.",
            )
        parts = urlsplit(settings.url)
        self.location = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._settings, self._rest, self._work = settings, settings.rest, work
        self._client = RestClient(settings.url, settings.rest)
        self._tables: tuple[SourceTable, ...] | None = None
        self._scratch: Path | None = None

    def describe(self) -> tuple[SourceTable, ...]:
        """Return the tables with the columns of their first page; later pages may bring more."""
        if self._tables is None:
            self._tables = tuple(self._described(name) for name in sorted(self._rest.tables))
        return self._tables

    def read(self, table: str, part_rows: int) -> Iterator[pa.Table]:
        """Yield the rows of a list in parts. Raises SourceError where a page cannot be had."""
        if table not in self._rest.tables:
            raise SourceError(
                f"{self.location} has no table {table} under `rest:`.",
                hint=f"Tables named there: {', '.join(sorted(self._rest.tables))}",
            )
        path = self._folder() / f"{sorted(self._rest.tables).index(table)}.jsonl"
        rows = 0
        with path.open("w", encoding="utf-8") as lines:
            for page in self._client.pages(table, self._rest.tables[table]):
                lines.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in page)
                rows += len(page)
        if not rows:
            known = next(each for each in self.describe() if each.name == table)
            yield pa.schema([(name, pa.string()) for name in known.columns]).empty_table()
            return
        with JsonLinesSource([single_file(path)], self.location, self._settings) as spooled:
            yield from spooled.read(path.stem, part_rows)
        path.unlink()

    def notes(self, table: str) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: a service says how its text is encoded."""
        return {}

    def close(self) -> None:
        """Let go of the connections and remove the scratch folder."""
        self._client.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _described(self, name: str) -> SourceTable:
        table = self._rest.tables[name]
        first = next(self._client.pages(name, table), [])
        kinds: dict[str, Kinds] = {}
        for record in first:
            for key, value in record.items():
                (kinds.get(key) or kinds.setdefault(key, Kinds())).see(value)
        if not kinds:
            kinds = {key: Kinds() for key in table.key or ("id",)}
        names = distinct_names(kinds)
        declared = [kind.declared for kind in kinds.values()]
        return SourceTable(
            name,
            dict(zip(names, declared, strict=True)),
            primary_key=tuple(key for key in table.key if key in names),
            reading={"path": table.path},
        )

    def _folder(self) -> Path:
        if self._scratch is None:
            if self._work is not None:
                self._work.mkdir(parents=True, exist_ok=True)
            self._scratch = Path(tempfile.mkdtemp(prefix=".rest-", dir=self._work))
        return self._scratch
