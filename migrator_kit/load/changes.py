"""The three-way comparison of an update: what we wrote, what the source says, what Zoho CRM says.

Only what changed in the source is sent. A field that somebody changed in Zoho CRM as well goes by
the mapping's policy; one that only Zoho CRM changed is left alone. Pure: nothing here reads or
writes anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator_kit.load.payload import SE_MODULE, Column, Row
from migrator_kit.load.sameness import same, writable
from migrator_kit.load.vault import Written
from migrator_kit.mapping.model import OnConflict
from migrator_kit.zoho.values import from_zoho_datetime

MODIFIED, MODIFIED_BY = "Modified_Time", "Modified_By"
_POLYMORPHIC = ("What_Id", "Who_Id")


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as Zoho CRM holds it now: fields by API name, who changed it last, and when."""

    fields: Row = field(repr=False)
    modified_time: str | None = None
    author_id: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Standing:
        """Return a record that was read with its times."""
        by = row.get(MODIFIED_BY) or {}
        return cls(dict(row), row.get(MODIFIED), str(by["id"]) if by.get("id") else None)

    def edited(self, written_at: object, api_user: str) -> bool:
        """Tell whether somebody changed the record since we wrote it; True where unknown."""
        if self.author_id is not None and self.author_id != api_user:
            return True
        return later(self.modified_time, written_at)


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that changed on both sides. `policy` says what becomes of it."""

    field: str
    policy: OnConflict


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a three-way comparison.

    `send` are the fields to send, `written` what is to be remembered as the state of the source,
    `before` what stands in the fields of `send` now, `conflicts` the fields changed on both sides.
    """

    send: Row = field(repr=False)
    written: Written = field(repr=False)
    before: Row = field(repr=False)
    conflicts: tuple[FieldConflict, ...] = ()

    @property
    def open_conflicts(self) -> tuple[str, ...]:
        """Fields that wait for a person."""
        return tuple(one.field for one in self.conflicts if one.policy is OnConflict.ASK)


def merge(
    source: Row, written: Written | None, standing: Standing, columns: Sequence[Column], *,
    edited: bool,
) -> Merged:  # fmt: skip
    """Compare a record three ways and return what is to be done with its fields.

    `source` is the payload; `written` None stands for a record that we never wrote: empty source
    values then erase nothing, and filled ones win unless the policy says otherwise.
    """
    remembered = dict(source)
    send: Row = {}
    theirs: set[str] = set()
    conflicts: list[FieldConflict] = []
    for column in columns:
        name = column.api_name
        fresh, now = source.get(name), standing.fields.get(name)
        if written is None:
            if _first_contact(column, fresh, now):
                send[name] = fresh
            elif not column.same(fresh, now):
                theirs.add(name)
            continue
        base = written.fields.get(name)
        touched = not column.hidden and (edited or name in written.theirs)
        foreign = touched and not column.same(now, base) and not column.same(now, fresh)
        if foreign:
            theirs.add(name)
        if column.same(fresh, base) or (not column.hidden and column.same(fresh, now)):
            continue
        if foreign:
            conflicts.append(FieldConflict(column.logical, column.on_conflict))
        if not foreign or column.on_conflict is OnConflict.SOURCE:
            send[name] = fresh
            theirs.discard(name)
        elif column.on_conflict is OnConflict.ASK:
            _put(remembered, name, base)
    _with_companions(send, source)
    before = {
        column.api_name: writable(standing.fields.get(column.api_name))
        for column in columns
        if column.api_name in send and not column.hidden
    }
    return Merged(send, Written(remembered, frozenset(theirs)), before, tuple(conflicts))


def later(modified: str | None, written: object) -> bool:
    """Tell whether a record changed after we wrote it; not knowing when means that it did."""
    if modified is None or not isinstance(written, str):
        return True
    return from_zoho_datetime(modified) > from_zoho_datetime(written)


def _first_contact(column: Column, fresh: Any, now: Any) -> bool:
    """Tell whether a value goes into a record that stood before we came."""
    if fresh is None or (not column.hidden and column.same(fresh, now)):
        return False
    return same(now, None) or column.on_conflict is not OnConflict.TARGET


def _put(row: Row, name: str, value: Any) -> None:
    if value is None:
        row.pop(name, None)
    else:
        row[name] = value


def _with_companions(send: Row, source: Row) -> None:
    """Add what Zoho CRM wants to see beside a changed field: the module of a polymorphic link."""
    if SE_MODULE in source and any(send.get(name) for name in _POLYMORPHIC):
        send[SE_MODULE] = source[SE_MODULE]
