"""The audit measured: duplicates and relations against independent truth, a million patients.

`make bench ARGS="-k audit"`, the million by `make bench-long`; the generated practice is as large
as AUDIT_BENCHMARK_PATIENTS says.
"""

from __future__ import annotations

import csv
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.sample.generator import generate
from migrator_kit.source.inventory import Inventory, inventory
from migrator_kit.source.snapshot import take_snapshot

pytestmark = pytest.mark.benchmark

DATA = Path(__file__).parents[2].parent / "shared" / "data"
_PATIENTS = int(os.environ.get("AUDIT_BENCHMARK_PATIENTS", "1000000"))
_MOST_MEGABYTES = 2_000


def audited(source: Path, folder: Path, *, likely: bool = False) -> Inventory:
    settings = EngagementFile(client="Benchmark", source=SourceSettings(url=str(source)))
    engagement = Engagement.create(folder, settings)
    return inventory(take_snapshot(engagement), likely_duplicates=likely)


@pytest.mark.parametrize("number", [1, 2])
def test_duplicates_of_febrl(number: int, tmp_path: Path) -> None:
    """No pair of the truth is seen by the model: it learns from the records alone."""
    given = DATA / "18_febrl_patients"
    if not given.is_dir():
        pytest.skip(f"FEBRL is not at {given}")
    exports = tmp_path / "exports"
    exports.mkdir()
    shutil.copy(given / f"dataset{number}.csv", exports / "patients.csv")
    began = time.perf_counter()
    likely = audited(exports, tmp_path / "engagement", likely=True).likely_duplicates
    seconds = time.perf_counter() - began
    assert likely is not None
    truth = pd.read_csv(given / f"dataset{number}_gold_pairs.csv")
    gold = {frozenset(pair) for pair in truth.itertuples(index=False)}
    got = {frozenset(pair) for pair in likely.pairs[["record", "like"]].itertuples(index=False)}
    right = len(gold & got)
    precision, recall = right / len(got), right / len(gold)
    f1 = 2 * precision * recall / (precision + recall)
    print(
        f"\nFEBRL {number}: F1 {f1:.4f}, precision {precision:.4f}, recall {recall:.4f}, "
        f"{len(gold)} pairs, {seconds:.1f} s"
    )
    assert f1 >= 0.97


def documented(found: Inventory) -> dict[tuple[str, str], str]:
    """Return the documented references between tables that are there and hold values."""
    columns = {(c.table, c.name.casefold()): c for c in found.columns_found()}
    tables = {table.name for table in found.tables_found}
    with (DATA / "03_opendental_schema" / "columns.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["fk"].strip()]
    gold = {}
    for row in rows:
        place = (row["table"].strip().lower(), row["column"].strip().casefold())
        column, target = columns.get(place), row["fk"].strip().lower()
        if column is not None and target in tables and column.filled and column.maximum != 0:
            gold[place] = target
    return gold


def test_relations_of_open_dental(tmp_path: Path) -> None:
    rows = DATA / "04_opendental_synthetic_rows" / "opendental_synth.sqlite"
    if not rows.is_file() or not (DATA / "03_opendental_schema").is_dir():
        pytest.skip(f"Open Dental's rows and schema are not below {DATA}")
    found = audited(rows, tmp_path / "engagement")
    gold = documented(found)
    got = {
        (r.from_table, r.from_columns[0].casefold()): r.to_table
        for r in found.relations_found
        if not r.false_friend
    }
    right = sum(got.get(place) == target for place, target in gold.items())
    precision, recall = right / len(got), right / len(gold)
    print(
        f"\nOpen Dental: precision {precision:.3f}, recall {recall:.3f} of {len(gold)} documented "
        f"references; {sum(r.false_friend for r in found.relations_found)} false friends set apart"
    )
    assert precision >= 0.9
    assert recall >= 0.9


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("long_run")
def test_audit_of_a_million_patients(tmp_path: Path) -> None:
    """Snapshot and audit as commands of their own, so that each one's memory is its own."""
    practice, folder = tmp_path / "practice", tmp_path / "engagement"
    generate(practice, patients=_PATIENTS, documents=False)
    command = [sys.executable, "-m", "migrator_kit.cli"]
    init = ["init", str(folder), "--source", str(practice / "practice.db")]
    subprocess.run([*command, *init], check=True, stdout=subprocess.DEVNULL)
    for name in ("snapshot", "audit"):
        began = time.perf_counter()
        subprocess.run([*command, name, str(folder)], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        # The greatest of all that ended so far: it can only overstate the second.
        megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\n{name} of {_PATIENTS:,} patients: {seconds:.0f} s, {megabytes:,.0f} MB at most")
        assert megabytes < _MOST_MEGABYTES
