"""What happened in Zoho CRM after the load: edits of our records, and what hangs on them now.

Reads only. An edit shows in the record's time of change or in who changed it last; which fields it
was tells the comparison with what we wrote. What hangs on a record are notes, attachments, and
records that point at it through any lookup of the modules that the migration touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pandas as pd

from migrator_kit.load.changes import MODIFIED, MODIFIED_BY, Standing, later
from migrator_kit.load.job import IN_FLIGHT, LoadJob
from migrator_kit.load.payload import Column
from migrator_kit.load.revise import parts
from migrator_kit.load.states import Reason
from migrator_kit.load.vault import Written
from migrator_kit.zoho import limits
from migrator_kit.zoho.values import coql_in, from_zoho_datetime

_LATEST = timedelta(hours=1)
"""How long after we looked for it in vain the org may still carry out a call of ours, or a job."""

_ANY_MODULE = "se_module"
"""What the metadata names as the module of `What_Id` (fact sheet 2.8)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a record stays as it is: what changed or hangs on it, who did it, and when."""

    reason: Reason
    changed: str = ""
    by: str = ""
    at: str = ""


@dataclass(slots=True)
class LaterWork:
    """Decides, module by module from the leaves up, what may be deleted.

    `force` are records that go all the same, as `source id` or `Object/source id`.
    """

    job: LoadJob
    force: Collection[str] = ()
    _gone: set[str] = field(default_factory=set)
    _released: set[str] = field(default_factory=set)
    _kinds: dict[str, str] = field(default_factory=dict)
    _authors: dict[str, str | None] = field(default_factory=dict)
    """Who wrote last what hangs on a record, by its id."""
    _notes: dict[tuple[str, str], dict[str, Standing]] = field(default_factory=dict, repr=False)

    def forced(self, name: str, source_id: str) -> bool:
        """Tell whether a person named this record."""
        return source_id in self.force or f"{name}/{source_id}" in self.force

    def release(self, zoho_ids: Collection[str]) -> None:
        """Note records that get their old values back, and so let go of what they point at."""
        self._released.update(zoho_ids)

    def holds(
        self, name: str, module: str, rows: pd.DataFrame, columns: Collection[Column]
    ) -> dict[str, Hold]:
        """Return why some of these records have to stay, by source id.

        `rows` has source_id, zoho_id, modified_time, payload_digest, link_digest, parent_module
        and parent_id. What is not held counts as gone for everything asked later.
        """
        ids = dict(zip(rows["zoho_id"], rows["source_id"], strict=True))
        edited = self.edits(name, module, rows, columns)
        held = {
            ids[zoho_id]: self._edit(standing)
            for zoho_id, standing in edited.items()
            if not self.forced(name, ids[zoho_id])
        }
        self._gone |= {zoho_id for zoho_id, source_id in ids.items() if source_id not in held}
        if module not in limits.NO_COQL:
            self._hold_parents(name, module, ids, held)
        return held

    def named(self, name: str, module: str, rows: pd.DataFrame, held: dict[str, Hold],
              columns: Collection[Column]) -> dict[str, Hold]:  # fmt: skip
        """Return the holds with the fields that were changed, where they are fields we wrote."""
        edited = [key for key, hold in held.items() if hold.reason is Reason.EDITED_SINCE]
        mine = rows[rows["source_id"].isin(edited)]
        named = dict(held)
        for source_id, differing in self._differing(name, module, mine, columns).items():
            hold = held[source_id]
            changed = ", ".join(differing) or "fields that the migration does not fill"
            named[source_id] = Hold(hold.reason, changed, hold.by, hold.at)
        return named

    def _differing(
        self, name: str, module: str, rows: pd.DataFrame, columns: Collection[Column]
    ) -> dict[str, list[str]]:
        """Return which fields of some records hold other than we wrote, by source id."""
        standing = self.standing(module, rows["zoho_id"].tolist(), columns)
        images = written_fields(self.job, name, rows)
        found = {}
        for source_id, zoho_id in zip(rows["source_id"], rows["zoho_id"], strict=True):
            fields, now = images.get(source_id, {}), standing.get(zoho_id)
            found[source_id] = [
                one.logical for one in columns
                if now and not one.hidden
                and not one.same(now.fields.get(one.api_name), fields.get(one.api_name))
            ]  # fmt: skip
        return found

    def standing(
        self, module: str, zoho_ids: list[str], columns: Collection[Column]
    ) -> dict[str, Standing]:
        """Return some records as they are now, by Zoho id."""
        if module == "Notes":
            notes = ((one, self.job.target.client.notes.get(one)) for one in zoho_ids)
            return {one: Standing.of(note) for one, note in notes if note is not None}
        names = [one.api_name for one in columns if not one.hidden]
        select = [*dict.fromkeys([*names, MODIFIED, MODIFIED_BY])]
        records = self.job.target.client.records
        return {
            str(row["id"]): Standing.of(row)
            for part in parts(zoho_ids)
            for row in records.coql(select, module, coql_in("id", part), page_size=limits.LIST_PAGE)
        }

    def author(self, standing: Standing) -> str:
        """Return who changed a record last, as the org knows them."""
        return self._person(standing.author_id)

    def _edit(self, standing: Standing) -> Hold:
        by, at = self.author(standing), standing.modified_time or ""
        return Hold(Reason.EDITED_SINCE, by=by, at=at)

    def _hold_parents(
        self, name: str, module: str, ids: dict[str, str], held: dict[str, Hold]
    ) -> None:
        """Hold what something that stays hangs on; and then what hangs on that, and so on."""
        hanging = self.hanging(module, [one for one, key in ids.items() if key not in held])
        found = True
        while found:
            found = False
            for zoho_id, children in hanging.items():
                source_id = ids[zoho_id]
                stays = source_id in held or self.forced(name, source_id)
                left = children - self._gone - self._released
                if not stays and left:
                    held[source_id] = Hold(Reason.LINKED_SINCE, self.told(left), self._people(left))
                    self._gone.discard(zoho_id)
                    found = True

    def told(self, children: Collection[str]) -> str:
        """Return in words what hangs on a record: how many of which module."""
        counts = Counter(self._kinds.get(child, "records") for child in children)
        return ", ".join(f"{kind} ({count})" for kind, count in sorted(counts.items()))

    def _people(self, children: Collection[str]) -> str:
        """Return who wrote what hangs on a record, our own user left out."""
        authors = {self._authors.get(child) for child in children}
        return ", ".join(
            sorted(self._person(one) for one in authors - {None, self.job.target.api_user.id})
        )

    def _person(self, user_id: str | None) -> str:
        found = next((user for user in self.job.target.users if user.id == user_id), None)
        return found.email if found else f"user {user_id or 'unknown'}"

    def edits(
        self, name: str, module: str, rows: pd.DataFrame, columns: Collection[Column]
    ) -> dict[str, Standing]:
        """Return the records that somebody changed since, by Zoho id."""
        if module == "Attachments":
            return {}
        times = rows["modified_time"].astype("object")
        written = dict(zip(rows["zoho_id"], times, strict=True))
        if module == "Notes":
            pairs = rows[["parent_module", "parent_id"]].drop_duplicates()
            parents = pairs.itertuples(index=False)
            found: dict[str, Standing] = {}
            for parent_module, parent_id in parents:
                found |= self._notes_of(parent_module, parent_id)
        else:
            found = self.standing(module, list(written), ())
        edited = {
            zoho_id: standing
            for zoho_id, standing in found.items()
            if zoho_id in written and self._by_others(standing, written[zoho_id])
        }
        ours = self._written_late(name, module, rows, columns, edited)
        return {zoho_id: one for zoho_id, one in edited.items() if zoho_id not in ours}

    def _written_late(
        self, name: str, module: str, rows: pd.DataFrame, columns: Collection[Column],
        edited: Mapping[str, Standing],
    ) -> set[str]:  # fmt: skip
        """Return those that a call of ours wrote whose answer was lost and that came to its end
        only after we had sent the same again: by our user, soon after, and with our values."""
        looked = self.job.ledger.read_back(name) if edited else {}
        ids = dict(zip(rows["zoho_id"], rows["source_id"], strict=True))
        late = [
            zoho_id
            for zoho_id, standing in edited.items()
            if (at := looked.get(ids[zoho_id])) is not None
            and standing.author_id in (None, self.job.target.api_user.id)
            and standing.modified_time is not None
            and from_zoho_datetime(standing.modified_time) <= at + _LATEST
        ]
        if not late:
            return set()
        mine = rows[rows["zoho_id"].isin(late)]
        differing = self._differing(name, module, mine, columns)
        return {zoho_id for zoho_id in late if not differing[ids[zoho_id]]}

    def _by_others(self, standing: Standing, written: object) -> bool:
        if standing.author_id not in (None, self.job.target.api_user.id):
            return True
        # Not knowing when we wrote it, our own user's name on it is all there is to go by.
        return isinstance(written, str) and later(standing.modified_time, written)

    def _notes_of(self, module: str, record_id: str) -> dict[str, Standing]:
        parent = (module, record_id)
        if parent not in self._notes:
            listed = self.job.target.client.notes.list_for(
                module, record_id, (MODIFIED, MODIFIED_BY)
            )
            self._notes[parent] = {str(one["id"]): Standing.of(one) for one in listed}
        return self._notes[parent]

    def hanging(self, module: str, zoho_ids: list[str]) -> dict[str, set[str]]:
        """Return the ids of everything that hangs on each record."""
        hanging: dict[str, set[str]] = {zoho_id: set() for zoho_id in zoho_ids}
        records = self.job.target.client.records
        for child, lookup in self._lookups_to(module):
            for part in parts(zoho_ids):
                for row in records.coql([lookup, MODIFIED_BY], child, coql_in(lookup, part)):
                    parent = str((row.get(lookup) or {}).get("id"))
                    self._authors[str(row["id"])] = Standing.of(row).author_id
                    if parent in hanging:
                        hanging[parent].add(str(row["id"]))
                        self._kinds[str(row["id"])] = child
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            attached = pool.map(lambda zoho_id: self._attached_to(module, zoho_id), zoho_ids)
            for zoho_id, (files, notes) in zip(zoho_ids, attached, strict=True):
                self._kinds |= dict.fromkeys(files, "Attachments") | dict.fromkeys(notes, "Notes")
                self._authors |= files | notes
                hanging[zoho_id] |= files.keys() | notes.keys()
        return hanging

    def _attached_to(
        self, module: str, zoho_id: str
    ) -> tuple[dict[str, str | None], dict[str, str | None]]:
        """Return who wrote the files and notes of one record, by id. Runs in a worker thread."""
        files = self.job.target.client.attachments.list(module, zoho_id)
        notes = self._notes_of(module, zoho_id)
        return (
            {one.id: one.created_by for one in files},
            {key: note.author_id for key, note in notes.items()},
        )

    def _lookups_to(self, module: str) -> list[tuple[str, str]]:
        """Return child module and field of every lookup that can point at `module`."""
        return [
            (child, one.api_name)
            for child, fields in self.job.schema.fields.items()
            for one in fields
            if one.data_type == "lookup" and one.lookup_module in (module, _ANY_MODULE)
        ]


def written_fields(job: LoadJob, name: str, rows: pd.DataFrame) -> dict[str, Mapping[str, Any]]:
    """Return what we wrote to some records, both passes together, by source id."""
    return {key: image.fields for key, image in written_images(job, name, rows).items()}


def written_images(job: LoadJob, name: str, rows: pd.DataFrame) -> dict[str, Written]:
    """Return the images of what we wrote to some records, both passes together, by source id.

    `rows` has source_id, payload_digest and link_digest.
    """
    whole: dict[str, Written] = {}
    for column in ("payload_digest", "link_digest"):
        digests = dict(zip(rows["source_id"], rows[column].astype("object"), strict=True))
        known = {key: made for key, made in digests.items() if isinstance(made, str)}
        for source_id, image in job.vault.written(name, known).items():
            first = whole.get(source_id, Written({}))
            whole[source_id] = Written(
                {**first.fields, **image.fields}, first.theirs | image.theirs
            )
    return whole
