"""The matcher for any two schemas: what it finds, what it survives, what it never tells."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from migrator_kit.errors import ParameterError
from migrator_kit.mapping.propose import rank_matches

HEADINGS = ["source_table", "source_column", "target_table", "target_column", "score", "reasons"]


def schema(**tables: str) -> pd.DataFrame:
    rows = [(table, column) for table, columns in tables.items() for column in columns.split()]
    return pd.DataFrame(rows, columns=["table", "column"])


def first(source: pd.DataFrame, target: pd.DataFrame) -> dict[str, str]:
    """The best target column of each source column."""
    best = rank_matches(source, target, top_k=1)
    return dict(zip(best["source_column"], best["target_column"], strict=True))


CONTACTS = schema(
    Contacts="Contact_Id First_Name Last_Name Date_of_Birth Mobile Home_Phone Email Gender "
    "Mailing_Street Mailing_City Mailing_Zip"
)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("PatNum FName LName Birthdate HmPhone Email Zip",
         "Contact_Id First_Name Last_Name Date_of_Birth Home_Phone Email Mailing_Zip"),
        ("strFirstName strSurname dtmBirth strZip strCity intSex",
         "First_Name Last_Name Date_of_Birth Mailing_Zip Mailing_City Gender"),
        ("onoma eponymo hm_gennisis kinito poli tk fylo",
         "First_Name Last_Name Date_of_Birth Mobile Mailing_City Mailing_Zip Gender"),
        ("nome cognome data_nascita cellulare citta cap sesso",
         "First_Name Last_Name Date_of_Birth Mobile Mailing_City Mailing_Zip Gender"),
        ("nombre apellidos fecnac movil calle ciudad sexo",
         "First_Name Last_Name Date_of_Birth Mobile Mailing_Street Mailing_City Gender"),
    ],
    ids=["abbreviated", "hungarian", "greek", "italian", "spanish"],
)  # fmt: skip
def test_names_are_read_in_the_ways_programs_write_them(columns: str, expected: str) -> None:
    found = first(schema(patients=columns), CONTACTS)
    assert list(found.values()) == expected.split()


def test_values_decide_where_names_say_nothing() -> None:
    source = pd.DataFrame({
        "table": "t", "column": ["f1", "f2"],
        "samples": [["open", "closed", "waiting"], ["red", "green", "blue"]],
    })  # fmt: skip
    target = pd.DataFrame({
        "table": "u", "column": ["shade", "progress"],
        "samples": [["blue", "green", "red"], ["closed", "open", "waiting"]],
    })  # fmt: skip
    assert first(source, target) == {"f1": "progress", "f2": "shade"}


def test_a_reference_goes_to_what_points_to_the_same_thing() -> None:
    source = pd.DataFrame({
        "table": ["visit"] * 3 + ["patient", "provider"],
        "column": ["VisitNum", "PatNum", "ProvNum", "PatNum", "ProvNum"],
        "references": [None, "patient.PatNum", "provider.ProvNum", None, None],
    })  # fmt: skip
    target = pd.DataFrame({
        "table": "Appointment", "column": ["Who_Id", "Owner", "Key"],
        "description": ["foreign key to the patient", "foreign key to the dentist", "primary key"],
    })  # fmt: skip
    best = rank_matches(source, target, top_k=1)
    visit = best[best["source_table"] == "visit"]
    assert visit["target_column"].tolist() == ["Key", "Who_Id", "Owner"]


def test_the_shape_of_the_answer() -> None:
    ranking = rank_matches(schema(patients="FName LName"), CONTACTS, top_k=3)
    assert list(ranking.columns) == HEADINGS
    assert ranking.groupby("source_column").size().tolist() == [3, 3]
    assert ranking["score"].between(0, 1).all()
    assert (ranking["reasons"].str.len() > 0).all()
    falling = ranking.groupby("source_column")["score"].apply(lambda s: s.is_monotonic_decreasing)
    assert falling.all()


@pytest.mark.parametrize(
    "source",
    [
        pd.DataFrame(),
        pd.DataFrame({"table": [], "column": []}),
        pd.DataFrame({"column": ["name"]}),
        pd.DataFrame({"table": [None, np.nan], "column": ["a", None]}),
        pd.DataFrame({"table": ["t"], "column": [""], "samples": [np.nan], "type": [pd.NA]}),
        pd.DataFrame({"table": ["τ"], "column": ["όνομα"], "description": ["Το όνομα"]}),
        pd.DataFrame({"table": ["t"] * 2, "column": ["x", "x"], "samples": [[], [None, 1, 2.5]],
                      "length": ["many", 5], "null_share": ["", 0.5], "key": ["yes", None]}),
        pd.DataFrame({"table": ["t"], "column": [7], "samples": ['["a", "b"]']}),
        pd.DataFrame({"table_name": ["t"], "column_name": ["name"], "data_type": ["varchar(9)"]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_no_frame_makes_it_fail(source: pd.DataFrame, turned: bool) -> None:
    pair = (CONTACTS, source) if turned else (source, CONTACTS)
    ranking = rank_matches(*pair)
    assert list(ranking.columns) == HEADINGS
    assert len(ranking) == min(5, len(pair[1])) * len(pair[0])
    assert ranking["score"].notna().all()


def test_a_frame_without_names_of_columns_is_refused() -> None:
    with pytest.raises(ParameterError, match="names of its columns"):
        rank_matches(pd.DataFrame({"price": [1]}), CONTACTS)


def test_reasons_hold_no_sample_value() -> None:
    secret = ["Papadopoulou", "Zografos", "6944123456"]
    given: dict[str, Any] = {"table": "p", "column": ["name", "phone"], "samples": [secret, secret]}
    ranking = rank_matches(pd.DataFrame(given), pd.DataFrame(given))
    told = " ".join(ranking["reasons"]).casefold()
    assert "sample values are the same" in told
    assert not [value for value in secret if value.casefold() in told]


def test_hundreds_by_hundreds_take_seconds() -> None:
    names = [f"{a}_{b}" for a in ("patient", "visit", "plan", "note", "claim", "fee", "recall")
             for b in ("id", "date", "name", "status", "amount", "type", "code", "note", "created",
                       "city", "phone", "email", "title", "level", "count")]  # fmt: skip
    rows = [(f"t{n % 6}", f"{name}{n // 105 or ''}") for n, name in enumerate(names * 4)]
    frame = pd.DataFrame(rows, columns=["table", "column"])
    begun = time.process_time()
    assert len(rank_matches(frame, frame)) == 5 * 420
    assert time.process_time() - begun < 10
