"""Rows of the documents table and the files they name."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import numpy as np

from migrator_kit.sample import files
from migrator_kit.sample.columns import (
    ANCHOR,
    Column,
    Flags,
    Moments,
    Rows,
    Table,
    between,
    children,
    filled,
    joined,
    numbered,
    one_of,
    text,
    timestamps,
    values,
    weighted,
)
from migrator_kit.sample.dirt import Dirt
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.patients import PatientChunk, orphans
from migrator_kit.sample.treatment import PlanChunk
from migrator_kit.sample.vocabulary import DOCUMENTS, UNUSUAL_NAMES

DOCUMENTS_PER_PATIENT = 0.8


class DocumentFiles:
    """Writes files below a folder, up to a maximum, and gives out paths of what it has written.

    Beyond the maximum, rows name files that exist already, so that a practice of any size has a
    bounded number of files and no row loses its file.
    """

    def __init__(self, folder: Path, seed: int, most: int) -> None:
        self.folder = folder
        self.written = 0
        self._seed = seed
        self._most = most
        self._made: set[Path] = set()
        self._shared: dict[str, list[str]] = {category: [] for category in DOCUMENTS}

    def place(self, table: Table, on_disk: Column, drawn: dict[Dirt, Rows]) -> None:
        """Write the files of a chunk; rows beyond the maximum get another row's path."""
        absent = set(drawn[Dirt.DOCUMENT_FILE_MISSING].tolist())
        empty = set(drawn[Dirt.DOCUMENT_FILE_EMPTY].tolist())
        large = set(drawn[Dirt.DOCUMENT_FILE_TOO_LARGE].tolist())
        special = absent | empty | large
        for row, (key, path) in enumerate(zip(table["document_id"], on_disk, strict=True)):
            if row in absent:
                continue
            category = table["category"][row]
            shared = self._shared[category]
            if self.written >= self._most and shared and row not in special:
                table["file_path"][row] = shared[row % len(shared)]
                continue
            target = self._target(path)
            if row in large:
                files.write_large_dicom(target, key)
            elif row in empty:
                target.touch()
            else:
                extension = DOCUMENTS[category][1]
                stamp = f"{key} {self._seed}"
                target.write_bytes(files.RENDER[extension](row % files.VARIANTS, stamp))
                shared.append(table["file_path"][row])
            self.written += 1

    def _target(self, path: str) -> Path:
        target = self.folder.joinpath(*PureWindowsPath(path).parts)
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        return target


def document_rows(
    rng: np.random.Generator,
    draw: DirtDraw,
    chunk: PatientChunk,
    plans: PlanChunk,
    first: int,
) -> tuple[Table, Column, dict[Dirt, Rows]]:
    """Make the rows, about 0.8 for each patient.

    Returns the table, the path of each row's file as it stands on the disk, and which rows have a
    file that is missing, empty or too large.
    """
    parents, number = children(rng, chunk.activity, DOCUMENTS_PER_PATIENT)
    count = len(parents)
    every = np.arange(count)
    drawn = draw.rows(
        rng,
        every,
        Dirt.DOCUMENT_FILE_TOO_LARGE,
        Dirt.DOCUMENT_FILE_EMPTY,
        Dirt.DOCUMENT_PATH_CASE,
        Dirt.DOCUMENT_NAME_UNUSUAL,
        Dirt.DOCUMENT_FILE_MISSING,
    )
    category = weighted(rng, {name: kind[0] for name, kind in DOCUMENTS.items()}, count)
    category[drawn[Dirt.DOCUMENT_FILE_TOO_LARGE]] = "dicom"
    taken = between(rng, chunk.registered[parents], ANCHOR - np.timedelta64(86_400, "s"))
    stems = joined(chunk.ids[parents], "_", text(number + 1))
    _rename(rng, stems, drawn[Dirt.DOCUMENT_NAME_UNUSUAL])
    on_disk = _paths(category, taken, stems)
    in_table = on_disk.copy()
    rows = drawn[Dirt.DOCUMENT_PATH_CASE]
    in_table[rows] = values([path.swapcase() for path in on_disk[rows]])
    plan, _ = plans.of_patients(rng, parents, 0.35)
    patient = chunk.ids[parents]
    lost = draw.one(rng, every, Dirt.DOCUMENT_ORPHAN)
    patient[lost] = orphans(rng, chunk, len(lost))
    table: Table = {
        "document_id": numbered("DC", np.arange(first, first + count) + 1, 7),
        "patient_id": patient,
        "plan_id": plan,
        "category": category,
        "title": _titles(rng, category),
        "file_path": in_table,
        "taken_at": timestamps(taken),
        "created_at": timestamps(taken + rng.integers(0, 90_000, count).astype("timedelta64[s]")),
    }
    return table, on_disk, drawn


def _rename(rng: np.random.Generator, stems: Column, rows: Rows) -> None:
    patterns = one_of(rng, UNUSUAL_NAMES, len(rows))
    stems[rows] = values(
        [pattern.format(id=stem) for pattern, stem in zip(patterns, stems[rows], strict=True)]
    )


def _paths(category: Column, taken: Moments, stems: Column) -> Column:
    years = np.datetime_as_string(taken.astype("datetime64[Y]")).astype(np.object_)
    folder, extension = filled("", len(stems)), filled("", len(stems))
    for name, (_, suffix, place, _) in DOCUMENTS.items():
        rows: Flags = category == name
        folder[rows], extension[rows] = place, suffix
    return joined(folder, "\\", years, "\\", stems, ".", extension)


def _titles(rng: np.random.Generator, category: Column) -> Column:
    titles = filled("", len(category))
    for name, (_, _, _, choices) in DOCUMENTS.items():
        rows = np.flatnonzero(category == name)
        titles[rows] = one_of(rng, choices, len(rows))
    return titles
