from __future__ import annotations

import string
from collections import Counter

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator_kit.privacy import DataClass, shape
from migrator_kit.source.classify import propose
from migrator_kit.source.contents import Content, DateOrder, Look, look_at, shapes
from migrator_kit.source.naming import names_key, singular, stem, words
from migrator_kit.source.profile import SAMPLE_ROWS, ColumnProfile, profile_table


def profile(**columns: list[object]) -> dict[str, ColumnProfile]:
    table = pa.table(dict(columns))
    connection = duckdb.connect()
    connection.register("arrow_rows", table)
    connection.execute("CREATE TABLE patients AS SELECT * FROM arrow_rows")
    types = {field.name: str(field.type) for field in table.schema}
    return {column.name: column for column in profile_table(connection, "patients", types)}


def look(*values: str) -> Look:
    return look_at(pa.array(values), "string")


@pytest.mark.parametrize(
    ("values", "content"),
    [
        (["1", "22", "-3"], Content.INTEGER),
        (["007", "1234", "9"], Content.CODE),
        (["12.50", "7", "3.1"], Content.DECIMAL),
        (["1.234,50", "7,00", "3"], Content.DECIMAL),
        (["2021-05-04", "1980-02-30"], Content.DATE),
        (["2021-05-04 00:00:00", "1980-02-01 00:00:00"], Content.DATE),
        (["2021-05-04 10:30:00", "2021-05-04T11:00:00Z"], Content.DATETIME),
        (["4/5/2021 10:30", "14/5/2021 09:00"], Content.DATETIME),
        (["20210504", "19801231"], Content.DATE),
        (["Y", "N", "Y"], Content.BOOLEAN),
        (["ann@example.org", "bob@example.com"], Content.EMAIL),
        (["+30 210 123 4567", "(415) 555-0100 x12"], Content.PHONE),
        (["IMG\\2021\\a.JPG", "b.pdf"], Content.PATH),
        (["{\\rtf1 text}", "{\\rtf1 more}"], Content.RTF),
        (["<p>text</p>", "<br/>"], Content.HTML),
        (["word " * 30, "short", "word " * 40], Content.LONG_TEXT),
        (["Smith", "Jones"], Content.TEXT),
        ([], Content.EMPTY),
    ],
)
def test_values_show_what_a_column_holds(values: list[str], content: Content) -> None:
    assert look_at(pa.array(values, pa.string()), "string").content is content


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["2021-05-04"], DateOrder.YEAR_FIRST),
        (["31/12/2020", "01/02/2021"], DateOrder.DAY_FIRST),
        (["31.12.20", "01.02.21"], DateOrder.DAY_FIRST),
        (["12/31/2020", "01/02/2021"], DateOrder.MONTH_FIRST),
        (["01/02/2021", "03/04/2021"], DateOrder.UNCLEAR),
        (["20201231"], DateOrder.COMPACT),
    ],
)
def test_the_order_of_dates_is_found(values: list[str], order: DateOrder) -> None:
    assert look(*values).date_order is order


def test_decimal_commas_and_broken_encodings_are_seen() -> None:
    assert look("12,50", "7,00").decimal_comma
    assert not look("12.50", "7.00").decimal_comma
    assert look("MÃ¼ller", "Jones").mojibake == 0.5


@given(st.lists(st.text(string.printable + "άΩßÉ中", max_size=30), min_size=1))
def test_shapes_are_those_of_the_privacy_module(values: list[str]) -> None:
    assert shapes(pa.array(values)) == Counter(shape(value) for value in values)


def test_counts_tell_null_from_blank() -> None:
    found = profile(name=["Ann", "", "  ", None, "Ann"])["name"]
    assert (found.rows, found.nulls, found.blank, found.filled) == (5, 1, 2, 2)
    assert not found.unique


def test_numbers_and_dates_have_their_spread() -> None:
    found = profile(
        minutes=[15, 30, 45, 60, 15],
        fee=["1.000,50", "2,00", "3,00", "4,00", "5,00"],
        starts_at=["2021-01-01 09:00", "0000-00-00 00:00", "2025-06-30 10:00", "", None],
        valid_from=["31/12/2019", "30/02/2020", "01/02/2020", None, None],
    )
    assert (found["minutes"].minimum, found["minutes"].maximum) == (15, 60)
    assert found["minutes"].quartiles == (15, 30, 45)
    assert found["fee"].maximum == 1000.5
    assert (found["starts_at"].first, found["starts_at"].last) == ("2021-01-01", "2025-06-30")
    assert found["starts_at"].impossible_dates == 1
    assert (found["valid_from"].first, found["valid_from"].last) == ("2019-12-31", "2020-02-01")
    assert found["valid_from"].impossible_dates == 1


