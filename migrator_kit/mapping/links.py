"""Links between shaped objects, decided by sets: who has a parent that moves, and who does not.

A record whose parent does not move does not move either, and neither do its own children. All of
it is DuckDB over the staged parts: no row is looked at alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from migrator_kit.engagement import slug
from migrator_kit.mapping.model import Landing, Mapping, MissingParent, ObjectMapping, ObjectName
from migrator_kit.mapping.objects import SLOT_ORDER, literal, quoted
from migrator_kit.mapping.rejects import EXPLANATIONS, RejectAction, RejectReason
from migrator_kit.mapping.targets import slot_target

_DROPPED = ("object", "source_id", "field", "reason")
_NOBODY = "(SELECT '' AS source_id WHERE false)"


@dataclass(frozen=True, slots=True)
class Link:
    """One lookup of an object: its staged columns, and the object that each of them points to."""

    target: str
    candidates: tuple[tuple[str, ObjectName], ...]
    excludes: bool

    @property
    def several(self) -> bool:
        """Whether a column beside the key says which object it is of."""
        return len(self.candidates) > 1


def links_of(mapping: ObjectMapping) -> list[Link]:
    """Return the links of an object, the record that its values go into among them."""
    found = []
    if mapping.landing is Landing.FIELDS and mapping.into is not None:
        found.append(Link("parent_id", (("parent_id", mapping.into),), excludes=True))
    for row in mapping.fields:
        if not row.lookup:
            continue
        names = [row.target] if len(row.columns) == 1 else [
            f"{row.target}#{position}" for position in range(1, len(row.columns) + 1)
        ]  # fmt: skip
        excludes = row.on_missing is MissingParent.EXCLUDE or row.required
        found.append(Link(row.target, tuple(zip(names, row.lookup, strict=True)), excludes))
    return found


class Staging:
    """The staged parts of all objects in a database, with the keys that still move.

    Tables: `staged_<slug>` (views), `moving_<slug>` (keys), `place_<slug>` (slots),
    `carried_<slug>` (values by the record that carries them), `dropped`.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, mapping: Mapping
    ) -> None:
        self.connection = connection
        self.mapping = mapping
        self.present = {one.object for one in mapping.objects}
        columns = ", ".join(f"{name} VARCHAR" for name in _DROPPED)
        connection.execute(f"CREATE TABLE dropped ({columns})")
        for one in mapping.objects:
            name, pattern = slug(one.object), folder / slug(one.object) / "part-*.parquet"
            connection.execute(
                f"CREATE VIEW staged_{name} AS SELECT * FROM read_parquet({literal(pattern)})"
            )
            connection.execute(f"CREATE TABLE moving_{name} AS SELECT source_id FROM staged_{name}")

    def settle(self) -> None:
        """Drop what has no parent that moves, then its children, until nothing changes."""
        waiting = [one.object for one in self.mapping.objects]
        while waiting:
            name = waiting.pop(0)
            if self._drop_orphans(self.mapping.object(name)):
                for child in self.mapping.objects:
                    points = any(name in dict(link.candidates).values() for link in links_of(child))
                    if points and child.object not in waiting:
                        waiting.append(child.object)
        for one in self.mapping.objects:
            if one.landing is Landing.FIELDS:
                self._place(one)

    def _drop_orphans(self, mapping: ObjectMapping) -> bool:
        before = self._count("SELECT count(*) FROM dropped")
        for link in links_of(mapping):
            if not link.excludes:
                continue
            some = " OR ".join(f"s.{quoted(name)} IS NOT NULL" for name, _ in link.candidates)
            none = " AND ".join(
                f"(s.{quoted(name)} IS NULL OR NOT {self._moves(f's.{quoted(name)}', parent)})"
                for name, parent in link.candidates
            )
            self._drop(mapping, f"({some}) AND {none}", link.target, RejectReason.ORPHAN_PARENT)
        return self._count("SELECT count(*) FROM dropped") > before

    def _place(self, mapping: ObjectMapping) -> None:
        """Number the rows of each record; those beyond its slots do not move."""
        name = slug(mapping.object)
        staged = self.connection.execute(f"DESCRIBE staged_{name}").fetchall()
        order = f"s.{SLOT_ORDER}, " if SLOT_ORDER in {row[0] for row in staged} else ""
        self.connection.execute(
            f"CREATE TABLE place_{name} AS SELECT s.source_id, s.parent_id, row_number() OVER "
            f"(PARTITION BY s.parent_id ORDER BY {order}s.source_id) AS slot "
            f"FROM staged_{name} s SEMI JOIN moving_{name} USING (source_id)"
        )
        beyond = f"SELECT source_id FROM place_{name} WHERE slot > {mapping.slots}"
        self._drop(mapping, f"s.source_id IN ({beyond})", "slot", RejectReason.TOO_MANY_SLOTS)

    def _drop(
        self, mapping: ObjectMapping, condition: str, field: str, reason: RejectReason
    ) -> None:
        name = slug(mapping.object)
        self.connection.execute(
            f"INSERT INTO dropped SELECT {literal(mapping.object)}, s.source_id, {literal(field)}, "
            f"{literal(reason)} FROM staged_{name} s SEMI JOIN moving_{name} USING (source_id) "
            f"WHERE {condition}"
        )
        self.connection.execute(
            f"DELETE FROM moving_{name} WHERE source_id IN "
            f"(SELECT source_id FROM dropped WHERE object = {literal(mapping.object)})"
        )

    def _moves(self, key: str, parent: ObjectName) -> str:
        if parent not in self.present:
            return "false"
        return f"EXISTS (SELECT 1 FROM moving_{slug(parent)} m WHERE m.source_id = {key})"

    def final_sql(self, mapping: ObjectMapping, part: Path) -> str:
        """Return the SELECT of a finished part: rows that move, links that hold, carried fields."""
        columns, joins = ["s.source_id"], ""
        name = slug(mapping.object)
        if mapping.landing is Landing.FIELDS:
            columns += ["s.parent_id", "CAST(place.slot AS BIGINT) AS slot"]
            joins += f" JOIN place_{name} place ON place.source_id = s.source_id"
        links = {link.target: link for link in links_of(mapping)}
        for number, link in enumerate(links.values()):
            joins += self._parent_joins(link, number)
        for row in mapping.fields:
            if row.target not in links:
                columns.append(f"s.{quoted(row.target)}")
                continue
            columns += _link_columns(links[row.target], list(links).index(row.target))
        if mapping.landing is Landing.REFERENCE:
            columns = ["s.*"]
        for number, carried in enumerate(self._carried(mapping)):
            columns += [f"c{number}.{quoted(column)}" for column in self.carried_columns(carried)]
            values = f"carried_{slug(carried.object)} c{number}"
            joins += f" LEFT JOIN {values} ON c{number}.parent_id = s.source_id"
        return (
            f"SELECT {', '.join(columns)} FROM read_parquet({literal(part)}) s "
            f"SEMI JOIN moving_{name} USING (source_id){joins} ORDER BY s.source_id"
        )

    def _parent_joins(self, link: Link, number: int) -> str:
        joins = ""
        for position, (column, parent) in enumerate(link.candidates):
            alias = f"p{number}_{position}"
            table = f"moving_{slug(parent)}" if parent in self.present else _NOBODY
            joins += f" LEFT JOIN {table} {alias} ON {alias}.source_id = s.{quoted(column)}"
        return joins

    def carry(self, mapping: ObjectMapping) -> None:
        """Make the table of an object's values by the record that carries them."""
        name = slug(mapping.object)
        columns = "".join(
            f", any_value(s.{quoted(row.target)}) FILTER (place.slot = {slot}) AS "
            f"{quoted(slot_target(row.target, slot))}"
            for slot in range(1, mapping.slots + 1)
            for row in mapping.fields
        )
        self.connection.execute(
            f"CREATE TABLE carried_{name} AS SELECT s.parent_id{columns} FROM staged_{name} s "
            f"JOIN place_{name} place USING (source_id) SEMI JOIN moving_{name} USING (source_id) "
            "GROUP BY s.parent_id"
        )

    def carried_columns(self, mapping: ObjectMapping) -> list[str]:
        """Return the numbered targets of an object that lands in fields, but for those that the
        record has of its own."""
        if mapping.into is None:
            return []
        own = {row.target for row in self.mapping.object(mapping.into).fields}
        numbered = [
            slot_target(row.target, slot)
            for slot in range(1, mapping.slots + 1)
            for row in mapping.fields
        ]
        return [target for target in numbered if target not in own]

    def _carried(self, mapping: ObjectMapping) -> Iterator[ObjectMapping]:
        for one in self.mapping.objects:
            if one.landing is Landing.FIELDS and one.into is mapping.object:
                yield one

    def rejects_sql(self, rejects: Path) -> str:
        """Return the SELECT of all rejects: those of the parts, of the links, of the slots."""
        stayed = " UNION ALL ".join(
            f"SELECT {literal(one.object)} AS object, source_id FROM moving_{slug(one.object)}"
            for one in self.mapping.objects
        )
        lost = [
            self._lost_links(one, link, number)
            for one in self.mapping.objects
            for number, link in enumerate(links_of(one))
        ]
        found = [
            f"SELECT * FROM read_parquet({literal(rejects)}) WHERE action = 'excluded'",
            f"SELECT r.* FROM read_parquet({literal(rejects)}) r SEMI JOIN ({stayed}) m "
            "ON m.object = r.object AND m.source_id = r.source_id WHERE r.action <> 'excluded'",
            f"SELECT object, source_id, field, reason, {literal(RejectAction.EXCLUDED)}, "
            f"{_words('expected')}, {_words('remedy')} FROM dropped",
        ]
        whole = " UNION ALL ".join([*found, *lost])
        return f"SELECT * FROM ({whole}) ORDER BY object, source_id, field"

    def _lost_links(self, mapping: ObjectMapping, link: Link, number: int) -> str:
        """Return the rejects of rows that move without the parent they named first."""
        name = slug(mapping.object)
        lost, held_before = [], "false"
        for position, (column, _) in enumerate(link.candidates):
            key = f"p{number}_{position}.source_id"
            named = f"s.{quoted(column)} IS NOT NULL"
            lost.append(f"({named} AND {key} IS NULL AND NOT ({held_before}))")
            held_before += f" OR {key} IS NOT NULL"
        action = f"CASE WHEN {held_before} THEN 'adjusted' ELSE 'emptied' END"
        reason = RejectReason.ORPHAN_PARENT
        expected, remedy = EXPLANATIONS[reason]
        return (
            f"SELECT {literal(mapping.object)}, s.source_id, {literal(link.target)}, "
            f"{literal(reason)}, {action}, {literal(expected)}, {literal(remedy)} "
            f"FROM staged_{name} s SEMI JOIN moving_{name} USING (source_id)"
            f"{self._parent_joins(link, number)} WHERE {' OR '.join(lost)}"
        )

    def _count(self, query: str) -> int:
        ((number,),) = self.connection.execute(query).fetchall()
        return int(number)


def _link_columns(link: Link, number: int) -> list[str]:
    """Return the SQL of a resolved link: the key of the first parent that moves, and its object."""
    keys, names = "", ""
    for position, (_, parent) in enumerate(link.candidates):
        key = f"p{number}_{position}.source_id"
        keys += f" WHEN {key} IS NOT NULL THEN {key}"
        names += f" WHEN {key} IS NOT NULL THEN {literal(parent)}"
    columns = [f"CASE{keys} END AS {quoted(link.target)}"]
    if link.several:
        columns.append(f"CASE{names} END AS {quoted(link.target + '_object')}")
    return columns


def _words(which: str) -> str:
    arms = "".join(
        f" WHEN {literal(reason)} THEN {literal(getattr(EXPLANATIONS[reason], which))}"
        for reason in (RejectReason.ORPHAN_PARENT, RejectReason.TOO_MANY_SLOTS)
    )
    return f"CASE reason{arms} END"
