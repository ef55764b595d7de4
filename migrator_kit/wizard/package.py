"""The package for the Data Migration wizard: CSV by module in load order, files, lists, a guide.

Everything is streamed part by part, so memory is bounded by a part of the shaped dataset.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from migrator_kit.errors import ConfigError
from migrator_kit.load.order import LoadStep, load_order
from migrator_kit.load.source_files import Documents
from migrator_kit.load.states import Reason
from migrator_kit.mapping.dataset import ShapedDataset
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.mapping.rejects import RejectAction
from migrator_kit.progress import SILENT, Progress, Step
from migrator_kit.wizard.attachments import Copier, mapping_table
from migrator_kit.wizard.columns import (
    MIGRATION_ID,
    PARENT_MODULE,
    CsvColumn,
    csv_part,
    object_columns,
)
from migrator_kit.wizard.guarding import guarded
from migrator_kit.wizard.people import WizardOwners
from migrator_kit.wizard.writing import WIZARD, CsvFiles, PackageFile, WizardLimits

MANIFEST = "manifest.json"
DATA = "data"
LISTS = "lists"
FILE_PARENT = "Parent_Id"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a package depends on beside the data."""

    client: str
    zone: str
    file_bytes: int
    documents: Path | None
    limits: WizardLimits = WIZARD


@dataclass(frozen=True, slots=True)
class Package:
    """A package as written. `rounds` are the files of each run of the wizard, in order.

    `fields` are the columns of each object's files; `marked` counts cells that got an apostrophe,
    `left_out` files that could not move, by reason.
    """

    folder: Path
    digest: str
    made: str
    files: tuple[PackageFile, ...]
    folders: dict[str, tuple[int, int]]
    rounds: tuple[tuple[str, ...], ...]
    fields: dict[ObjectName, tuple[CsvColumn, ...]]
    marked: int
    left_out: dict[str, int]

    @property
    def rows(self) -> int:
        """Records of all files, users included."""
        return sum(file.rows for file in self.files)

    def to_json(self) -> dict[str, object]:
        """Return what the manifest says; no patient's value is in it."""
        return {
            "version": 1,
            "dataset_digest": self.digest,
            "made": self.made,
            "files": [asdict(file) for file in self.files],
            "attachments": {
                name: {"files": count, "bytes": size}
                for name, (count, size) in self.folders.items()
            },
            "rounds": [list(names) for names in self.rounds],
            "apostrophes": self.marked,
            "left_out": self.left_out,
        }


