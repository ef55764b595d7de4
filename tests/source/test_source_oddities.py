"""What misleads in a source is named by table and column, counted, and never shown."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.source.inventory import Inventory, inventory
from migrator_kit.source.odd_times import clock_changes
from migrator_kit.source.snapshot import take_snapshot

New = Callable[..., Engagement]


@pytest.fixture
def practice(tmp_path: Path) -> Path:
    """Sixty patients in order, and one thing wrong at a time in further rows."""
    path = tmp_path / "odd.db"
    people = [
        (n, f"Given{'abcdefgh'[n % 8]}", f"Family{'klmnopqr'[n % 7]}", f"19{n + 20}-03-04", "ok")
        for n in range(60)
    ]
    people += [
        (60, "Ann", "Roe", "2090-01-01", "ok"),
        (61, "Ann", "Loe", "1975-02-31", "ok"),
        (62, "Ann", "Poe", "1899-12-30", "call (212) 555-0143"),
        (63, None, "Moe, Ann", "1990-01-01", "write to ann.moe@example.org"),
        (64, "JosÃ©", "GarcÃ\u00ada", "1990-01-01", "ok"),
    ]
    visits = [(n, "scheduled", "2010-05-06 10:00:00", f"Room {n}") for n in range(8)]
    visits += [(n, "done", "2024-05-06 10:00:00", f"Room {n}") for n in range(8, 50)]
    visits += [
        (50, "done", "2023-03-12 02:30:00", "Ann Roe"),
        (51, "done", "2022-11-06 01:30:00", "roe ann"),
        (52, "done", "2022-11-06 02:30:00", "Room 1"),
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE patients (patient_id INTEGER PRIMARY KEY, first_name TEXT, "
            "last_name TEXT, birth_date TEXT, shelf TEXT)"
        )
        connection.execute(
            "CREATE TABLE visits (visit_id INTEGER PRIMARY KEY, status TEXT, starts_at TEXT, "
            "place TEXT)"
        )
        connection.executemany("INSERT INTO patients VALUES (?, ?, ?, ?, ?)", people)
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?, ?)", visits)
    return path


def counted(found: Inventory) -> dict[tuple[str, str], int]:
    """Return rows by place and by the first words of what is odd."""
    return {
        (f"{row.table}.{row.column}", " ".join(row.what.split()[:4])): int(row.rows)
        for row in found.oddities.itertuples()
    }


def test_every_oddity_is_counted_where_it_is(practice: Path, new_engagement: New) -> None:
    snapshot = take_snapshot(new_engagement(practice))
    found = inventory(snapshot, time_zone="America/New_York")
    assert counted(found) == {
        ("patients.birth_date", "date in the future"): 1,
        ("patients.birth_date", "date that cannot be"): 1,
        ("patients.birth_date", "filler in place of"): 1,
        ("patients.first_name", "letters broken by a"): 1,
        ("patients.last_name", "letters broken by a"): 1,
        ("patients.last_name", "first and last name"): 1,
        ("patients.shelf", "e-mail address in a"): 1,
        ("patients.shelf", "telephone number in a"): 1,
        ("visits.place", "name of a patient"): 2,
        ("visits.starts_at", "time that no clock"): 1,
        ("visits.starts_at", "time that clocks showed"): 1,
        ("visits.status", "still open, though its"): 8,
    }
    assert (found.oddities["why it matters"].str.len() > 20).all()


def test_no_value_is_in_a_finding(practice: Path, new_engagement: New) -> None:
    found = inventory(take_snapshot(new_engagement(practice)), time_zone="Europe/Athens")
    shown = found.oddities.to_csv() + json.dumps(found.to_json()["oddities"])
    for value in ("Roe", "555", "example.org", "Jos", "1899", "2023"):
        assert value not in shown


def test_changes_of_clocks_are_those_of_the_practice(practice: Path, new_engagement: New) -> None:
    snapshot = take_snapshot(new_engagement(practice))
    for zone, expected in (("America/New_York", 2), ("Europe/Athens", 0), ("UTC", 0), (None, 0)):
        found = inventory(snapshot, time_zone=zone).oddities
        assert found["what"].str.contains("clock").sum() == expected, zone


def test_clean_data_has_no_oddity(exports: Path, new_engagement: New) -> None:
    letters = "abcdefghij"
    rows = [
        f"{n},Given{letters[n % 10]},Family{letters[n // 10]},19{n + 20}-03-04" for n in range(60)
    ]
    (exports / "patients.csv").write_text("\n".join(["id,first_name,last_name,birth_date", *rows]))
    found = inventory(take_snapshot(new_engagement(exports)), time_zone="America/New_York")
    assert found.oddities.empty
    assert found.to_json()["oddities"] == []


@pytest.mark.parametrize(
    ("zone", "kind", "begins", "quarters"),
    [
        ("Europe/Athens", "gap", "2026-03-29 03:00", 4),
        ("Europe/Athens", "overlap", "2026-10-25 03:00", 4),
        ("America/New_York", "gap", "2026-03-08 02:00", 4),
        ("Australia/Lord_Howe", "gap", "2026-10-04 02:00", 2),
    ],
)
def test_changes_of_clocks_begin_and_last_as_in_the_zone(
    zone: str, kind: str, begins: str, quarters: int
) -> None:
    changes = clock_changes(ZoneInfo(zone), 2026)
    day = changes[(changes["kind"] == kind) & (changes["day"] == begins[:10])]
    assert (str(day["begins"].min())[:16], len(day)) == (begins, quarters)


def test_dates_whose_order_cannot_be_told_are_named(exports: Path, new_engagement: New) -> None:
    lines = [f"{n};0{n % 9 + 1}/0{n % 7 + 1}/2020;{n},50" for n in range(1, 60)]
    (exports / "visits.csv").write_text("\n".join(["visit_id;seen;fee", *lines]))
    found = inventory(take_snapshot(new_engagement(exports)))
    assert found.oddities["what"].tolist() == ["day and month cannot be told apart"]
    written = found.columns().set_index("column")["written"]
    assert written[["seen", "fee"]].tolist() == ["day or month first", "decimal comma"]


@pytest.mark.parametrize(("day_first", "last"), [(True, "2020-07-08"), (False, "2020-09-06")])
def test_a_person_says_how_dates_and_amounts_of_a_table_are_written(
    day_first: bool, last: str, exports: Path, new_engagement: New
) -> None:
    lines = [f"{n};0{n % 9 + 1}/0{n % 7 + 1}/2020;{n},500" for n in range(1, 60)]
    (exports / "visits.csv").write_text("\n".join(["visit_id;seen;fee", *lines]))
    tables = {"visits": {"day_first": day_first, "decimal_comma": False}}
    engagement = new_engagement(exports, tables=tables)
    found = inventory(take_snapshot(engagement))
    columns = {column.name: column for column in found.columns_found()}
    assert (columns["seen"].last, columns["fee"].maximum) == (last, 59_500)
    assert found.oddities.empty
