"""The tariff: packaged, replaced line by line, refused with file and line where it is nonsense."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from migrator_kit.engagement import Engagement, EngagementFile
from migrator_kit.errors import ConfigError
from migrator_kit.estimate.tariff import Grade, Tariff, load_tariff


@pytest.fixture
def engagement(tmp_path: Path) -> Engagement:
    settings = EngagementFile.model_validate({"client": "R", "source": {"url": "sqlite:///x.db"}})
    return Engagement.create(tmp_path / "engagement", settings)


def test_without_a_file_the_packaged_tariff_counts(engagement: Engagement, tariff: Tariff) -> None:
    assert load_tariff(engagement) == (tariff, "the packaged tariff")


def test_an_engagement_replaces_what_it_names(engagement: Engagement, tariff: Tariff) -> None:
    own = "currency: USD\nper_object: 99.50\nwork_days: {D: [30, 60]}\n"
    (engagement.folder / "tariff.yml").write_text(own, encoding="utf-8")
    changed, origin = load_tariff(engagement)
    assert origin == "this engagement's tariff.yml"
    assert (changed.currency, changed.per_object) == ("USD", Decimal("99.5"))
    assert changed.work_days == {**tariff.work_days, Grade.D: (30, 60)}
    assert changed.base == tariff.base


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("base: 100\nper_objekt: 5\n", "tariff.yml:2: per_objekt"),
        ("base: -1\n", "tariff.yml:1: base"),
        ("currency: euros\n", "tariff.yml:1: currency"),
        ("work_days:\n  B: [1, 2]\n", "a worse grade cannot take fewer days"),
        ("work_days:\n  B: [14, 13]\n", "the first number of days is the smaller one"),
        ("base: [\n", "tariff.yml"),
    ],
)
def test_nonsense_is_refused_with_its_line(engagement: Engagement, text: str, named: str) -> None:
    (engagement.folder / "tariff.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_tariff(engagement)
    assert caught.value.exit_code == 2
    assert named in str(caught.value)
