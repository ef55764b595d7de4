"""Calls to Calls and appointments to Events, by one line of the mapping each, all the way."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from migrator_kit.compare.verdicts import Recommendation
from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.errors import MappingError
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.target import stop_emulator
from migrator_kit.mapping.decisions import decide, pending
from migrator_kit.mapping.files import load_mapping, write_default
from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.model import Stage
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.wizard.command import package_for
from migrator_kit.workbench import gates, reconcile, rollback
from migrator_kit.workbench.explain import explain_record
from migrator_kit.workbench.quality import judge, shaped_frames
from migrator_kit.workbench.reports import open_session
from migrator_kit.workbench.session import Session
from tests.workbench.test_undo_and_delta import loaded, records, sampled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def land(engagement: Engagement, name: ObjectName, module: str) -> None:
    """Change the one line that says in which module an object lands."""
    text = engagement.mapping_path.read_text(encoding="utf-8")
    pattern = rf"(- object: {name}\n(?:.*\n){{1,3}}?    module: )\w+"
    text, changed = re.subn(pattern, rf"\g<1>{module}", text)
    assert changed == 1
    engagement.mapping_path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("practice"), patients=20, seed=8).database


@pytest.fixture(params=[
    {ObjectName.CALL_LOG: "Calls", ObjectName.APPOINTMENT: "Events"},
], ids=["both-elsewhere"])  # fmt: skip
def moved(
    request: pytest.FixtureRequest, practice: Path, tmp_path: Path
) -> Iterator[tuple[Engagement, dict[ObjectName, str]]]:
    """An engagement whose mapping was confirmed, and then changed by one line an object."""
    engagement = new_engagement(tmp_path / "engagement", str(practice))
    take_snapshot(engagement)
    write_default(engagement, "dent_o_soft")
    decide(engagement, by="A Person")
    for name, module in request.param.items():
        land(engagement, name, module)
    yield engagement, request.param
    stop_emulator(engagement)
    shutil.rmtree(engagement.folder)


def test_the_whole_way_in_another_module(
    moved: tuple[Engagement, dict[ObjectName, str]],
) -> None:
    engagement, modules = moved
    waiting = {name.partition(".")[0] for name in pending(load_mapping(engagement))}
    assert waiting == set(map(str, modules)), "only what the line brings waits for a person"
    decide(engagement, by="A Person")

    session = sampled(engagement)
    assert records(engagement) == {}
    judge(session, Stage.SHAPED, shaped_frames(session))
    gates.sign(open_session(engagement), "A Person")
    report = loaded(engagement, "initial").report
    assert report is not None
    held = records(engagement)
    for name, counts in _balance(engagement).items():
        assert counts["remainder"] == 0, name
        assert counts["failed"] == 0, name
    for module in modules.values():
        assert held[module] > 20
    assert ("Tasks" in held) is (ObjectName.APPOINTMENT not in modules)

    checked = open_session(engagement)
    reconcile.read_back(checked)
    assert checked.diff is not None
    assert checked.diff.clean, checked.diff.fields
    assert checked.reconciliation is not None
    assert checked.reconciliation.verdict is not Recommendation.ROLL_BACK
    assert "writes are logged" in repr(reconcile.audit_log(checked))
    _followed(checked, engagement, modules)
    _again_writes_nothing(engagement)
    _packed_for_the_wizard(engagement, modules)

    rollback.carry_out(open_session(engagement))
    assert records(engagement) == {}


def _balance(engagement: Engagement) -> dict[str, dict[str, int]]:
    session = open_session(engagement)
    return object_counts(session.ledger, session.shaped, session.mapping)


def _followed(session: Session, engagement: Engagement, modules: dict[ObjectName, str]) -> None:
    """Check that a record is found and followed by its source id."""
    for name in modules:
        source_id = str(session.ledger.crosswalk(name)["source_id"].iloc[0])
        told = explain_record(engagement, str(name), source_id, None, reveal=False)
        assert len(told) == 1


def _again_writes_nothing(engagement: Engagement) -> None:
    again = loaded(engagement, "initial").report
    assert again is not None
    assert again.written == 0


def _packed_for_the_wizard(engagement: Engagement, modules: dict[ObjectName, str]) -> None:
    package = package_for(engagement, engagement.folder / "package")
    rows = {
        module: pd.concat(pd.read_csv(path, dtype="str", keep_default_na=False)
                          for path in (package.folder / "data").glob(f"{module}*.csv"))
        for module in set(modules.values())
    }  # fmt: skip
    if "Calls" in rows:
        calls = rows["Calls"]
        assert set(calls["Call Type"]) <= {"Inbound", "Outbound", "Missed"}
        assert calls["Call Duration"].str.fullmatch(r"\d\d+:\d\d").all()
        missed = calls["Call Type"] == "Missed"
        assert (calls["Call Duration"] == "00:00").equals(missed)
    events = rows["Events"]
    assert events["Migration ID"].str.startswith("appointment:").any()
    assert events["Migration ID"].is_unique


def test_two_objects_do_not_land_in_one_module(practice: Path, tmp_path: Path) -> None:
    engagement = new_engagement(tmp_path / "engagement", str(practice))
    write_default(engagement, "dent_o_soft")
    land(engagement, ObjectName.APPOINTMENT, "Events")
    with pytest.raises(MappingError, match="cannot both land in Events"):
        load_mapping(engagement)
