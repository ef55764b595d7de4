from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import SourceError
from migrator_kit.source.connect import open_source
from migrator_kit.source.sqlite import SqliteSource


def read(path: Path, table: str, part_rows: int = 1_000) -> pa.Table:
    with SqliteSource(path) as source:
        return pa.concat_tables(list(source.read(table, part_rows)))


def types(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema}


def test_declared_types_hold_where_the_values_bear_them_out(practice_db: Path) -> None:
    assert types(read(practice_db, "patients")) == {
        "patient_id": "string",
        "first_name": "string",
        "last_name": "string",
        "birth_date": "string",
        "sms_consent": "int64",
        "balance": "double",
        "photo": "binary",
        "created_at": "string",
    }


def test_values_arrive_unchanged_dirt_included(practice_db: Path) -> None:
    rows = read(practice_db, "patients").to_pylist()
    assert rows[0]["patient_id"] == "000123"
    assert rows[0]["last_name"] == 'O\'Neil "M"'
    assert rows[0]["first_name"] == "Μαρία"
    assert rows[0]["photo"] == b"\x00\xff"
    assert [row["birth_date"] for row in rows] == ["1980-02-30", "0000-00-00", None]
    assert rows[2]["first_name"] == ""
    assert rows[2]["last_name"] == "Two\nlines"
    assert rows[2]["created_at"] == "20210504"


def test_text_in_a_number_column_makes_it_text(practice_db: Path) -> None:
    assert read(practice_db, "appointments")["minutes"].to_pylist() == ["30", "half"]


def test_an_empty_table_keeps_its_columns_and_types(practice_db: Path) -> None:
    table = read(practice_db, "nothing_yet")
    assert table.num_rows == 0
    assert types(table) == {"id": "int64", "remark": "string", "amount": "double"}


def test_keys_are_described(practice_db: Path) -> None:
    with SqliteSource(practice_db) as source:
        tables = {table.name: table for table in source.describe()}
    (key,) = tables["appointments"].foreign_keys
    assert tables["patients"].primary_key == ("patient_id",)
    assert (key.columns, key.to_table, key.to_columns) == (
        ("patient_id",),
        "patients",
        ("patient_id",),
    )


def test_columns_without_a_type_get_one_from_their_values(open_dental: Path) -> None:
    table = read(open_dental / "opendental_synth.sqlite", "patient")
    found = types(table)
    assert table.num_rows == 1_200
    assert found["PatNum"] == "int64"
    assert found["EstBalance"] == "double"
    assert found["Birthdate"] == found["Zip"] == found["HmPhone"] == "string"
    assert found["ImageFolder"] == "string"
    assert min(len(code) for code in table["Zip"].to_pylist()) == 5


def test_the_source_cannot_be_written_to(practice_db: Path) -> None:
    before = practice_db.read_bytes()
    with SqliteSource(practice_db) as source:
        for statement in ("DELETE FROM patients", "CREATE TABLE x (y)", "PRAGMA user_version = 3"):
            with pytest.raises(SourceError, match="read-only"):
                source._file.rows(statement)
    assert practice_db.read_bytes() == before


def test_bytes_that_are_not_utf8_are_repaired_and_named(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE patients (id INTEGER, name TEXT, mixed)")
        for number, name in enumerate(("Παπαδόπουλος", "Γεωργίου", "Ιωάννου")):
            raw = name.encode("cp1253")
            connection.execute(
                "INSERT INTO patients VALUES (?, CAST(? AS TEXT), ?)", (number, raw, number or "x")
            )
    with SqliteSource(path) as source:
        table = pa.concat_tables(list(source.read("patients", 1_000)))
        notes = source.notes("patients")
    assert table["name"].to_pylist() == ["Παπαδόπουλος", "Γεωργίου", "Ιωάννου"]
    assert table["mixed"].to_pylist() == ["x", "1", "2"]
    assert notes == {"not UTF-8, read in part as": "cp1253"}


@pytest.mark.parametrize("name", ["select", 'quo"te', "two words", "ΑΣΘΕΝΕΙΣ"])
def test_odd_names_are_kept(tmp_path: Path, name: str) -> None:
    path = tmp_path / "odd.db"
    quoted = '"' + name.replace('"', '""') + '"'
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {quoted} ({quoted} TEXT)")
        connection.execute(f"INSERT INTO {quoted} VALUES ('kept')")
    assert read(path, name).to_pylist() == [{name: "kept"}]


def test_a_wide_table_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "wide.db"
    names = [f"c{number}" for number in range(180)]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE wide ({', '.join(names)})")
        marks = ", ".join("?" for _ in names)
        connection.execute(f"INSERT INTO wide VALUES ({marks})", list(range(180)))
    assert list(read(path, "wide").to_pylist()[0].values()) == list(range(180))


Value = st.one_of(
    st.none(), st.text(), st.integers(-(2**63), 2**63 - 1), st.binary(), st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(), Value), max_size=20))
