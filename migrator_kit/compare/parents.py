"""Related lists of records that may be gone: notes and attachments hang on other records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from migrator_kit.errors import TerminalError
from migrator_kit.load.crm import Crm

Item = TypeVar("Item")


def listed_on(
    client: Crm, module: str, record_id: str, listing: Callable[[], Iterable[Item]]
) -> list[Item]:
    """Return what `listing` gives for a record, nothing where the record does not exist any more.

    Zoho refuses the related lists of a deleted record as INVALID_DATA (fact sheet 2.10), which can
    mean other things as well: the record itself is asked for before it counts as gone.
    """
    try:
        return list(listing())
    except TerminalError as error:
        if error.code != "INVALID_DATA" or client.records.get(module, record_id, ["id"]):
            raise
        return []
