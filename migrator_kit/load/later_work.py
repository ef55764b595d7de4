"""What happened in Zoho CRM after the load: edits of our records, and what hangs on them now.

Reads only. An edit shows in the record's time of change or in who changed it last. What hangs on a
record are notes, attachments, and records that point at it through any lookup of the modules that
the migration touches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from migrator_kit.load.job import IN_FLIGHT, LoadJob
from migrator_kit.load.readback import MODIFIED
from migrator_kit.load.states import Reason, Status
from migrator_kit.zoho import limits
from migrator_kit.zoho.values import coql_in, from_zoho_datetime

_ANY_MODULE = "se_module"
"""What the metadata names as the module of `What_Id` (fact sheet 2.8)."""


class LaterWork:
    """Decides, module by module from the leaves up, what may be deleted."""

    def __init__(self, job: LoadJob, force: Collection[str]) -> None:
        self._job, self._force = job, force
        self._client = job.target.client
        self._gone: set[str] = set()
        self._notes: dict[tuple[str, str], dict[str, str | None]] = {}

    def holds(self, module: str, rows: pd.DataFrame) -> dict[str, Reason]:
        """Return why some of these records have to stay, by source id.

        `rows` has source_id, zoho_id, state, modified_time, parent_module and parent_id. What is
        not held counts as gone for everything asked later.
        """
        edited = self._edited(module, rows)
        held: dict[str, Reason] = {}
        ids: dict[str, str] = {}
        for source_id, zoho_id, state in zip(
            rows["source_id"], rows["zoho_id"], rows["state"], strict=True
        ):
            ids[zoho_id] = source_id
            if state != Status.CREATED:
                held[source_id] = Reason.STOOD_BEFORE
            elif zoho_id in edited and source_id not in self._force:
                held[source_id] = Reason.EDITED_SINCE
        self._gone |= {zoho_id for zoho_id, source_id in ids.items() if source_id not in held}
        if module not in limits.NO_COQL:
            self._hold_parents(module, ids, held)
        return held

    def _hold_parents(self, module: str, ids: dict[str, str], held: dict[str, Reason]) -> None:
        """Hold what something that stays hangs on; and then what hangs on that, and so on."""
        hanging = self._hanging(module, [one for one, key in ids.items() if key not in held])
        found = True
        while found:
            found = False
            for zoho_id, children in hanging.items():
                source_id = ids[zoho_id]
                stays = source_id in held or source_id in self._force
                if not stays and children - self._gone:
                    held[source_id] = Reason.LINKED_SINCE
                    self._gone.discard(zoho_id)
                    found = True

    def _edited(self, module: str, rows: pd.DataFrame) -> set[str]:
        if module == "Attachments":
            return set()
        written = dict(zip(rows["zoho_id"], rows["modified_time"], strict=True))
        if module == "Notes":
            changes: Iterable[tuple[str, str | None]] = self._note_changes(rows)
        else:
            changes = self._record_changes(module, list(written))
        return {
            zoho_id
            for zoho_id, modified in changes
            if zoho_id in written and _later(modified, written[zoho_id])
        }

    def _record_changes(self, module: str, zoho_ids: list[str]) -> Iterator[tuple[str, str | None]]:
        """Yield id and time of change; None for a change by somebody else than us."""
        for part in _parts(zoho_ids):
            for row in self._client.records.coql(
                [MODIFIED, "Modified_By"], module, coql_in("id", part)
            ):
                author = (row.get("Modified_By") or {}).get("id")
                ours = author is None or str(author) == self._job.target.api_user.id
                yield str(row["id"]), row.get(MODIFIED) if ours else None

    def _note_changes(self, rows: pd.DataFrame) -> Iterator[tuple[str, str | None]]:
        parents = rows[["parent_module", "parent_id"]].drop_duplicates()
        for module, parent_id in parents.itertuples(index=False):
            yield from self._notes_of(module, parent_id).items()

    def _notes_of(self, module: str, record_id: str) -> dict[str, str | None]:
        parent = (module, record_id)
        if parent not in self._notes:
            listed = self._client.notes.list_for(module, record_id, (MODIFIED,))
            self._notes[parent] = {str(one["id"]): one.get(MODIFIED) for one in listed}
        return self._notes[parent]

    def _hanging(self, module: str, zoho_ids: list[str]) -> dict[str, set[str]]:
        """Return the ids of everything that hangs on each record."""
        hanging: dict[str, set[str]] = {zoho_id: set() for zoho_id in zoho_ids}
        for child, field in self._lookups_to(module):
            for part in _parts(zoho_ids):
                for row in self._client.records.coql([field], child, coql_in(field, part)):
                    parent = str((row.get(field) or {}).get("id"))
                    if parent in hanging:
                        hanging[parent].add(str(row["id"]))
        with ThreadPoolExecutor(IN_FLIGHT) as pool:
            attached = pool.map(lambda zoho_id: self._attached_to(module, zoho_id), zoho_ids)
            for zoho_id, children in zip(zoho_ids, attached, strict=True):
                hanging[zoho_id] |= children
        return hanging

    def _attached_to(self, module: str, zoho_id: str) -> set[str]:
        """Return ids of the notes and files of one record. Runs in a worker thread."""
        files = {one.id for one in self._client.attachments.list(module, zoho_id)}
        return files | set(self._notes_of(module, zoho_id))

    def _lookups_to(self, module: str) -> list[tuple[str, str]]:
        """Return child module and field of every lookup that can point at `module`."""
        return [
            (child, field.api_name)
            for child, fields in self._job.schema.fields.items()
            for field in fields
            if field.data_type == "lookup" and field.lookup_module in (module, _ANY_MODULE)
        ]


def _later(modified: str | None, written: object) -> bool:
    """Tell whether a record changed after we wrote it; not known when means that it did not."""
    if modified is None:
        return True
    if not isinstance(written, str):
        return False
    return from_zoho_datetime(modified) > from_zoho_datetime(written)


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), limits.COQL_IN_VALUES):
        yield ids[start : start + limits.COQL_IN_VALUES]
