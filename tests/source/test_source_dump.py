from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from migrator_kit.engagement import Engagement, SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.connect import open_source
from migrator_kit.source.dump_text import Dialect, DumpText, Statement
from migrator_kit.source.model import ForeignKey, SourceTable
from migrator_kit.source.snapshot import take_snapshot

SHARED = Path(__file__).parents[2].parent / "shared"
Read = tuple[dict[str, SourceTable], dict[str, list[dict[str, Any]]], dict[str, str]]


def read(path: Path | str, work: Path | None = None) -> Read:
    """Return tables, rows by table, and the notes on the first table."""
    with open_source(SourceSettings(url=str(path)), work=work) as source:
        tables = {table.name: table for table in source.describe()}
        rows = {
            name: pa.concat_tables(list(source.read(name, 1_000))).to_pylist() for name in tables
        }
        return tables, rows, source.notes(next(iter(tables)))


MYSQL = """\
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `patients`;
CREATE TABLE `patients` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT, `name` varchar(80) DEFAULT 'x, (y);',
  `born` date, `fee` decimal(10,2), `note` text, `photo` blob, `big` bigint(20) unsigned,
  PRIMARY KEY (`id`), FULLTEXT KEY `n` (`note`(10))
) ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=utf8mb4;
CREATE TABLE `visits` (`id` int, `patient` int unsigned, KEY `p` (`patient`),
  CONSTRAINT `fk` FOREIGN KEY (`patient`) REFERENCES `patients` (`id`) ON DELETE CASCADE);
LOCK TABLES `patients` WRITE; -- a remark; with a semicolon
INSERT INTO `patients` VALUES (1,'Μαρία','0000-00-00',12.50,'it\\'s \\"x\\";\\n--',0x00FF,\
18446744073709551615),
  (2,'O''Neil',NULL,-1e3,NULL,_binary 'a\\0b',5);
INSERT IGNORE INTO `visits` (`patient`, `id`) VALUES (2, 7) ON DUPLICATE KEY UPDATE id = 7;
DELIMITER ;;
CREATE TRIGGER t BEFORE INSERT ON visits FOR EACH ROW BEGIN INSERT INTO visits VALUES (9,9); END;;
DELIMITER ;
INSERT INTO `visits` SELECT * FROM `visits`;
"""


def test_a_mysql_dump_is_read_with_types_and_keys(tmp_path: Path) -> None:
    path = tmp_path / "practice.sql"
    path.write_text(MYSQL)
    tables, rows, notes = read(path)
    assert tables["patients"].primary_key == ("id",)
    assert tables["patients"].columns["name"] == "VARCHAR(80)"
    assert tables["visits"].foreign_keys == (ForeignKey(("patient",), "patients", ("id",)),)
    assert rows["patients"] == [
        {"id": 1, "name": "Μαρία", "born": "0000-00-00", "fee": 12.5, "note": 'it\'s "x";\n--',
         "photo": b"\x00\xff", "big": "18446744073709551615"},
        {"id": 2, "name": "O'Neil", "born": None, "fee": -1000.0, "note": None,
         "photo": b"a\x00b", "big": "5"},
    ]  # fmt: skip
    assert rows["visits"] == [{"id": 7, "patient": 2}]
    assert notes["statements left out"].startswith("4 (")
    assert "1 INSERT INTO" in notes["statements left out"]