def test_patient_data_shows_years_and_shapes_alone() -> None:
    found = profile(
        birth_date=["1980-05-04"] * 5 + ["1931-02-03"],
        last_name=["Smith"] * 5 + ["O'Neil"],
        member_id=list(range(6)),
    )
    assert (found["birth_date"].first, found["birth_date"].last) == ("1931", "1980")
    assert found["last_name"].shapes == (("Aa", 5),)
    assert found["last_name"].picklist is None
    assert found["member_id"].maximum is None


def test_closed_lists_hide_what_few_rows_share() -> None:
    found = profile(status=["active"] * 20 + ["closed"] * 5 + ["x"] * 4 + [None])["status"]
    assert found.picklist == (("active", 20), ("closed", 5))
    assert found.picklist_hidden == 1


def test_large_tables_are_looked_at_in_a_sample_and_counted_in_full() -> None:
    rows = SAMPLE_ROWS * 2 + 1
    found = profile(n=list(range(rows)), half=["x" if n % 2 else "y" for n in range(rows)])
    assert found["n"].distinct == rows
    assert found["n"].unique
    assert found["half"].picklist == (("y", rows // 2 + 1), ("x", rows // 2))


def test_an_empty_table_and_bytes_have_a_profile() -> None:
    assert profile(name=pa.array([], pa.string()))["name"].content is Content.EMPTY
    image = profile(image=[b"\xff\xfe", None])["image"]
    assert (image.content, image.max_length) == (Content.BINARY, 2)


@pytest.mark.parametrize(
    ("table", "column", "values", "expected"),
    [
        ("patients", "last_name", ["Smith"], DataClass.IDENTIFIER),
        ("patient", "LName", ["Smith"], DataClass.IDENTIFIER),
        ("patient", "Birthdate", ["1980-01-01"], DataClass.IDENTIFIER),
        ("pelates", "EPONYMO", ["ΠΑΠΠΑΣ"], DataClass.IDENTIFIER),
        ("pelates", "FIELD7", ["01018012345"], DataClass.IDENTIFIER),
        ("patient", "HmPhone", ["2101234567"], DataClass.CONTACT),
        ("patients", "FIELD3", ["ann@example.org"], DataClass.CONTACT),
        ("patients", "THLEFONO", ["2101234567"], DataClass.CONTACT),
        ("patients", "medical_alerts", ["penicillin"], DataClass.HEALTH),
        ("treatment_plans", "teeth", ["11,12"], DataClass.HEALTH),
        ("insurance_policies", "carrier_name", ["A plan"], DataClass.INSURANCE),
        ("clinical_notes", "body", ["text"], DataClass.FREE_TEXT),
        ("clinical_notes", "x", ["{\\rtf1 text}"], DataClass.FREE_TEXT),
        ("patients", "patient_id", ["000123"], DataClass.TECHNICAL),
        ("patients", "created_at", ["2021-01-01 10:00:00"], DataClass.TECHNICAL),
        ("patients", "status", ["active"], DataClass.OPERATIONAL),
        ("patients", "sms_consent", ["1"], DataClass.OPERATIONAL),
        ("patients", "amount_paid", ["12"], DataClass.OPERATIONAL),
        ("providers", "last_name", ["Smith"], DataClass.OPERATIONAL),
        ("providers", "email", ["ann@example.org"], DataClass.OPERATIONAL),
        ("provider", "SSN", ["123-45-6789"], DataClass.IDENTIFIER),
        ("reminder_rules", "template", ["Dear"], DataClass.OPERATIONAL),
    ],
)
def test_data_classes_are_proposed_from_name_and_content(
    table: str, column: str, values: list[str], expected: DataClass
) -> None:
    proposed = propose(table, column, look(*values))
    assert proposed.data_class is expected
    assert proposed.reason


def test_names_are_taken_apart() -> None:
    assert words("DateTStamp") == ("date", "t", "stamp")
    assert words("phone_home2") == ("phone", "home", "2")
    assert words("Διεύθυνση") == ("διευθυνση",)
    assert (stem("ProvNum"), stem("patient_id"), stem("clinicid")) == ("prov", "patient", "clinic")
    assert (singular("practices"), singular("policies"), singular("address")) == (
        "practice", "policy", "address",
    )  # fmt: skip
    assert names_key("PatNum")
    assert not names_key("amount_paid")
