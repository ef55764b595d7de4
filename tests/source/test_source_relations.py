from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from migrator_kit.source.inventory import Inventory
from migrator_kit.source.profile import profile_table
from migrator_kit.source.relations import Relation, discover, find_keys


def related(**tables: str) -> dict[str, Relation]:
    """Return the discovered relations of tables given as SELECTs, by `table.column`."""
    connection = duckdb.connect()
    profiles = {}
    for name, select in tables.items():
        connection.execute(f"CREATE TABLE {name} AS {select}")
        described = connection.execute(f"DESCRIBE {name}").fetchall()
        names = {"BIGINT": "int64", "INTEGER": "int32", "VARCHAR": "string"}
        types = {row[0]: names[row[1]] for row in described}
        profiles[name] = profile_table(connection, name, types)
    found = discover(connection, profiles, find_keys(profiles, {}))
    return {f"{r.from_table}.{r.from_columns[0]}": r for r in found}


PATIENTS = "SELECT i AS patient_id, 'n' || i AS name FROM range(1, 201) t(i)"


def test_a_column_named_like_a_key_points_to_it_orphans_counted() -> None:
    found = related(
        patients=PATIENTS,
        visits="SELECT i AS visit_id, CASE WHEN i < 5 THEN 900 + i WHEN i < 9 THEN 0 "
        "ELSE i % 200 + 1 END AS patient_id FROM range(1, 301) t(i)",
    )
    relation = found["visits.patient_id"]
    assert (relation.to_table, relation.to_columns) == ("patients", ("patient_id",))
    assert (relation.rows, relation.orphans) == (296, 4)
    assert relation.confidence > 0.9
    assert "visits.visit_id" not in found


def test_a_role_before_the_key_is_understood() -> None:
    found = related(
        provider="SELECT i AS ProvNum, 'Dr ' || i AS Abbr FROM range(1, 13) t(i)",
        visit="SELECT i AS VisitNum, i % 12 + 1 AS ProvHyg, i % 3 + 1 AS SecProv, "
        "i % 12 + 1 AS ProvStatus FROM range(1, 101) t(i)",
    )
    assert found["visit.ProvHyg"].to_table == "provider"
    assert found["visit.SecProv"].to_table == "provider"
    assert "visit.ProvStatus" not in found


def test_a_number_that_lies_in_a_key_by_chance_is_a_false_friend() -> None:
    found = related(
        patients=PATIENTS,
        ledger="SELECT i AS entry_id, i % 60 + 1 AS points FROM range(1, 301) t(i)",
    )
    friend = found["ledger.points"]
    assert friend.false_friend
    assert friend.confidence < 0.2
    assert "chance" in friend.reasons[0]


def test_a_column_whose_values_reach_through_a_whole_key_is_proposed_with_less_confidence() -> None:
    found = related(
        patients="SELECT i AS patient_id, CASE WHEN i % 3 = 0 THEN i ELSE 200 END AS guarantor "
        "FROM range(1, 201) t(i)",
        fees="SELECT i AS fee_id, 'a' AS fee FROM range(1, 2001) t(i)",
    )
    relation = found["patients.guarantor"]
    assert (relation.to_table, relation.false_friend) == ("patients", False)
    assert relation.confidence == 0.6


def test_scattered_numbers_that_miss_no_gap_of_a_key_point_to_it() -> None:
    found = related(
        definitions="SELECT i * i + 40 AS definition_id, 'd' || i AS label FROM range(1, 31) t(i)",
        payments="SELECT i AS payment_id, [104, 265, 569, 881][i % 4 + 1]::BIGINT AS kind, "
        "i % 4 + 1 AS level, [101, 265, 569, 881][i % 4 + 1]::BIGINT AS points "
        "FROM range(1, 101) t(i)",
    )
    assert (found["payments.kind"].to_table, found["payments.kind"].false_friend) == (
        "definitions",
        False,
    )
    assert "payments.level" not in found
    assert "payments.points" not in found


def test_text_keys_are_compared_as_they_are() -> None:
    found = related(
        patients="SELECT printf('%06d', i) AS patient_id FROM range(1, 101) t(i)",
        notes="SELECT 'N' || i AS note_id, printf('%06d', i) AS patient_id "
        "FROM range(51, 121) t(i)",
    )
    assert found["notes.patient_id"].orphans == 20


def declared_in_documentation(shared: Path, found: Inventory) -> dict[tuple[str, str], str]:
    """Return the documented foreign keys of the tables that are there and hold a reference."""
    columns = {(c.table, c.name.casefold()): c for c in found.columns_found()}
    tables = {table.name for table in found.tables_found}
    with (shared / "columns.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["fk"].strip()]
    gold = {}
    for row in rows:
        place = (row["table"].strip().lower(), row["column"].strip().casefold())
        target = row["fk"].strip().lower()
        column = columns.get(place)
        if column is not None and target in tables and column.filled and column.maximum != 0:
            gold[place] = target
    return gold


@pytest.mark.parametrize("kind", ["database", "exports"])
def test_the_documented_keys_of_open_dental_are_found(
    open_dental: Path, open_dental_inventories: dict[str, Inventory], kind: str
) -> None:
    """Seven columns point to a catalogue of definitions by numbers that any list would have."""
    documentation = open_dental.parent / "03_opendental_schema"
    if not documentation.is_dir():
        pytest.skip(f"the documented schema is not at {documentation}")
    found = open_dental_inventories[kind]
    gold = declared_in_documentation(documentation, found)
    got = {
        (r.from_table, r.from_columns[0].casefold()): r.to_table
        for r in found.relations_found
        if not r.false_friend
    }
    right = sum(got.get(place) == target for place, target in gold.items())
    assert len(gold) > 60
    assert right / len(got) >= 0.95
    assert right / len(gold) >= 0.9
    catalogue = {place: target for place, target in gold.items() if target != "definition"}
    assert all(got.get(place) == target for place, target in catalogue.items())