def test_whatever_stands_in_a_column_comes_out(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.db"
    rows = [
        (name.encode(errors="replace").decode(),
         v.encode(errors="replace").decode() if isinstance(v, str) else v)
        for name, v in rows
    ]  # fmt: skip
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE anything (name TEXT, value)")
        connection.executemany("INSERT INTO anything VALUES (?, ?)", rows)
    table = read(path, "anything")
    assert table["name"].to_pylist() == [name for name, _ in rows]
    got = table["value"].to_pylist()
    sent = [int(value) if isinstance(value, bool) else value for _, value in rows]
    if str(table.schema.field("value").type) != "string":
        assert got == sent
    elif not any(isinstance(value, bytes) for value in sent):
        assert got == [None if value is None else str(value) for value in sent]
    else:
        assert [value is None for value in got] == [value is None for value in sent]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "does not exist"),
        (b"this is a letter to the practice", "not a SQLite database"),
        (b"", "without tables"),
    ],
)
def test_what_is_no_database_is_one_clear_error(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "practice.db"
    if content is not None:
        path.write_bytes(content)
    with (
        pytest.raises(SourceError, match=expected) as caught,
        open_source(SourceSettings(url=str(path))) as source,
    ):
        source.describe()
    assert caught.value.hint


def test_a_damaged_database_is_one_clear_error(practice_db: Path) -> None:
    raw = bytearray(practice_db.read_bytes())
    raw[4096:] = b"\xab" * (len(raw) - 4096)
    practice_db.write_bytes(raw)
    with pytest.raises(SourceError, match=r"practice\.db.*cannot read"):
        read(practice_db, "patients")


def test_a_missing_table_names_those_that_are_there(practice_db: Path) -> None:
    with pytest.raises(SourceError, match="no table invoices") as caught:
        read(practice_db, "invoices")
    assert "patients" in str(caught.value)


def test_sqlite_urls_and_relative_paths_open_the_same_file(practice_db: Path) -> None:
    for url in (str(practice_db), f"sqlite:///{practice_db}", f"sqlite+pysqlite:///{practice_db}"):
        with open_source(SourceSettings(url=url)) as source:
            assert len(source.describe()) == 3
    with open_source(SourceSettings(url="practice.db"), base=practice_db.parent) as source:
        assert source.location == "sqlite:practice.db"


def test_a_file_in_utf16_is_read_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "wide.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA encoding = 'UTF-16'")
        connection.execute("CREATE TABLE patients (name TEXT, mixed)")
        connection.execute("INSERT INTO patients VALUES ('Παπαδόπουλος', 'Γ'), ('Ann', 0.1)")
    table = read(path, "patients")
    assert table["name"].to_pylist() == ["Παπαδόπουλος", "Ann"]
    assert table["mixed"].to_pylist() == ["Γ", "0.1"]


def test_large_values_come_in_batches_that_memory_bears(tmp_path: Path) -> None:
    path = tmp_path / "scans.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE scans (id INTEGER PRIMARY KEY, note TEXT, image BLOB)")
        connection.executemany(
            "INSERT INTO scans VALUES (?, ?, zeroblob(?))",
            [(number, "n" * 1000, 20 * 2**20 if number == 7 else 10) for number in range(40)],
        )
    with SqliteSource(path) as source:
        (schema,) = {part.schema for part in source.read("scans", 1_000)}
        batches = list(source._batches("scans", source._known("scans"), schema, None))
    assert sum(batch.num_rows for batch in batches) == 40
    assert max(batch.num_rows for batch in batches) == 3


def test_a_file_that_another_program_writes_is_read_as_of_one_moment(practice_db: Path) -> None:
    with closing(sqlite3.connect(practice_db)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        with SqliteSource(practice_db) as source, other:
            source.describe()
            other.execute("DELETE FROM appointments")
            other.commit()
            rows = sum(part.num_rows for part in source.read("appointments", 10))
    assert rows == 2
