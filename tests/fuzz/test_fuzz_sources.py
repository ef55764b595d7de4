"""Files of a stranger's practice, damaged in every way: a table, or an error that says where."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import openpyxl
import pytest

from migrator_kit.engagement import Engagement, EngagementFile, RestSettings, SourceSettings
from migrator_kit.errors import MigratorError, SourceError
from migrator_kit.source.carry import pack
from migrator_kit.source.connect import open_source
from migrator_kit.source.document_files import examine
from migrator_kit.source.snapshot import take_snapshot
from tests.fuzz.hunting import hunt, mutated, mutated_zip

CSV = (
    "id,name,born,fee\n1,Müller,1980-02-03,12.50\n2,\"Παπά, Α\",1999-12-31,\n"
    '3,"two\nlines","03/04/2020","1,234.00"\n'
)  # fmt: skip
MYSQL = b"""-- MySQL dump 10.13  Distrib 8.0
/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE `patient` (`PatNum` bigint NOT NULL, `LName` varchar(100) DEFAULT '',
  `Birthdate` date NOT NULL DEFAULT '0001-01-01', PRIMARY KEY (`PatNum`)) ENGINE=MyISAM;
INSERT INTO `patient` VALUES (1,'O\\'Hara','1980-01-02'),(2,'\\\\x;--','0001-01-01'),(3,NULL,NULL);
"""
POSTGRES = b"""-- PostgreSQL database dump
CREATE TABLE public.visit (id integer NOT NULL, at timestamp, note text);
COPY public.visit (id, at, note) FROM stdin;
1\t2020-01-02 10:00:00\tline\\nbreak
2\t\\N\ttab\\there
\\.
ALTER TABLE ONLY public.visit ADD CONSTRAINT p PRIMARY KEY (id);
"""
SQL_SERVER = b"""SET ANSI_NULLS ON
GO
CREATE TABLE [dbo].[note]([id] [int] NOT NULL, [body] [nvarchar](max) NULL)
GO
INSERT [dbo].[note] ([id], [body]) VALUES (1, N'it''s')
INSERT [dbo].[note] ([id], [body]) VALUES (2, CAST(N'2020-01-01' AS Date))
GO
"""
JSON_LINES = b'{"id": 1, "name": "A", "tags": ["x"], "in": {"a": 1}}\n{"id": "2", "late": 1.5}\n'


def read_all(path: Path) -> None:
    with open_source(SourceSettings(url=str(path)), work=path.parent / "work") as source:
        for table in source.describe():
            for part in source.read(table.name, 1_000):
                part.validate(full=True)
            source.notes(table.name)


@pytest.mark.parametrize(
    ("name", "originals"),
    [
        ("export.csv", [CSV.encode(), CSV.encode("cp1253", "replace"), CSV.encode("utf-16"),
                        CSV.replace(",", ";").encode("utf-8-sig"), b"a\tb\n1\t2\n"]),
        ("dump.sql", [MYSQL, POSTGRES, SQL_SERVER, SQL_SERVER.decode().encode("utf-16")]),
        ("lines.jsonl", [JSON_LINES]),
    ],
)  # fmt: skip
def test_exports(name: str, originals: list[bytes], tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    words = [b"CREATE TABLE ", b"INSERT INTO ", b"COPY ", b"GO\n", b"\\.\n", b" VALUES ", b"N'"]

    def attempt(data: bytes) -> None:
        (inside / name).write_bytes(data)
        read_all(inside / name)

    for original in originals:
        attempt(original)
    hunt(name, attempt, mutated(*originals, words=words))
    assert {path.name for path in tmp_path.iterdir()} == {"inside"}


def test_packed_dump(tmp_path: Path) -> None:
    def attempt(data: bytes) -> None:
        path = tmp_path / "dump.sql.gz"
        path.write_bytes(data)
        read_all(path)

    hunt("dump.sql.gz", attempt, mutated(gzip.compress(MYSQL)), few=6)


def test_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "name"])
    book.active.append([1, "A"])
    book.active.append([2.5, None])
    book.create_sheet("Two").append(["x"])
    saved = io.BytesIO()
    book.save(saved)

    def attempt(data: bytes) -> None:
        path = tmp_path / "book.xlsx"
        path.write_bytes(data)
        read_all(path)

    hunt("workbook", attempt, mutated_zip(saved.getvalue()))


def test_zip_of_exports(tmp_path: Path) -> None:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/patients.csv", CSV)
        archive.writestr("visits.jsonl", JSON_LINES)
    inside = tmp_path / "deep" / "inside"
    inside.mkdir(parents=True)
    path = inside / "exports.zip"
    path.touch()
    (inside / "work").mkdir()

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        read_all(path)

    hunt("zip of exports", attempt, mutated_zip(saved.getvalue()), outside=tmp_path)


def test_database_file(tmp_path: Path) -> None:
    path = tmp_path / "practice.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE patient (id INTEGER PRIMARY KEY, name TEXT, x BLOB)")
        connection.executemany("INSERT INTO patient VALUES (?, ?, ?)", [(1, "A", b"\0"), (2, 3, 4)])
    connection.close()
    whole = path.read_bytes()

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        read_all(path)

    hunt("SQLite file", attempt, mutated(whole))


def test_service(tmp_path: Path) -> None:
    answer = {"body": b"", "type": "application/json"}

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1  # one packet an answer: two would wait for each other

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", answer["type"])
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    rest = RestSettings.model_validate(
        {"records": "data", "tables": {"patients": {"path": "patients", "key": ["id"]}}}
    )
    url = f"http://127.0.0.1:{server.server_address[1]}/api"

    def attempt(data: bytes) -> None:
        answer["body"] = data
        with open_source(SourceSettings(url=url, rest=rest), work=tmp_path) as source:
            for table in source.describe():
                for part in source.read(table.name, 1_000):
                    part.validate(full=True)

    whole = json.dumps({"data": [{"id": 1, "a": "x"}, {"id": 2, "b": {"c": [1]}}], "next": None})
    hunt("REST answers", attempt, mutated(whole.encode()))
    server.shutdown()


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A carried snapshot of two small tables."""
    monkeypatch.setenv("MIGRATOR_PASSPHRASE", "twelve or more letters")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/patients.csv").write_text(CSV, encoding="utf-8")
    source = SourceSettings(url=str(tmp_path / "exports"))
    engagement = Engagement.create(tmp_path / "e", EngagementFile(client="C", source=source))
    return pack(take_snapshot(engagement), tmp_path / "c.zip", "twelve or more letters").path


def test_carried_snapshot(carried: Path, tmp_path: Path) -> None:
    whole = carried.read_bytes()
    place = tmp_path / "deep" / "inside" / "carried.zip"
    place.parent.mkdir(parents=True)
    place.write_bytes(whole)
    read_all(place)

    def attempt(data: bytes) -> None:
        place.write_bytes(data)
        read_all(place)

    # The key costs a second to open: that is what it is for.
    hunt("carried snapshot", attempt, mutated(whole), few=3, outside=tmp_path)


def test_documents(tmp_path: Path) -> None:
    pictures = [b"\xff\xd8\xff\xe0" + b"x" * 40, b"\x89PNG\r\n\x1a\n" + b"y" * 40,
                b"%PDF-1.7\n%%EOF", b"\0" * 128 + b"DICM" + b"z" * 40, b"II*\0"]  # fmt: skip

    def attempt(data: bytes) -> None:
        (tmp_path / "file.dcm").write_bytes(data)
        assert len(examine(tmp_path)) == 1

    hunt("documents", attempt, mutated(*pictures))


def test_an_error_of_a_damaged_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    with pytest.raises(SourceError, match=r"x\.db"):
        read_all(tmp_path / "x.db")
    assert issubclass(SourceError, MigratorError)
