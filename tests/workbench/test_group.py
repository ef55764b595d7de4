"""Several practices as one engagement: one org, one ledger, no record taken for another's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import create_engine, make_url, text

from migrator_kit.compare.datasets import Landed
from migrator_kit.compare.diff import field_diff
from migrator_kit.compare.own_files import own_files
from migrator_kit.compare.people import people_of
from migrator_kit.compare.readback import read_back
from migrator_kit.compare.sides import Scope
from migrator_kit.demo import new_group, places_of
from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError, GateClosed
from migrator_kit.load.accounts import exclusion_list, object_counts
from migrator_kit.load.ledger import open_ledger
from migrator_kit.load.loader import run_load
from migrator_kit.load.owners import resolve_owners
from migrator_kit.load.plan import plan_load
from migrator_kit.load.provision import apply_provisioning, field_names, provisioning_plan
from migrator_kit.load.tally import LoadReport
from migrator_kit.load.target import open_target, stop_emulator
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.files import load_mapping, write_default
from migrator_kit.mapping.model import ObjectName
from migrator_kit.mapping.shape import open_shaped, shape
from migrator_kit.sample import generate
from migrator_kit.source.inventory import inventory
from migrator_kit.source.snapshot import latest_snapshot, take_snapshot, unread_practices

POSTGRES = "MIGRATOR_TEST_POSTGRES_URL"
PATIENTS = 20


def ledgers() -> list[str]:
    return ["sqlite", "postgresql"] if os.environ.get(POSTGRES) else ["sqlite"]


@pytest.fixture(scope="module", params=ledgers())
def group(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Engagement]:
    """Two practices whose records have the same keys, confirmed and loaded into one org."""
    folder = tmp_path_factory.mktemp("group")
    homes = {name: generate(folder / name, patients=PATIENTS, seed=seed)
             for seed, name in enumerate(("north", "south", "east"), 1)}  # fmt: skip
    places = {name: str(homes[name].database) for name in ("north", "south")}
    engagement = new_group(folder / "group", places, client="A group")
    if request.param == "postgresql":
        address = own_database(os.environ[POSTGRES])
        file = engagement.folder / "engagement.yml"
        file.write_text(file.read_text() + f"ledger: {address}\n")
        engagement = Engagement.open(engagement.folder)
    take_snapshot(engagement)
    write_default(engagement, "dent_o_soft")
    decide(engagement, by="A. Analyst")
    load(engagement, "first")
    yield engagement
    stop_emulator(engagement)


def own_database(url: str) -> str:
    """Make an empty database beside the one that the tests are given."""
    name = "migrator_group"
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def load(engagement: Engagement, run_id: str) -> LoadReport:
    mapping, snapshot = load_mapping(engagement), latest_snapshot(engagement)
    shaped, target = shape(engagement, snapshot, mapping), open_target(engagement)
    ledger = open_ledger(engagement)
    apply_provisioning(provisioning_plan(mapping, target, shaped, ledger=ledger), target, ledger)
    return run_load(engagement, None, run_id, target=target)


def test_patients_with_one_number_stay_two_people(group: Engagement) -> None:
    shaped = open_shaped(group)
    with shaped.connect() as connection:
        keys = connection.execute("SELECT source_id, Source_System_ID__c FROM patient").df()
    numbers = keys["source_id"].str.partition(":")
    assert set(numbers[0]) == {"north", "south"}
    assert numbers[2].duplicated().any()
    assert keys["source_id"].is_unique
    assert (keys["source_id"] == keys["Source_System_ID__c"]).all()
    crosswalk = open_ledger(group).crosswalk(ObjectName.PATIENT)
    assert crosswalk["zoho_id"].is_unique
    assert set(crosswalk["source_id"]) == set(keys["source_id"])


def test_every_link_stays_within_its_practice(group: Engagement) -> None:
    links = {"treatment_plan": "Contact_Name", "appointment": "Who_Id", "patient": "Account_Name"}
    with open_shaped(group).connect() as connection:
        for view, column in links.items():
            total, apart = connection.execute(
                f"SELECT count({column}), count(*) FILTER (WHERE split_part(source_id, ':', 1) "
                f"<> split_part({column}, ':', 1)) FROM {view}"
            ).fetchall()[0]
            assert total > 0
            assert apart == 0


def read(engagement: Engagement, folder: Path) -> Landed:
    mapping = load_mapping(engagement)
    ledger = open_ledger(engagement)
    return read_back(
        open_target(engagement), ledger, mapping, field_names(ledger, mapping), folder,
        shaped=open_shaped(engagement),
    )  # fmt: skip


def test_everything_arrived_as_both_practices_have_it(group: Engagement, tmp_path: Path) -> None:
    mapping, shaped, target = load_mapping(group), open_shaped(group), open_target(group)
    snapshot = latest_snapshot(group)
    ledger = open_ledger(group)
    scope = Scope(
        not_moved=exclusion_list(ledger, shaped)[["object", "source_id"]],
        people=people_of(resolve_owners(group, snapshot, mapping, target), target.users),
        files=own_files(shaped, snapshot.files_root()),
    )
    report = field_diff(
        shaped, read(group, tmp_path / "landed"), mapping, tmp_path / "diff", scope=scope
    )
    assert report.clean, report.differences()
    files = report.records.set_index("object").loc["Attachment"]
    assert files["compared"] > 0
    assert files["missing_record"] == 0


def test_the_books_close_for_each_practice_and_in_sum(group: Engagement) -> None:
    known = open_ledger(group), open_shaped(group), load_mapping(group)
    whole = object_counts(*known)
    each = [object_counts(*known, practice) for practice in group.practices]
    for name, counts in whole.items():
        assert counts["remainder"] == 0, name
        for column in ("source", "created", "matched", "excluded", "failed", "remainder"):
            assert counts[column] == sum(int(one[name][column]) for one in each), (name, column)
    assert each[0]["Patient"]["source"] == each[1]["Patient"]["source"] == PATIENTS
    assert plan_load(group).writes == 0


def test_the_audit_counts_the_group_and_tells_equal_keys_apart(group: Engagement) -> None:
    found = inventory(latest_snapshot(group))
    tables = {table.name: table for table in found.tables_found}
    assert tables["patients"].rows == 2 * PATIENTS
    key = next(column for column in tables["patients"].columns if column.name == "patient_id")
    assert key.distinct == 2 * PATIENTS


def test_a_practice_that_joins_later_is_loaded_alone(group: Engagement) -> None:
    own = group.folder.parent
    file = group.folder / "engagement.yml"
    before = file.read_text()
    east = f"  - name: east\n    url: {own / 'east' / 'practice.db'}\n"
    file.write_text(before.replace("sources:\n", f"sources:\n{east}"))
    grown = Engagement.open(group.folder)
    assert unread_practices(grown) == ("east",)
    with pytest.raises(GateClosed, match="no snapshot of east"):
        latest_snapshot(grown)
    taken = {name: latest_snapshot(group.of(name)).snapshot_id for name in group.practices}
    take_snapshot(grown, only=unread_practices(grown))
    assert {name: latest_snapshot(grown.of(name)).snapshot_id for name in taken} == taken
    landed = open_ledger(grown).landed()
    load(grown, "second")
    fresh = pd.concat([open_ledger(grown).landed(), landed, landed]).drop_duplicates(
        ["object", "source_id"], keep=False
    )
    assert set(fresh["source_id"].str.partition(":")[0]) == {"east"}
    untouched = open_ledger(grown).landed().merge(landed, how="inner")
    assert len(untouched) == len(landed)
    counts = object_counts(open_ledger(grown), open_shaped(grown), load_mapping(grown), "east")
    assert counts["Patient"]["source"] == PATIENTS
    assert all(one["remainder"] == 0 for one in counts.values())


def test_a_group_is_named_on_the_command_line_and_in_the_file(tmp_path: Path) -> None:
    assert places_of(["practice.db"]) == "practice.db"
    assert places_of(["a=x.db", "b=postgresql://h/d"]) == {"a": "x.db", "b": "postgresql://h/d"}
    with pytest.raises(ConfigError, match="name of its own"):
        places_of(["x.db", "y.db"])
    (tmp_path / "engagement.yml").write_text(
        "client: X\nsource: {url: a.db}\nsources:\n  - {name: north, url: b.db}\n"
    )
    with pytest.raises(ConfigError, match="not both"):
        Engagement.open(tmp_path)
    (tmp_path / "engagement.yml").write_text(
        "client: X\nsources:\n  - {name: north, url: b.db, time_zone: Nowhere}\n"
        "  - {name: north, url: c.db}\n"
    )
    with pytest.raises(ConfigError) as caught:
        Engagement.open(tmp_path)
    assert str(caught.value).count("time_zone") == 1


def test_a_practice_may_keep_its_data_in_other_tables(tmp_path: Path) -> None:
    """One mapping, and a SELECT of its own where a practice's program names things otherwise."""
    for name, table, key in (("north", "patients", "id"), ("south", "pat", "nr")):
        with sqlite3.connect(tmp_path / f"{name}.db") as database:
            database.execute(f"CREATE TABLE {table} ({key} INTEGER PRIMARY KEY, surname TEXT)")
            database.execute(f"INSERT INTO {table} VALUES (7, 'Roe of {name}')")
    places = {name: str(tmp_path / f"{name}.db") for name in ("north", "south")}
    engagement = new_group(tmp_path / "group", places)
    take_snapshot(engagement)
    engagement.mapping_path.write_text(
        "profile: own\nobjects:\n"
        "  - object: Patient\n    landing: records\n    module: Contacts\n"
        "    key: Source_System_ID__c\n"
        "    select: SELECT id AS source_id, surname FROM patients\n"
        "    selects:\n      south: SELECT nr AS source_id, surname FROM pat\n"
        "    fields:\n"
        "      - {target: Source_System_ID__c, columns: source_id,\n"
        "         create: {label: Source System ID, data_type: text, length: 100, unique: true}}\n"
        "      - {target: Last_Name, columns: surname}\n"
    )
    shaped = shape(engagement, latest_snapshot(engagement), load_mapping(engagement))
    with shaped.connect() as connection:
        rows = connection.execute("SELECT source_id, Last_Name FROM patient ORDER BY 1").fetchall()
    assert rows == [("north:7", "Roe of north"), ("south:7", "Roe of south")]
