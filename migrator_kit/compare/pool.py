"""The records that take part in the choice of a sample, with their features and their parents.

Of every feature a few records are candidates, in seeded order; their parents join them. So the
choice itself works on a few thousand records, however large the practice is.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from migrator_kit.compare.datasets import columns_of, files_sql, quoted
from migrator_kit.compare.features import (
    SEPARATOR,
    FeatureKind,
    Features,
    ShapedRows,
    file_frames,
    links_of,
    reject_frames,
    slots_frame,
)
from migrator_kit.mapping.model import Mapping, ObjectName

CANDIDATES = 25
"""How many records of each feature take part in the choice: enough to find overlaps."""
BASE_ROWS = 300
"""How many records of each object take part whatever they have."""
CHILDREN_EACH = 3
"""How many children of one object a patient can bring."""

Key = tuple[str, str]
"""Object name and source id."""


@dataclass
class Pool:
    """The records that take part in the choice, with their features and their parents."""

    connection: duckdb.DuckDBPyConnection
    shaped: ShapedRows
    mapping: Mapping
    seed: int
    features: dict[ObjectName, Features] = field(default_factory=dict)
    cursors: dict[ObjectName, duckdb.DuckDBPyConnection] = field(default_factory=dict)
    counts: Counter[Key] = field(default_factory=Counter)
    """How many records have each feature; a feature is (object, label)."""
    labels: dict[Key, frozenset[Key]] = field(default_factory=dict)
    parents: dict[Key, tuple[Key, ...]] = field(default_factory=dict)

    def add_object(self, name: ObjectName, documents: Path | None, limit_mb: float) -> None:
        """Count an object's features and take some records of each into the pool."""
        parts = self.shaped.parts(name)
        item = self.mapping.object(name)
        own = self.connection.cursor()
        own.execute(f"create temp view rows as select * from {files_sql(parts)}")
        found = Features(own, self.mapping, item, columns_of(parts), self.seed)
        self.features[name], self.cursors[name] = found, own
        frames = [*found.extremes(), *slots_frame(own, self.shaped, self.mapping, name)]
        frames += reject_frames(self.shaped, self.mapping, name, own)
        if "file_path" in found.columns:
            frames += file_frames(own, documents, limit_mb)
        none = pd.DataFrame({"source_id": [], "label": []}, dtype="str")
        extras = pd.concat([none, *frames], ignore_index=True).drop_duplicates()  # noqa: F841
        own.execute(
            "create temp table extras as select distinct e.source_id, e.label from extras e "
            "semi join rows using (source_id)"
        )
        self.counts.update({feature_of(name, label): 0 for label in found.possible()})
        for listing in found.listings():
            self._count_labels(name, f"select source_id, unnest({listing}) as label from rows")
        self._count_labels(name, "select source_id, label from extras")
        self._count_tests(name)

    def _count_labels(self, name: ObjectName, pairs: str) -> None:
        """Count labels that stand in rows, and take some records of each."""
        rows = self.cursors[name].execute(
            f"select label, count(*), min_by(source_id, {self.features[name].tie}, {CANDIDATES}) "
            f"from ({pairs}) where label is not null group by label"
        )
        for label, count, ids in rows.fetchall():
            self.counts[feature_of(name, label)] += count
            self._take({(name.value, str(one)) for one in ids})

    def _count_tests(self, name: ObjectName) -> None:
        """Count labels that a row has or has not, and take some records of each.

        Most of them stand in nearly every row: a few hundred rows have those, and only what these
        do not show is looked for.
        """
        own, found = self.cursors[name], self.features[name]
        tests = found.tests()
        counted = ", ".join(f"count(*) filter ({test})" for _, test in tests)
        (counts,) = own.execute(f"select {counted or 'null'} from rows").fetchall()
        named = [(label, test, n) for (label, test), n in zip(tests, counts, strict=False)]
        self.counts.update({feature_of(name, label): n for label, _, n in named})
        some = own.execute(f"select source_id from rows order by {found.tie} limit {BASE_ROWS}")
        base = {(name.value, str(one)) for (one,) in some.fetchall()}
        self._take(base)
        self.read_pairs(base)
        seen = {label for key in base for label in self.labels[key]}
        rare = [test for label, test, n in named if n and feature_of(name, label) not in seen]
        if rare:
            wanted = ", ".join(
                f"min_by(source_id, {found.tie}, {CANDIDATES}) filter ({test})" for test in rare
            )
            (listed,) = own.execute(f"select {wanted} from rows").fetchall()
            for ids in listed:
                self._take({(name.value, str(one)) for one in ids})

    def close_over_parents(self) -> None:
        """Take the parents of the pool's records, and theirs, and read everybody's features."""
        fresh = set(self.labels)
        while fresh:
            self._read_parents(fresh)
            parents = {parent for key in fresh for parent in self.parents[key]}
            fresh = parents - set(self.labels)
            self._take(fresh)
        self.read_pairs(set(self.labels))

    def children(self, patients: list[Key]) -> list[Key]:
        """Return children of patients in turn: one of each object for each patient, seeded."""
        wanted = [source_id for _, source_id in patients]
        listed: list[tuple[int, str, Key]] = []
        for name, found in self.features.items():
            for link in links_of(found.item, found.columns):
                if ObjectName.PATIENT not in (link.objects or (ObjectName.PATIENT,)):
                    continue
                column, which = quoted(link.column), quoted(f"{link.column}_object")
                only = f"and {which} = '{ObjectName.PATIENT}'" if link.named else ""
                rows = self._with_keys(
                    name, wanted,
                    f"select source_id, row_number() over (partition by {column} "
                    f"order by {found.tie}) as turn from rows semi join wanted "
                    f"on rows.{column} = wanted.source_id where true {only} "
                    f"qualify turn <= {CHILDREN_EACH}",
                )  # fmt: skip
                listed += [
                    (turn, seeded_order(self.seed, (name.value, one)), (name.value, one))
                    for one, turn in rows
                ]
        return self._prepared([key for _, _, key in sorted(listed)])

    def anything(self, size: int) -> list[Key]:
        """Return up to `size` records of each object in seeded order, objects in turn."""
        listed = []
        for name, found in self.features.items():
            rows = self.cursors[name].execute(
                f"select source_id from rows order by {found.tie} limit {size}"
            )
            listed += [
                (turn, (name.value, str(row[0]))) for turn, row in enumerate(rows.fetchall())
            ]
        return self._prepared([key for _, key in sorted(listed)])

    def closure(self, key: Key) -> list[Key]:
        """Return a record with all records it needs above it, itself first."""
        found = [key]
        for one in found:
            found += [parent for parent in self.parents[one] if parent not in found]
        return found

    def read_pairs(self, keys: Iterable[Key]) -> None:
        """Read the features of records."""
        for name, ids in _by_object(keys).items():
            rows = self._with_keys(
                name, ids, self.features[name].pairs_sql("semi join wanted using (source_id)")
            )
            found: dict[str, set[Key]] = {one: set() for one in ids}
            for one, label in rows:
                found[one].add(feature_of(name, label))
            self.labels.update({(name.value, one): frozenset(own) for one, own in found.items()})

    def _prepared(self, keys: list[Key]) -> list[Key]:
        self._take(set(keys) - set(self.labels))
        fresh = {key for key in keys if key not in self.parents}
        while fresh:
            self._read_parents(fresh)
            fresh = {p for key in fresh for p in self.parents[key] if p not in self.parents}
            self._take(fresh - set(self.labels))
        return list(dict.fromkeys(keys))

    def _take(self, keys: set[Key]) -> None:
        self.labels.update(dict.fromkeys(keys, frozenset[Key]()))

    def _read_parents(self, keys: Iterable[Key]) -> None:
        """Note the parents of records, as far as they move themselves."""
        links: list[tuple[Key, Key]] = []
        for name, ids in _by_object(keys).items():
            found = self.features[name]
            self.parents.update({(name.value, one): () for one in ids})
            for link in links_of(found.item, found.columns):
                which = quoted(f"{link.column}_object") if link.named else f"'{link.objects[0]}'"
                rows = self._with_keys(
                    name,
                    ids,
                    f"select source_id, {which}, {quoted(link.column)} from rows "
                    f"semi join wanted using (source_id) where {quoted(link.column)} is not null",
                )
                links += [((name.value, one), (parent, above)) for one, parent, above in rows]
        there = self._existing({parent for _, parent in links})
        for key, parent in links:
            if parent in there:
                self.parents[key] += (parent,)

    def _existing(self, keys: set[Key]) -> set[Key]:
        found: set[Key] = set()
        for name, ids in _by_object(keys).items():
            if name in self.features:
                sql = "select source_id from rows semi join wanted using (source_id)"
                found |= {(name.value, one) for (one,) in self._with_keys(name, ids, sql)}
        return found

    def _with_keys(self, name: ObjectName, ids: Iterable[str], sql: str) -> list[tuple[Any, ...]]:
        """Run a query on an object where `wanted` is a table of the given source ids."""
        own = self.cursors[name]
        wanted = pd.DataFrame({"source_id": sorted(set(ids))}, dtype="str")
        own.register("wanted", wanted)
        rows: list[tuple[Any, ...]] = own.execute(sql).fetchall()
        own.unregister("wanted")
        return rows


def seeded_order(seed: int, key: Key) -> str:
    """Return where a record stands among records that are equally good."""
    return hashlib.sha256(SEPARATOR.join((str(seed), *key)).encode()).hexdigest()


def feature_of(name: ObjectName, label: str) -> Key:
    """Return a feature; owners are one feature across all objects."""
    return ("" if label.startswith(FeatureKind.OWNER + SEPARATOR) else name.value, label)


def _by_object(keys: Iterable[Key]) -> dict[ObjectName, list[str]]:
    grouped: dict[ObjectName, list[str]] = {}
    for name, source_id in keys:
        grouped.setdefault(ObjectName(name), []).append(source_id)
    return grouped
