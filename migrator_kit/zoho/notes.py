"""Notes: no key of their own, no upsert, no bulk, no query (fact sheet 8.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from migrator_kit.zoho import listing
from migrator_kit.zoho.records import Records
from migrator_kit.zoho.results import ItemResult
from migrator_kit.zoho.transport import Transport

NOTE_FIELDS = ("Note_Title", "Note_Content", "Parent_Id", "Owner", "Created_Time", "Modified_Time")


class Notes:
    """Calls on notes. Rows carry `Note_Title`, `Note_Content` and `Parent_Id` (see `parent`)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._records = Records(transport)

    @staticmethod
    def parent(module: str, record_id: str) -> dict[str, Any]:
        """Return the `Parent_Id` of a note on a record."""
        return {"module": {"api_name": module}, "id": record_id}

    def create(self, rows: Sequence[Mapping[str, Any]], *, quiet: bool = True) -> list[ItemResult]:
        """Create up to 100 notes. After an AmbiguousError look for each note's marker line."""
        return self._records.insert("Notes", rows, quiet=quiet)

    def update(self, rows: Sequence[Mapping[str, Any]], *, quiet: bool = True) -> list[ItemResult]:
        """Update up to 100 notes; each row carries its `id`."""
        return self._records.update("Notes", rows, quiet=quiet)

    def delete(self, ids: Sequence[str], *, quiet: bool = True) -> list[ItemResult]:
        """Delete up to 100 notes."""
        return self._records.delete("Notes", ids, quiet=quiet)

    def get(self, note_id: str) -> dict[str, Any] | None:
        """Return one note, or None where it does not exist."""
        return self._records.get("Notes", note_id)

    def list_all(self, fields: Sequence[str] = NOTE_FIELDS) -> Iterator[dict[str, Any]]:
        """Yield every note of the org. Zoho lets administrators alone do this."""
        return listing.records(self._transport, "Notes", fields)

    def list_for(
        self, module: str, record_id: str, fields: Sequence[str] = NOTE_FIELDS
    ) -> Iterator[dict[str, Any]]:
        """Yield the notes of one record."""
        path = f"/crm/v8/{module}/{record_id}/Notes"
        return listing.related(self._transport, path, fields)
