from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.source.inventory import Inventory, inventory
from migrator_kit.source.snapshot import take_snapshot

SHARED = Path(__file__).parents[2].parent / "shared"
OPEN_DENTAL = SHARED / "data" / "04_opendental_synthetic_rows"


@pytest.fixture(scope="session")
def open_dental() -> Path:
    if not OPEN_DENTAL.is_dir():
        pytest.skip(f"the Open Dental rows are not at {OPEN_DENTAL}")
    return OPEN_DENTAL


@pytest.fixture(scope="session")
def open_dental_inventories(
    open_dental: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Inventory]:
    """The inventories of the same practice from its database and from its exports."""
    found = {}
    for kind, name in (("database", "opendental_synth.sqlite"), ("exports", "csv")):
        settings = SourceSettings(url=str(open_dental / name))
        engagement = Engagement.create(
            tmp_path_factory.mktemp(kind), EngagementFile(client="Real rows", source=settings)
        )
        found[kind] = inventory(take_snapshot(engagement))
    return found


@pytest.fixture
def practice_db(tmp_path: Path) -> Path:
    """A small practice with declared types, keys, a leading zero, and dirt in its dates."""
    path = tmp_path / "practice.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """
            CREATE TABLE patients (
              patient_id TEXT PRIMARY KEY, first_name TEXT, last_name TEXT, birth_date DATE,
              sms_consent INTEGER, balance NUMERIC, photo BLOB, created_at DATETIME);
            CREATE TABLE appointments (
              appointment_id TEXT PRIMARY KEY,
              patient_id TEXT REFERENCES patients(patient_id), starts_at DATETIME, minutes INTEGER);
            CREATE TABLE nothing_yet (id INTEGER PRIMARY KEY, remark TEXT, amount REAL);
            INSERT INTO patients VALUES
              ('000123', 'Μαρία', 'O''Neil "M"', '1980-02-30', 1, 12.5, x'00ff',
               '2021-05-04 10:30:00'),
              ('000124', 'Ann', NULL, '0000-00-00', 0, 7, NULL, '2021-05-04 10:30:00'),
              ('000125', '', 'Two\nlines', NULL, NULL, NULL, NULL, 20210504);
            INSERT INTO appointments VALUES
              ('A1', '000123', '2026-01-05 09:00:00', 30), ('A2', '000999', '2026-01-06', 'half');
            """
        )
    return path


@pytest.fixture
def new_engagement(tmp_path: Path) -> Callable[..., Engagement]:
    count = iter(range(100))

    def make(url: object, **source: object) -> Engagement:
        settings = SourceSettings.model_validate({"url": str(url), **source})
        folder = tmp_path / f"engagement{next(count)}"
        return Engagement.create(folder, EngagementFile(client="Test practice", source=settings))

    return make


@pytest.fixture
def exports(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder
