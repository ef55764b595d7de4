"""The picture of relations: its title says the finding, every relation and orphan can be read."""

from __future__ import annotations

from migrator_kit.evidence.page import check_self_contained
from migrator_kit.evidence.relation_graph import MOST_TABLES, Edge, relation_graph

CLINIC = [
    Edge("patients", "practice_id", "practices", 0),
    Edge("patients", "payer_id", "patients", 0),
    Edge("visits", "patient_id", "patients", 1_204),
    Edge("notes", "visit_id", "visits", 1),
]
ROWS = {"practices": 2, "patients": 4_000, "visits": 90_000, "notes": 5, "settings": 1}


def test_the_title_says_how_many_rows_point_to_nothing():
    plot = relation_graph(CLINIC, ROWS)

    assert plot.title == "1,205 rows point to a missing record, in 2 of 4 relations"
    assert plot.description == (
        "Orphans: visits.patient_id to patients 1,204; notes.visit_id to visits 1. "
        "Without any relation: settings."
    )
    one = relation_graph(CLINIC[3:], ROWS)
    assert one.title == "1 row points to a missing record, in 1 of 1 relations"
    none = relation_graph(CLINIC[:2], ROWS)
    assert none.title == "No row points to a missing record, in any of 2 relations"


def test_each_relation_stands_in_its_table_with_its_orphans():
    svg = relation_graph(CLINIC, ROWS).svg

    for words in ("patient_id → patients", "1,204 orphans", "1 orphan<", "90,000", ">practices<"):
        assert words in svg
    assert "0 orphan" not in svg


def test_it_stands_alone_and_repeats():
    plot = relation_graph(CLINIC, ROWS)

    check_self_contained(plot.html(), "plot")
    assert plot.html() == relation_graph(CLINIC, ROWS).html()


def test_circles_are_drawn_too():
    circle = [Edge("a", "b_id", "b", 0), Edge("b", "c_id", "c", 2), Edge("c", "a_id", "a", 0)]

    assert "b_id → b" in relation_graph(circle, {}).svg


def test_of_very_many_tables_those_with_orphans_are_drawn():
    many = [Edge(f"t{n}", "hub_id", "hub", n % 2) for n in range(3 * MOST_TABLES)]
    plot = relation_graph(many, {})

    assert plot.svg.count("hub_id → hub") == MOST_TABLES - 1
    assert plot.svg.count("1 orphan") == MOST_TABLES - 1
    assert f"{MOST_TABLES - 1} of {3 * MOST_TABLES} relations are drawn." in plot.description
