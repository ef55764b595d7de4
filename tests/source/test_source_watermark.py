"""A further snapshot by watermark: few rows are read, and it equals one that is read whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError
from migrator_kit.source.snapshot import Snapshot, take_snapshot
from migrator_kit.source.sql import SqlSource
from migrator_kit.source.sqlite import SqliteSource

ROWS = 3_000
SERVERS = {"postgresql": "MIGRATOR_TEST_POSTGRES_URL", "mariadb": "MIGRATOR_TEST_MARIADB_URL"}
New = Callable[..., Engagement]
Change = Callable[[str], None]


@pytest.fixture(params=["sqlite", *SERVERS])
def practice(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Change]]:
    """A practice of one table, by address, and a way to change it."""
    if request.param == "sqlite":
        path = tmp_path / "practice.db"
        engine = create_engine(f"sqlite:///{path}")
        yield from filled(engine, str(path))
        return
    address = os.environ.get(SERVERS[request.param])
    if not address:
        pytest.skip(f"{SERVERS[request.param]} names no server")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    name = f"migrator_watermark_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = admin.url.set(database=name)
    engine = create_engine(url)
    try:
        yield from filled(engine, url.render_as_string(hide_password=False))
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
        admin.dispose()


def filled(engine: Engine, address: str) -> Iterator[tuple[str, Change]]:
    def change(sql: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(sql))

    moment = "timestamp" if engine.dialect.name == "postgresql" else "datetime"
    change(
        "CREATE TABLE patients (patient_id varchar(10) PRIMARY KEY, name varchar(80), "
        f"visits integer, balance numeric(10,2), modified_at {moment})"
    )
    rows = ", ".join(
        f"('P{n:05d}', 'Name {n}', {n % 7}, {n}.50, '2025-01-{1 + n % 28:02d} 10:00:00')"
        for n in range(ROWS)
    )
    change(f"INSERT INTO patients VALUES {rows}")
    yield address, change
    engine.dispose()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How the source was asked for rows, in order."""
    asked: list[str] = []
    for kind in (SqliteSource, SqlSource):
        for name in ("read", "read_since"):
            method = getattr(kind, name)

            def noted(self, *rest, name=name, method=method):  # type: ignore[no-untyped-def]
                asked.append(name)
                return method(self, *rest)

            monkeypatch.setattr(kind, name, noted)
    return asked


def rows_of(snapshot: Snapshot) -> list[tuple[object, ...]]:
    with snapshot.connect() as connection:
        return connection.execute("SELECT * FROM patients ORDER BY patient_id").fetchall()


def test_few_rows_are_read_and_the_snapshot_is_as_one_read_whole(
    practice: tuple[str, Change], new_engagement: New, counted: list[str]
) -> None:
    address, change = practice
    engagement = new_engagement(address, part_rows=1_000)
    first = take_snapshot(engagement)
    change("UPDATE patients SET name = 'New', modified_at = '2025-02-03 08:00:00' "
           "WHERE patient_id = 'P00012'")  # fmt: skip
    change("UPDATE patients SET balance = NULL, modified_at = NULL WHERE patient_id = 'P01500'")
    change("INSERT INTO patients VALUES ('P90000', 'Added', 1, 2.5, '2025-02-03 08:00:00')")
    change("DELETE FROM patients WHERE patient_id = 'P00013'")
    counted.clear()
    second = take_snapshot(engagement)
    assert counted == ["read_since"]
    how = second.manifest.tables["patients"].extraction
    newest_day = len([n for n in range(ROWS) if n % 28 == 27])
    assert (how.how, how.column, how.changed, how.gone) == ("by watermark", "modified_at", 3, 1)
    assert how.rows_read == newest_day + 3
    parts = second.manifest.tables["patients"].parts
    kept = {part.sha256 for part in first.manifest.tables["patients"].parts}
    assert [part.sha256 in kept for part in parts] == [False, False, True, False]
    second.verify()
    whole = take_snapshot(engagement, full=True)
    assert rows_of(second) == rows_of(whole)
    assert second.manifest.tables["patients"].columns == whole.manifest.tables["patients"].columns
    assert take_snapshot(engagement).digest == whole.digest, "nothing changed since"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO patients VALUES ('P90000', 'Old', 1, 2, '2020-01-01 00:00:00')",
        "UPDATE patients SET modified_at = '2020-01-01 00:00:00' WHERE patient_id = 'P00012'",
        "UPDATE patients SET name = 'Renamed' WHERE patient_id = 'P00012'",
        "UPDATE patients SET visits = visits + 1 WHERE patient_id = 'P00012'",
        "UPDATE patients SET balance = balance + 1 WHERE visits = 3",
    ],
)
def test_a_change_that_the_watermark_does_not_tell_has_the_table_read_whole(
    sql: str, practice: tuple[str, Change], new_engagement: New, counted: list[str]
) -> None:
    address, change = practice
    engagement = new_engagement(address)
    take_snapshot(engagement)
    change(sql)
    counted.clear()
    second = take_snapshot(engagement)
    assert counted == ["read_since", "read"]
    how = second.manifest.tables["patients"].extraction
    assert how.how == "whole"
    assert "mark" in how.why
    assert rows_of(second) == rows_of(take_snapshot(engagement, full=True))


def test_a_person_chooses_the_watermark_or_none(tmp_path: Path, new_engagement: New) -> None:
    path = tmp_path / "calls.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE calls (call_id INTEGER PRIMARY KEY, summary TEXT)")
        connection.executemany("INSERT INTO calls VALUES (?, ?)", [(n, "x") for n in range(50)])
    tables: dict[str, object] = {"calls": {"watermark": "call_id"}}
    engagement = new_engagement(path, tables=tables)
    take_snapshot(engagement)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO calls VALUES (50, 'new')")
    how = take_snapshot(engagement).manifest.tables["calls"].extraction
    assert (how.column, how.since, how.rows_read, how.changed) == ("call_id", "49", 2, 1)
    tables["calls"] = {"watermark": False}
    never = take_snapshot(opened_with(engagement, tables)).manifest.tables["calls"].extraction
    assert (never.how, never.why) == ("whole", "engagement.yml says so")
    tables["calls"] = {"watermark": "nothing"}
    with pytest.raises(ConfigError, match="no column 'nothing'"):
        take_snapshot(opened_with(engagement, tables))


def opened_with(engagement: Engagement, tables: dict[str, object]) -> Engagement:
    tree = engagement.settings.model_dump()
    tree["source"]["tables"] = tables
    return Engagement(engagement.folder, type(engagement.settings).model_validate(tree))


def test_the_command_says_how_each_table_was_read(
    practice: tuple[str, Change], new_engagement: New, capsys: pytest.CaptureFixture[str]
) -> None:
    address, change = practice
    folder = str(new_engagement(address).folder)
    assert main(["snapshot", folder]) == 0
    change("DELETE FROM patients WHERE patient_id = 'P00013'")
    capsys.readouterr()
    assert main(["snapshot", folder]) == 0
    assert "patients: by modified_at since 2025-01-28 10:00:00: " in capsys.readouterr().out
    assert main(["snapshot", folder, "--full"]) == 0
    assert "by modified_at" not in capsys.readouterr().out
