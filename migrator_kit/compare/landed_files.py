"""Attachments as Zoho CRM holds them: listed by record, read back and hashed, never kept.

Zoho tells no checksum (fact sheet 8.1), so every file is streamed back once. A file that the ledger
does not know and that has the content of one of ours on the same record is a copy of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from migrator_kit.compare.datasets import LandedField, LandedObject
from migrator_kit.compare.landed_parts import FOUND, PART_ROWS, Identities, PartWriter
from migrator_kit.compare.parents import listed_on
from migrator_kit.load.crm import Crm
from migrator_kit.load.ledger import Ledger
from migrator_kit.mapping.model import ObjectMapping, ObjectName
from migrator_kit.progress import Step
from migrator_kit.zoho.attachments import AttachmentInfo

READERS = 4
"""Downloads under way at once: enough to hide the network, within every edition's limit."""

_SCHEMA = pa.schema(
    [
        *FOUND.items(),
        ("File_Name", pa.string()),
        ("Parent_Id", pa.string()),
        ("Parent_Id_object", pa.string()),
        ("sha256", pa.string()),
        ("size", pa.int64()),
    ]
)
_FIELDS = {
    "File_Name": LandedField("File_Name", "text"),
    "Parent_Id": LandedField("Parent_Id", "lookup"),
}


@dataclass(frozen=True, slots=True)
class _Parent:
    """A record that we put files on: the source ids by attachment id, and by content."""

    module: str
    zoho_id: str
    by_attachment: dict[str, str]
    by_content: dict[str, str]
    sizes: frozenset[int]


@dataclass(frozen=True, slots=True)
class _File:
    """One attachment that is ours, read back."""

    source_id: str
    zoho_id: str
    known: bool
    name: str
    parent: str
    sha256: str
    size: int


def read_files(
    client: Crm,
    ledger: Ledger,
    identities: Identities,
    item: ObjectMapping,
    folder: Path,
    wanted: Collection[str] | None,
    step: Step,
) -> LandedObject:
    """Read the attachments of every record that we put files on, or the wanted ones' records."""
    writer = PartWriter(folder, _SCHEMA)
    pending: list[_File] = []
    parents = list(_parents(ledger, item.object, wanted))
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(parents), PART_ROWS // 10):
            group = parents[start : start + PART_ROWS // 10]
            for files in pool.map(lambda one: _read(client, one), group):
                pending += files
                step.advance(len(files))
            writer.write(_columns(pending, identities))
            pending.clear()
    return LandedObject("Attachments", writer.rows, _FIELDS)


def _parents(ledger: Ledger, name: ObjectName, wanted: Collection[str] | None) -> Iterator[_Parent]:
    """Yield the records that hold files of ours, with what the ledger knows of these."""
    frame = ledger.marks(name).merge(
        ledger.crosswalk(name)[["source_id", "zoho_id"]], on="source_id", how="inner"
    )
    if wanted is not None:
        frame = frame[frame["source_id"].isin(list(wanted))]
    for (module, parent_id), rows in frame.groupby(["parent_module", "parent_id"], sort=True):
        content = rows.dropna(subset=["content_digest"]).sort_values("source_id")
        yield _Parent(
            str(module),
            str(parent_id),
            dict(zip(rows["zoho_id"], rows["source_id"], strict=True)),
            dict(zip(content["content_digest"], content["source_id"], strict=True)),
            frozenset(int(size) for size in rows["size"].dropna()),
        )


def _read(client: Crm, parent: _Parent) -> list[_File]:
    """Return our files on one record; files of others are not downloaded and not listed."""
    found = []
    attachments = client.attachments
    listing = partial(attachments.list, parent.module, parent.zoho_id)
    for info in listed_on(client, parent.module, parent.zoho_id, listing):
        source_id = parent.by_attachment.get(info.id)
        if source_id is None and (info.is_link or info.size not in parent.sizes):
            continue
        got = attachments.digest(parent.module, parent.zoho_id, info.id)
        owner = source_id or parent.by_content.get(got.sha256)
        if owner is not None:
            found.append(_file(owner, info, parent, source_id is not None, got.sha256, got.size))
    return found


def _file(
    source_id: str, info: AttachmentInfo, parent: _Parent, known: bool, sha256: str, size: int
) -> _File:
    return _File(source_id, info.id, known, info.file_name, parent.zoho_id, sha256, size)


def _columns(files: list[_File], identities: Identities) -> dict[str, pa.Array]:
    frame = pd.DataFrame([
        (f.source_id, f.zoho_id, f.known, True, f.name, f.parent, None, f.sha256, f.size)
        for f in files
    ], columns=_SCHEMA.names)  # fmt: skip
    table = pa.Table.from_pandas(frame, schema=_SCHEMA, preserve_index=False)
    columns = {name: table[name].combine_chunks() for name in _SCHEMA.names}
    which, sources = identities.link(columns["Parent_Id"], ())
    return columns | {"Parent_Id": sources, "Parent_Id_object": which}
