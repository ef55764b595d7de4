"""What the staff of a generated practice change after the snapshot."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from migrator_kit.errors import ParameterError
from migrator_kit.sample import generate
from migrator_kit.sample.later_work import work_on
from migrator_kit.sample.schema import TABLES


def rows(database: Path) -> dict[str, dict[str, tuple[object, ...]]]:
    """Every row by table and key."""
    with sqlite3.connect(database) as connection:
        return {
            table.name: {
                str(row[0]): row for row in connection.execute(f"SELECT * FROM {table.name}")
            }
            for table in TABLES
        }


@pytest.mark.parametrize("seed", [1, 2])
def test_a_handful_of_rows_changes_and_none_goes(tmp_path: Path, seed: int) -> None:
    practice = generate(tmp_path / "one", patients=40, seed=3, documents=False)
    before = rows(practice.database)
    changed = work_on(tmp_path / "one", seed=seed)
    after = rows(practice.database)
    fresh = {name: after[name].keys() - before[name].keys() for name in after}
    other = {
        name: {key for key, row in before[name].items() if after[name][key] != row}
        for name in before
    }
    assert {name: len(keys) for name, keys in fresh.items() if keys} == {
        "appointments": 3, "clinical_notes": 3,
    }  # fmt: skip
    assert {name: len(keys) for name, keys in other.items() if keys} == {
        "patients": 5, "appointments": 5,
    }  # fmt: skip
    assert changed == 16
    generate(tmp_path / "two", patients=40, seed=3, documents=False)
    work_on(tmp_path / "two", seed=seed)
    assert rows(tmp_path / "two" / "practice.db") == after


def test_a_folder_without_a_practice_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"practice\.db"):
        work_on(tmp_path)
