"""The pack's pages in Chromium, with the network off: nothing is asked for, nothing complains."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM, SWITCHES

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def unpacked(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the demo's pack, as a client unpacks them."""
    folder = tmp_path_factory.mktemp("pack")
    (pack,) = demo.kept.glob("runs/*/evidence.zip")
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield opened.new_context(viewport={"width": 1280, "height": 900}, offline=True)
        opened.close()


def test_every_page_opens_without_a_network(unpacked: Path, browser: Any) -> None:
    pages = sorted(unpacked.rglob("*.html"))
    assert len(pages) >= 8
    for path in pages:
        told: list[str] = []
        page = browser.new_page()
        page.on("console", lambda said, told=told: told.append(f"console: {said.text}"))
        page.on("pageerror", lambda error, told=told: told.append(f"error: {error}"))
        page.on("requestfailed", lambda asked, told=told: told.append(f"failed: {asked.url}"))
        asked: list[str] = []
        page.on("request", lambda one, asked=asked: asked.append(one.url))
        page.goto(path.as_uri(), wait_until="load")
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert told == [], path.name
        assert asked == [path.as_uri()], path.name
        assert wider <= 0, f"{path.name} is wider than the window"
        assert page.locator("h1").count() == 1
        assert page.locator(".finding").count() >= 1, f"{path.name} has no findings"
        page.close()


def test_the_first_page_leads_to_every_page(unpacked: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((unpacked / "index.html").as_uri())
    links = page.locator("main ol a")
    names = [links.nth(n).get_attribute("href") for n in range(links.count())]
    assert len(names) >= 7
    for name in names:
        page.goto((unpacked / "index.html").as_uri())
        page.locator(f'a[href="{name}"]').click()
        page.wait_for_url((unpacked / name).as_uri())
        assert page.locator("h1").text_content()
    page.close()


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_nothing_is_cut_at_the_edge_of_the_paper(unpacked: Path, browser: Any, paper: str) -> None:
    """On paper the window is as wide as the sheet between its margins."""
    width = {"A4": 688, "Letter": 710}[paper]
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(media="print")
    for path in sorted(unpacked.rglob("*.html")):
        page.goto(path.as_uri())
        cut = page.evaluate(
            """width => [...document.querySelectorAll('table, svg, p, h1, h2, .finding')]
                .filter(one => one.getBoundingClientRect().right > width + 1)
                .map(one => one.outerHTML.slice(0, 80))""",
            width,
        )
        assert cut == [], path.name
        broken = page.evaluate(
            """() => [...document.querySelectorAll('thead th')]
                .filter(one => one.scrollWidth > one.clientWidth + 1)
                .map(one => one.textContent)"""
        )
        assert broken == [], path.name
    page.close()
