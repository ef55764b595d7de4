"""Every command of the documentation is run, or says why it is not, or is one that is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrator_kit.cli import app
from migrator_kit.docs import FOLDER, PAGES

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```sh([^\n]*)\n(.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block of commands: where it stands, how it is marked, what it says."""

    page: str
    mark: str
    text: str

    @property
    def runs(self) -> bool:
        return self.mark == "run"

    def commands(self) -> Iterator[str]:
        lines = (line.partition("  #")[0].strip() for line in self.text.splitlines())
        yield from (line for line in lines if line and not line.startswith("#"))


def blocks() -> list[Block]:
    pages = [(name, FOLDER / f"{name}.md") for name in PAGES] + [("README", ROOT / "README.md")]
    return [
        Block(name, mark.strip(), text)
        for name, path in pages
        for mark, text in _BLOCK.findall(path.read_text("utf-8"))
    ]


def test_every_block_is_run_or_says_why_not() -> None:
    ran = {command for block in blocks() if block.runs for command in block.commands()}
    for block in blocks():
        if block.runs or re.match(r"no-run: \w+", block.mark):
            continue
        assert block.page == "README", f"{block.page}: mark the block `run` or `no-run: reason`"
        unknown = set(block.commands()) - ran
        assert unknown == set(), "a command of the README is one that a page runs"


def test_every_command_named_exists_with_its_options() -> None:
    import typer

    program = typer.main.get_command(app)
    for block in blocks():
        for line in re.findall(r"\bmigrator ([a-z-]+)([^|&#\n]*)", block.text):
            name, rest = line
            command = program.commands.get(name)  # type: ignore[attr-defined]
            assert command is not None, f"{block.page}: there is no `migrator {name}`"
            known = {
                option for one in command.params for option in (*one.opts, *one.secondary_opts)
            }
            for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
                assert option in known or name == "emulator", f"{block.page}: {name} {option}"


@pytest.mark.skipif(
    "MIGRATOR_DOCS_COMMANDS" not in os.environ,
    reason="takes minutes: set MIGRATOR_DOCS_COMMANDS=1, as .ci/run does",
)
@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_every_command_runs_in_the_order_of_the_pages(tmp_path: Path) -> None:
    """One practice goes the whole way of the tour; the other pages work on what it left."""
    programs = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": os.pathsep.join((programs, os.environ["PATH"]))}
    for block in blocks():
        if not block.runs:
            continue
        ended = subprocess.run(
            ["sh", "-ec", block.text],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ended.returncode == 0, f"{block.page}:\n{block.text}\n{ended.stderr[-2_000:]}"
        assert "Traceback" not in ended.stdout + ended.stderr
