"""What a client reads of a finished demo, page by page and list by list, against golden files.

Of each table the first rows are kept, and how many more there are.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from migrator_kit.chain import NOTEBOOKS, ROLLBACK
from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.load.target import stop_emulator
from migrator_kit.workbench.deltas import read_deltas
from migrator_kit.workbench.mapping_document import write_document
from tests.golden import masked, same_as_golden, shortened, text_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

GOLDEN = Path(__file__).parent / "snapshots"
ROWS = 5
LISTS = (
    "excluded.csv", "rejects.csv", "files_not_moved.csv", "differences.csv", "fields.csv",
    "likely_duplicates.csv", "quality_source.csv", "quality_shaped.csv", "quality_target.csv",
    "sample_coverage.csv", "sample_differences.csv", "sample_fields.csv", "sample_values.csv",
    "audit_log.csv",
)  # fmt: skip
_LOG = re.compile(r"(?s)<details.*?</details>")
_RUNS_APART = (
    (re.compile(r"[\d,]+(?= are left\b)"), "#"),
    (re.compile(r"\d+%(?= of the time)"), "#"),
    (re.compile(r"(?<=until )\d{4}-\d\d-\d\d"), "DAY"),
    # How fast this machine is, and how old the generated data has become, are of no account.
    (re.compile(r"measured over [\d.,]+ \w+"), "measured"),
    (re.compile(r"[\d,]+(?= values are read without an error)"), "#"),
    (re.compile(r"The promise would .*|Cutover: freeze for .*"), "CLOCK"),
    (re.compile(r"(?s)(?<=Rows  Why it matters\n).*?(?=\nPatients who are)"), "(rows)"),
)
_TIMED = re.compile(r"  (?:Seconds|Minutes|Minutes used|Minutes  Basis)$")
_TIME = re.compile(r"\d+\.\d\d")
_WHOLE_TIME = re.compile(r"(?<=  )\d+(?=(?:  [a-z ]+)?$)")
"""In a column in which every time is whole: on a fast machine each step takes 0 s."""


def told(page: str) -> str:
    """Return a page as text, with the first rows of its tables, without its log."""
    return steady(text_of(_LOG.sub("", shortened(page))))


def steady(text: str, *names: str) -> str:
    """Return a text without what differs from run to run: ids, digests, durations."""
    for pattern, word in _RUNS_APART:
        text = pattern.sub(word, text)
    lines, timed = [], False
    for line in text.splitlines():
        timed = bool(_TIMED.search(line)) or (timed and "  " in line)
        lines.append(_WHOLE_TIME.sub("#", _TIME.sub("#", line)) if timed else line)
    return masked("\n".join(lines), *names)


def same(name: str, text: str) -> None:
    same_as_golden(GOLDEN / f"{name}.txt", text)


@pytest.fixture(scope="module")
def engagement(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the finished demo, whose org starts where the demo left it."""
    folder = tmp_path_factory.mktemp("texts") / "engagement"
    copy = Engagement.open(shutil.copytree(demo.kept, folder, symlinks=True))
    yield copy
    stop_emulator(copy)


@pytest.fixture(scope="module")
def run(engagement: Engagement) -> Path:
    """The folder of the run that made the pages of the first load."""
    return sorted(engagement.runs.glob("*/01_audit.html"))[0].parent


@pytest.mark.parametrize("name", [*NOTEBOOKS.values(), "index"])
def test_the_pages(run: Path, name: str) -> None:
    same(name, told((run / f"{name}.html").read_text(encoding="utf-8")))


def test_the_pages_of_the_delta(engagement: Engagement) -> None:
    (delta,) = read_deltas(engagement)
    page = engagement.runs / delta.run_id / "04_full_load.html"
    same("04_full_load_delta", told(page.read_text(encoding="utf-8")))


def test_the_mapping_as_a_document(engagement: Engagement, tmp_path: Path) -> None:
    page = write_document(engagement, tmp_path / "mapping.html")
    same("mapping_page", told(page.read_text(encoding="utf-8")))
    book = openpyxl.load_workbook(write_document(engagement, tmp_path / "mapping.xlsx"))
    lines = []
    for sheet in book:
        rows = list(sheet.iter_rows(values_only=True))
        shown = [" | ".join(str(cell or "") for cell in row) for row in rows[: ROWS + 1]]
        lines += [f"[{sheet.title}]", *shown, f"({len(rows) - len(shown)} more rows)", ""]
    same("mapping_workbook", masked("\n".join(lines)))


def test_the_pages_of_the_rules(run: Path) -> None:
    folder = run / "lists" / "reminders_and_recalls"
    pages = sorted(folder.glob("*.md"))
    assert len(pages) > 10
    same("rules", "\n\n".join(page.read_text(encoding="utf-8") for page in pages))


def test_the_lists(run: Path) -> None:
    texts = []
    for name in LISTS:
        lines = (run / "lists" / name).read_text(encoding="utf-8-sig").splitlines()
        shown = lines[: ROWS + 1]
        texts += [f"[{name}]", *shown, f"({len(lines) - len(shown)} more rows)", ""]
    same("lists", masked("\n".join(texts)))


def test_the_commands_and_the_page_of_the_undo(
    engagement: Engagement, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {}
    for command in (
        ["status"],
        ["plan"],
        ["retry"],
        ["rollback", "--dry-run"],
        ["rollback", "--yes", "--by", "A. Analyst", "--note", "rehearsal"],
    ):
        capsys.readouterr()
        assert main([command[0], str(engagement.folder), *command[1:]]) == 0
        said[" ".join(command)] = steady(capsys.readouterr().out, str(engagement.folder))
    same("commands", "\n".join(f"$ migrator {name}\n{text}" for name, text in said.items()))
    (page,) = engagement.runs.glob(f"*/{ROLLBACK}.html")
    same("06_rollback", told(page.read_text(encoding="utf-8")))
