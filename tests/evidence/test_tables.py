"""Tables and findings: readable, aligned, masked by data class, safe against what values hold."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator_kit.compare.verdicts import Observation
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.tables import Table, Tables, facts, heading
from migrator_kit.privacy import DataClass


def cells(table: Table) -> list[list[str]]:
    page = BeautifulSoup(table.html(), "html.parser")
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in page("tr")]


def test_tables_escape_values_and_align_numbers():
    frame = pd.DataFrame({"name": ["<b>x</b>"], "row_count": [12345], "done": [True]})

    html = Table(frame, "A <caption>").html()

    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert '<td class="number">12,345</td>' in html
    assert "<td>yes</td>" in html
    assert "Row count" in html
    assert "A &lt;caption&gt;" in html


def test_values_read_as_a_person_writes_them():
    frame = pd.DataFrame(
        {
            "day": [date(2021, 5, 4), None],
            "moment": pd.to_datetime(["2021-05-04T10:30:59Z", None], utc=True),
            "amount": [1234.5, None],
            "whole": [3.0, None],
            "share": [0.5, None],
            "several": [["a", "b"], None],
            "maybe": pd.array([True, None], dtype="boolean"),
        }
    )

    assert cells(Table(frame, percents=("share",)))[1:] == [
        ["2021-05-04", "2021-05-04 10:30", "1,234.50", "3", "50.0 %", "a, b", "yes"],
        ["", "", "", "", "", "", ""],
    ]


def test_a_table_is_accessible():
    frame = pd.DataFrame({"object": ["Patient"], "rows": [3]})
    page = BeautifulSoup(Table(frame, "The objects").html(), "html.parser")

    assert page.table["aria-label"] == "The objects"
    assert [th["scope"] for th in page.thead("th")] == ["col", "col"]
    assert page.tbody.th["scope"] == "row"


def test_a_long_table_says_what_it_left_out():
    html = Table(pd.DataFrame({"n": range(1_000)}), limit=10).html()

    assert html.count("<tr>") == 11
    assert "10 of 1,000 rows are shown." in html


def test_an_empty_table_says_so():
    table = Table(pd.DataFrame({"n": []}), empty="Nothing failed.")

    assert "Nothing failed." in table.html()
    assert table.text() == "Nothing failed."


PATIENTS = pd.DataFrame({"source_id": ["000123"], "last_name": ["Papadopoulos"], "fee": [10.0]})
CLASSES = {"last_name": DataClass.IDENTIFIER, "fee": DataClass.OPERATIONAL}


def test_patient_data_is_shown_by_its_shape_only():
    table = Table(PATIENTS, classes=CLASSES)
    shown = table.html() + table.text() + repr(table)

    assert "Papadopoulos" not in shown
    assert cells(table)[1] == ["000123", "Aa", "10"]
    assert "Patient data is shown by its shape only: last name." in shown


def test_patient_data_is_shown_where_it_was_asked_for():
    table = Table(PATIENTS, classes=CLASSES, reveal=True)

    assert cells(table)[1] == ["000123", "Papadopoulos", "10"]
    assert "shape only" not in table.html()


def test_what_wants_an_eye_is_marked():
    frame = pd.DataFrame({"lost": [0, 2], "agrees": [True, False], "verdict": ["go", "roll back"]})
    levels = {"verdict": {"go": Level.GOOD, "roll back": Level.PROBLEM}}

    page = BeautifulSoup(
        Table(frame, watch=("lost", "agrees"), levels=levels).html(), "html.parser"
    )

    marked = [[cell.get("class", []) for cell in row("td")] for row in page.tbody("tr")]
    assert marked == [[["number"], [], ["good"]], [["number", "watch"], ["watch"], ["problem"]]]


@pytest.mark.parametrize(
    ("name", "words"),
    [("source_id", "Source id"), ("Insurance_Carrier__c", "Insurance_Carrier__c"),
     ("api_name", "API name"), ("Deal_Name", "Deal_Name"), ("sha256", "SHA-256")],
)  # fmt: skip
def test_headings_are_words_and_field_names_stay(name, words):
    assert heading(name) == words


def test_facts_read_as_words():
    text = repr(facts("Snapshot", rows_read=1234, nothing=None, names=["a", "b"]))

    assert "rows read" in text
    assert "1,234" in text
    assert "a, b" in text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_no_value_can_break_out_of_its_cell(values):
    table = Table(pd.DataFrame({"a": pd.Series(values, dtype="str"), "b": 1}))

    page = BeautifulSoup(table.html(), "html.parser")

    assert len(page.tbody("tr")) == len(values)
    allowed = {"div", "table", "thead", "tbody", "tr", "th", "td", "br"}
    assert {tag.name for tag in page.find_all(True)} <= allowed


def test_problems_stand_first_and_levels_are_words():
    box = Findings.of([Finding(Level.GOOD, "fine"), Finding(Level.PROBLEM, "broken", "mend it")])

    assert box.text().splitlines() == ["Problem: broken mend it", "Good: fine"]
    assert box.problems == 1
    assert box.worst is Level.PROBLEM
    text = BeautifulSoup(box.html(), "html.parser").get_text(" ")
    assert text.index("Problem") < text.index("Good")


def test_an_empty_box_says_that_there_is_nothing():
    assert Findings.of([]).text() == "Good: There is nothing to report."
    assert Findings.of([]).worst is Level.GOOD


def test_observations_become_findings_under_the_name_of_their_object():
    box = Findings.from_observations([Observation("Patient", Level.DECISION, "3 are <odd>.")])

    assert "Patient: 3 are &lt;odd&gt;." in box.html()


def test_every_output_has_html_and_text():
    blocks = [Findings.of([]), Table(PATIENTS), facts("F", a=1)]

    for output in (*blocks, Tables(blocks)):
        bundle = output._repr_mimebundle_()
        assert bundle["text/html"].startswith("<style>")
        assert bundle["text/plain"]
        assert "<" not in bundle["text/plain"]
