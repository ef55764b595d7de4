"""Generates a Dent-O-Soft practice: a database in the reference schema and its documents."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from migrator_kit.errors import MigratorError, ParameterError
from migrator_kit.progress import SILENT, Progress
from migrator_kit.sample.columns import TIME_ZONE
from migrator_kit.sample.database import PracticeDatabase
from migrator_kit.sample.documents import DocumentFiles, document_rows
from migrator_kit.sample.draw import DirtDraw
from migrator_kit.sample.insurance import policy_rows
from migrator_kit.sample.notes import NoteTexts, note_rows
from migrator_kit.sample.patients import patient_rows
from migrator_kit.sample.people import Origin, origins
from migrator_kit.sample.staff import Staff, recall_rules, reminder_rules, staff
from migrator_kit.sample.treatment import plan_rows
from migrator_kit.sample.visits import appointment_rows, call_rows

CHUNK = 5_000
"""Patients made at a time. Part of the seed's meaning: another size gives another practice."""
MOST_PATIENTS = 5_000_000
DATABASE, DOCUMENTS = "practice.db", "documents"


@dataclass(frozen=True, slots=True)
class SamplePractice:
    """A generated practice: where it is and what is in it."""

    database: Path
    documents: Path | None
    counts: Mapping[str, int]
    """Rows of each table, and under `files` the number of files."""
    dirt: Mapping[str, int]
    """Rows that each kind of dirt (`Dirt`, in small letters) fell on."""
    owners: tuple[str, ...]
    """E-mail addresses of the active staff, the three principals first."""
    time_zone: str = TIME_ZONE


def generate(
    folder: Path,
    *,
    patients: int = 1_000,
    seed: int = 1,
    documents: bool = True,
    most_files: int = 20_000,
    dirt_level: float = 1.0,
    progress: Progress = SILENT,
) -> SamplePractice:
    """Generate a practice into `folder`: `practice.db` and the folder `documents`.

    The same arguments give the same bytes, in the database and in every document. Without
    documents the table `documents` stays empty. Beyond `most_files` documents name files that
    others have as well (a file of each kind is made in any case). `dirt_level` multiplies the
    rates of `Dirt`; 0 gives a clean practice.
    Raises `ParameterError` for arguments out of range or a folder that holds a practice already,
    and `MigratorError` when the folder cannot be written.
    """
    _check(folder, patients, seed, most_files, dirt_level)
    # Built beside its place and moved there whole: a run that is stopped leaves no half practice.
    workshop = folder / ".practice.partial"
    try:
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(parents=True)
        files = DocumentFiles(workshop / DOCUMENTS, seed, most_files) if documents else None
        maker = _Maker(seed, dirt_level, files)
        with PracticeDatabase(workshop / DATABASE) as database:
            maker.fill(database, patients, progress)
        if files:
            files.folder.mkdir(exist_ok=True)
            files.folder.replace(folder / DOCUMENTS)
        (workshop / DATABASE).replace(folder / DATABASE)
        workshop.rmdir()
    except (OSError, sqlite3.Error) as error:
        raise MigratorError(
            f"the sample practice could not be written to {folder}: {error}",
            hint="Check that the folder can be written and the disk has room.",
        ) from error
    return SamplePractice(
        database=folder / DATABASE,
        documents=folder / DOCUMENTS if files else None,
        counts={**database.rows, "files": files.written if files else 0},
        dirt={kind.name.lower(): count for kind, count in maker.draw.counts.items()},
        owners=maker.team.owners,
    )


def _check(folder: Path, patients: int, seed: int, most_files: int, dirt_level: float) -> None:
    if not 1 <= patients <= MOST_PATIENTS:
        raise ParameterError(f"patients must be between 1 and {MOST_PATIENTS:,}, not {patients}")
    if seed < 0:
        raise ParameterError(f"seed must not be negative, but is {seed}")
    if most_files < 1:
        raise ParameterError(f"most_files must be at least 1, not {most_files}")
    if not 0 <= dirt_level <= 20:
        raise ParameterError(f"dirt_level must be between 0 and 20, not {dirt_level}")
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"{folder} is not a folder", hint="Name a folder, new or empty.")
    for name in (DATABASE, DOCUMENTS):
        if (folder / name).exists():
            raise ParameterError(
                f"{folder} holds {name} already", hint="Name another folder, or remove it first."
            )


class _Maker:
    """Makes the tables chunk by chunk, each from a random stream of its own."""

    def __init__(self, seed: int, dirt_level: float, files: DocumentFiles | None) -> None:
        self.seed = seed
        self.draw = DirtDraw(dirt_level)
        self.files = files
        self.pools: tuple[Origin, ...] = origins(seed)
        self.team: Staff = staff(self._stream("staff", 0), self.pools)
        self.texts = NoteTexts(self._stream("texts", 0))

    def _stream(self, table: str, first: int) -> np.random.Generator:
        """Return the random numbers of one table and chunk; other tables do not shift them."""
        return np.random.default_rng([self.seed, zlib.crc32(table.encode()), first])

    def fill(self, database: PracticeDatabase, total: int, progress: Progress) -> None:
        """Insert every table of a practice with `total` patients."""
        database.insert("practices", self.team.practices)
        database.insert("providers", self.team.providers)
        with progress("Generating the sample practice", total) as step:
            for first in range(0, total, CHUNK):
                count = min(CHUNK, total - first)
                self._fill_chunk(database, first, count)
                step.advance(count)
        database.insert("reminder_rules", reminder_rules())
        database.insert("recall_rules", recall_rules())

    def _fill_chunk(self, database: PracticeDatabase, first: int, count: int) -> None:
        draw, team, rows = self.draw, self.team, database.rows

        def stream(table: str) -> np.random.Generator:
            return self._stream(table, first)

        table, chunk = patient_rows(stream("patients"), draw, self.pools, team, first, count)
        database.insert("patients", table)
        name = "insurance_policies"
        database.insert(name, policy_rows(stream(name), draw, chunk, rows[name]))
        name = "treatment_plans"
        table, plans = plan_rows(stream(name), draw, chunk, team, rows[name])
        database.insert(name, table)
        name = "appointments"
        table = appointment_rows(stream(name), draw, chunk, plans, team, rows[name])
        database.insert(name, table)
        name = "call_logs"
        database.insert(name, call_rows(stream(name), draw, chunk, team, rows[name]))
        name = "clinical_notes"
        table = note_rows(stream(name), draw, self.texts, chunk, plans, team, rows[name])
        database.insert(name, table)
        if self.files:
            name = "documents"
            table, on_disk, drawn = document_rows(stream(name), draw, chunk, plans, rows[name])
            self.files.place(table, on_disk, drawn)
            database.insert(name, table)
