"""Steps started by a button: what they told, how they ended, how they are stopped and found."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator_kit.chain import notebooks_folder
from migrator_kit.docs import PAGES, read_page
from migrator_kit.engagement import Engagement, EngagementFile
from migrator_kit.errors import GateClosed
from migrator_kit.sample import generate
from migrator_kit.workbench import lab, long_steps
from migrator_kit.workbench.attendant import Attendant
from migrator_kit.workbench.desk import CLOSED, DONE, READY, Stop, headline, next_stop, outcome, way
from migrator_kit.workbench.long_steps import LongStep, Watched
from migrator_kit.workbench.reports import open_session

SECONDS = 200


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("practice"), patients=20, seed=3).database


@pytest.fixture
def engagement(practice: Path, tmp_path: Path) -> Engagement:
    settings = {"client": "Harbor", "source": {"url": str(practice), "profile": "dent_o_soft"}}
    return Engagement.create(tmp_path / "engagement", EngagementFile.model_validate(settings))


def wait(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ended(engagement: Engagement) -> Watched:
    wait(lambda: not long_steps.watch(engagement).running)
    return long_steps.watch(engagement)


def test_a_step_runs_beside_the_page_and_its_end_is_found_by_any_other(
    engagement: Engagement,
) -> None:
    assert long_steps.watch(engagement) is None
    desk = Attendant(open_session(engagement), way).desk("static")
    assert desk.next == "snapshot"
    assert "press “Take a snapshot”" in desk.headline
    desk._receive(desk, {"kind": "run", "name": "snapshot"}, [])
    assert desk.message == ""
    assert ended(engagement).step.code == 0
    wait(lambda: desk.next == "audit")
    other = Attendant(open_session(engagement), way).desk("static")
    shown = {stop["name"]: stop for stop in other.stops}
    assert shown["snapshot"]["state"] == DONE
    assert "rows of 11 tables" in shown["snapshot"]["told"]
    assert "command" not in shown["snapshot"], "which command it runs stays with the kernel"


def test_a_cancelled_step_stops_as_by_hand_and_says_how_to_go_on(engagement: Engagement) -> None:
    long_steps.begin(engagement, "audit", ("run", str(engagement.folder), "--to", "audit"))
    with pytest.raises(GateClosed, match="still at work"):
        long_steps.begin(engagement, "pack", ("pack", str(engagement.folder)))
    long_steps.cancel(engagement)
    seen = ended(engagement)
    assert (seen.step.cancelled, seen.step.code) == (True, 1)
    state, told = outcome(seen)
    assert state == "stopped"
    assert "goes on from there" in told


def test_a_refused_step_says_what_it_waits_for(engagement: Engagement) -> None:
    long_steps.begin(engagement, "pack", ("pack", str(engagement.folder)))
    seen = ended(engagement)
    assert outcome(seen) == ("waits for you", seen.said.removeprefix("error: "))
    assert "not every step has ended well" in seen.said


def test_a_step_that_was_killed_is_told_apart() -> None:
    step = LongStep("load", ("run",), "2026-01-01T00:00:00+00:00", pid=1)
    state, told = outcome(Watched(step, running=False, said="", title="", done=0, total=None,
                                  answer=""))  # fmt: skip
    assert state == "failed"
    assert "from outside" in told


def test_the_way_says_what_comes_next() -> None:
    stops = [
        Stop("snapshot", "Snapshot", "Reads", DONE),
        Stop("audit", "Audit", "What is there", READY, action="Run the audit"),
        Stop("load", "Full load", "Moves", CLOSED, told="Nobody has signed off yet."),
    ]
    assert next_stop(stops) is stops[1]
    assert headline(stops) == "Next: Audit. What is there; press “Run the audit”."
    assert "packed" in headline(stops[:1])


def test_a_notebook_that_nobody_edited_follows_the_program(
    engagement: Engagement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.copytree(notebooks_folder(), tmp_path / "program")
    monkeypatch.setattr(lab, "notebooks_folder", lambda: program)
    folder = lab.lab_folder(engagement)
    start, audit = folder / "00_start.ipynb", folder / "01_audit.ipynb"
    assert 'engagement = \\"..\\"' in start.read_text(encoding="utf-8")
    assert (folder / "docs" / "tour.md").read_text("utf-8") == read_page("tour")
    assert {path.name for path in (folder / "docs").glob("*.md")} == {f"{n}.md" for n in PAGES}
    assert list((folder / "docs" / "images").glob("*.png"))
    edit(audit, "## Findings", "## My findings")
    for name in (start.name, audit.name):
        edit(program / name, "this page", "this new page")
        edit(program / name, "## Tables", "## All tables")
    lab.lab_folder(engagement)
    assert "this new page" in start.read_text(encoding="utf-8")
    assert "## My findings" in audit.read_text(encoding="utf-8")
    assert "## All tables" not in audit.read_text(encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
