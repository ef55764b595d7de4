"""Turns planned updates into what is really to be sent, after a look at the records in the org.

Plan, delta and loader share it, so that what is shown before is what happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from migrator_kit.load.batches import Intended
from migrator_kit.load.changes import (
    MODIFIED,
    MODIFIED_BY,
    FieldConflict,
    Merged,
    Standing,
    merge,
)
from migrator_kit.load.job import LoadJob
from migrator_kit.load.payload import SE_MODULE, Column, Row, digest
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.vault import Before, Written
from migrator_kit.zoho import limits
from migrator_kit.zoho.values import coql_in


@dataclass(frozen=True, slots=True)
class Revised:
    """One update after the three-way comparison. `standing` None: the record is gone."""

    intended: Intended
    merged: Merged | None
    standing: Standing | None
    source: Row = field(repr=False)
    link_digest: str | None = None
    modified_time: str | None = None
    """When we wrote the record last, as far as the ledger knows."""

    @property
    def conflicts(self) -> tuple[FieldConflict, ...]:
        """Fields that changed on both sides."""
        return self.merged.conflicts if self.merged else ()

    @property
    def payload(self) -> Row:
        """The fields to send, with the record's id; empty where nothing is to be sent."""
        if self.merged is None or not self.merged.send:
            return {}
        return {**self.merged.send, "id": self.intended.zoho_id}

    @property
    def news(self) -> bool:
        """Whether the state of the source that we remember moves, even where nothing is sent."""
        return self.intended.digest != self.intended.before_digest

    @property
    def seen_at(self) -> str | None:
        """From when on a change in the org counts as made since."""
        return self.modified_time or (self.standing.modified_time if self.standing else None)

    @property
    def held(self) -> str | None:
        """The fields that wait for a person, as one text."""
        names = self.merged.open_conflicts if self.merged else ()
        return ", ".join(names) or None


@dataclass(frozen=True, slots=True)
class Reviser:
    """Revises the updates of one object. `known` are modified time and link digest by source id.

    `link` tells that the second pass is revised: its state has a digest of its own.
    """

    job: LoadJob
    object: str
    module: str
    columns: tuple[Column, ...]
    known: dict[str, tuple[str | None, str | None, str | None]]
    link: bool = False
    in_doubt: frozenset[str] = frozenset()
    """Records that an interrupted run of ours may have written last."""

    @classmethod
    def of(
        cls, job: LoadJob, name: str, module: str, columns: Sequence[Column], *, link: bool = False
    ) -> Reviser:
        """Read what the ledger knows of an object's records."""
        names = ("source_id", "modified_time", "payload_digest", "link_digest", "at")
        rows = list(plain_rows(job.ledger.crosswalk(name), names))
        known = {source_id: (at, made, linked) for source_id, at, made, linked, _ in rows}
        asked = job.ledger.read_back(name)
        in_doubt = {
            source_id
            for source_id, *_, settled in rows
            if source_id in asked and datetime.fromisoformat(settled) < asked[source_id]
        }
        return cls(job, name, module, tuple(columns), known, link, frozenset(in_doubt))

    def revise(self, planned: Sequence[tuple[Intended, Row]]) -> list[Revised]:
        """Return the updates as they are to be sent, in the same order. Reads the org."""
        if not planned:
            return []
        standing = self._standing([row.zoho_id for row, _ in planned if row.zoho_id])
        index = 2 if self.link else 1
        digests = {
            row.source_id: self.known.get(row.source_id, (None, None, None))[index]
            for row, _ in planned
        }
        written = self.job.vault.written(self.object, digests)
        return [
            self._revised(row, payload, written.get(row.source_id), standing)
            for row, payload in planned
        ]

    def keep(self, revised: Sequence[Revised], run_id: str) -> None:
        """Keep what stands now and what is about to be written. Raises LedgerError."""
        before: list[Before] = []
        images: list[tuple[str, str, Written]] = []
        for one in revised:
            if one.merged is None:
                continue
            source_id = one.intended.source_id
            images.append((source_id, one.intended.digest, one.merged.written))
            if one.merged.send:
                _, made, linked = self.known.get(source_id, (None, None, None))
                stood = self._with_module(one.intended.zoho_id or "", one.merged.before)
                before.append(Before(source_id, run_id, stood, made, linked))
        vault = self.job.vault
        vault.keep_written(self.object, images)
        if before:
            vault.keep_before(self.object, run_id, before)

    def _with_module(self, zoho_id: str, before: Row) -> Row:
        """Return what stands with the module of a polymorphic link: the id alone is not enough."""
        if not before.get("What_Id"):
            return before
        found = self.job.target.client.records.get(self.module, zoho_id) or {}
        named = found.get(SE_MODULE)
        return {**before, SE_MODULE: named} if named else before

    def _revised(
        self, row: Intended, source: Row, written: Written | None, standing: dict[str, Standing]
    ) -> Revised:
        at, _, linked = self.known.get(row.source_id, (None, None, None))
        now = standing.get(row.zoho_id or "")
        if now is None:
            return Revised(row, None, None, source, linked, at)
        api_user = self.job.target.api_user.id
        edited = now.edited(at, api_user)
        if row.source_id in self.in_doubt and now.author_id == api_user:
            # The interrupted write landed: it is ours, and nobody's edit.
            at = now.modified_time
        merged = merge(source, written, now, self.columns, edited=edited)
        made = row.digest
        if merged.open_conflicts:
            made = digest(dict(merged.written.fields), self.job.key)
        return Revised(replace(row, digest=made), merged, now, source, linked, at)

    def _standing(self, zoho_ids: list[str]) -> dict[str, Standing]:
        if self.module == "Notes":
            notes = ((one, self.job.target.client.notes.get(one)) for one in zoho_ids)
            return {one: Standing.of(note) for one, note in notes if note is not None}
        select = [column.api_name for column in self.columns if not column.hidden]
        records = self.job.target.client.records
        found: dict[str, Standing] = {}
        for part in parts(zoho_ids):
            asked = [*select, MODIFIED, MODIFIED_BY]
            where, size = coql_in("id", part), limits.LIST_PAGE
            for row in records.coql(asked, self.module, where, page_size=size):
                found[str(row["id"])] = Standing.of(row)
        return found


def parts(zoho_ids: Sequence[str]) -> Iterator[list[str]]:
    """Yield ids in lists that one query takes."""
    for start in range(0, len(zoho_ids), limits.COQL_IN_VALUES):
        yield list(zoho_ids[start : start + limits.COQL_IN_VALUES])
