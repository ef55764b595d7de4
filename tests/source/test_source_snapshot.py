from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, MigratorError, SnapshotChanged, SourceError
from migrator_kit.source import parts
from migrator_kit.source.snapshot import latest_snapshot, open_snapshot, take_snapshot
from migrator_kit.source.sqlite import SqliteSource

New = Callable[..., Engagement]


def test_a_snapshot_holds_the_source_with_its_manifest(
    practice_db: Path, new_engagement: New
) -> None:
    began = datetime.now(UTC)
    snapshot = take_snapshot(new_engagement(practice_db))
    manifest = snapshot.manifest
    patients = manifest.tables["patients"]
    assert snapshot.tables() == ("appointments", "nothing_yet", "patients")
    assert (patients.rows, patients.primary_key) == (3, ("patient_id",))
    assert patients.columns["birth_date"] == "string"
    assert patients.declared["birth_date"] == "DATE"
    assert manifest.tables["appointments"].foreign_keys[0].to_table == "patients"
    assert manifest.tables["nothing_yet"].rows == 0
    assert manifest.source.location == "sqlite:practice.db"
    assert began <= manifest.taken_at <= manifest.watermark <= datetime.now(UTC)
    snapshot.verify()


def test_every_table_is_a_view_with_the_sources_spelling(
    practice_db: Path, new_engagement: New
) -> None:
    connection = take_snapshot(new_engagement(practice_db)).connect()
    assert connection.execute(
        "SELECT p.first_name, a.starts_at FROM patients p JOIN appointments a USING (patient_id)"
    ).fetchall() == [("Μαρία", "2026-01-05 09:00:00")]
    assert connection.execute("SELECT count(*) FROM nothing_yet").fetchall() == [(0,)]
    with pytest.raises(duckdb.Error):
        connection.execute("INSERT INTO patients SELECT * FROM patients")


