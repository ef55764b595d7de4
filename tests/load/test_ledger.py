"""The ledger: migrations, batches, crosswalk, audit chain, one loader at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine, inspect, text

from migrator_kit.errors import ConfigError, LedgerError
from migrator_kit.load import ledger as ledger_module
from migrator_kit.load import ledger_schema as schema
from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.states import Action, Call, Status


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger(url, "engagement-a")
    yield opened
    opened.close()


def batch_of(number: int, *keys: str, call: Call = Call.UPSERT, run: str = "run-1") -> Batch:
    rows = tuple(Intended(key, Action.CREATE, f"digest-{key}") for key in keys)
    return Batch(number, run, "Patient", "Contacts", call, rows)


def created(key: str, zoho_id: str) -> Outcome:
    return Outcome(key, Status.CREATED, zoho_id=zoho_id, digest=f"digest-{key}")


def test_migrated_database_has_the_declared_tables(url: str, ledger: Ledger) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    found = inspect(engine)
    for table in schema.metadata.tables.values():
        assert {c["name"] for c in found.get_columns(table.name)} == {c.name for c in table.columns}
        keys = found.get_pk_constraint(table.name)["constrained_columns"]
        assert keys == [c.name for c in table.primary_key]
    engine.dispose()


def test_migrating_twice_changes_nothing(url: str, ledger: Ledger) -> None:
    again = Ledger(url, "engagement-a")
    assert again.runs().empty
    again.close()


def test_ledger_of_a_newer_version_is_refused(url: str, ledger: Ledger) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (9999, 'later', 'then')"))
    engine.dispose()
    with pytest.raises(LedgerError, match="newer version"):
        Ledger(url, "engagement-a")


def test_open_batches_of_an_earlier_version_are_not_forgotten(url: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(schema.CREATE_SCHEMA_VERSION))
        for one in schema.MIGRATIONS[:3]:
            for statement in one.statements:
                connection.execute(text(statement))
        connection.execute(text("INSERT INTO schema_version VALUES (3, 'earlier', 'then')"))
        connection.execute(text("INSERT INTO batch (batch_id, state) VALUES (1, 'sent')"))
        row = "INSERT INTO batch_row (batch_id, position, source_id) VALUES (1, 1, '000001')"
        connection.execute(text(row))
    with pytest.raises(LedgerError, match=r"its last calls \(1\), and this version") as refused:
        Ledger(url, "engagement-a")
    assert "with the version that began it" in str(refused.value)
    with engine.begin() as connection:
        kept = connection.execute(text("SELECT source_id FROM batch_row")).scalars().all()
        assert kept == ["000001"]
        connection.execute(text("UPDATE batch SET state = 'settled'"))
    engine.dispose()
    opened = Ledger(url, "engagement-a")
    assert opened.unsettled() == []
    opened.close()


def test_ledger_of_another_engagement_is_refused(url: str, ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="another engagement"):
        Ledger(url, "engagement-b")


def test_ledger_of_another_org_is_refused(ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer:
        writer.bind_org("org-1")
        writer.bind_org("org-1")
        with pytest.raises(LedgerError, match="another org"):
            writer.bind_org("org-2")


def test_an_unsettled_batch_is_found_again_with_its_rows(ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer:
        first, second = (
            batch_of(writer.next_batch_id(), "a", "b"),
            batch_of(writer.next_batch_id(), "c"),
        )
        writer.exchange([], [first])
        writer.exchange([Settled(first, (created("a", "1"), created("b", "2")))], [second])
        writer.mark_sent(second)
    (left,) = ledger.unsettled()
    assert left == second


def test_time_of_batches_side_by_side_counts_once(ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer:
        batches = [batch_of(writer.next_batch_id(), key) for key in "abc"]
        began = time.monotonic()
        writer.exchange([], batches)
        time.sleep(0.05)
        settled = [Settled(one, (created(one.rows[0].source_id, "1"),)) for one in batches]
        writer.exchange(settled, [])
        elapsed = time.monotonic() - began
    (row,) = ledger.calls().itertuples(index=False)
    assert (row.calls, row.rows) == (3, 3)
    assert 0.04 <= row.calls * row.seconds <= elapsed + 0.01


def test_settled_records_stand_in_the_crosswalk_and_the_audit_log(ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer:
        batch = batch_of(writer.next_batch_id(), "a", "b", "c")
        writer.exchange([], [batch])
        refused = Outcome("b", Status.FAILED, reason="too_long", code="INVALID_DATA", field="City")
        writer.exchange([Settled(batch, (created("a", "1"), refused))], [])
    assert ledger.crosswalk("Patient").set_index("source_id")["zoho_id"].to_dict() == {"a": "1"}
    failures = ledger.open_failures("Patient")
    assert failures[["source_id", "reason", "field"]].values.tolist() == [["b", "too_long", "City"]]
    check = ledger.verify_audit()
    assert (check.ok, check.rows) == (True, 1)
    assert ledger.unsettled() == []


def test_a_created_record_stays_created_when_it_is_updated(ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer:
        batch = batch_of(writer.next_batch_id(), "a")
        writer.exchange([Settled(batch, (created("a", "1"),))], [batch])
        later = Batch(
            writer.next_batch_id(), "run-2", "Patient", "Contacts", Call.UPDATE,
            (Intended("a", Action.UPDATE, "newer", zoho_id="1", before_digest="digest-a"),),
        )  # fmt: skip
        done = Outcome("a", Status.UPDATED, zoho_id="1", digest="newer")
        writer.exchange([Settled(later, (done,))], [later])
    row = ledger.crosswalk("Patient").iloc[0]
    assert (row["state"], row["payload_digest"], row["run_id"]) == ("created", "newer", "run-1")
    audit = ledger.audit()
    parts = list(ledger.audit_parts(rows=1))
    assert [len(part) for part in parts] == [1, 1]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), audit)
    assert audit["action"].tolist() == ["created", "updated"]
    assert audit["before_digest"].tolist()[1] == "digest-a"


def test_a_later_success_closes_the_failure(ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer:
        writer.record("Patient", [Outcome("a", Status.FAILED, reason="parent_not_landed")])
        batch = batch_of(writer.next_batch_id(), "a")
        writer.exchange([Settled(batch, (created("a", "1"),))], [batch])
    assert ledger.open_failures().empty


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit SET zoho_id = '9' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "UPDATE audit SET previous_hash = 'x' WHERE seq = 3",
        "UPDATE audit SET action = 'deleted' WHERE seq = 1",
    ],
)
def test_a_changed_audit_log_is_noticed(url: str, ledger: Ledger, harm: str) -> None:
    with ledger.writing("load", "run-1") as writer:
        batch = batch_of(writer.next_batch_id(), "a", "b", "c")
        outcomes = tuple(created(key, str(n)) for n, key in enumerate("abc"))
        writer.exchange([Settled(batch, outcomes)], [batch])
    assert ledger.verify_audit().ok
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(harm))
    engine.dispose()
    check = ledger.verify_audit()
    assert not check.ok
    assert check.broken_at in (1, 2, 3)


def test_a_failed_transaction_leaves_no_gap(ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer:
        batch = batch_of(writer.next_batch_id(), "a")
        writer.exchange([Settled(batch, (created("a", "1"),))], [batch])
        with pytest.raises(LedgerError):
            writer.exchange([Settled(batch, (created("a", "1"),))], [batch])
        other = batch_of(writer.next_batch_id(), "b")
        writer.exchange([Settled(other, (created("b", "2"),))], [other])
    check = ledger.verify_audit()
    assert (check.ok, check.rows) == (True, 2)


def test_a_second_loader_is_refused_and_told_who_holds_it(url: str, ledger: Ledger) -> None:
    other = Ledger(url, "engagement-a")
    with (
        ledger.writing("full load run-1", "run-1"),
        pytest.raises(LedgerError, match=f"full load run-1, process {os.getpid()}"),
    ):
        other.writing("load", "run-2").__enter__()
    with other.writing("load", "run-2") as writer:
        assert writer.run_id == "run-2"
    other.close()


def test_a_killed_loader_leaves_no_lock_behind(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    program = textwrap.dedent(f"""
        import os, signal
        from migrator_kit.load.ledger import Ledger
        with Ledger({url!r}, "engagement-a").writing("load", "run-1"):
            print("held", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert killed.stdout.strip() == "held"
    ledger = Ledger(url, "engagement-a")
    with ledger.writing("load", "run-2") as writer:
        assert writer.run_id == "run-2"
    ledger.close()


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("no database " * 200)
    with pytest.raises(LedgerError, match="no database"):
        Ledger(f"sqlite:///{path}", "engagement-a")


@pytest.mark.parametrize("wrong", ["nonsense", "oracle9://x/y"])
def test_a_wrong_ledger_url_is_a_configuration_error(wrong: str) -> None:
    with pytest.raises(ConfigError, match="no database URL"):
        Ledger(wrong, "engagement-a")


def test_reading_does_not_wait_for_a_writer(url: str, ledger: Ledger) -> None:
    with ledger.writing("load", "run-1") as writer, writer._transaction():
        assert ledger.crosswalk("Patient").empty


def test_a_locked_table_is_one_clear_error_and_no_wait_without_end(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "LOCK_SECONDS", 1)
    ledger = Ledger(url, "engagement-a")
    other = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    lock = "LOCK TABLE outcome" if other.dialect.name == "postgresql" else "BEGIN IMMEDIATE"
    with ledger.writing("load", "run-1") as writer, other.connect() as connection:
        connection.exec_driver_sql(lock)
        with pytest.raises(LedgerError, match="locked by another program"):
            writer.record("Patient", [Outcome("a", Status.FAILED, reason="too_long")])
        connection.rollback()
        writer.record("Patient", [Outcome("a", Status.FAILED, reason="too_long")])
    assert len(ledger.open_failures()) == 1
    other.dispose()
    ledger.close()
