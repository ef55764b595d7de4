"""Files that people edit by hand, made nonsense: an error with file and line, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from migrator_kit.engagement import Engagement, EngagementFile, SourceSettings
from migrator_kit.errors import MigratorError
from migrator_kit.estimate.tariff import load_tariff
from migrator_kit.load.owners import read_owners_file
from migrator_kit.mapping.csv_import import import_csv
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.rule_tests import run_rule_tests
from migrator_kit.mapping.writing import write_mapping
from migrator_kit.quality.waivers import load_waivers
from migrator_kit.rest_settings import RestFile
from migrator_kit.yamlfile import InvalidYaml, load_model
from tests.fuzz.hunting import hunt, mutated
from tests.mapping.conftest import (  # noqa: F401 (fixtures)
    FrameSnapshot,
    small_engagement,
    small_mapping,
    small_tables,
    snapshot_of,
)

ENGAGEMENT = b"""version: 1
client: Riverside
source:
  url: practice.db
  time_zone: Europe/Athens
  region: GR
  tables: {patients: {encoding: cp1253, delimiter: ";", header_row: 2}}
target: {kind: sandbox, data_centre: eu, file_limit_mb: 20.5}
sample: {size: 60, seed: 1}
"""
SERVICE = b"url: https://x.example\nrest:\n  tables:\n    p: {path: p, paging: {style: page}}\n"
OWNERS = b"version: 1\ndefault: a@b.example\nowners: {DR1: c@d.example}\n"
WAIVERS = (
    b"version: 1\nwaivers:\n  - {suite: source/patient, expectation: x, column: y, by: Ana,\n"
    b"     reason: known, when: 2026-01-01T00:00:00+00:00}\n"
)
TARIFF = b"currency: EUR\nhour: 100\n"
TESTS = (
    b"version: 1\ntests:\n  - object: Patient\n    given: {name: Berg, phone: '2101234567'}\n"
    b"    expect: {Last_Name: Berg, Phone: '+302101234567'}\n"
)


@pytest.fixture
def engagement(small_engagement: Engagement, small_mapping: Mapping) -> Engagement:  # noqa: F811
    write_mapping(small_engagement.mapping_path, small_mapping)
    return small_engagement


def test_engagement_file(tmp_path: Path) -> None:
    def attempt(data: bytes) -> None:
        (tmp_path / "engagement.yml").write_bytes(data)
        Engagement.open(tmp_path)

    hunt("engagement.yml", attempt, mutated(ENGAGEMENT))


def test_mapping_file(engagement: Engagement) -> None:
    whole = engagement.mapping_path.read_bytes()

    def attempt(data: bytes) -> None:
        engagement.mapping_path.write_bytes(data)
        load_mapping(engagement)

    hunt("mapping.yml", attempt, mutated(whole[:2500]), few=6)


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("owners.yml", OWNERS, read_owners_file),
        ("waivers.yml", WAIVERS, lambda engagement: load_waivers(engagement.folder)),
        ("tariff.yml", TARIFF, load_tariff),
        ("mapping_tests.yml", TESTS, lambda e: run_rule_tests(e, load_mapping(e))),
    ],
)
def test_files_beside_it(
    engagement: Engagement, name: str, content: bytes, read: Callable[[Engagement], Any]
) -> None:
    def attempt(data: bytes) -> None:
        (engagement.folder / name).write_bytes(data)
        read(engagement)

    hunt(name, attempt, mutated(content), few=8)


def test_description_of_a_service(tmp_path: Path) -> None:
    def attempt(data: bytes) -> None:
        (tmp_path / "service.yml").write_bytes(data)
        load_model(tmp_path / "service.yml", RestFile)

    hunt("service.yml", attempt, mutated(SERVICE), allowed=(InvalidYaml,))


def test_mapping_list(
    engagement: Engagement,
    snapshot_of: Callable[..., FrameSnapshot],  # noqa: F811
    small_tables: dict[str, Any],  # noqa: F811
) -> None:
    snapshot = snapshot_of(**small_tables)
    before = engagement.mapping_path.read_bytes()
    rows = (
        b"table,column,object,field,transform\npatients,phone,Patient,Mobile,phone: {region: US}\n"
        b'plans,title,Treatment Plan,Next_Step,"[text, truncate: {length: 20}]"\n'
    )
    path = engagement.folder / "client.csv"

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        try:
            import_csv(engagement, path, snapshot)
        except MigratorError:
            assert engagement.mapping_path.read_bytes() == before
            raise
        engagement.mapping_path.write_bytes(before)

    hunt("mapping list", attempt, mutated(rows, words=[b"Patient", b"truncate: {length: x}"]))


class _Anything(BaseModel):
    value: Any = None


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    path = tmp_path / "x.yml"
    path.write_text("value: !!python/object/apply:os.mkdir [made]\n", encoding="utf-8")
    told = load_model(path, _Anything)
    assert not (Path.cwd() / "made").exists()
    assert not isinstance(told.value, type)
    assert EngagementFile(client="x", source=SourceSettings(url="y")).version == 1
