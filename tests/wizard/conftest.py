"""An engagement with a confirmed mapping, its package, and commands as a person runs them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrator_kit.cli import main
from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.files import write_default
from migrator_kit.sample import generate
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.wizard.command import package_for
from migrator_kit.wizard.package import Package

FORMULA = "=HYPERLINK(A1)"


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command; whatever happens, nobody may see a traceback."""

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err + out
        return Answer(code, out, err)

    return call


@pytest.fixture(scope="session")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    """An engagement whose mapping nobody confirmed; some texts would run in a spreadsheet."""
    folder = tmp_path_factory.mktemp("wizard")
    practice = generate(folder / "practice", patients=20, seed=5)
    with sqlite3.connect(practice.database) as database:
        database.execute("UPDATE patients SET street = ? WHERE rowid = 1", (FORMULA,))
        database.execute("UPDATE patients SET street = ? WHERE rowid = 2", ("'" + FORMULA,))
        database.execute("UPDATE patients SET street = ? WHERE rowid = 3", ('a "b", c\r\nd',))
    engagement = new_engagement(folder / "engagement", str(practice.database), client="Harbor")
    take_snapshot(engagement)
    write_default(engagement, "dent_o_soft")
    return engagement


@pytest.fixture(scope="session")
def engagement(undecided: Engagement, tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    """The same with every row confirmed."""
    refused = tmp_path_factory.mktemp("refused") / "package"
    assert main(["wizard-package", str(undecided.folder), "--to", str(refused)]) == 3
    assert not refused.exists()
    decide(undecided, by="Dr. Example")
    return undecided


@pytest.fixture(scope="session")
def package(engagement: Engagement) -> Package:
    """The package as the command writes it. Tests look at it and change nothing."""
    return package_for(engagement)


@pytest.fixture
def folder(package: Package) -> Path:
    return package.folder
