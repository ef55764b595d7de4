"""The recycle bin: bring deleted records back (fact sheet 3)."""

from __future__ import annotations

from collections.abc import Sequence

from migrator_kit.errors import TerminalError
from migrator_kit.zoho import limits
from migrator_kit.zoho.calls import Call
from migrator_kit.zoho.results import ItemResult
from migrator_kit.zoho.transport import Transport


class RecycleBin:
    """Calls on the recycle bin. Deleted records stay in it for 60 days."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def restore(self, ids: Sequence[str]) -> list[ItemResult]:
        """Restore up to 200 records with their notes and attachments; one result per id.

        A child whose parent is in the bin is refused with `Reason.PARENT_IN_BIN`.
        """
        if not ids:
            return []
        if len(ids) > limits.RESTORE_IDS:
            raise TerminalError(f"{len(ids)} records to restore, at most {limits.RESTORE_IDS}.")
        call = Call(
            "POST",
            "/crm/v8/settings/recycle_bin/actions/restore",
            body={"ids": list(ids)},
            writes=True,
            items_key="recycle_bin",
        )
        return self._transport.send(call).items(len(ids), order=ids)