SQL_SERVER = """\
USE [practice]
GO
/****** Object:  Table [dbo].[patients] ******/
SET ANSI_NULLS ON
GO
CREATE TABLE [dbo].[patients](
\t[id] [int] IDENTITY(1,1) NOT NULL,
\t[name] [nvarchar](max) NULL, [kind] [sysname] COLLATE Greek_CI_AS NOT NULL,
\t[born] [datetime] NULL, [seen] [smalldatetime] NULL, [day] [date] NULL,
\t[fee] [decimal](10, 2) NULL, [photo] [varbinary](max) NULL, [full] AS ([name]+'x'),
 CONSTRAINT [PK_p] PRIMARY KEY CLUSTERED ([id] ASC) WITH (PAD_INDEX = OFF) ON [PRIMARY]
) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]
GO
SET IDENTITY_INSERT [dbo].[patients] ON
INSERT [dbo].[patients] ([id], [name], [kind], [born], [seen], [day], [fee], [photo]) VALUES \
(1, N'Μαρία O''Neil; GO
INSERT nothing', N'a', CAST(N'2013-05-01 10:20:30.000' AS DateTime), \
CAST(0xA1B2026C AS SmallDateTime), CAST(0x16370B00 AS Date), CAST(12.50 AS Decimal(10, 2)), 0x00FF)
INSERT [dbo].[patients] ([id], [name], [kind], [born]) VALUES \
(2, N'VITAMIN Νίκος N', N'b', CAST(0x0000A1B200AA5C88 AS DateTime))
GO
CREATE TABLE [dbo].[visits]([id] [uniqueidentifier] NOT NULL, [patient] [int] NOT NULL)
GO
INSERT [dbo].[visits] VALUES (N'6F96', 1), (N'6F97', 2)
GO
ALTER TABLE [dbo].[visits]  WITH CHECK ADD  CONSTRAINT [FK_v] FOREIGN KEY([patient])
REFERENCES [dbo].[patients] ([id])
GO
"""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1253"])
def test_a_sql_server_script_is_read_in_its_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "practice.sql"
    path.write_bytes(SQL_SERVER.replace("\n", "\r\n").encode(encoding))
    tables, rows, notes = read(path)
    first, second = rows["patients"]
    assert tables["patients"].primary_key == ("id",)
    assert tables["patients"].reading["computed columns"] == "full"
    assert tables["visits"].foreign_keys == (ForeignKey(("patient",), "patients", ("id",)),)
    assert first == {
        "id": 1, "name": "Μαρία O'Neil; GO\r\nINSERT nothing", "kind": "a",
        "born": "2013-05-01 10:20:30.000", "seen": "2013-05-02 10:20:00", "day": "2013-05-11",
        "fee": 12.5, "photo": b"\x00\xff",
    }  # fmt: skip
    assert (second["name"], second["born"]) == ("VITAMIN Νίκος N", "2013-05-02 10:20:16.027")
    assert rows["visits"] == [{"id": "6F96", "patient": 1}, {"id": "6F97", "patient": 2}]
    assert notes["statements left out"] == "3 (2 SET, 1 USE)"


POSTGRESQL = r"""
-- PostgreSQL database dump
SET standard_conforming_strings = on;
CREATE FUNCTION public.f() RETURNS integer AS $body$ BEGIN; RETURN ';'; END; $body$ LANGUAGE sql;
CREATE TABLE public.patients (
    id integer NOT NULL, name text, active boolean, photo bytea, tags text[], "when" timestamp
);
CREATE TABLE public.visits (id integer DEFAULT nextval('public.s'::regclass), patient integer);
CREATE TABLE audit.patients (id integer);
COPY public.patients (id, name, active, photo, tags) FROM stdin;
1	Μαρία\tx\\\n;	t	\\x00ff	{a,b}
2	\N	f	\N	\N
\.

INSERT INTO public.visits VALUES (1, 2), (2, NULL);
INSERT INTO public.patients (id, name) VALUES (3, 'C:\'), (4, E'a\'b\\n'), (5, '7'::text);
ALTER TABLE ONLY public.patients
    ADD CONSTRAINT patients_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.visits
    ADD CONSTRAINT v FOREIGN KEY (patient) REFERENCES public.patients(id);
"""


def test_a_postgresql_dump_is_read_with_its_copied_rows(tmp_path: Path) -> None:
    path = tmp_path / "practice.sql.gz"
    path.write_bytes(gzip.compress(POSTGRESQL.encode()))
    tables, rows, _ = read(path)
    assert sorted(tables) == ["audit.patients", "patients", "visits"]
    assert tables["patients"].primary_key == ("id",)
    assert tables["visits"].foreign_keys == (ForeignKey(("patient",), "patients", ("id",)),)
    names = [(row["id"], row["name"]) for row in rows["patients"]]
    assert names == [(1, "Μαρία\tx\\\n;"), (2, None), (3, "C:\\"), (4, "a'b\\n"), (5, "7")]
    assert rows["patients"][0] | {} == {
        "id": 1, "name": "Μαρία\tx\\\n;", "active": 1, "photo": b"\x00\xff", "tags": "{a,b}",
        "when": None,
    }  # fmt: skip
    assert rows["patients"][1]["active"] == 0
    assert rows["visits"] == [{"id": 1, "patient": 2}, {"id": 2, "patient": None}]


def test_statements_are_cut_alike_however_little_is_read_at_once() -> None:
    for dialect, dump in (
        (Dialect.MYSQL, MYSQL), (Dialect.SQL_SERVER, SQL_SERVER), (Dialect.POSTGRESQL, POSTGRESQL)
    ):  # fmt: skip
        whole = list(DumpText("x", io.StringIO(dump), dialect).pieces())
        for block in (1, 7, 64):
            pieces = list(DumpText("x", io.StringIO(dump), dialect, block).pieces())
            statements = [piece for piece in pieces if isinstance(piece, Statement)]
            assert statements == [piece for piece in whole if isinstance(piece, Statement)]


