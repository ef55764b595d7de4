"""The engagement folder: made once, read with clear errors, its key kept private."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from migrator_kit.engagement import (
    Engagement,
    EngagementFile,
    SourceSettings,
    digest_text,
    slug,
)
from migrator_kit.errors import ConfigError


def make(folder: Path) -> Engagement:
    source = SourceSettings(url="practice.db", time_zone="Europe/Athens", region="GR")
    return Engagement.create(folder, EngagementFile(client="Riverside Dental", source=source))


def test_what_is_created_is_what_is_opened(tmp_path: Path) -> None:
    made = make(tmp_path / "riverside")
    opened = Engagement.open(made.folder)
    assert opened.settings == made.settings
    assert opened.settings.source.zone.key == "Europe/Athens"


def test_a_second_engagement_does_not_replace_the_first(tmp_path: Path) -> None:
    make(tmp_path)
    with pytest.raises(ConfigError, match="already holds an engagement"):
        make(tmp_path)


def test_a_folder_without_an_engagement_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="migrator init"):
        Engagement.open(tmp_path)


def test_every_mistake_in_the_file_is_named_with_its_line(tmp_path: Path) -> None:
    made = make(tmp_path)
    path = made.folder / "engagement.yml"
    text = path.read_text().replace("time_zone: Europe/Athens", "time_zone: Mars/Olympus")
    path.write_text(text + "colour: blue\n")
    with pytest.raises(ConfigError) as caught:
        Engagement.open(tmp_path)
    lines = text.splitlines()
    zone_line = next(n for n, line in enumerate(lines, 1) if "Mars/Olympus" in line)
    assert f"engagement.yml:{zone_line}: source.time_zone" in str(caught.value)
    assert f"engagement.yml:{len(lines) + 1}: colour" in str(caught.value)


def test_broken_yaml_is_one_message_with_the_line(tmp_path: Path) -> None:
    made = make(tmp_path)
    (made.folder / "engagement.yml").write_text("version: 1\nclient: [unclosed\n")
    with pytest.raises(ConfigError, match=r"engagement\.yml:\d+: "):
        Engagement.open(tmp_path)


def test_the_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    engagement = make(tmp_path)
    key = engagement.key()
    assert len(key) == 32
    assert engagement.key() == key
    assert stat.S_IMODE((engagement.private / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(engagement.private.stat().st_mode) == 0o700


def test_run_ids_sort_by_time_and_differ(tmp_path: Path) -> None:
    engagement = make(tmp_path)
    ids = {engagement.new_run_id() for _ in range(20)}
    assert len(ids) == 20


def test_digests_keep_their_parts_apart() -> None:
    assert digest_text("ab", "c") != digest_text("a", "bc")


def test_slugs_are_fit_for_folders() -> None:
    assert slug("Treatment Plan ID") == "treatment_plan_id"
