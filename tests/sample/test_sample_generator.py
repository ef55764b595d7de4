"""Same seed, same bytes; sizes and shares; nothing half done; wrong arguments named."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator_kit.errors import MigratorError, ParameterError
from migrator_kit.sample import generate
from migrator_kit.sample.generator import CHUNK


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_gives_the_same_bytes_in_other_processes(tmp_path):
    program = (
        "import sys; from pathlib import Path; from migrator_kit.sample import generate; "
        "generate(Path(sys.argv[1]), patients=250, seed=7)"
    )
    for hash_seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / hash_seed)],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": f"UTC{hash_seed}"},
        )
    first, second = digests(tmp_path / "1"), digests(tmp_path / "2")
    assert len(first) > 100
    assert first == second


def test_same_seed_gives_the_same_bytes_across_chunks(tmp_path):
    for name in ("a", "b"):
        generate(tmp_path / name, patients=CHUNK + 300, seed=3, most_files=50)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_another_seed_gives_another_practice(tmp_path, practice):
    other = generate(tmp_path / "other", patients=1_000, seed=2)
    ours, theirs = digests(practice.database.parent), digests(other.database.parent)
    assert ours["practice.db"] != theirs["practice.db"]
    # Files of the same name differ too, but for the one that is empty.
    empty = hashlib.sha256().hexdigest()
    same_names = [name for name in ours.keys() & theirs.keys() if ours[name] != empty]
    assert len(same_names) > 1
    assert all(ours[name] != theirs[name] for name in same_names)


def test_every_file_has_its_own_bytes(documents):
    found = digests(documents)
    assert len(set(found.values())) == len(found)


def test_counts_are_those_of_the_database(practice, count):
    tables = {table: rows for table, rows in practice.counts.items() if table != "files"}
    assert tables == {table: count(table) for table in tables}
    assert practice.counts["files"] == sum(1 for p in practice.documents.rglob("*") if p.is_file())


def test_sizes_are_those_of_a_practice(practice):
    rows = practice.counts
    assert rows["patients"] == 1_000
    assert 2 <= rows["practices"] <= 4
    assert 8 <= rows["providers"] <= 14
    assert rows["insurance_policies"] == pytest.approx(860, rel=0.1)
    assert rows["treatment_plans"] == pytest.approx(800, rel=0.15)
    assert rows["appointments"] == pytest.approx(2_500, rel=0.15)
    assert rows["call_logs"] == pytest.approx(1_500, rel=0.15)
    assert rows["clinical_notes"] == pytest.approx(1_500, rel=0.15)
    assert rows["documents"] == pytest.approx(800, rel=0.15)
    assert 6 <= rows["reminder_rules"] <= 8
    assert 4 <= rows["recall_rules"] <= 6


def test_insurance_priorities_run_from_one_without_gaps(query):
    per_patient = query(
        "SELECT count(*), min(priority), max(priority) FROM insurance_policies "
        "WHERE patient_id IN (SELECT patient_id FROM patients) GROUP BY patient_id"
    )
    assert all(rows == last and first == 1 for rows, first, last in per_patient)
    plans = [rows for rows, _, _ in per_patient]
    assert len(plans) / 1_000 == pytest.approx(0.7, abs=0.05)
    assert plans.count(2) > 50
    assert plans.count(3) > 5


def test_children_come_after_their_patient_was_registered(count):
    patients = "JOIN patients p USING (patient_id) WHERE p.created_at > '0001-01-01 00:00:00' AND"
    fillers = "('0001-01-01 00:00:00', '2023-03-12 02:30:00', '2022-11-06 01:30:00')"
    for table, moment in (
        ("treatment_plans", "created_at"),
        ("appointments", "starts_at"),
        ("call_logs", "called_at"),
        ("clinical_notes", "noted_at"),
        ("documents", "taken_at"),
    ):
        early = count(
            f"{table} t {patients} date(t.{moment}) < date(p.created_at, '-2 days') "
            f"AND t.{moment} NOT IN {fillers}"
        )
        assert early == 0, table


def test_owners_are_the_active_staff_with_an_address(practice, query):
    active = query("SELECT email FROM providers WHERE active = 1 AND email IS NOT NULL")
    assert list(practice.owners) == [email for (email,) in active]
    dentists = query("SELECT email FROM providers WHERE active = 1 AND role = 'dentist'")
    assert [email for (email,) in dentists] == list(practice.owners[:3])
    for first, last, email in query("SELECT first_name, last_name, email FROM providers"):
        if email:
            local, domain = email.split("@")
            assert local == f"{first}.{last}".lower().replace("'", "").replace(" ", "")
            assert domain.endswith(".example")
    gone = query("SELECT count(email), count(*), count(left_on) FROM providers WHERE active = 0")
    ((with_address, departed, dated),) = gone
    assert 0 < with_address < departed == dated


def test_rules_are_there_and_some_are_incomplete(count):
    assert count("reminder_rules WHERE offset_days IS NULL OR template IS NULL") in (1, 2)
    assert count("recall_rules WHERE interval_months IS NULL OR template IS NULL") in (1, 2)
    assert count("recall_rules WHERE interval_months > 60") == 1


@settings(max_examples=8, deadline=None)
@given(patients=st.integers(1, 40), seed=st.integers(0, 2**40))
def test_any_small_practice_is_made_whole(tmp_path_factory, patients, seed):
    made = generate(tmp_path_factory.mktemp("small"), patients=patients, seed=seed)
    assert made.counts["patients"] == patients
    assert made.documents is not None


def test_without_documents(tmp_path):
    made = generate(tmp_path, patients=100, documents=False)
    assert made.documents is None
    assert made.counts["documents"] == made.counts["files"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["practice.db"]


def test_stopping_leaves_no_half_practice_and_can_be_repeated(tmp_path):
    class Stopped(Exception):
        pass

    class Step:
        def advance(self, count: int = 1) -> None:
            raise Stopped(count)

    @contextmanager
    def progress(title, total=None):
        yield Step()

    with pytest.raises(Stopped):
        generate(tmp_path, patients=50, progress=progress)
    assert not (tmp_path / "practice.db").exists()
    assert not (tmp_path / "documents").exists()
    generate(tmp_path, patients=50)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents", "practice.db"]


def test_progress_says_how_many_patients_are_done(tmp_path):
    seen = []

    class Step:
        def advance(self, count: int = 1) -> None:
            seen.append(count)

    @contextmanager
    def progress(title, total=None):
        seen.append(total)
        yield Step()

    generate(tmp_path, patients=60, documents=False, progress=progress)
    assert seen == [60, 60]


def test_a_practice_is_never_overwritten(tmp_path):
    generate(tmp_path, patients=5)
    before = digests(tmp_path)
    with pytest.raises(ParameterError, match=r"practice\.db already"):
        generate(tmp_path, patients=5)
    assert digests(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"patients": 0}, "patients"),
        ({"patients": 10**9}, "patients"),
        ({"seed": -1}, "seed"),
        ({"most_files": 0}, "most_files"),
        ({"dirt_level": -0.1}, "dirt_level"),
    ],
)
def test_wrong_arguments_are_named(tmp_path, arguments, named):
    with pytest.raises(ParameterError, match=named):
        generate(tmp_path, **arguments)
    assert not any(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_folder(tmp_path):
    place = tmp_path / "file"
    place.write_text("x")
    with pytest.raises(ParameterError, match="not a folder"):
        generate(place, patients=1)
    with pytest.raises(MigratorError, match="could not be written"):
        generate(place / "below", patients=1)


def test_a_thousand_patients_take_less_than_five_seconds(tmp_path):
    started = time.process_time()  # of this process alone: other work must not fail the test
    generate(tmp_path, patients=1_000, seed=11)
    assert time.process_time() - started < 5


@pytest.mark.benchmark
@pytest.mark.slow
def test_memory_does_not_grow_with_the_practice(tmp_path):
    program = (
        "import resource, sys; from pathlib import Path; from migrator_kit.sample import generate; "
        "generate(Path(sys.argv[1]), patients=int(sys.argv[2]), documents=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def peak(patients: int) -> int:
        arguments = [sys.executable, "-c", program, str(tmp_path / str(patients)), str(patients)]
        return int(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)

    assert peak(60_000) < 1.6 * peak(10_000)
