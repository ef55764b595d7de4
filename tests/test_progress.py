"""Progress as plain lines: what an unattended run leaves in its log."""

from __future__ import annotations

import pytest

from migrator_kit.progress import SILENT, lines, time_left


def test_lines_say_how_far_and_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    with lines("Reading patients", 1000, interval=0) as step:
        step.advance(250)
    assert "Reading patients: 250 of 1,000, about" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("done", "seconds", "told"),
    [
        (0, 5.0, ""), (1, 20.0, ""), (250, 10.0, ", about 30 s left"),
        (500, 600.0, ", about 10 min left"), (10, 100.0, ", about 2 h 45 min left"),
        (1000, 60.0, ", about 0 s left"),
    ],
)  # fmt: skip
def test_time_left_is_told_once_the_pace_is_known(done: int, seconds: float, told: str) -> None:
    assert time_left(done, 1000, seconds) == told


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with SILENT("Reading", 10) as step:
        step.advance()
    assert capsys.readouterr().out == ""
