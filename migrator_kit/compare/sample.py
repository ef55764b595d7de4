"""Choosing the sample: 50 to 100 records that together exercise as much as possible.

Greedy set cover over the features of the shaped rows, closed over parents (an appointment brings
its plan, its patient and its practice), filled up with children of the patients that were chosen.
The same data and seed give the same sample.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from migrator_kit.compare.datasets import database
from migrator_kit.compare.features import SEPARATOR, FeatureKind, ShapedRows
from migrator_kit.compare.pool import Key, Pool, seeded_order
from migrator_kit.errors import EvidenceError
from migrator_kit.mapping.model import Landing, Mapping, ObjectName

SMALLEST, LARGEST = 50, 100
CHILDREN_SHARE = 8
"""One record in so many is kept for children of chosen patients."""
NAMED_REASONS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The chosen records and what they exercise.

    `keys` has object, source_id and why; `coverage` has object, kind, field, value, records (how
    many have the feature), in_sample and state: exercised, not exercised, or no record.
    """

    keys: pd.DataFrame
    coverage: pd.DataFrame

    def not_exercised(self) -> pd.DataFrame:
        """Return what the sample leaves out: object, kind, field, value and why."""
        left = self.coverage[self.coverage["state"] != "exercised"]
        why = left["state"].map(
            {"no record": "no record has it", "not exercised": "on records not chosen"}
        )
        reject = left["kind"] == FeatureKind.REJECT
        value = left["value"].mask(reject, left["value"].str.replace("_", " "))
        told = left.assign(value=value, why=why)
        return told[["object", "kind", "field", "value", "why"]].reset_index(drop=True)

    def summary(self) -> pd.DataFrame:
        """Return by kind of feature: how many there are, are exercised, and occur nowhere."""
        counts = pd.crosstab(self.coverage["kind"], self.coverage["state"])
        for state in ("exercised", "not exercised", "no record"):
            if state not in counts:
                counts[state] = 0
        counts["features"] = counts["exercised"] + counts["not exercised"]
        counts["share"] = (
            counts["exercised"] / counts["features"].where(counts["features"] > 0)
        ).astype(float)
        columns = ["features", "exercised", "share", "not exercised", "no record"]
        return counts[columns].rename_axis(columns=None).reset_index()


def choose_sample(
    shaped: ShapedRows,
    mapping: Mapping,
    size: int,
    seed: int,
    *,
    documents: Path | None = None,
    limit_mb: float = 25,
) -> Sample:
    """Choose about `size` records (50 to 100, fewer only where there are fewer).

    `documents` is the practice's folder of files, for their size classes. Raises EvidenceError
    where nothing was shaped.
    """
    size = min(max(size, SMALLEST), LARGEST)
    with tempfile.TemporaryDirectory() as spill, database(Path(spill)) as connection:
        pool = Pool(connection, shaped, mapping, seed)
        for item in mapping.objects:
            moves = item.landing not in (Landing.FIELDS, Landing.REFERENCE)
            if moves and shaped.parts(item.object):
                pool.add_object(item.object, documents, limit_mb)
        if not pool.counts:
            raise EvidenceError(
                "There is no record to choose a sample from.",
                hint="Shape the snapshot first: run the mapping review.",
            )
        pool.close_over_parents()
        chosen = _Choice(pool, size)
        chosen.cover()
        chosen.add_children(pool.children(chosen.of(ObjectName.PATIENT)))
        chosen.add_children(pool.anything(size), why="fills up the sample")
        pool.read_pairs(chosen.keys)
        return Sample(_key_frame(chosen), _coverage(pool, chosen))