def test_the_digest_depends_on_content_alone(
    practice_db: Path, new_engagement: New, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "other.db"
    copy.parent.mkdir()
    shutil.copy(practice_db, copy)
    first = take_snapshot(new_engagement(practice_db))
    again = take_snapshot(new_engagement(copy))
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("UPDATE patients SET sms_consent = 0 WHERE patient_id = '000123'")
    changed = take_snapshot(new_engagement(copy))
    assert first.digest == again.digest != changed.digest


def test_the_newest_snapshot_is_found_and_none_is_a_closed_gate(
    practice_db: Path, new_engagement: New
) -> None:
    engagement = new_engagement(practice_db)
    with pytest.raises(GateClosed) as caught:
        latest_snapshot(engagement)
    assert caught.value.opens_with == f"migrator snapshot {engagement.folder}"
    take_snapshot(engagement)
    second = take_snapshot(engagement)
    assert latest_snapshot(engagement).snapshot_id == second.snapshot_id
    assert len(list(engagement.snapshots.iterdir())) == 2


def test_a_clock_set_back_makes_no_older_snapshot_the_newest(
    practice_db: Path, new_engagement: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Tomorrow:  # type: ignore[override]
            return cls.fromtimestamp(datetime.now(tz).timestamp() + 86_400, tz)

    engagement = new_engagement(practice_db)
    with monkeypatch.context() as ahead:
        ahead.setattr("migrator_kit.source.snapshot.datetime", Tomorrow)
        first = take_snapshot(engagement)
    with closing(sqlite3.connect(practice_db)) as connection, connection:
        connection.execute("UPDATE patients SET first_name = 'Anna' WHERE patient_id = '000124'")
    second = take_snapshot(engagement)
    assert second.digest != first.digest
    assert latest_snapshot(engagement).snapshot_id == second.snapshot_id > first.snapshot_id


def test_a_changed_part_is_noticed(practice_db: Path, new_engagement: New) -> None:
    snapshot = take_snapshot(new_engagement(practice_db))
    part = snapshot.folder / snapshot.manifest.tables["patients"].parts[0].path
    raw = bytearray(part.read_bytes())
    raw[len(raw) // 2] ^= 1
    part.write_bytes(raw)
    with pytest.raises(SnapshotChanged, match=r"tables/patients/part-00000\.parquet"):
        snapshot.verify()
    part.unlink()
    with pytest.raises(SnapshotChanged, match="patients"):
        snapshot.connect()


def test_an_edited_manifest_is_noticed(practice_db: Path, new_engagement: New) -> None:
    folder = take_snapshot(new_engagement(practice_db)).folder
    path = folder / "manifest.json"
    tree = json.loads(path.read_text())
    tree["tables"]["patients"]["parts"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(tree))
    with pytest.raises(SnapshotChanged, match="was altered"):
        open_snapshot(folder)
    path.write_text("{")
    with pytest.raises(SnapshotChanged, match="is damaged"):
        open_snapshot(folder)
    path.unlink()
    with pytest.raises(SnapshotChanged, match="is no snapshot"):
        open_snapshot(folder)


def test_parts_hold_the_asked_number_of_rows_in_order(tmp_path: Path, new_engagement: New) -> None:
    path = tmp_path / "many.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE visits (id INTEGER, note TEXT)")
        connection.executemany(
            "INSERT INTO visits VALUES (?, ?)", ((n, f"n{n}") for n in range(2_500))
        )
    snapshot = take_snapshot(new_engagement(path, part_rows=1_000))
    table = snapshot.manifest.tables["visits"]
    assert [part.rows for part in table.parts] == [1_000, 1_000, 500]
    ids = snapshot.connect().execute("SELECT id FROM visits").fetchnumpy()["id"]
    assert ids.tolist() == list(range(2_500))


def test_a_part_is_bounded_in_bytes_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", 4_000)
    table = pa.table({"image": [b"x" * 1_000] * 10})
    sizes = [
        part.num_rows
        for part in parts.in_parts((table.slice(n, 1) for n in range(10)), 1_000, table.schema)
    ]
    assert sum(sizes) == 10
    assert max(sizes) <= 5


def test_a_broken_run_goes_on_where_it_stopped(
    practice_db: Path, new_engagement: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    engagement = new_engagement(practice_db)
    asked: list[str] = []
    original = SqliteSource.read

    def breaks(self: SqliteSource, table: str, part_rows: int) -> Iterator[pa.Table]:
        asked.append(table)
        if table == "patients" and asked.count("patients") == 1:
            raise SourceError("the line was cut")
        return original(self, table, part_rows)

    monkeypatch.setattr(SqliteSource, "read", breaks)
    with pytest.raises(SourceError, match="the line was cut"):
        take_snapshot(engagement)
    with pytest.raises(GateClosed):
        latest_snapshot(engagement)
    snapshot = take_snapshot(engagement)
    assert asked == ["appointments", "nothing_yet", "patients", "patients"]
    assert [path.name for path in engagement.snapshots.iterdir()] == [snapshot.snapshot_id]
    assert snapshot.digest == take_snapshot(new_engagement(practice_db)).digest


def test_a_table_that_changed_shape_is_not_resumed(
    practice_db: Path, new_engagement: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    engagement = new_engagement(practice_db)

    def breaks(self: SqliteSource, table: str, part_rows: int) -> Iterator[pa.Table]:
        if table == "patients":
            raise SourceError("the line was cut")
        return original(self, table, part_rows)

    original = SqliteSource.read
    with monkeypatch.context() as patched:
        patched.setattr(SqliteSource, "read", breaks)
        with pytest.raises(SourceError, match="the line was cut"):
            take_snapshot(engagement)
    with closing(sqlite3.connect(practice_db)) as connection, connection:
        connection.execute("ALTER TABLE appointments ADD COLUMN chair TEXT")
        connection.execute("DROP TABLE nothing_yet")
    snapshot = take_snapshot(engagement)
    assert snapshot.tables() == ("appointments", "patients")
    assert "chair" in snapshot.manifest.tables["appointments"].columns
    assert not (snapshot.folder / "tables" / "nothing_yet").exists()


def test_a_full_disk_is_one_clear_error(
    practice_db: Path, new_engagement: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("migrator_kit.source.part_files.parquet.write_table", full)
    with pytest.raises(MigratorError, match="is full") as caught:
        take_snapshot(new_engagement(practice_db))
    assert "goes on where it stopped" in str(caught.value)


def test_text_exports_say_how_they_were_read(exports: Path, new_engagement: New) -> None:
    (exports / "patients.csv").write_bytes("id;name\n1;Ελένη Νικολάου\n-- end\n".encode("cp1253"))
    (exports / "documents").mkdir()
    snapshot = take_snapshot(new_engagement(exports))
    assert snapshot.manifest.tables["patients"].reading == {
        "file": "patients.csv",
        "encoding": "cp1253 (guessed)",
        "delimiter": ";",
        "quote": '"',
        "trailer lines left out": "1",
    }
    assert snapshot.files_root() == exports / "documents"


def test_the_real_rows_arrive_in_full(open_dental: Path, new_engagement: New) -> None:
    for name in ("opendental_synth.sqlite", "csv"):
        snapshot = take_snapshot(new_engagement(open_dental / name))
        rows = {table: m.rows for table, m in snapshot.manifest.tables.items()}
        assert len(rows) == 34
        assert sum(rows.values()) == 26_119
        assert (rows["patient"], rows["appointment"], rows["commlog"]) == (1_200, 2_097, 2_425)
        snapshot.verify()
