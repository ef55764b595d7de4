"""A generated practice on every route a practice can give it: servers, exports, a service."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openpyxl
import yaml
from sqlalchemy import create_engine, text

from migrator_kit.sample import generate
from migrator_kit.sample.schema import TABLES

Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]
KEYS = {table.name: table.primary_key for table in TABLES}
_ISO = re.compile(r"^(\d{4})-(\d{2})-(\d{2})( .*)?$")


def practice(folder: Path, patients: int) -> tuple[Path, Rows]:
    """A generated practice whose letters all stand in Windows-1253, and its rows."""
    database = generate(folder, patients=patients, most_files=10).database
    with closing(sqlite3.connect(database)) as connection:
        connection.create_function("greek", 1, greek_letters, deterministic=True)
        for table in TABLES:
            texts = [c.name for c in table.columns if c.type == "TEXT"]
            changes = ", ".join(f"{name} = greek({name})" for name in texts)
            connection.execute(f"UPDATE {table.name} SET {changes}")
        # Typed by hand in another order than the others: no export tells it apart.
        connection.execute("UPDATE patients SET birth_date = NULL WHERE birth_date GLOB '??-??-??'")
        connection.commit()
        rows: Rows = {}
        for table in TABLES:
            cursor = connection.execute(f"SELECT * FROM {table.name} ORDER BY {table.primary_key}")
            rows[table.name] = ([column[0] for column in cursor.description], cursor.fetchall())
    return database, rows


def greek_letters(value: Any) -> Any:
    """A text as Windows-1253 can hold it. Excel takes no control characters."""
    if not isinstance(value, str):
        return value
    held = value.encode("cp1253", "replace").decode("cp1253").replace("\r\n", "\n")
    return "".join(c for c in held if c >= " " or c in "\n\t").strip() or None


def as_greek_exports(rows: Rows, folder: Path) -> str:
    """Windows-1253, semicolons, day first, decimal commas."""
    folder.mkdir()
    for name, (columns, values) in rows.items():
        lines = [";".join(columns), *(";".join(map(greek_cell, row)) for row in values)]
        (folder / f"{name}.csv").write_bytes("\r\n".join(lines).encode("cp1253"))
    return str(folder)


def greek_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", ",")
    if not isinstance(value, str):
        return str(value)
    if match := _ISO.match(value):
        return f"{match[3]}/{match[2]}/{match[1]}{match[4] or ''}"
    quote = '"'
    return f'"{value.replace(quote, quote * 2)}"' if re.search(r'[;"\n]', value) else value


def as_workbook(rows: Rows, folder: Path) -> str:
    folder.mkdir()
    workbook = openpyxl.Workbook(write_only=True)
    for name, (columns, values) in rows.items():
        sheet = workbook.create_sheet(name)
        sheet.append(columns)
        for row in values:
            sheet.append(row)
    workbook.save(folder / "practice.xlsx")
    return str(folder / "practice.xlsx")


@contextmanager
def as_service(rows: Rows, folder: Path) -> Iterator[str]:
    """A read-only JSON service with pages, described by a `service.yml`."""
    answers = {
        name: [dict(zip(columns, row, strict=True)) for row in values]
        for name, (columns, values) in rows.items()
    }

    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, asked = self.path.partition("?")
            page, size = (int(part.partition("=")[2]) for part in sorted(asked.split("&")))
            found = answers[path.strip("/")][(page - 1) * size : page * size]
            body = json.dumps({"items": found}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    paging = {"style": "page", "parameter": "page", "size_parameter": "size", "size": 500}
    tables = {name: {"path": f"/{name}"} for name in rows}
    told = {
        "url": f"http://127.0.0.1:{server.server_address[1]}",
        "rest": {"records": "items", "paging": paging, "tables": tables},
    }
    folder.mkdir()
    (folder / "service.yml").write_text(yaml.safe_dump(told))
    try:
        yield str(folder / "service.yml")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_TYPES = {
    "postgresql": {"DATETIME": "timestamp", "NUMERIC": "numeric(12,2)"},
    "mysql": {"NUMERIC": "decimal(12,2)", "TEXT": "mediumtext"},
}
_SERVERS = {"postgresql": "MIGRATOR_TEST_POSTGRES_URL", "mysql": "MIGRATOR_TEST_MARIADB_URL"}


def server_address(kind: str) -> str | None:
    return os.environ.get(_SERVERS[kind])


@contextmanager
def as_server(kind: str, rows: Rows) -> Iterator[str]:
    """A database of its own on the test server; dates that no server takes are texts there."""
    admin = create_engine(server_address(kind) or "", isolation_level="AUTOCOMMIT")
    name = f"migrator_routes_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        more = "" if kind == "postgresql" else " CHARACTER SET utf8mb4"
        connection.execute(text(f"CREATE DATABASE {name}{more}"))
    url = admin.url.set(database=name)
    own = create_engine(url)
    try:
        with own.begin() as connection:
            for table in TABLES:
                columns, values = rows[table.name]
                kinds = [_kind(kind, table.columns[n].type, n, values) for n in range(len(columns))]
                quote = own.dialect.identifier_preparer.quote
                listed = ", ".join(f"{quote(c)} {k}" for c, k in zip(columns, kinds, strict=True))
                key = table.primary_key
                connection.execute(
                    text(f"CREATE TABLE {table.name} ({listed}, PRIMARY KEY ({key}))")
                )
                marks = ", ".join(f":{column}" for column in columns)
                given = [dict(zip(columns, row, strict=True)) for row in values]
                if given:
                    connection.execute(text(f"INSERT INTO {table.name} VALUES ({marks})"), given)
        yield url.render_as_string(hide_password=False)
    finally:
        own.dispose()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
        admin.dispose()


def _kind(server: str, declared: str, position: int, values: list[tuple[Any, ...]]) -> str:
    """The type of a column on the server: text where a date of the practice is none."""
    held = [row[position] for row in values if row[position] is not None]
    if position == 0:
        return "varchar(60)"
    if declared in ("DATE", "DATETIME") and not all(_is_date(value) for value in held):
        return "varchar(60)"
    if declared in ("NUMERIC", "INTEGER") and any(isinstance(value, str) for value in held):
        return "varchar(60)"
    return _TYPES[server].get(declared, declared)


def _is_date(value: Any) -> bool:
    match = _ISO.match(str(value))
    return bool(match) and "01" <= match[2] <= "12" and "01" <= match[3] <= "28"