def test_a_statement_of_any_number_of_values_is_one() -> None:
    values = ", ".join(f"({key}, 'a;''b', 'c -- d')" for key in range(5_000))
    for dialect in Dialect:
        dump = f"INSERT INTO t VALUES {values};\nINSERT INTO t VALUES (1, 'x', 'y');"
        found = list(DumpText("x", io.StringIO(dump), dialect).pieces())
        assert [len(piece.text) for piece in found if isinstance(piece, Statement)] == [
            len(dump.split(";\n")[0]), 34,
        ]  # fmt: skip


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Python 3.11 before 3.11.5 matches those wrongly or for ever."""
    for path in sorted((Path(__file__).parents[2] / "migrator_kit").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>", text), path.name


@pytest.mark.parametrize(
    ("dump", "expected"),
    [
        ("CREATE TABLE t (a int);\nINSERT INTO t VALUES (1, 2);\n", r"x\.sql:2: the rows for"),
        ("CREATE TABLE t (a int);\n\nINSERT INTO t VALUES (f(1));\n", r"x\.sql:3: the rows"),
        ("CREATE TABLE t (a text);\nINSERT INTO t VALUES ('cut", r"x\.sql:2: the state.* no end"),
        ("COPY t (a, b) FROM stdin;\n1\t2\n3\n\\.\n", r"x\.sql:3: the rows for table t"),
        ("COPY t (a) FROM stdin;\n1\n", r"x\.sql:3: the copied rows .* no end"),
        ("INSERT INTO t VALUES (1);\n", r"x\.sql:1: rows for table t, which"),
        ("SELECT 1;\n", "no CREATE TABLE"),
        ("CREATE TABLE t (?, 1);\n", r"x\.sql:1: this table definition"),
    ],
)  # fmt: skip
def test_a_broken_dump_is_one_clear_error(tmp_path: Path, dump: str, expected: str) -> None:
    path = tmp_path / "x.sql"
    path.write_text(dump)
    with pytest.raises(SourceError, match=expected) as caught:
        read(path)
    assert "cut" not in caught.value.message


@pytest.mark.parametrize(
    ("dump", "expected"),
    [
        ("SET ANSI_NULLS ON\nGO".encode("utf-16")[:-1], r"practice\.sql: after line 1"),
        (
            b"/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `t` (`a` int, `b\xf0` int);",
            "table 1 or a",
        ),
        (b"/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `t\xf0` (`a` int);", "name that is not"),
    ],
)
def test_bytes_that_are_no_text_are_one_clear_error(
    tmp_path: Path, dump: bytes, expected: str
) -> None:
    (tmp_path / "practice.sql").write_bytes(dump)
    with pytest.raises(SourceError, match=expected):
        read(tmp_path / "practice.sql")


def test_rows_alone_make_a_table_of_the_columns_they_name(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_text("INSERT INTO `t` (`id`, `a b`) VALUES (1, 'x');\n")
    _, rows, _ = read(path)
    assert rows == {"t": [{"id": 1, "a b": "x"}]}


def test_a_dump_can_do_nothing_but_hold_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    target = tmp_path / "stolen.db"
    path.write_text(
        f"CREATE TABLE t (a text);\nATTACH DATABASE '{target}' AS x;\n"
        "INSERT INTO t VALUES ((SELECT name FROM sqlite_master));\n"
    )
    with pytest.raises(SourceError, match=r"x\.sql:3"):
        read(path)
    assert not target.exists()


def test_the_scratch_database_lies_in_the_engagement_and_goes(
    tmp_path: Path, new_engagement: Callable[..., Engagement]
) -> None:
    path = tmp_path / "practice.sql"
    path.write_text(MYSQL)
    engagement = new_engagement(path)
    with open_source(engagement.settings.source, work=engagement.snapshots) as source:
        next(source.read("visits", 1_000))
        assert list(engagement.snapshots.glob(".dump-*/rows.db"))
    snapshot = take_snapshot(engagement)
    assert [entry.name for entry in engagement.snapshots.iterdir()] == [snapshot.snapshot_id]
    assert snapshot.manifest.source.kind == "MySQL dump"
    assert snapshot.manifest.tables["visits"].foreign_keys[0].to_table == "patients"
    assert "statements left out" in snapshot.manifest.tables["visits"].reading


@pytest.mark.parametrize(
    ("name", "tables", "columns", "keys", "rows"),
    [
        ("10_dentosys_mysql/dentosys_db.sql", 16, 107, 16, 37),
        ("11_dentned_mssql_ddl/dentned-schema.sql", 33, 227, 33, 0),
        ("03_opendental_schema/opendental_unittest_schema_trimmed.mysql.sql", 379, 3_952, 0, 1_348),
    ],
)
def test_real_dumps_arrive_in_full(
    name: str, tables: int, columns: int, keys: int, rows: int
) -> None:
    path = SHARED / "data" / name
    if not path.is_file():
        pytest.skip(f"the dump is not at {path}")
    found, held, _ = read(path)
    assert len(found) == tables
    assert sum(len(table.columns) for table in found.values()) == columns
    assert sum(len(table.foreign_keys) for table in found.values()) == keys
    assert all(table.primary_key for table in found.values())
    assert sum(map(len, held.values())) == rows


DIRT = {
    "mysql": """
        CREATE TABLE patients (
          id varchar(10) PRIMARY KEY, name text, born date, fee decimal(10,2), score double,
          active bit(1), photo blob, kind enum('a','int'), `odd, (name)` int, note longtext);
        CREATE TABLE visits (id int PRIMARY KEY AUTO_INCREMENT, patient varchar(10),
          FOREIGN KEY (patient) REFERENCES patients(id));
        SET sql_mode = '';
        INSERT INTO patients VALUES ('0x1', 'Μαρία', '0000-00-00', 12.50, 1e22, 1,
          x'00ff27225c0a0d1ac328', 'int', -5, 'it''s "q" \\\\ b\\nl\\r\\n; -- # /* */ 0xA b''1'''),
          ('000', NULL, NULL, -0.5, NULL, 0, '', 'a', NULL, '');
        INSERT INTO visits (patient) VALUES ('000');
    """,
    "postgresql": """
        CREATE TABLE patients (
          id varchar(10) PRIMARY KEY, name text, born date, fee numeric(10,2), score float8,
          active boolean, photo bytea, seen timestamp, note text);
        CREATE TABLE visits (id serial PRIMARY KEY, patient varchar(10) REFERENCES patients);
        INSERT INTO patients VALUES ('0x1', 'Μαρία', 'infinity', 12.50, 1e22, true, '\\x00ff27',
          '2021-05-04 10:30:00', E'it''s \\\\ b\\nl\\r\\n\\t; -- /* */ $$ \\\\N \\\\. e'),
          ('\\.', NULL, NULL, -0.5, NULL, false, '', NULL, '');
        INSERT INTO visits (patient) VALUES ('0x1');
    """,
}
VARIABLES = {"postgresql": "MIGRATOR_TEST_POSTGRES_URL", "mysql": "MIGRATOR_TEST_MARIADB_URL"}
OPTIONS = {
    "mysql": [[], ["--hex-blob"], ["--skip-extended-insert", "--complete-insert"]],
    "postgresql": [[], ["--inserts"], ["--column-inserts", "--quote-all-identifiers"]],
}


@pytest.fixture(params=sorted(DIRT))
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with dirty values on a local server whose dump program is here."""
    kind: str = request.param
    address = os.environ.get(VARIABLES[kind])
    program = {"mysql": "mysqldump", "postgresql": "pg_dump"}[kind]
    if not address or not shutil.which(program):
        pytest.skip(f"{VARIABLES[kind]} names no server, or {program} is not here")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    name = f"migrator_dump_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        utf8 = " CHARACTER SET utf8mb4" if kind == "mysql" else ""
        connection.execute(text(f"CREATE DATABASE {name}{utf8}"))
    url = admin.url.set(database=name)
    own = create_engine(url)
    with own.begin() as connection:
        for statement in DIRT[kind].split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))
    own.dispose()
    yield url.render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


