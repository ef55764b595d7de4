"""What earlier engagements confirmed, as evidence for a new one. Off unless it is asked for.

Names alone are taken over: tables, columns, objects, fields. Reasons, notes, constants and value
maps of another practice stay where they are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError, MigratorError
from migrator_kit.mapping.decisions import changed_since, pending
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.source.naming import words

_SAME_TABLE = 0.95
_OTHER_TABLE = 0.7

Place = tuple[ObjectName, str]
"""An object and one of its fields."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A field that people gave a column: how sure that makes the proposal, and who tells it."""

    field: str
    confidence: float
    reason: str


@dataclass(frozen=True)
class Earlier:
    """Confirmed rows of earlier engagements, found again by the names of columns."""

    by_table: dict[tuple[str, str], list[tuple[Place, str]]] = field(default_factory=dict)
    """By table and column: where it went, and in which engagement."""
    by_column: dict[str, list[tuple[Place, str]]] = field(default_factory=dict)
    tables: dict[str, set[ObjectName]] = field(default_factory=dict)
    """The objects that the keys of a table were confirmed for."""

    def holds(self, table: str, name: ObjectName) -> bool:
        """Whether a table of this name held an object before."""
        return name in self.tables.get(_folded(table), ())

    def confirmed(self, table: str, column: str, name: ObjectName) -> Confirmed | None:
        """Return what was confirmed for a column of these names, or None.

        Where engagements differ, the field that most of them chose counts, by its share.
        """
        same = self.by_table.get((_folded(table), _folded(column)), [])
        found = [one for one in same if one[0][0] is name]
        best = _SAME_TABLE
        if not found:
            found = [one for one in self.by_column.get(_folded(column), ()) if one[0][0] is name]
            best = _OTHER_TABLE
        if not found:
            return None
        chosen, times = Counter(place[1] for place, _ in found).most_common(1)[0]
        told = sorted({where for place, where in found if place[1] == chosen})
        where = "of the same table and name" if best == _SAME_TABLE else "of the same name"
        return Confirmed(
            chosen,
            best * times / len(found),
            f"a column {where} was confirmed for it in {' and '.join(repr(one) for one in told)}",
        )


NOTHING = Earlier()


def earlier_mappings(engagement: Engagement, folders: Iterable[Path] = ()) -> Earlier:
    """Return what the engagements in `folders` and those that engagement.yml names confirmed.

    Paths of engagement.yml count from the engagement's folder. Raises ConfigError for a folder
    that holds no engagement with a mapping.
    """
    own = [engagement.folder / path for path in engagement.settings.mapping.learn_from]
    read = [_read(path) for path in dict.fromkeys(p.resolve() for p in (*own, *folders))]
    return remember(read)


def remember(mappings: Sequence[tuple[str, Mapping]]) -> Earlier:
    """Return the confirmed rows of named mappings as evidence."""
    by_table: dict[tuple[str, str], list[tuple[Place, str]]] = defaultdict(list)
    by_column: dict[str, list[tuple[Place, str]]] = defaultdict(list)
    tables: dict[str, set[ObjectName]] = defaultdict(set)
    for where, mapping in mappings:
        undecided = {*pending(mapping), *changed_since(mapping)}
        for item in mapping.objects:
            for row in item.fields:
                if f"{item.object}.{row.target}" in undecided:
                    continue
                for source in row.sources:
                    table, _, column = source.partition(".")
                    place = ((item.object, row.target), where)
                    by_table[_folded(table), _folded(column)].append(place)
                    by_column[_folded(column)].append(place)
                    if row.target == item.key:
                        tables[_folded(table)].add(item.object)
    return Earlier(dict(by_table), dict(by_column), dict(tables))


def _read(folder: Path) -> tuple[str, Mapping]:
    try:
        return folder.name, load_mapping(Engagement.open(folder))
    except MigratorError as error:
        raise ConfigError(
            f"Nothing can be learned from {folder}: {error.message}",
            hint="Name folders of engagements with a confirmed mapping (mapping.learn_from in "
            "engagement.yml, or --learn-from).",
        ) from None


def _folded(name: str) -> str:
    """Return a name without regard to case and marks between its words."""
    return " ".join(words(name))
