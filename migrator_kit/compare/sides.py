"""The two sides of a comparison as DuckDB views: `expected` (shaped) and `actual` (landed).

What never moved is taken out of the expected side, owners become persons, merged parents become
the record that took them in; on the landed side each source key stands once, with its copies
listed in `duplicates`. Objects that landed in fields of another object's records (insurance on the
patient) are read out of those records again.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from functools import cached_property

import duckdb
import pandas as pd
import pyarrow as pa

from migrator_kit.compare.datasets import Landed, Parts, columns_of, files_sql, literal, quoted
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName
from migrator_kit.mapping.targets import slot_target

FILE_COLUMNS: dict[str, pa.DataType] = {"sha256": pa.string(), "size": pa.int64()}


@dataclass(frozen=True, slots=True)
class People:
    """Who owns what: the Zoho user's e-mail for each owner key, and for everybody else."""

    by_key: MappingType[str, str]
    default: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What is compared, and by which identities.

    `keys`, `not_moved`, `apart` and `merged` have the columns `object` and `source_id`; `merged`
    has `into` besides, the source key of the record that took the merged one in. Records `apart`
    stand in Zoho in an older state, as is known and listed: they are looked at on neither side.
    `edits` has `field` besides: values that people changed in Zoho since; they count as written.
    `files` has `source_id`, `sha256` and `size` of the practice's own files. Without `people`
    owners are not compared, without `files` the content of attachments is not.
    """

    keys: pd.DataFrame | None = None
    not_moved: pd.DataFrame | None = None
    merged: pd.DataFrame | None = None
    apart: pd.DataFrame | None = None
    edits: pd.DataFrame | None = None
    people: People | None = None
    files: pd.DataFrame | None = None

    def of(self, frame: pd.DataFrame | None, name: ObjectName) -> pd.DataFrame | None:
        """Return the rows of one of the key frames that belong to an object, or None."""
        if frame is None:
            return None
        return frame.loc[frame["object"] == name.value].drop(columns="object")


def expected_columns(shaped: Parts, item: ObjectMapping, scope: Scope) -> dict[str, pa.DataType]:
    """Return the columns of an object's expected side with their Arrow types."""
    columns = columns_of(shaped.parts(item.object))
    if item.landing is Landing.FILES and scope.files is not None:
        columns |= FILE_COLUMNS
    return columns