def dumped(url: str, options: list[str], to: Path) -> None:
    """Dump a database with the server's own program."""
    where = create_engine(url).url
    login = ["-h", str(where.host), "-P" if "mysql" in url else "-p", str(where.port or "")]
    login = login if where.port else login[:2]
    user = ["-u" if "mysql" in url else "-U", str(where.username)]
    program = "mysqldump" if "mysql" in url else "pg_dump"
    secret = {"MYSQL_PWD": where.password or "", "PGPASSWORD": where.password or ""}
    with to.open("wb") as stream:
        subprocess.run(
            [program, *login, *user, *options, str(where.database)],
            stdout=stream, check=True, env={**os.environ, **secret},
        )  # fmt: skip


def test_what_a_server_dumps_is_what_the_server_holds(server: str, tmp_path: Path) -> None:
    kind = "mysql" if "mysql" in server else "postgresql"
    tables, rows, _ = read(server)
    for number, options in enumerate(OPTIONS[kind]):
        path = tmp_path / f"{number}.sql"
        dumped(server, options, path)
        again, same, _ = read(path)
        for name, table in tables.items():
            assert list(again[name].columns) == list(table.columns)
            assert again[name].primary_key == table.primary_key
            assert again[name].foreign_keys == table.foreign_keys
            assert same[name] == [
                {k: float(v) if k == "fee" and v is not None else v for k, v in row.items()}
                for row in rows[name]
            ], (options, name)
