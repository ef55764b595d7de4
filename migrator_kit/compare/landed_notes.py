"""Notes as Zoho CRM holds them: found by the ledger or by the marker in their first line.

Notes take no key, no query and no bulk read (fact sheet 8.2): they are listed as a whole, which
only administrators may do, or record by record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from migrator_kit.compare.datasets import LandedField, LandedObject
from migrator_kit.compare.landed_parts import FOUND, PART_ROWS, Identities, PartWriter, to_column
from migrator_kit.compare.parents import listed_on
from migrator_kit.errors import TerminalError
from migrator_kit.load.crm import Crm
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.readback import OVERSIZE_NOTES, marker_key
from migrator_kit.mapping.model import ObjectMapping
from migrator_kit.progress import Step

Row = dict[str, Any]

REFERENCES = "attachment_reference"
"""Sub-folder of the notes that stand in for files too large to move."""

_SCHEMA = pa.schema(
    [
        *FOUND.items(),
        ("Note_Title", pa.string()),
        ("Note_Content", pa.string()),
        ("Parent_Id", pa.string()),
        ("Parent_Id_object", pa.string()),
    ]
)
_FIELDS = {
    "Note_Title": LandedField("Note_Title", "text"),
    "Note_Content": LandedField("Note_Content", "textarea"),
    "Parent_Id": LandedField("Parent_Id", "lookup"),
}
_CUT = 500
"""Length to which Zoho cuts rich text in lists (fact sheet 2.10): such a note is read whole."""


def read_notes(
    client: Crm,
    ledger: Ledger,
    identities: Identities,
    item: ObjectMapping,
    folder: Path,
    wanted: Collection[str] | None,
    step: Step,
) -> LandedObject:
    """Read the notes of an object, or the wanted ones, and return what is known of them.

    Reference notes of files too large to move go to a folder of their own beside it.
    """
    writer = PartWriter(folder, _SCHEMA)
    references = PartWriter(folder.parent / REFERENCES, _SCHEMA)
    stream = _notes(client, ledger, item, wanted)
    only = None if wanted is None else set(wanted)
    while rows := list(islice(stream, PART_ROWS)):
        kinds, columns = _typed(client, identities, item, rows)
        ours = kinds == "source"
        if only is not None:
            ours &= columns["source_id"].isin(only)
        writer.write(_arrays(columns[ours]))
        references.write(_arrays(columns[kinds == "file"]))
        step.advance(int(ours.sum()))
    return LandedObject("Notes", writer.rows, _FIELDS)


def _notes(
    client: Crm, ledger: Ledger, item: ObjectMapping, wanted: Collection[str] | None
) -> Iterator[Row]:
    marks = pd.concat([ledger.marks(item.object), ledger.marks(OVERSIZE_NOTES)])
    crosswalk = ledger.crosswalk(item.object)
    if wanted is None:
        try:
            yield from client.notes.list_all(tuple(_FIELDS))
        except TerminalError:
            # Not an administrator: the notes of each record that we put notes on.
            yield from _by_parent(client, marks)
        return
    marks = marks[marks["source_id"].isin(list(wanted))]
    seen = set()
    for row in _by_parent(client, marks):
        seen.add(str(row["id"]))
        yield row
    lost = crosswalk[crosswalk["source_id"].isin(list(wanted)) & ~crosswalk["zoho_id"].isin(seen)]
    for note_id in lost["zoho_id"]:
        if (found := client.notes.get(str(note_id))) is not None:
            yield found


def _by_parent(client: Crm, marks: pd.DataFrame) -> Iterator[Row]:
    parents = marks[["parent_module", "parent_id"]].dropna().drop_duplicates()
    for module, parent_id in parents.itertuples(index=False):
        listing = partial(client.notes.list_for, str(module), str(parent_id), tuple(_FIELDS))
        yield from listed_on(client, str(module), str(parent_id), listing)


def _typed(
    client: Crm, identities: Identities, item: ObjectMapping, rows: list[Row]
) -> tuple[pd.Series, pd.DataFrame]:
    """Return whose each note is (`source`, `file` or none of ours) and the columns."""
    ids = to_column([row["id"] for row in rows], "text", "note ids")
    contents = [_whole(client, row) for row in rows]
    markers = [marker_key(content) or (None, None) for content in contents]
    objects, sources = identities.of(ids)
    known = pd.Series(objects.to_pylist(), dtype="str").eq(item.object.value).fillna(value=False)
    kinds = pd.Series([kind for kind, _ in markers], dtype="str").mask(known, "source")
    keys = pd.Series([key for _, key in markers], dtype="str")
    parents = to_column([row.get("Parent_Id") for row in rows], "lookup", "Notes.Parent_Id")
    which, parent_ids = identities.link(parents, ())
    columns = pd.DataFrame(
        {
            "source_id": pd.Series(sources.to_pylist(), dtype="str").where(known, keys),
            "zoho_id": ids.to_pylist(),
            "known": known.astype("bool"),
            "named": keys.notna(),
            "Note_Title": [row.get("Note_Title") for row in rows],
            "Note_Content": contents,
            "Parent_Id": parent_ids.to_pylist(),
            "Parent_Id_object": which.to_pylist(),
        }
    )
    return kinds, columns


def _whole(client: Crm, row: Row) -> str | None:
    content = row.get("Note_Content")
    if isinstance(content, str) and len(content) == _CUT:
        content = (client.notes.get(str(row["id"])) or row).get("Note_Content")
    return None if content is None else str(content)


def _arrays(columns: pd.DataFrame) -> dict[str, pa.Array]:
    table = pa.Table.from_pandas(columns, schema=_SCHEMA, preserve_index=False)
    return {name: table[name] for name in _SCHEMA.names}
