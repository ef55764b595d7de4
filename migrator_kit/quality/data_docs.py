"""Great Expectations' own Data Docs of a stage, for whoever asks for them: pages that need no net.

The library's pages take styles, scripts and pictures from a dozen hosts, and a form for a
newsletter. All of that goes; a stylesheet of ours stands in, and what scripts would fold out is
open. Results hold counts and record keys, as everywhere here: no value of a patient.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from bs4 import BeautifulSoup

from migrator_kit.mapping.model import ObjectName
from migrator_kit.progress import SILENT, Progress
from migrator_kit.quality.engine import Engine
from migrator_kit.quality.frames import view
from migrator_kit.quality.model import Stage, Suite
from migrator_kit.quality.suites import load_suites

_SITE = "data_docs"
_STYLE = "offline.css"
_POLICY = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:"
_UNWANTED = (
    "script", "style", "link", "form", "iframe", "noscript", "footer", "img", "picture", "source",
)  # fmt: skip


def write_data_docs(
    folder: Path,
    stage: Stage,
    frames: Mapping[ObjectName, Iterable[pd.DataFrame]],
    *,
    suites: Mapping[ObjectName, Suite] | None = None,
    as_of: date | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Judge the parts of a stage and write the library's pages into `folder`, which is emptied.

    Each part of an object is a batch with a page of its own; rules about a whole object, such as
    uniqueness, are judged within it. Returns the first page. Raises ConfigError for a suite that
    cannot be used.
    """
    shutil.rmtree(folder, ignore_errors=True)
    chosen = load_suites(stage) if suites is None else suites
    site = {
        "class_name": "SiteBuilder", "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend",
                          "base_directory": str(folder)},
    }  # fmt: skip
    engine = Engine(as_of or datetime.now(UTC).date(), {_SITE: site})
    judged: list[tuple[str, str, int, int]] = []
    with progress(f"Data Docs of {stage} data", len(chosen)) as step:
        for name, suite in chosen.items():
            for number, frame in enumerate(frames.get(name, ())):
                part = f"part-{number:05d}"
                counts = engine.keep(suite, view(frame, suite, stage), part)
                judged.append((suite.name, part, *counts))
            step.advance()
    engine.build_pages()
    index = folder / "index.html"
    index.write_text(_index(folder, stage, judged), encoding="utf-8")
    _without_net(folder)
    return index


def _index(site: Path, stage: Stage, judged: Sequence[tuple[str, str, int, int]]) -> str:
    """Return a first page: the library fills its own by a script."""
    rows = []
    for suite, part, rules, held in judged:
        (page,) = (site / "validations" / Path(*suite.split("."))).glob(f"{part}/*/{part}.html")
        link = f'<a href="{page.relative_to(site).as_posix()}">{suite}, {part}</a>'
        rows.append(f"<tr><td>{link}</td><td>{rules}</td><td>{held}</td></tr>")
    title = f"Great Expectations on {stage} data"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><table><thead><tr><th>Batch</th><th>Rules judged</th>"
        f"<th>Rules that hold</th></tr></thead><tbody>{''.join(rows)}</tbody></table></body></html>"
    )


def _without_net(site: Path) -> None:
    """Make every page self-sufficient: what another host would have to send is taken out."""
    shutil.rmtree(site / "static", ignore_errors=True)
    style = files("migrator_kit.quality").joinpath(_STYLE).read_text(encoding="utf-8")
    (site / _STYLE).write_text(style, encoding="utf-8")
    for page in site.rglob("*.html"):
        up = "../" * (len(page.relative_to(site).parts) - 1)
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for tag in soup.find_all(True):
            if tag.decomposed:
                continue
            if tag.name in _UNWANTED or _leads_away(tag):
                tag.decompose()
                continue
            for name in [name for name in tag.attrs if name.startswith("on")]:
                del tag[name]
        head: Any = soup.head
        head.append(soup.new_tag("link", rel="stylesheet", href=up + _STYLE))
        policy = {"http-equiv": "Content-Security-Policy", "content": _POLICY}
        head.insert(0, soup.new_tag("meta", attrs=policy))
        page.write_text(str(soup), encoding="utf-8")


def _leads_away(tag: Any) -> bool:
    """Return whether a tag names a place on another host."""
    return any(
        str(tag.get(name) or "").startswith(("http:", "https:", "//")) for name in ("src", "href")
    )
