"""A few days of work at a generated practice: what its staff changed since a snapshot was taken."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from migrator_kit.errors import ParameterError
from migrator_kit.sample.generator import DATABASE
from migrator_kit.sample.schema import TABLE_BY_NAME

_EDITS = 5
_MOVED_TO = ("12 Harbour Row", "7 Mill Lane", "31 Orchard Street", "2 Station Road", "9 Elm Court")


def work_on(folder: Path, *, seed: int = 1) -> int:
    """Change a handful of rows of a practice made by `generate` and return how many.

    Patients move house, appointments are moved by a week, new appointments and notes are written;
    the same seed changes the same rows. Nothing is deleted: a practice keeps its records. Raises
    ParameterError where there is no such practice.
    """
    path = folder / DATABASE
    if not path.is_file():
        raise ParameterError(f"{folder} holds no {DATABASE}.", hint="Make one: migrator sample DIR")
    with closing(sqlite3.connect(path)) as connection, connection:
        changed = _move_house(connection, seed) + _move_appointments(connection, seed)
        return changed + _write(connection, seed)


def _some(connection: sqlite3.Connection, table: str, where: str, seed: int) -> list[str]:
    """Return keys of a table, spread over it, other ones for another seed."""
    key = TABLE_BY_NAME[table].primary_key
    rows = connection.execute(f"SELECT {key} FROM {table} WHERE {where} ORDER BY {key}").fetchall()
    step = max(len(rows) // _EDITS, 1)
    return [str(found) for (found,) in rows[seed % step :: step][:_EDITS]]


def _move_house(connection: sqlite3.Connection, seed: int) -> int:
    chosen = _some(connection, "patients", "status = 'active' AND street <> ''", seed)
    return connection.executemany(
        "UPDATE patients SET street = ?, modified_at = datetime(modified_at, '+1 day') "
        "WHERE patient_id = ?",
        list(zip(_MOVED_TO, chosen, strict=False)),
    ).rowcount


def _move_appointments(connection: sqlite3.Connection, seed: int) -> int:
    known = "patient_id IN (SELECT patient_id FROM patients) AND starts_at LIKE '____-__-__ __:__%'"
    chosen = _some(connection, "appointments", known, seed)
    return connection.executemany(
        "UPDATE appointments SET starts_at = datetime(starts_at, '+7 days'), "
        "modified_at = datetime(modified_at, '+1 day') WHERE appointment_id = ?",
        [(one,) for one in chosen],
    ).rowcount


def _write(connection: sqlite3.Connection, seed: int) -> int:
    """Copy an appointment and a clinical note of some patients as new rows with later dates."""
    done = 0
    for table, moment in (("appointments", "starts_at"), ("clinical_notes", "noted_at")):
        names = TABLE_BY_NAME[table].column_names
        known = f"patient_id IN (SELECT patient_id FROM patients) AND {moment} LIKE '____-__-__ %'"
        if table == "clinical_notes":
            known += " AND length(body) > 20"
        taken = {
            names[0]: f"'L{seed}-' || {names[0]}",
            moment: f"datetime({moment}, '+14 days')",
        }
        columns = ", ".join(taken.get(name, name) for name in names)
        for key in _some(connection, table, known, seed + 1)[:3]:
            done += connection.execute(
                f"INSERT INTO {table} SELECT {columns} FROM {table} WHERE {names[0]} = ?", (key,)
            ).rowcount
    return done
