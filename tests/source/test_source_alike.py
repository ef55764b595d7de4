"""The same practice, however it comes, gives the same inventory."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

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
    one = inventory(take_snapshot(new_engagement(as_database(tmp_path))), time_zone="UTC")
    two = inventory(take_snapshot(new_engagement(FORMS[form](exports))), time_zone="UTC")
    alike(one, two)
    assert one.relations()["from"].tolist() == ["visits.person_id"]


def alike(one: Inventory, two: Inventory) -> None:
    kept = ["table", "column", "content", "filled", "distinct", "data class"]
    pd.testing.assert_frame_equal(one.columns()[kept], two.columns()[kept])
    pd.testing.assert_frame_equal(one.relations(), two.relations())
    pd.testing.assert_frame_equal(one.oddities, two.oddities)


class Service(BaseHTTPRequestHandler):
    """Hands out the practice as JSON lists, one a table."""

    def do_GET(self) -> None:
        columns, rows = TABLES[self.path.strip("/")]
        body = json.dumps([dict(zip(columns, row, strict=True)) for row in rows]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


@contextmanager
def serving() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_service_gives_the_inventory_of_the_database(
    tmp_path: Path, new_engagement: Callable[..., Engagement]
) -> None:
    one = inventory(take_snapshot(new_engagement(as_database(tmp_path))), time_zone="UTC")
    with serving() as url:
        tables = {name: {"path": f"/{name}"} for name in TABLES}
        two = inventory(
            take_snapshot(new_engagement(url, rest={"tables": tables})), time_zone="UTC"
        )
    alike(one, two)


SERVERS = {"postgresql": "MIGRATOR_TEST_POSTGRES_URL", "mysql": "MIGRATOR_TEST_MARIADB_URL"}


@pytest.mark.parametrize("kind", sorted(SERVERS))
def test_a_server_gives_the_inventory_of_the_database(
    kind: str, tmp_path: Path, new_engagement: Callable[..., Engagement]
) -> None:
    address = os.environ.get(SERVERS[kind])
    if not address:
        pytest.skip(f"{SERVERS[kind]} names no server")
    one = inventory(take_snapshot(new_engagement(as_database(tmp_path))), time_zone="UTC")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    name = f"migrator_alike_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = admin.url.set(database=name)
    own = create_engine(url)
    try:
        moment = "timestamp" if kind == "postgresql" else "datetime"
        with own.begin() as connection:
            connection.execute(
                text("CREATE TABLE people (person_id varchar(5), last_name varchar(60), born date)")
            )
            connection.execute(
                text(
                    "CREATE TABLE visits (visit_id integer, person_id varchar(5), "
                    f"starts_at {moment}, fee decimal(10,2))"
                )
            )
            for table, (columns, rows) in TABLES.items():
                marks = ", ".join(f":{column}" for column in columns)
                values = [dict(zip(columns, row, strict=True)) for row in rows]
                connection.execute(text(f"INSERT INTO {table} VALUES ({marks})"), values)
        two = inventory(
            take_snapshot(new_engagement(url.render_as_string(hide_password=False))),
            time_zone="UTC",
        )
    finally:
        own.dispose()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
        admin.dispose()
    alike(one, two)
