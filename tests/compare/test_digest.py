"""The target digest: the same for the same content, another for any other content."""

from __future__ import annotations

import pandas as pd
import pytest

from migrator_kit.compare.digest import target_digest
from migrator_kit.mapping.model import ObjectName


def digest_of(practice, name: str = "landed") -> str:
    return target_digest(practice.read_back(name), practice.folder / "spill")


@pytest.fixture
def loaded(tmp_path, new_practice):
    return new_practice(tmp_path, patients=20)


def test_two_orgs_with_other_ids_and_another_order_have_one_digest(loaded):
    before = digest_of(loaded)
    for name, frame in loaded.landed.items():
        mixed = frame.sample(frac=1, random_state=99).reset_index(drop=True)
        mixed["zoho_id"] = [f"9{n}" for n in range(len(mixed))]
        loaded.landed[name] = mixed.assign(known=False)
    loaded.part_rows = 7

    assert digest_of(loaded) == before


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        (ObjectName.PATIENT, "Last_Name", "Someone"),
        (ObjectName.PATIENT, "Balance__c", 0.01),
        (ObjectName.PATIENT, "Owner", "other@example.org"),
        (ObjectName.PATIENT, "Allergies__c", ["Nickel"]),
        (ObjectName.PLAN, "Contact_Name", "000003"),
        (ObjectName.APPOINTMENT, "What_Id_object", "Patient"),
        (ObjectName.NOTE, "Note_Content", "cut"),
        (ObjectName.ATTACHMENT, "sha256", "0" * 64),
    ],
)
def test_any_other_value_gives_another_digest(loaded, name, column, value):
    before = digest_of(loaded)
    frame = loaded.landed[name]
    frame.at[frame.index[0], column] = value

    assert digest_of(loaded) != before


def test_a_missing_a_further_and_a_moved_value_change_the_digest(loaded):
    before = digest_of(loaded)
    patients = loaded.landed[ObjectName.PATIENT]

    loaded.landed[ObjectName.PATIENT] = patients.iloc[1:]
    less = digest_of(loaded)
    loaded.landed[ObjectName.PATIENT] = pd.concat([patients, patients.iloc[:1]])
    more = digest_of(loaded)
    swapped = patients.rename(columns={"First_Name": "Last_Name", "Last_Name": "First_Name"})
    loaded.landed[ObjectName.PATIENT] = swapped
    other = digest_of(loaded)

    assert len({before, less, more, other}) == 4


def test_an_empty_value_is_the_same_as_none(loaded):
    patients = loaded.landed[ObjectName.PATIENT]
    patients.loc[patients["Insurance_Carrier_2__c"].isna(), "Insurance_Carrier_2__c"] = None
    before = digest_of(loaded)
    patients.loc[patients["Insurance_Carrier_2__c"].isna(), "Insurance_Carrier_2__c"] = ""

    assert digest_of(loaded) == before


def test_records_without_our_key_are_not_ours(loaded):
    empty = dict.fromkeys(loaded.landed)
    loaded.landed = {name: frame.assign(named=False) for name, frame in loaded.landed.items()}
    without = digest_of(loaded)
    loaded.landed = {name: frame.iloc[:0] for name, frame in loaded.landed.items()}

    assert len(empty) == 6
    assert digest_of(loaded, "nothing") == without