def write_package(
    shaped: ShapedDataset,
    mapping: Mapping,
    owners: WizardOwners,
    folder: Path,
    settings: Settings,
    *,
    progress: Progress = SILENT,
) -> Package:
    """Write the data, files and lists of a package and return what was written.

    An earlier package in `folder` is replaced. Raises ConfigError where something else is there.
    """
    require_free(folder)
    work = folder.with_name(f".unfinished-{folder.name}")
    shutil.rmtree(work, ignore_errors=True)
    for name in (work, work / DATA, work / LISTS):
        name.mkdir(mode=0o700, parents=True)
    writing = _Writing(shaped, mapping, owners, work, settings)
    steps = load_order(mapping)
    with progress(
        "Writing files for the wizard", sum(shaped.rows(one.object) for one in steps)
    ) as bar:
        writing.users()
        for step in steps:
            writing.object(step, bar)
    writing.rows_left_out()
    package = writing.finish(folder)
    (work / MANIFEST).touch(mode=0o600)
    (work / MANIFEST).write_text(json.dumps(package.to_json(), indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    work.replace(folder)
    return package


def require_free(folder: Path) -> None:
    """Raise ConfigError where a folder holds something that is no earlier package."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise ConfigError(
            f"{folder} is not empty and holds no earlier package.",
            hint="Name an empty or new folder: --to FOLDER",
        )


class _Writing:
    """A package while it is being written."""

    def __init__(
        self, shaped: ShapedDataset, mapping: Mapping, owners: WizardOwners, work: Path,
        settings: Settings,
    ) -> None:  # fmt: skip
        self.shaped, self.mapping, self.owners = shaped, mapping, owners
        self.work, self.settings = work, settings
        self.fields: dict[ObjectName, tuple[CsvColumn, ...]] = {}
        self.files: list[PackageFile] = []
        self.marked = 0
        self.left_out: dict[str, int] = {}
        self.copier = Copier(
            work, Documents(settings.documents), settings.file_bytes, settings.limits.file_bytes
        )
        self.marks = self._list("apostrophes")
        self.not_moved = self._list("files_left_out")

    def users(self) -> None:
        """Write the Users file, and the list of staff who become no users."""
        if self.owners.users.num_rows:
            self._write("Users", "Users", iter([self.owners.users]))
        staff = self._list("staff_without_user")
        frame = self.owners.without_user
        if len(frame):
            table = pa.Table.from_pandas(frame, preserve_index=False)
            staff.write(table.cast(pa.schema([(name, pa.string()) for name in table.column_names])))
        staff.close()

    def object(self, step: LoadStep, bar: Step) -> None:
        """Write the files of one object."""
        if not self.shaped.rows(step.object):
            return
        if step.mapping.landing is Landing.FILES:
            parts = self._files(step, bar)
        else:
            self.fields[step.object] = object_columns(self.mapping, step.object)
            parts = self._records(step, bar)
        self._write(step.module, str(step.object), parts)

    def rows_left_out(self) -> None:
        """Write the list of rows that do not move, each with its reason and what cures it."""
        columns = ["object", "source_id", "reason", "remedy"]
        rejects = self.shaped.rejects()
        left = rejects.loc[rejects["action"] == str(RejectAction.EXCLUDED), columns]
        listed = self._list("rows_left_out")
        if len(left):
            texts = (pa.array(left[name].astype("str"), pa.string()) for name in columns)
            listed.write(pa.table([guarded(text)[0] for text in texts], names=columns))
        listed.close()

    def finish(self, folder: Path) -> Package:
        """Close the lists and return the package."""
        self.marks.close()
        self.not_moved.close()
        folders = {f"attachments_{n}": facts for n, facts in self.copier.folders.items()}
        sizes = [(file.path, file.bytes) for file in self.files]
        sizes += [(name, size) for name, (_, size) in folders.items()]
        return Package(
            folder, self.shaped.digest, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            tuple(self.files), folders, rounds(sizes, self.settings.limits), self.fields,
            self.marked, dict(sorted(self.left_out.items())),
        )  # fmt: skip

    def _records(self, step: LoadStep, bar: Step) -> Iterator[pa.Table]:
        columns, zone = self.fields[step.object], self.settings.zone
        for path in self.shaped.parts(step.object):
            part = csv_part(
                pq.read_table(path), self.mapping, step.object, columns, self.owners.ids, zone
            )
            for header, keys in part.marked.items():
                self._mark(step.object, header, keys)
            yield part.table
            bar.advance(part.table.num_rows)

    def _files(self, step: LoadStep, bar: Step) -> Iterator[pa.Table]:
        row = step.mapping.field(FILE_PARENT)
        parent = CsvColumn(FILE_PARENT, "parent", "lookup", None, lookup=row.lookup if row else ())
        for path in self.shaped.parts(step.object):
            part = pq.read_table(path)
            names = part["source_id"]
            if "File_Name" in part.column_names:
                names = pc.coalesce(part["File_Name"], names)
            done = csv_part(part, self.mapping, step.object, (parent,), {}, self.settings.zone)
            copied, left_out = [], []
            columns = (part["source_id"], part["file_path"], names)
            for key, place, name in zip(*(c.to_pylist() for c in columns), strict=True):
                found = self.copier.copy(key, place, name)
                if isinstance(found, Reason):
                    left_out.append((key, found))
                else:
                    copied.append(found)
            links = pa.table({
                "source_id": part["source_id"], "name": names, "id": done.table[MIGRATION_ID],
                "parent": done.table["parent"], "module": done.table[PARENT_MODULE],
            })  # fmt: skip
            self._leave_out(left_out)
            bar.advance(part.num_rows)
            if copied:
                yield mapping_table(links, copied)

    def _write(self, module: str, name: str, parts: Iterator[pa.Table]) -> None:
        first = 1 + sum(file.module == module for file in self.files)
        limit = self.settings.limits.file_bytes
        writer = CsvFiles(self.work / DATA, module, name, limit, first)
        for table in parts:
            writer.write(table)
        writer.close()
        self.files += writer.done

    def _mark(self, name: ObjectName, header: str, keys: list[str]) -> None:
        self.marked += len(keys)
        ids, _ = guarded(pa.array(keys, pa.string()))
        self.marks.write(pa.table({
            "object": pa.repeat(pa.scalar(str(name)), len(keys)), "source_id": ids,
            "column": pa.repeat(pa.scalar(header), len(keys)),
        }))  # fmt: skip

    def _leave_out(self, files: list[tuple[str, Reason]]) -> None:
        if not files:
            return
        for _, reason in files:
            self.left_out[str(reason)] = self.left_out.get(str(reason), 0) + 1
        ids, _ = guarded(pa.array([key for key, _ in files], pa.string()))
        reasons = pa.array([str(reason) for _, reason in files], pa.string())
        self.not_moved.write(pa.table({"source_id": ids, "reason": reasons}))

    def _list(self, name: str) -> CsvFiles:
        return CsvFiles(self.work / LISTS, name, name, self.settings.limits.file_bytes)


def rounds(sizes: list[tuple[str, int]], limits: WizardLimits) -> tuple[tuple[str, ...], ...]:
    """Return the files of each run of the wizard, in order, within its number and size."""
    found: list[list[str]] = []
    room = 0
    for name, size in sizes:
        if not found or len(found[-1]) == limits.files or size > room:
            found.append([])
            room = limits.total_bytes
        found[-1].append(name)
        room -= size
    return tuple(tuple(names) for names in found)
