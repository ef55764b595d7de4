"""Transforms of one engagement, from the Python file beside its mapping."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.errors import MappingError
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.shape import dataset_digest, shape
from migrator_kit.mapping.transforms import REGISTRY, apply
from migrator_kit.mapping.transforms.own import own_text, use_own
from migrator_kit.mapping.writing import write_mapping
from tests.mapping.conftest import SnapshotMaker

FILE = '''\
"""What this practice writes into its columns."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from migrator_kit.mapping.transforms import (
    Options, RejectReason, Transformed, no_reasons, one_column,
)


class CardOptions(Options):
    """`keep`: the half of a card number that is wanted."""

    keep: Literal["left", "right"] = "left"


@one_column("card_number", version=1, options=CardOptions)
def card_number(values: pd.Series, options: CardOptions) -> Transformed:
    """One half of the practice's card numbers, such as 12-34."""
    halves = values.str.extract(r"^(\\d+)-(\\d+)$")
    found = halves[0 if options.keep == "left" else 1]
    reasons = no_reasons(values.index).mask(found.isna(), str(RejectReason.BAD_ID))
    return Transformed(found, reasons)
'''


@pytest.fixture(autouse=True)
def _packaged_again() -> Iterator[None]:
    yield
    use_own("")


@pytest.fixture
def engagement(small_engagement: Engagement, small_mapping: Mapping) -> Engagement:
    tree = small_mapping.model_dump(mode="json", exclude_defaults=True)
    name = next(row for row in tree["objects"][1]["fields"] if row["target"] == "Last_Name")
    name["transform"] = [{"name": "card_number", "options": {"keep": "right"}}]
    write_mapping(small_engagement.mapping_path, Mapping.model_validate(tree))
    return small_engagement


def write(engagement: Engagement, text: str) -> None:
    (engagement.folder / "transforms.py").write_text(text, encoding="utf-8")


def test_its_transforms_work_like_any_other(
    engagement: Engagement, snapshot_of: SnapshotMaker, small_tables: dict[str, dict[str, object]]
) -> None:
    small_tables["patients"]["name"] = ["12-34", "5-6", None, "x", "7-8", None, "9-10"]
    snapshot = snapshot_of(**small_tables)
    with pytest.raises(MappingError, match="no transform 'card_number'"):
        check_mapping(load_mapping(engagement), engagement.mapping_path)
    write(engagement, FILE)
    mapping = load_mapping(engagement)
    check_mapping(mapping, engagement.mapping_path, snapshot)
    dataset = shape(engagement, snapshot, mapping)
    patients = pd.concat(pd.read_parquet(path) for path in dataset.parts("Patient"))
    assert patients["Last_Name"].dropna().tolist() == ["34", "6", "8", "10"]
    rejects = dataset.rejects()
    assert "3" in set(rejects.loc[rejects["field"] == "Last_Name", "source_id"])

    before = dataset_digest(snapshot, mapping, engagement)
    write(engagement, FILE.replace("such as 12-34", "such as 12-35"))
    assert dataset_digest(snapshot, load_mapping(engagement), engagement) != before


def test_a_worker_that_has_not_read_the_file_shapes_the_same(
    engagement: Engagement, snapshot_of: SnapshotMaker, small_tables: dict[str, dict[str, object]]
) -> None:
    write(engagement, FILE)
    small_tables["patients"]["name"] = ["12-34", "5-6", None, "x", "7-8", None, "9-10"]
    settings = engagement.settings
    compute = settings.compute.model_copy(update={"scheduler": "processes", "workers": 1})
    own = Engagement(engagement.folder, settings.model_copy(update={"compute": compute}))
    dataset = shape(own, snapshot_of(**small_tables), load_mapping(own))
    patients = pd.concat(pd.read_parquet(path) for path in dataset.parts("Patient"))
    assert patients["Last_Name"].dropna().tolist() == ["34", "6", "8", "10"]


def test_another_engagement_knows_nothing_of_them(engagement: Engagement, tmp_path: Path) -> None:
    write(engagement, FILE)
    load_mapping(engagement)
    assert REGISTRY["card_number"].summary.startswith("One half")
    use_own(own_text(tmp_path))
    assert "card_number" not in REGISTRY
    assert "phone" in REGISTRY


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import pandas as pd\n\ndef f(:\n", r"transforms\.py:3: "),
        ("\nimport no_such_package\n", r"transforms\.py:2: ModuleNotFoundError"),
        (FILE.replace('"card_number"', '"phone"'), "packaged transform 'phone'"),
        ("x = 1\n", "registers no transform"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(
    engagement: Engagement, text: str, told: str
) -> None:
    write(engagement, text)
    packaged = dict(REGISTRY)
    with pytest.raises(MappingError, match=told):
        load_mapping(engagement)
    assert packaged == REGISTRY


def test_what_goes_wrong_inside_is_told_without_a_value() -> None:
    failing = FILE.replace(
        "    return Transformed(found", "    int(values.iloc[0])\n    return (found"
    )
    use_own(failing)
    with pytest.raises(MappingError) as caught:
        apply("card_number", pd.Series(["Anna Berg"]))
    assert "ValueError at transforms.py:26" in str(caught.value)
    assert "Anna" not in str(caught.value)
    use_own(FILE.replace("str(RejectReason.BAD_ID)", '"strange"'))
    with pytest.raises(MappingError, match=r"Known reasons: .*bad_id"):
        apply("card_number", pd.Series(["Anna Berg"]))
