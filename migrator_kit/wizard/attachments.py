"""The practice's files for the wizard: copied flat under safe names, with a file that maps them.

A mapping file among the CSV files names each file's record (help pages on moving from another Zoho
CRM account and from Salesforce). Its exact columns are not documented for other systems (fact
sheet section 12): they are chosen by hand in the wizard's mapping step.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.load.source_files import Documents, FoundFile
from migrator_kit.load.states import Reason
from migrator_kit.wizard.columns import MIGRATION_ID
from migrator_kit.wizard.guarding import guarded
from migrator_kit.wizard.writing import private_file

_BLOCK = 1 << 20
_UNSAFE = re.compile(r"[^\w.\- ]+")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file of the package. `folder` is the number of the attachments folder it lies in."""

    source_id: str
    name: str = field(repr=False)
    folder: int
    bytes: int
    sha256: str


@dataclass(slots=True)
class Copier:
    """Copies files into numbered folders, none larger than a file of the wizard may be."""

    root: Path
    documents: Documents
    file_limit: int
    folder_limit: int
    number: int = 0
    copied: int = 0
    bytes: int = 0
    folders: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Files and bytes of each folder by its number."""

    def copy(self, source_id: str, path: str | None, name: str) -> CopiedFile | Reason:
        """Copy one file, or return why it cannot move."""
        found = self.documents.find(path)
        if isinstance(found, Reason):
            return found
        if found.size > self.file_limit:
            return Reason.FILE_OVERSIZE
        self._room_for(found.size)
        stored = f"{self.copied + 1:07d}_{safe_name(name)}"
        target = self.root / f"attachments_{self.number}" / stored
        try:
            digest = _copied(found, target)
        except OSError:
            target.unlink(missing_ok=True)
            return Reason.FILE_UNREADABLE
        self.copied += 1
        self.bytes += found.size
        files, size = self.folders[self.number]
        self.folders[self.number] = (files + 1, size + found.size)
        return CopiedFile(source_id, stored, self.number, found.size, digest)

    def _room_for(self, size: int) -> None:
        if self.number and self.folders[self.number][1] + size <= self.folder_limit:
            return
        self.number += 1
        self.folders[self.number] = (0, 0)
        (self.root / f"attachments_{self.number}").mkdir(mode=0o700)


def safe_name(name: str) -> str:
    """Return a file name without path, control characters or a leading dot."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return _UNSAFE.sub("_", last).strip(" .")[-_LONGEST_NAME:].strip(" .") or "file"


def mapping_table(links: pa.Table, copied: list[CopiedFile]) -> pa.Table:
    """Return the rows of the mapping file: `links` has the ids, parents and names of one part."""
    known = pa.array([one.source_id for one in copied], pa.string())
    kept = links.filter(pc.is_in(links["source_id"], value_set=known))
    shown, _ = guarded(kept["name"].combine_chunks())
    return pa.table({
        MIGRATION_ID: kept["id"],
        "Parent ID": kept["parent"],
        "Parent Module": kept["module"],
        "File Name": pa.array([one.name for one in copied], pa.string()),
        "Original File Name": shown,
        "Folder": pa.array([f"attachments_{one.folder}" for one in copied], pa.string()),
        "Size": pa.array([str(one.bytes) for one in copied], pa.string()),
        "SHA-256": pa.array([one.sha256 for one in copied], pa.string()),
    })  # fmt: skip


def _copied(found: FoundFile, target: Path) -> str:
    """Copy in blocks and return the SHA-256 of what was copied."""
    whole = hashlib.sha256()
    with found.path.open("rb") as source, private_file(target) as copy:
        while block := source.read(_BLOCK):
            copy.write(block)
            whole.update(block)
    return whole.hexdigest()
