"""Versions of a file in the crosswalk: the newest stands under the file's own source id.

Part of the writer's transactions: what stood before is set aside when a newer version lands, and
stands again when that one is undone.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from migrator_kit.load import ledger_schema as schema
from migrator_kit.load.batches import Intended
from migrator_kit.load.states import EARLIER_FILES, REPLACED_FILES, Action

_SIGN = "#"


def supersede(connection: Connection, name: str, newer: Sequence[Intended]) -> None:
    """Set aside the attachments that have a newer version: `zoho_id` of a row names the old one."""
    kinds = {Action.REPLACE: REPLACED_FILES, Action.UPDATE: EARLIER_FILES}
    for row in newer:
        if row.action in kinds:
            aside = (kinds[row.action], f"{row.source_id}{_SIGN}{row.zoho_id}")
            _rename(connection, (name, row.source_id), aside)


def promote(connection: Connection, name: str, gone: Sequence[str]) -> None:
    """Let the newest of the earlier versions stand for files whose newest version is gone."""
    table = schema.crosswalk
    query = select(table.c.source_id).where(table.c.object == EARLIER_FILES).order_by(table.c.at)
    aside = {source_of(one): one for one in connection.execute(query).scalars()}
    for source_id in gone:
        if source_id in aside:
            _rename(connection, (EARLIER_FILES, aside[source_id]), (name, source_id))


def source_of(aside: str) -> str:
    """Return the file's own source id from that of a version set aside."""
    return aside.rpartition(_SIGN)[0]


def _rename(connection: Connection, old: tuple[str, str], new: tuple[str, str]) -> None:
    for table in (schema.crosswalk, schema.mark):
        where = (table.c.object == old[0], table.c.source_id == old[1])
        values = {"object": new[0], "source_id": new[1]}
        connection.execute(update(table).where(*where).values(values))
