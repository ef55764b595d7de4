"""`migrator init` at a terminal asks; without one it never does."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from migrator_kit.cli import main
from migrator_kit.engagement import Engagement


def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "Riverside Dental"
    folder.mkdir()
    (folder / "patients.csv").write_text("id,name\n1,Berg\n", encoding="utf-8")
    return folder


def at_a_terminal(*arguments: str, typed: str) -> str:
    """Run the command line at a terminal on which somebody types, and return what it shows."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "migrator_kit.cli", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:  # the end of a terminal
            shown += b""
    os.close(ours)
    return shown.decode()


def test_what_no_option_says_is_asked_for(tmp_path: Path) -> None:
    source, folder = exports(tmp_path), tmp_path / "e"
    typed = f"{tmp_path}/nowhere\n{source}\n\nEurope/Athen\nEurope/Athens\ngr\n\n"
    shown = at_a_terminal("init", str(folder), typed=typed)
    assert "nowhere does not exist" in shown
    assert "Found 1 tables" in shown
    assert "did you mean Europe/Athens?" in shown
    settings = Engagement.open(folder).settings
    assert settings.client == "Riverside Dental"
    assert (settings.source.time_zone, settings.source.region) == ("Europe/Athens", "GR")
    assert settings.source.profile is None


def test_nobody_is_asked_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "e")]) == 2
    source = str(exports(tmp_path))
    assert main(["init", str(tmp_path / "e"), "--source", source]) == 0
    told = capsys.readouterr().out
    assert "none of the known ones" in told
    assert "Taken for granted: time zone America/New_York, country US." in told
    known = ["--time-zone", "Europe/Athens", "--region", "GR"]
    assert main(["init", str(tmp_path / "f"), "--source", source, *known]) == 0
    assert "Taken for granted" not in capsys.readouterr().out
    assert Engagement.open(tmp_path / "e").settings.source.region == "US"
