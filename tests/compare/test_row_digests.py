"""Records as keyed digests: the same on both sides exactly where the record arrived."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from migrator_kit.compare.row_digests import RowDigests, row_digests
from migrator_kit.compare.sides import Scope
from migrator_kit.mapping.model import ObjectName
from tests.compare.test_diff import PEOPLE, put

KEY = b"k" * 32


def digests(practice, key: bytes = KEY, folder: str = "digests") -> RowDigests:
    scope = Scope(people=PEOPLE, files=practice.files())
    return row_digests(
        practice, practice.read_back(), practice.mapping, practice.folder / folder, key, scope=scope
    )


def test_a_faithful_copy_has_the_same_digests_in_any_order(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=20)
    found = digests(practice)

    assert found.different == 0
    assert (found.objects["expected"] == found.objects["landed"]).all()
    assert found.objects.set_index("object")["records"].to_dict() == {
        name.value: len(frame) for name, frame in practice.shaped.items()
    }

    shuffled = new_practice(tmp_path / "again", patients=20)
    for name in set(shuffled.shaped) - {ObjectName.ATTACHMENT}:  # sizes go by the row there
        shuffled.shaped[name] = shuffled.shaped[name].sample(frac=1, random_state=1)
    assert digests(shuffled).digest == found.digest


def test_one_changed_value_changes_its_record_and_its_object_alone(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=20)
    before = digests(practice).objects.set_index("object")
    put(practice.landed[ObjectName.NOTE], "N000007", "Note_Content", "cut")

    found = digests(practice, folder="again")
    after = found.objects.set_index("object")
    rows = pd.read_parquet(found.file)

    assert rows.loc[rows["expected"] != rows["landed"], "source_id"].tolist() == ["N000007"]
    assert after.loc["Clinical Note", ["same", "different"]].tolist() == [19, 1]
    assert (after["landed"] != before["landed"]).sum() == 1


def test_what_is_equal_by_a_rule_or_hidden_has_the_same_digest(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=20)
    put(practice.shaped[ObjectName.PATIENT], "000002", "Last_Name", " Family1\r\n")
    put(practice.landed[ObjectName.PATIENT], "000001", "Allergies__c", ["Penicillin", "Latex"])
    practice.landed[ObjectName.PATIENT]["Balance__c"] = None
    practice.hidden.add("Balance__c")

    assert digests(practice).different == 0


def test_without_the_key_a_digest_tells_nothing(tmp_path: Path, new_practice):
    practice = new_practice(tmp_path, patients=6)
    one, other = digests(practice), digests(practice, b"other key" * 4, "other")

    mine, theirs = (pd.read_parquet(found.file) for found in (one, other))
    assert mine["source_id"].tolist() == theirs["source_id"].tolist()
    assert not set(mine["expected"]) & set(theirs["expected"])
