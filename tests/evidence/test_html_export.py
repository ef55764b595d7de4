"""Exported pages: no code, no script, no network, no path; the frame says what the page is."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from migrator_kit.errors import EvidenceError
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.html import export_html, without_paths
from migrator_kit.evidence.page import PageHead, check_self_contained, render_page
from migrator_kit.evidence.style import CSS

CHROMIUM = Path("/usr/bin/chromium")


def html_output(html: str) -> Any:
    return new_output("display_data", data={"text/html": html, "text/plain": "plain"})


def executed(folder: Path, *outputs: Any, prose: str = "Prose.", **papermill: Any) -> Path:
    parameters = new_code_cell("engagement = '/secret/place'")
    parameters.metadata["tags"] = ["injected-parameters"]
    parameters.outputs = [html_output("from the parameters")]
    notebook = new_notebook(
        cells=[
            new_markdown_cell(f"# Audit: what is there\n\n{prose}"),
            parameters,
            new_code_cell("secret_code_line = 1", outputs=list(outputs)),
        ]
    )
    notebook.metadata["papermill"] = {
        "end_time": "2026-11-22T19:46:01.123456+01:00",
        "parameters": {"engagement": "/secret/place"},
        **papermill,
    }
    path = folder / "01_audit.ipynb"
    nbformat.write(notebook, path)
    return path


def page_of(path: Path) -> str:
    page = export_html(path, path.with_suffix(".html"), client="Riverside & Sons", run_id="r-1")
    return page.read_text(encoding="utf-8")


def test_a_page_has_results_and_no_code_parameters_or_script(tmp_path: Path):
    finding = Findings.of([Finding(Level.GOOD, "12 tables were read.")])
    page = page_of(executed(tmp_path, html_output(finding._repr_html_())))

    assert "12 tables were read." in page
    assert "secret_code_line" not in page
    assert "/secret/place" not in page
    assert "from the parameters" not in page
    assert "<script" not in page
    assert "http" not in page
    assert page.count(CSS) == 1


def test_what_sums_a_page_up_stands_at_its_head(tmp_path: Path):
    path = executed(tmp_path, html_output("<p>Details.</p>"))
    notebook = nbformat.read(path, as_version=4)
    verdict = new_code_cell("verdict()", outputs=[html_output("<p>All arrived.</p>")])
    verdict.metadata["tags"] = ["shown-first"]
    notebook.cells += [new_markdown_cell("## Verdict"), verdict]
    nbformat.write(notebook, path)
    page = page_of(path)

    assert page.count("All arrived.") == 2
    order = ["Prose.", "All arrived.", "Details.", "Verdict</h2>", "All arrived."]
    places = [page.index(order[0])]
    for text in order[1:]:
        places.append(page.index(text, places[-1]))
    verdict.outputs = []
    nbformat.write(notebook, path)
    assert "All arrived." not in page_of(path)


def test_the_head_names_client_title_run_and_date(tmp_path: Path):
    page = BeautifulSoup(page_of(executed(tmp_path)), "html.parser")

    assert page.html["lang"] == "en"
    assert page.title.string == "Audit: what is there · Riverside & Sons"
    assert page.header.h1.string == "Audit: what is there"
    facts = [one.get_text() for one in page.header("dd")]
    assert facts == ["r-1", "2026-11-22 18:46 UTC"]
    assert len(page("h1")) == 1


def test_the_same_notebook_gives_the_same_bytes(tmp_path: Path):
    path = executed(tmp_path, html_output("<p>x</p>"))

    assert page_of(path) == page_of(path)


def test_the_date_is_the_run_s_where_papermill_noted_none(tmp_path: Path):
    path = executed(tmp_path, end_time=None)
    page = export_html(path, tmp_path / "p.html", client="R", run_id="20261122-184601-3f2a")

    assert "2026-11-22 18:46 UTC" in page.read_text(encoding="utf-8")


def test_another_language_is_named(tmp_path: Path):
    page = export_html(
        executed(tmp_path), tmp_path / "p.html", client="R", run_id="r-1", language="el"
    )

    assert '<html lang="el">' in page.read_text(encoding="utf-8")


def test_standard_error_and_tracebacks_stay_behind(tmp_path: Path):
    warning = new_output("stream", name="stderr", text="/home/x/lib.py: Warning")
    error = new_output("error", ename="KeyError", evalue="Maria", traceback=["/home/y"])
    page = page_of(executed(tmp_path, warning, error))

    assert "/home/" not in page
    assert "Warning" not in page
    assert "Maria" not in page
    assert "This step stopped: KeyError." in page


def test_an_error_in_words_is_told_once(tmp_path: Path):
    box = html_output('<div class="finding problem"><p>The mapping is open.</p></div>')
    error = new_output("error", ename="GateClosed", evalue="x", traceback=["t"])
    page = page_of(executed(tmp_path, box, error))

    assert "The mapping is open." in page
    assert "This step stopped" not in page


def test_a_run_that_stopped_and_data_that_was_revealed_are_said(tmp_path: Path):
    page = page_of(executed(tmp_path, exception=True, parameters={"reveal": True}))

    assert "This run stopped before its end." in page
    assert "Patient data is shown readably here" in page


def test_a_log_is_kept_apart(tmp_path: Path):
    page = page_of(executed(tmp_path, new_output("stream", name="stdout", text="Reading <1>")))

    assert "<details" in page
    assert "Reading &lt;1&gt;" in page


def test_plain_text_tables_pictures_and_markdown_are_shown(tmp_path: Path):
    svg = '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "http://www.w3.org/x.dtd">' \
          '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>'  # fmt: skip
    outputs = [
        new_output("execute_result", data={"text/plain": "a <b>"}),
        new_output("display_data", data={"image/svg+xml": svg, "text/plain": "<Figure>"}),
        new_output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": "x"}),
        new_output("display_data", data={"text/markdown": "**bold**"}),
        new_output("display_data", data={
            "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
            "text/html": "<p>static widget</p>"}),
        new_output("display_data", data={"application/javascript": "alert(1)"}),
    ]  # fmt: skip
    page = page_of(executed(tmp_path, *outputs))

    assert "a &lt;b&gt;" in page
    assert '<svg><path d="M0 0">' in page
    assert "data:image/png;base64,iVBORw0KGgo=" in page
    assert "<strong>bold</strong>" in page
    assert "static widget" in page
    assert "alert" not in page
    assert "model_id" not in page


def test_contents_lead_to_every_heading(tmp_path: Path):
    prose = "\n\n".join(f"## Part {name}\ntext" for name in ("a", "b", "b", "d"))
    page = BeautifulSoup(page_of(executed(tmp_path, prose=prose)), "html.parser")

    targets = [link["href"].lstrip("#") for link in page.nav("a")]
    assert [page.find(id=target).get_text() for target in targets] == [
        "Part a", "Part b", "Part b", "Part d",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "html",
    [
        "<script>1</script>", "<SCRIPT SRC=x></SCRIPT>", '<img src="https://example.org/a.png">',
        '<img src="//example.org/a.png">', '<img src="a.png">', '<a href="http://example.org">x</a>',
        '<a href="javascript:alert(1)">x</a>', '<a href=" JavaScript:alert(1)">x</a>',
        "<style>@import url(//example.org/a.css)</style>",
        "<style>p{background:url(https://example.org/a)}</style>",
        '<p style="background:url(a.png)">x</p>', '<p onclick="x()">x</p>',
        '<link rel="stylesheet" href="a.css">', '<iframe src="a.html"></iframe>',
        '<object data="a.swf"></object>', '<meta http-equiv="refresh" content="0">',
        '<svg><image xlink:href="https://example.org/a"/></svg>', '<form action="/x"></form>',
        '<video poster="//example.org/a"></video>', '<img srcset="a.png 2x" alt="">',
    ],
)  # fmt: skip
def test_what_would_run_or_reach_outside_is_refused(tmp_path: Path, html: str):
    with pytest.raises(EvidenceError, match="line"):
        page_of(executed(tmp_path, html_output(html)))


@pytest.mark.parametrize(
    "html",
    [
        '<a href="lists/failed.csv">list</a>', '<a href="#part-1">x</a>',
        '<img alt="" src="data:image/png;base64,iVBORw0KGgo=">',
        '<svg><use xlink:href="#a"/></svg>',
        '<p style="color:red">https://example.org is only text</p>',
        "<style>p{background:url(data:image/gif;base64,x)}</style>",
    ],
)  # fmt: skip
def test_what_stays_inside_is_let_through(html: str):
    check_self_contained(f"<!DOCTYPE html><html><body>{html}</body></html>", "page")


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("in /srv/clients/river/runs/r-1/a.csv.", "in a.csv."),
        ("in /home/ina/x/y.py, line 3", "in y.py, line 3"),
        ("under C:\\Users\\Ina\\data.db", "under data.db"),
        ("/crm/v8/Contacts and n/a and 1/2", "/crm/v8/Contacts and n/a and 1/2"),
        ("/root", "root"),
    ],
)
def test_paths_of_the_machine_do_not_appear(text: str, without: str, monkeypatch):
    monkeypatch.setenv("HOME", "/root")

    assert without_paths(text, [Path("/srv/clients/river/runs/r-1")]) == without


def test_the_engagement_s_own_folder_does_not_appear(tmp_path: Path):
    run = tmp_path / "riverside" / "runs" / "r-1"
    run.mkdir(parents=True)
    told = html_output(f"<p>Kept in {tmp_path}/riverside/mapping.yml</p>")

    assert "Kept in mapping.yml" in page_of(executed(run, told))


def test_names_of_clients_are_escaped():
    page = render_page(PageHead("<b>&", "T", "r", "d"), "<p>x</p>")

    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed")
def test_a_browser_shows_and_prints_the_page(tmp_path: Path):
    page = executed(tmp_path, html_output("<p>seen by a browser</p>"))
    page_of(page)
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=2000",
    ]
    address = page.with_suffix(".html").as_uri()

    shown = subprocess.run(
        [*command, "--dump-dom", address], capture_output=True, text=True, check=True, timeout=60
    )
    pdf = tmp_path / "page.pdf"
    subprocess.run(
        [*command, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", address],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip

    assert "seen by a browser" in shown.stdout
    assert b"/MediaBox [0 0 594.95996 841.91998]" in pdf.read_bytes() or b"841." in pdf.read_bytes()
