"""What a record can exercise: features of the shaped rows, computed column-wise by DuckDB.

A feature is a thing that can go wrong on its own: a field that is filled or empty, each value of a
picklist, each transform, each kind of reject, the extremes of dates, amounts and text lengths, each
owner, each kind of parent, each kind and size of file, the number of insurance policies. One SELECT
an object turns its rows into (source_id, label) pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

import duckdb
import pandas as pd
import pyarrow as pa

from migrator_kit.compare.datasets import Parts, columns_of, files_sql, literal, quoted
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName

SEPARATOR = "\x1f"
EXTREME_ROWS = 25
"""How many records count as an extreme: enough for one record to be several extremes at once."""
LONG_TEXT = 60
"""Texts shorter than this everywhere have no interesting longest value."""


class ShapedRows(Parts, Protocol):
    """A shaped dataset: its parts, and what was rejected while shaping."""

    def rejects(self) -> pd.DataFrame:
        """Return one row for each reject: object, source_id, field, reason, action and more."""


class FeatureKind(StrEnum):
    """What kind of thing a feature is."""

    FILLED = "field filled"
    EMPTY = "field empty"
    VALUE = "picklist value"
    TRANSFORM = "transform"
    REJECT = "rejected value"
    EXTREME = "extreme"
    OWNER = "owner"
    PARENT = "kind of parent"
    FILE_KIND = "kind of file"
    FILE_SIZE = "size of file"
    SLOTS = "policies on a record"


def label(kind: FeatureKind, field: str, value: str = "") -> str:
    """Return a feature of an object as one text; `split_label` takes it apart again."""
    return SEPARATOR.join((kind, field, value))


@dataclass(frozen=True, slots=True)
class Links:
    """How the rows of an object point to their parents: column, and which object it names."""

    column: str
    objects: tuple[ObjectName, ...]
    named: bool
    """Whether a second column names the object of each row."""


def links_of(item: ObjectMapping, columns: dict[str, pa.DataType]) -> list[Links]:
    """Return the links of an object to other objects."""
    found = [
        Links(row.target, row.lookup, f"{row.target}_object" in columns)
        for row in item.fields
        if row.lookup and row.target in columns
    ]
    known = {link.column for link in found}
    if "Parent_Id" in columns and "Parent_Id" not in known:
        found.append(Links("Parent_Id", (), "Parent_Id_object" in columns))
    return found


@dataclass(frozen=True)
class Features:
    """The features of one object on an open database, where `rows` is a view of its parts."""

    connection: duckdb.DuckDBPyConnection
    mapping: Mapping
    item: ObjectMapping
    columns: dict[str, pa.DataType]
    seed: int

    @property
    def tie(self) -> str:
        """SQL of the seeded order among rows that are equally good."""
        return f"md5_number_lower({literal(f'{self.seed}{SEPARATOR}')} || source_id)"

    @property
    def targets(self) -> list[str]:
        """The columns that carry values of the practice."""
        helpers = {"source_id", "parent_id", "slot", "Owner"}
        return [
            name
            for name in self.columns
            if name not in helpers
            and name.removesuffix("_object") not in set(self.columns) - {name}
        ]

    def possible(self) -> list[str]:
        """Return labels that may occur, so that what no record exercises is named as well."""
        labels = [label(FeatureKind.FILLED, name) for name in self.targets]
        for row in self.item.fields:
            value_map = row.values  # noqa: PD011 (a mapping row, not a frame)
            chosen = {*value_map.values(), *(row.create.picklist if row.create else ())}
            labels += [label(FeatureKind.VALUE, row.target, value) for value in sorted(chosen)]
        return labels + [label(FeatureKind.TRANSFORM, name) for name, _ in self._transforms()]

    def pairs_sql(self, where: str = "") -> str:
        """Return the SELECT of (source_id, label) pairs of the rows that meet `where`."""
        cases = [f"[case when {test} then {literal(name)} end]" for name, test in self.tests()]
        listed = ", ".join([*cases, *self.listings()])
        pairs = (
            f"select source_id, unnest(list_filter(flatten([{listed}]), "
            f"lambda one: one is not null)) as label from rows {where}"
        )
        return f"{pairs} union all select source_id, label from extras {where}"

    def tests(self) -> list[tuple[str, str]]:
        """Return the labels that a row has or has not, with the SQL condition of each."""
        found = []
        for name in self.targets:
            found.append((label(FeatureKind.FILLED, name), f"{quoted(name)} is not null"))
            found.append((label(FeatureKind.EMPTY, name), f"{quoted(name)} is null"))
        for step, targets in self._transforms():
            filled = " or ".join(f"{quoted(name)} is not null" for name in targets)
            found.append((label(FeatureKind.TRANSFORM, step), filled))
        return found

    def listings(self) -> list[str]:
        """Return SQL expressions that give a row's labels by value, each as a list."""
        return [*self._values(), *self._others()]

    def _values(self) -> Iterator[str]:
        for row in self.item.fields:
            kind = row.create.data_type if row.create else ""
            value_map = row.values  # noqa: PD011 (a mapping row, not a frame)
            if row.target not in self.columns or not (value_map or "picklist" in kind):
                continue
            name, prefix = quoted(row.target), literal(label(FeatureKind.VALUE, row.target))
            if pa.types.is_list(self.columns[row.target]):
                yield f"list_transform(coalesce({name}, []), lambda one: {prefix} || one)"
            else:
                yield f"[{prefix} || {name}]"

    def _transforms(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each transform that the object uses with the fields it makes."""
        used: dict[str, list[str]] = {}
        for row in self.item.fields:
            for step in row.transform:
                if row.target in self.columns:
                    used.setdefault(step.name, []).append(row.target)
        yield from used.items()

    def _others(self) -> Iterator[str]:
        if "Owner" in self.columns:
            yield f"[{literal(label(FeatureKind.OWNER, 'Owner'))} || coalesce(\"Owner\", 'nobody')]"
        for link in links_of(self.item, self.columns):
            if link.named:
                which = quoted(f"{link.column}_object")
                yield f"[{literal(label(FeatureKind.PARENT, link.column))} || {which}]"

    def extremes(self) -> list[pd.DataFrame]:
        """Return the rows with the earliest, latest, smallest, largest, longest values."""
        ends = [end for name in self.targets for end in _ends(name, self.columns[name])]
        if not ends:
            return []
        # One pass finds how far each extreme reaches; only rows within reach are then ordered.
        reaches = ", ".join(
            f"{'min' if first else 'max'}({measure}, {EXTREME_ROWS})"
            for _, _, measure, first in ends
        )
        (found,) = self.connection.execute(f"select {reaches} from rows").fetchall()
        frames = []
        for (name, word, measure, first), values in zip(ends, found, strict=True):
            if not values or (word == "longest" and values[0] < LONG_TEXT):
                continue
            compared, order = ("<=", "") if first else (">=", " desc")
            rows = self.connection.execute(
                f"select source_id from rows where {measure} {compared} $reach "
                f"order by {measure}{order}, {self.tie} limit {EXTREME_ROWS}",
                {"reach": values[-1]},
            ).df()
            frames.append(rows.assign(label=label(FeatureKind.EXTREME, name, word)))
        return frames


def _ends(name: str, kind: pa.DataType) -> list[tuple[str, str, str, bool]]:
    """Return a column's extremes: its name, the word, what is measured, and whether least wins."""
    column = quoted(name)
    if pa.types.is_timestamp(kind):
        # Counted as numbers: Python has no use for the instants themselves.
        column = f"epoch_us({column})"
    if pa.types.is_temporal(kind):
        return [(name, "earliest", column, True), (name, "latest", column, False)]
    if pa.types.is_floating(kind):
        return [(name, "smallest", column, True), (name, "largest", column, False)]
    if pa.types.is_string(kind):
        return [(name, "longest", f"length({column})", False)]
    return []


def slots_frame(
    connection: duckdb.DuckDBPyConnection, shaped: Parts, mapping: Mapping, holder: ObjectName
) -> list[pd.DataFrame]:
    """Return how many records of other objects each record carries in its numbered fields."""
    frames = []
    for item in mapping.objects:
        parts = shaped.parts(item.object)
        if item.landing is not Landing.FIELDS or item.into is not holder or not parts:
            continue
        if "slot" not in columns_of(parts):
            continue
        prefix = literal(label(FeatureKind.SLOTS, item.object))
        frames.append(
            connection.execute(
                f"select parent_id as source_id, {prefix} || count(*) as label "
                f"from {files_sql(parts)} group by parent_id"
            ).df()
        )
    return frames


def reject_frames(
    shaped: ShapedRows, mapping: Mapping, holder: ObjectName, connection: duckdb.DuckDBPyConnection
) -> list[pd.DataFrame]:
    """Return the rejects of records that move: of the object itself, and of what it carries."""
    rejects = shaped.rejects()
    frames = []
    for item in mapping.objects:
        carried = item.landing is Landing.FIELDS and item.into is holder
        if item.object is not holder and not carried:
            continue
        own = rejects[(rejects["object"] == item.object.value) & (rejects["action"] != "excluded")]
        if own.empty:
            continue
        prefix = FeatureKind.REJECT + SEPARATOR
        labels = prefix + own["field"].astype("str") + SEPARATOR + own["reason"].astype("str")
        frame = pd.DataFrame({"source_id": own["source_id"].astype("str"), "label": labels})
        if carried and (parts := shaped.parts(item.object)):
            connection.register("carried", frame)
            frame = connection.execute(
                f"select parent_id as source_id, label from {files_sql(parts)} "
                "join carried using (source_id)"
            ).df()
            connection.unregister("carried")
        frames.append(frame)
    return frames


def file_frames(
    connection: duckdb.DuckDBPyConnection, documents: Path | None, limit_mb: float
) -> list[pd.DataFrame]:
    """Return kind and size class of each attachment, from its path and the file itself."""
    frame = connection.execute("select source_id, file_path from rows").df()
    kinds = frame["file_path"].str.extract(r"\.([^./]+)$")[0].str.lower().fillna("none")
    prefix = label(FeatureKind.FILE_KIND, "file")
    frames = [pd.DataFrame({"source_id": frame["source_id"], "label": prefix + kinds})]
    if documents is not None:
        paths = frame["file_path"].drop_duplicates()
        classes = pd.Series(
            [_size_class(documents, path, limit_mb) for path in paths], index=paths, dtype="str"
        )
        prefix = label(FeatureKind.FILE_SIZE, "file")
        sizes = prefix + frame["file_path"].map(classes).fillna("not there")
        frames.append(pd.DataFrame({"source_id": frame["source_id"], "label": sizes}))
    return frames


_CLASSES: Sequence[tuple[float, str]] = (
    (0.0, "empty"), (0.1, "up to 100 kB"), (1.0, "up to 1 MB"), (10.0, "up to 10 MB"),
)  # fmt: skip


def _size_class(documents: Path, path: object, limit_mb: float) -> str:
    if not isinstance(path, str) or ".." in PurePosixPath(path).parts:
        return "not there"
    try:
        megabytes = (documents / path).stat().st_size / 1_000_000
    except OSError:
        return "not there"
    if megabytes > limit_mb:
        return "over the limit"
    return next((name for most, name in _CLASSES if megabytes <= most), "up to the limit")