class _Choice:
    """The records chosen so far, and why."""

    def __init__(self, pool: Pool, size: int) -> None:
        self.pool = pool
        self.size = size
        self.keys: dict[Key, list[str]] = {}
        self.names = sorted(pool.counts)
        numbers = {feature: n for n, feature in enumerate(self.names)}
        self.extreme = sum(1 << n for f, n in numbers.items() if _kind(f) is FeatureKind.EXTREME)
        self.masks = {
            key: sum(1 << numbers[one] for one in own) for key, own in pool.labels.items()
        }
        self.covered = 0

    def of(self, name: ObjectName) -> list[Key]:
        """Return the chosen records of an object in the order of their choice."""
        return [key for key in self.keys if key[0] == name.value]

    def cover(self) -> None:
        """Choose greedily: always the record that adds most features for each record it brings.

        Extremes come after everything else, for each costs nearly a record of its own, and leave
        room for children.
        """
        closures = {key: self.pool.closure(key) for key in self.masks}
        whole = {
            key: _union(self.masks[one] for one in members) for key, members in closures.items()
        }
        order = sorted(closures, key=lambda key: seeded_order(self.pool.seed, key))
        room = self.size - max(1, self.size // CHILDREN_SHARE)
        for wanted, budget in ((~self.extreme, self.size), (self.extreme, room)):
            while (best := self._best(order, closures, whole, wanted, budget)) is not None:
                self._add(best, closures[best], self._reasons(best))

    def _best(
        self,
        order: list[Key],
        closures: dict[Key, list[Key]],
        whole: dict[Key, int],
        wanted: int,
        budget: int,
    ) -> Key | None:
        """Return the record that adds most of the wanted features for its cost, or None."""
        best, most = None, 0.0
        for key in order:
            cost = sum(1 for one in closures[key] if one not in self.keys)
            if not cost or len(self.keys) + cost > budget:
                continue
            score = (whole[key] & wanted & ~self.covered).bit_count() / cost
            if score > most:
                best, most = key, score
        return best

    def add_children(self, keys: list[Key], why: str = "child of a chosen patient") -> None:
        """Fill up to the size with these records and what they need above them."""
        for key in keys:
            members = self.pool.closure(key)
            cost = sum(1 for one in members if one not in self.keys)
            if key not in self.keys and len(self.keys) + cost <= self.size:
                self._add(key, members, [why])

    def _reasons(self, key: Key) -> list[str]:
        """Return what a record is the first to exercise, the rarest first."""
        fresh = self.masks[key] & ~self.covered
        found = [one for n, one in enumerate(self.names) if fresh >> n & 1]
        return [_reason(one) for one in sorted(found, key=lambda one: self.pool.counts[one])]

    def _add(self, key: Key, members: list[Key], reasons: list[str]) -> None:
        self.keys.setdefault(key, []).extend(reasons)
        for one in members[1:]:
            self.keys.setdefault(one, []).append(f"needed by {key[0]} {key[1]}")
        self.covered |= _union(self.masks.get(one, 0) for one in members)


def _union(masks: Iterable[int]) -> int:
    whole = 0
    for mask in masks:
        whole |= mask
    return whole


def _kind(feature: Key) -> FeatureKind:
    return FeatureKind(feature[1].split(SEPARATOR, 1)[0])


def _reading_order(item: tuple[Key, int]) -> tuple[int, int, str]:
    """Return where a feature stands in the coverage: by object, by kind, by field and value."""
    (name, text), _ = item
    objects, kinds = list(ObjectName), list(FeatureKind)
    place = objects.index(ObjectName(name)) if name else len(objects)
    return place, kinds.index(_kind((name, text))), text


def _reason(feature: Key) -> str:
    kind, name, value = feature[1].split(SEPARATOR)
    if kind == FeatureKind.REJECT:
        value = value.replace("_", " ")
    return f"{kind}: {name}" + (f" = {value}" if value else "")


def _key_frame(chosen: _Choice) -> pd.DataFrame:
    rows = []
    for (name, source_id), reasons in chosen.keys.items():
        named = list(dict.fromkeys(reasons))
        more = f"; and {len(named) - NAMED_REASONS} more" if len(named) > NAMED_REASONS else ""
        rows.append((name, source_id, "; ".join(named[:NAMED_REASONS]) + more))
    frame = pd.DataFrame(rows, columns=["object", "source_id", "why"], dtype="str")
    rank = {name.value: place for place, name in enumerate(ObjectName)}
    order = frame.assign(rank=frame["object"].map(rank)).sort_values(["rank", "source_id"])
    return order.drop(columns="rank").reset_index(drop=True)


def _coverage(pool: Pool, chosen: _Choice) -> pd.DataFrame:
    hits = Counter(one for key in chosen.keys for one in pool.labels[key])
    rows = []
    for feature, records in sorted(pool.counts.items(), key=_reading_order):
        kind, name, value = feature[1].split(SEPARATOR)
        if kind == FeatureKind.EMPTY and not records:
            continue
        state = "exercised" if hits[feature] else "not exercised" if records else "no record"
        rows.append((feature[0], kind, name, value, records, hits[feature], state))
    columns = ["object", "kind", "field", "value", "records", "in_sample", "state"]
    return pd.DataFrame(rows, columns=columns)
