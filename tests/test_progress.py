"""Progress as plain lines: what an unattended run leaves in its log."""

from __future__ import annotations

import pytest

from migrator_kit.progress import SILENT, lines


def test_lines_say_how_far_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with lines("Reading patients", 1000, interval=0) as step:
        step.advance(250)
    assert "Reading patients: 250 of 1,000, about" in capsys.readouterr().out


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with SILENT("Reading", 10) as step:
        step.advance()
    assert capsys.readouterr().out == ""