@dataclass(frozen=True)
class Sides:
    """The views `expected`, `actual` and `duplicates` of one object on an open database."""

    connection: duckdb.DuckDBPyConnection
    shaped: Parts
    landed: Landed
    mapping: Mapping
    item: ObjectMapping
    scope: Scope

    @cached_property
    def columns(self) -> dict[str, pa.DataType]:
        """The columns of the expected side."""
        return expected_columns(self.shaped, self.item, self.scope)

    @property
    def own_records(self) -> bool:
        """Whether the object has records of its own, and not only fields of another's."""
        return self.item.landing is not Landing.FIELDS

    @cached_property
    def left_out(self) -> pd.Series:
        """Source ids that are looked at on neither side: not moved, merged, or in an older state.

        The landed side may still have the first two, as records that nobody expects.
        """
        scope, name = self.scope, self.item.object
        frames = [scope.of(one, name) for one in (scope.not_moved, scope.merged, scope.apart)]
        found = [frame["source_id"] for frame in frames if frame is not None and len(frame)]
        return pd.concat(found) if found else pd.Series(dtype="str", name="source_id")

    def rows(self, view: str) -> int:
        """Return how many rows a view has."""
        ((number,),) = self.connection.execute(f"select count(*) from {view}").fetchall()
        return int(number)

    def prepare(self) -> None:
        """Make the three views."""
        self._expected()
        holder = self.item.into if self.item.landing is Landing.FIELDS else self.item.object
        self._landed(holder or self.item.object)
        found = "select * from held" if self.own_records else self._slots_sql()
        self.connection.execute(f"create temp view found as {found}")
        self.connection.execute(f"create temp view actual as {self._as_written()}")

    def _as_written(self) -> str:
        """Return the SELECT of what Zoho holds, with what was written where a person edited it."""
        edits = self.scope.of(self.scope.edits, self.item.object)
        if edits is None or edits.empty:
            return "select * from found"
        listed = edits.groupby("source_id")["field"].agg(list)
        self._register("edited", listed.reset_index())
        there = {row[0] for row in self.connection.execute("describe found").fetchall()}
        swaps = [
            f"case when list_contains(edited.field, {literal(field)}) then s.{quoted(name)} "
            f"else t.{quoted(name)} end as {quoted(name)}"
            for field in edits["field"].unique()
            for name in (field, f"{field}_object")
            if name in there and name in self.columns
        ]
        replaced = f"replace ({', '.join(swaps)}) " if swaps else ""
        return (
            f"select t.* {replaced}from found t "
            "left join edited using (source_id) left join expected s using (source_id)"
        )

    def _expected(self) -> None:
        """Make the view `expected`: what should be in Zoho, with persons and merged parents."""
        parts = self.shaped.parts(self.item.object)
        self.connection.execute(f"create temp view shaped as select * from {files_sql(parts)}")
        joins, replaced, added = self._people(), dict[str, str](), ""
        if joins:
            default = literal(self.scope.people.default if self.scope.people else "")
            replaced["Owner"] = f"coalesce(people.person, {default})"
        for number, target in enumerate(self._links()):
            joins += self._merged_parents(target, number, replaced)
        if "sha256" in self.columns:
            self._register("own_files", self.scope.files)
            joins += " left join own_files on own_files.source_id = s.source_id"
            added = ", own_files.sha256 as sha256, cast(own_files.size as bigint) as size"
        swaps = ", ".join(f"{sql} as {quoted(name)}" for name, sql in replaced.items())
        star = f"s.* replace ({swaps})" if swaps else "s.*"
        where = self._conditions()
        self.connection.execute(
            f"create temp view expected as select {star}{added} from shaped s{joins}{where}"
        )

    def _people(self) -> str:
        if self.scope.people is None or "Owner" not in self.columns:
            return ""
        by_key = self.scope.people.by_key
        frame = pd.DataFrame({"owner_key": list(by_key), "person": list(by_key.values())})
        self._register("people", frame.astype("str"))
        return ' left join people on people.owner_key = s."Owner"'

    def _links(self) -> list[str]:
        """Return the link columns whose parents may have been merged."""
        if self.scope.merged is None or self.scope.merged.empty:
            return []
        self._register("merged", self.scope.merged)
        rows = {row.target for row in self.item.fields if row.lookup} | {"Parent_Id"}
        return [name for name in self.columns if name in rows]

    def _merged_parents(self, target: str, number: int, replaced: dict[str, str]) -> str:
        row = self.item.field(target)
        which = f"s.{quoted(target + '_object')}"
        if f"{target}_object" not in self.columns:
            which = literal(row.lookup[0] if row and row.lookup else "")
        name = f"merged_{number}"
        replaced[target] = f"coalesce({name}.into, s.{quoted(target)})"
        return (
            f" left join merged {name} on {name}.source_id = s.{quoted(target)} "
            f"and {name}.object = {which}"
        )

    def _conditions(self) -> str:
        """Return the WHERE clause that leaves in the expected side what should have moved."""
        conditions = []
        if self.scope.keys is not None:
            owner = self.item.into if not self.own_records else self.item.object
            key = "source_id" if self.own_records else "parent_id"
            self._register("wanted", self.scope.of(self.scope.keys, owner or self.item.object))
            conditions.append(f"s.{key} in (select source_id from wanted)")
        if len(self.left_out):
            self._register("gone", self.left_out.to_frame())
            conditions.append("s.source_id not in (select source_id from gone)")
        if not self.own_records and self.item.into is not None:
            holders = self.scope.of(self.scope.not_moved, self.item.into)
            if holders is not None and len(holders):
                self._register("without_holder", holders)
                conditions.append("s.parent_id not in (select source_id from without_holder)")
        return f" where {' and '.join(conditions)}" if conditions else ""

    def _landed(self, holder: ObjectName) -> None:
        """Make `held` (each source key once) and `duplicates` (keys that are there again)."""
        parts = self.landed.parts(holder)
        like_expected = f"(select *, {_IDENTITY} from expected where false)"
        nothing = like_expected if self.own_records else f"({_NOTHING})"
        source = files_sql(parts) if parts else nothing
        self._register("apart", self.scope.of(self.scope.apart, holder))
        only = " where (source_id is null or source_id not in (select source_id from apart))"
        if self.scope.keys is not None and self.own_records:
            only += " and source_id in (select source_id from wanted)"
        self.connection.execute(f"create temp view landed as select * from {source}{only}")
        self.connection.execute(
            "create temp table duplicates as select source_id, count(*) as copies from landed "
            "group by source_id having count(*) > 1"
        )
        copied = "source_id in (select source_id from duplicates)"
        self.connection.execute(
            f"create temp view held as select * from landed where not {copied} union all by name "
            f"select * from landed where {copied} qualify row_number() over "
            "(partition by source_id order by known desc, zoho_id) = 1"
        )

    def _slots_sql(self) -> str:
        """Return the SELECT that reads an object out of the numbered fields of its holder."""
        there = columns_of(self.landed.parts(self.item.into or self.item.object))
        targets = [name for name in self.columns if name not in ("source_id", "parent_id", "slot")]
        selects = []
        for slot in range(1, self.item.slots + 1):
            listed = ", ".join(
                f"t.{quoted(slot_target(name, slot))} as {quoted(name)}"
                if slot_target(name, slot) in there
                else f"(case when false then s.{quoted(name)} end) as {quoted(name)}"
                for name in targets
            )
            which = f" where s.slot = {slot}" if "slot" in self.columns else ""
            selects.append(
                f"select s.source_id{', ' if listed else ''}{listed} from shaped s "
                f"join held t on t.source_id = s.parent_id{which}"
            )
        return " union all by name ".join(selects)

    def _register(self, name: str, frame: pd.DataFrame | None) -> None:
        if frame is None:
            frame = pd.DataFrame({"source_id": pd.Series(dtype="str")})
        self.connection.execute(f"drop table if exists {name}")
        self.connection.register(f"{name}_frame", frame)
        self.connection.execute(f"create temp table {name} as select * from {name}_frame")
        self.connection.unregister(f"{name}_frame")


_IDENTITY = "null::varchar as zoho_id, true as known, true as named"
_NOTHING = f"select null::varchar as source_id, {_IDENTITY} where false"
