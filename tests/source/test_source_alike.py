"""The same practice, however it comes, gives the same inventory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.source.inventory import inventory
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


def as_greek_csv(folder: Path) -> Path:
    """Windows-1253, semicolons, day first, decimal commas."""
    for name, (columns, rows) in TABLES.items():
        lines = [";".join(columns), *(";".join(map(greek, row)) for row in rows)]
        (folder / f"{name}.csv").write_bytes("\r\n".join(lines).encode("cp1253"))
    return folder


def greek(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", ",")
    if isinstance(value, str) and value[4:5] == "-":
        day, _, time = value.partition(" ")
        year, month, number = day.split("-")
        return f"{number}/{month}/{year}{' ' + time if time else ''}"
    return str(value)


def as_workbook(folder: Path) -> Path:
    workbook = openpyxl.Workbook(write_only=True)
    for name, (columns, rows) in TABLES.items():
        sheet = workbook.create_sheet(name)
        sheet.append(columns)
        for row in rows:
            sheet.append(row)
    workbook.save(folder / "practice.xlsx")
    return folder / "practice.xlsx"


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


FORMS = {"csv": as_greek_csv, "xlsx": as_workbook, "jsonl": as_json_lines, "sql": as_dump}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_gives_the_inventory_of_the_database(
    form: str, tmp_path: Path, exports: Path, new_engagement: Callable[..., Engagement]
) -> None:
    one = inventory(take_snapshot(new_engagement(as_database(tmp_path))))
    two = inventory(take_snapshot(new_engagement(FORMS[form](exports))))
    alike = ["table", "column", "content", "filled", "distinct", "data class"]
    pd.testing.assert_frame_equal(one.columns()[alike], two.columns()[alike])
    pd.testing.assert_frame_equal(one.relations(), two.relations())
    assert one.relations()["from"].tolist() == ["visits.person_id"]
