from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from migrator_kit.engagement import ComputeSettings, Engagement, SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.connect import open_source
from migrator_kit.source.inventory import inventory
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.source.sql import SqlSource

TABLES = {
    "postgresql": """
        CREATE TABLE patients (
          patient_id varchar(10) PRIMARY KEY, name text, born date, seen timestamptz,
          fee numeric(10,2), score double precision, active boolean, visits bigint,
          photo bytea, tags text[]);
        CREATE TABLE appointments (
          id serial PRIMARY KEY, patient_id varchar(10) REFERENCES patients, starts_at timestamp);
        CREATE TABLE nothing_yet (id integer, remark text);
        INSERT INTO patients VALUES
          ('000123', 'Μαρία', '0001-01-01', '2021-05-04 10:30:00+03', 12.50, 0.1, true,
           9007199254740993, '\\x00ff', '{a,b}'),
          ('000124', NULL, 'infinity', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        INSERT INTO appointments (patient_id, starts_at) VALUES ('000123', '2026-03-29 03:30:00');
    """,
    "mysql": """
        CREATE TABLE patients (
          patient_id varchar(10) PRIMARY KEY, name text, born date, seen datetime,
          fee decimal(10,2), score double, active bit(1), visits bigint unsigned,
          photo blob, kind enum('a','b'))
          CHARACTER SET utf8mb4;
        CREATE TABLE appointments (
          id integer PRIMARY KEY AUTO_INCREMENT, patient_id varchar(10) CHARACTER SET utf8mb4,
          starts_at datetime, FOREIGN KEY (patient_id) REFERENCES patients(patient_id));
        CREATE TABLE nothing_yet (id integer, remark text);
        SET sql_mode = '';
        INSERT INTO patients VALUES
          ('000123', 'Μαρία', '0000-00-00', '2021-05-04 10:30:00', 12.50, 0.1, 1,
           18446744073709551615, x'00ff', 'a'),
          ('000124', NULL, '1980-02-30', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        INSERT INTO appointments (patient_id, starts_at) VALUES ('000123', '2026-03-29 03:30:00');
    """,
}  # fmt: skip
VARIABLES = {"postgresql": "MIGRATOR_TEST_POSTGRES_URL", "mysql": "MIGRATOR_TEST_MARIADB_URL"}


