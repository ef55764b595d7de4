"""A practice as JSON lines and as a dump gives the inventory of its database.

The other routes stand in test_source_routes.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.source.inventory import Inventory, inventory
from migrator_kit.source.snapshot import take_snapshot

TABLES: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {
    "people": (
        ["person_id", "last_name", "born"],
        [
            (
                f"{n:05d}",
                f"Παπαδόπουλος {'αβγδεζη'[n % 7]}",
                f"19{50 + n % 40}-03-{13 + n % 15:02d}",
            )
            for n in range(60)
        ],
    ),
    "visits": (
        ["visit_id", "person_id", "starts_at", "fee"],
        [(n, f"{n % 50:05d}", f"2025-01-{13 + n % 15:02d} 09:00:00", n * 1.25) for n in range(90)],
    ),
}


def as_database(folder: Path) -> Path:
    path = folder / "practice.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people (person_id TEXT, last_name TEXT, born DATE)")
        connection.execute(
            "CREATE TABLE visits (visit_id INT, person_id TEXT, starts_at DATETIME, fee NUMERIC)"
        )
        for name, (columns, rows) in TABLES.items():
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    return path


def as_json_lines(folder: Path) -> Path:
    for name, (columns, rows) in TABLES.items():
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def as_dump(folder: Path) -> Path:
    text = [
        "CREATE TABLE `people` (`person_id` varchar(5), `last_name` text, `born` date);",
        "CREATE TABLE `visits` (`visit_id` int, `person_id` varchar(5), `starts_at` datetime, "
        "`fee` decimal(10,2)) ENGINE=InnoDB;",
    ]
    for name, (_, rows) in TABLES.items():
        values = ",".join(str(row) for row in rows)
        text.append(f"INSERT INTO `{name}` VALUES {values};")
    (folder / "practice.sql").write_text("\n".join(text))
    return folder / "practice.sql"


FORMS = {"jsonl": as_json_lines, "sql": as_dump}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_gives_the_inventory_of_the_database(
    form: str, tmp_path: Path, exports: Path, new_engagement: Callable[..., Engagement]
) -> None:
    one = inventory(take_snapshot(new_engagement(as_database(tmp_path))), time_zone="UTC")
    two = inventory(take_snapshot(new_engagement(FORMS[form](exports))), time_zone="UTC")
    alike(one, two)
    assert one.relations()["from"].tolist() == ["visits.person_id"]


def alike(one: Inventory, two: Inventory) -> None:
    kept = ["table", "column", "content", "filled", "distinct", "data class"]
    pd.testing.assert_frame_equal(one.columns()[kept], two.columns()[kept])
    pd.testing.assert_frame_equal(one.relations(), two.relations())
    pd.testing.assert_frame_equal(one.oddities, two.oddities)
