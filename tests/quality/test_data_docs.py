"""Great Expectations' own pages: complete without a network, without values of patients."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.data_docs import write_data_docs
from migrator_kit.quality.model import Stage, Suite

SECRET = "Papadopoulou"
RULES = [
    ("expect_column_values_to_match_regex", {"column": "name", "regex": "^x"}),
    ("expect_column_values_to_be_unique", {"column": "name"}),
    ("expect_column_values_to_be_between", {"column": "mixed", "min_value": 0}),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    meta = {"why": "for this test", "owner": "tests"}
    declared = [{"type": kind, "kwargs": kwargs, "severity": "warning", "meta": meta}
                for kind, kwargs in RULES]  # fmt: skip
    suite = Suite.model_validate({"name": "shaped.patient", "expectations": declared})
    names = [SECRET, "x", SECRET]
    frame = pd.DataFrame(
        {"source_id": ["A1", "A2", "A3"], "name": names, "mixed": [1, SECRET, None]}
    )
    folder = tmp_path_factory.mktemp("docs")
    frames = {ObjectName.PATIENT: [frame, frame.head(2)]}
    index = write_data_docs(folder, Stage.SHAPED, frames, suites={ObjectName.PATIENT: suite})
    assert index == folder / "index.html"
    return folder


def pages(site: Path) -> dict[Path, str]:
    return {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}


def test_nothing_comes_from_another_host_and_nothing_runs(site: Path) -> None:
    for page, text in pages(site).items():
        soup = BeautifulSoup(text, "html.parser")
        assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", text), page
        assert soup.find("script") is None
        assert not [name for tag in soup.find_all(True) for name in tag.attrs if name[:2] == "on"]
    assert "http" not in (site / "offline.css").read_text(encoding="utf-8")


def test_every_link_leads_to_a_page_that_is_there(site: Path) -> None:
    (index,) = [text for page, text in pages(site).items() if page.name == "index.html"]
    links = [str(tag["href"]) for tag in BeautifulSoup(index, "html.parser").find_all("a")]
    assert len(links) == 2, "one page for each part"
    assert all((site / link).is_file() for link in links)
    for page, text in pages(site).items():
        for tag in BeautifulSoup(text, "html.parser").find_all("link"):
            assert (page.parent / str(tag["href"])).is_file()


def test_outcomes_are_told_and_values_are_not(site: Path) -> None:
    (first,) = [text for page, text in pages(site).items() if page.name == "part-00000.html"]
    assert "2 unexpected values found" in first
    assert "TypeError" in first, "a rule that could not run says what stopped it"
    assert not [page for page, text in pages(site).items() if SECRET in text]