@pytest.fixture(params=sorted(TABLES))
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of its own on a local server, filled with a small practice."""
    kind: str = request.param
    address = os.environ.get(VARIABLES[kind])
    if not address:
        pytest.skip(f"{VARIABLES[kind]} names no server")
    admin = create_engine(address, isolation_level="AUTOCOMMIT")
    name = f"migrator_source_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = admin.url.set(database=name)
    own = create_engine(url)
    with own.begin() as connection:
        for statement in TABLES[kind].split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    own.dispose()
    yield url.render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


def test_a_server_is_read_with_types_and_keys(server: str) -> None:
    with SqlSource(server) as source:
        tables = {table.name: table for table in source.describe()}
        rows = pa.concat_tables(list(source.read("patients", 1_000))).to_pylist()
        empty = next(source.read("nothing_yet", 1_000))
    (key,) = tables["appointments"].foreign_keys
    assert tables["patients"].primary_key == ("patient_id",)
    assert (key.columns, key.to_table, key.to_columns) == (
        ("patient_id",),
        "patients",
        ("patient_id",),
    )
    assert rows[0]["patient_id"] == "000123"
    assert rows[0]["name"] == "Μαρία"
    assert rows[0]["fee"] == Decimal("12.50")
    assert rows[0]["photo"] == b"\x00\xff"
    assert rows[0]["active"] == 1
    assert rows[1]["name"] is None
    assert (empty.num_rows, empty.column_names) == (0, ["id", "remark"])


def test_dates_arrive_as_iso_text_impossible_ones_too(server: str) -> None:
    with SqlSource(server) as source:
        patients = pa.concat_tables(list(source.read("patients", 1_000))).to_pylist()
        (visit,) = pa.concat_tables(list(source.read("appointments", 1_000))).to_pylist()
    assert visit["starts_at"] == "2026-03-29 03:30:00"
    if server.startswith("postgresql"):
        assert [row["born"] for row in patients] == ["0001-01-01", "infinity"]
        assert patients[0]["seen"] == "2021-05-04 07:30:00+00"
        assert patients[0]["visits"] == 9007199254740993
    else:
        assert [row["born"] for row in patients] == ["0000-00-00", "0000-00-00"]
        assert patients[0]["seen"] == "2021-05-04 10:30:00"
        assert patients[0]["visits"] == 18446744073709551615


def test_a_server_cannot_be_written_to(server: str) -> None:
    with SqlSource(server) as source:
        with pytest.raises(SourceError, match="read-only"):
            source._connection.execute(text("DELETE FROM appointments"))
        cursor = source._connection.connection.cursor()
        with pytest.raises(Exception, match=r"(?i)read.only"):
            cursor.execute("DELETE FROM appointments")
    with SqlSource(server) as source:
        assert next(source.read("appointments", 1_000)).num_rows == 1


def test_all_tables_are_read_in_one_transaction(server: str) -> None:
    with SqlSource(server) as source:
        source.describe()
        next(source.read("patients", 1_000))
        other = create_engine(source._url)
        with other.begin() as connection:
            connection.execute(text("INSERT INTO nothing_yet VALUES (1, 'late')"))
        other.dispose()
        assert next(source.read("nothing_yet", 1_000)).num_rows == 0


def test_tables_read_side_by_side_are_of_one_moment(
    server: str, new_engagement: Callable[..., Engagement]
) -> None:
    with SqlSource(server) as source:
        names = [table.name for table in source.describe()]
        readers = {name: source.read(name, 1_000) for name in names}
        next(readers["patients"])
        other = create_engine(source._url)
        with other.begin() as connection:
            connection.execute(text("INSERT INTO nothing_yet VALUES (1, 'late')"))
        other.dispose()
        rows = {name: next(readers[name]).num_rows for name in names if name != "patients"}
        assert source.tables_at_once == (4 if server.startswith("postgresql") else 1)
    assert rows == {"appointments": 1, "nothing_yet": 0}
    engagement = new_engagement(server)
    alone = engagement.settings.model_copy(update={"compute": ComputeSettings(workers=1)})
    together = take_snapshot(engagement)
    assert together.digest == take_snapshot(Engagement(engagement.folder, alone)).digest


def test_rows_stay_on_the_server_until_they_are_asked_for(server: str) -> None:
    engine = create_engine(server)
    many = {
        "postgresql": "INSERT INTO nothing_yet SELECT n, repeat('x', 2000) "
        "FROM generate_series(1, 20000) n",
        "mysql": "INSERT INTO nothing_yet SELECT seq, repeat('x', 2000) FROM seq_1_to_20000",
    }
    busy = {
        "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND query LIKE 'FETCH FORWARD %'",
        "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = database() "
        "AND command = 'Query' AND info LIKE '%nothing_yet%' AND id <> connection_id()",
    }  # fmt: skip
    kind = "postgresql" if server.startswith("postgresql") else "mysql"
    with engine.begin() as connection:
        connection.execute(text(many[kind]))
    with SqlSource(server) as source:
        reader = source.read("nothing_yet", 1_000)
        assert next(reader).num_rows == 1_000
        with engine.connect() as connection:
            assert connection.execute(text(busy[kind])).scalar() == 1
        assert sum(part.num_rows for part in reader) == 19_000
    engine.dispose()


def test_a_snapshot_of_a_server(server: str, new_engagement: Callable[..., Engagement]) -> None:
    snapshot = take_snapshot(new_engagement(server))
    connection = snapshot.connect()
    rows = connection.execute(
        "SELECT name, starts_at FROM patients JOIN appointments USING (patient_id)"
    ).fetchall()
    assert rows == [("Μαρία", "2026-03-29 03:30:00")]
    assert datetime.fromisoformat(rows[0][1])
    assert "@" not in (snapshot.folder / "manifest.json").read_text()


def test_the_same_rows_give_the_same_inventory_from_a_server_and_from_exports(
    server: str, exports: Path, new_engagement: Callable[..., Engagement]
) -> None:
    people = [
        (f"{n:05d}", f"Name{n % 7}", f"19{50 + n % 40}-03-{1 + n % 28:02d}") for n in range(60)
    ]
    visits = [
        (n, f"{n % 50:05d}", f"2025-01-{1 + n % 28:02d} 09:00:00", n * 1.5) for n in range(90)
    ]
    engine = create_engine(server)
    with engine.begin() as connection:
        for statement in (
            "CREATE TABLE people (person_id varchar(5) PRIMARY KEY, last_name text, born date)",
            "CREATE TABLE visits (visit_id integer PRIMARY KEY, person_id varchar(5), "
            "starts_at timestamp, fee double precision)",
            *(f"DROP TABLE {name}" for name in ("appointments", "patients", "nothing_yet")),
        ):
            connection.exec_driver_sql(statement)
        marks = "(%s, %s, %s)"
        connection.exec_driver_sql(f"INSERT INTO people VALUES {marks}", people)
        connection.exec_driver_sql(f"INSERT INTO visits VALUES {marks[:-1]}, %s)", visits)
    engine.dispose()
    for name, head, rows in (
        ("people", "person_id,last_name,born", people),
        ("visits", "visit_id,person_id,starts_at,fee", visits),
    ):
        lines = [",".join(map(str, row)) for row in rows]
        (exports / f"{name}.csv").write_text("\n".join([head, *lines]))
    one = inventory(take_snapshot(new_engagement(server)))
    two = inventory(take_snapshot(new_engagement(exports)))
    alike = ["table", "column", "content", "filled", "distinct", "data class", "shapes"]
    pd.testing.assert_frame_equal(one.columns()[alike], two.columns()[alike])
    pd.testing.assert_frame_equal(one.relations(), two.relations())
    assert one.relations()["from"].tolist() == ["visits.person_id"]


def test_a_wrong_database_is_one_error_without_credentials(server: str) -> None:
    wrong = server.rsplit("/", 1)[0] + "/no_such_database"
    with pytest.raises(SourceError, match="no_such_database"):
        SqlSource(wrong)


@pytest.mark.parametrize(
    ("url", "expected", "hint"),
    [
        ("klingon://host/db", "no driver for klingon", "Known kinds"),
        ("mssql+pyodbc://sa:hunter2@host/db", "no driver for mssql", "pip install 'pyodbc'"),
        ("oracle+oracledb://scott:hunter2@host/?service_name=x", "no driver", "oracledb"),
        ("postgresql://ann:hunter2@127.0.0.1:1/db", "no connection", "user and password"),
        ("mysql+pymysql://ann:hunter2@127.0.0.1:1/db", "no connection", "user and password"),
        ("postgresql://ann:hunter2@127.0.0.1:port/db", "cannot be understood", "Expected"),
        ("/no/such/place.db", "does not exist", "Give the path"),
        ("sqlite:////no/such/place.db", "does not exist", "Give the path"),
    ],
)
def test_a_wrong_url_is_one_clear_error(url: str, expected: str, hint: str) -> None:
    with pytest.raises(SourceError, match=expected) as caught:
        open_source(SourceSettings(url=url)).describe()
    message = str(caught.value)
    assert hint in message
    assert "hunter2" not in message
    assert "ann" not in message.replace("cannot", "")
    assert not isinstance(caught.value.__cause__, DBAPIError)


READERS = {
    "postgresql": (
        "CREATE ROLE {name} LOGIN", "GRANT USAGE ON SCHEMA public TO {name}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
    ),
    "mysql": (
        "CREATE USER '{name}'@'%'", "GRANT SELECT, SHOW VIEW ON {database}.* TO '{name}'@'%'",
    ),
}  # fmt: skip
WRITERS = {
    "postgresql": "GRANT UPDATE ON patients TO {name}",
    "mysql": "GRANT SELECT, UPDATE ON {database}.patients TO '{name}'@'%'",
}
GONE = {
    "postgresql": "DROP OWNED BY {name}; DROP ROLE {name}",
    "mysql": "DROP USER '{name}'@'%'",
}


def test_a_user_who_may_write_is_told_how_to_make_one_who_may_not(server: str) -> None:
    owner = create_engine(server, isolation_level="AUTOCOMMIT")
    kind, names = owner.dialect.name, {"name": f"reader_{os.getpid()}",
                                       "database": owner.url.database}  # fmt: skip
    with SqlSource(server) as source:
        told = source.too_many_rights()
    assert told is not None
    assert "GRANT SELECT" in told
    assert owner.url.database in told
    reader = owner.url.set(username=names["name"], password=None)
    with owner.connect() as connection:
        for statement in READERS[kind]:
            connection.exec_driver_sql(statement.format(**names).replace("%", "%%"))
        try:
            with SqlSource(reader.render_as_string(hide_password=False)) as source:
                assert source.too_many_rights() is None
            connection.exec_driver_sql(WRITERS[kind].format(**names).replace("%", "%%"))
            with SqlSource(reader.render_as_string(hide_password=False)) as source:
                assert source.too_many_rights() is not None
        finally:
            for statement in GONE[kind].format(**names).replace("%", "%%").split("; "):
                connection.exec_driver_sql(statement)
    owner.dispose()
