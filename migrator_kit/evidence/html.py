"""An executed notebook as one page: no code, no script, no network, no path of this machine."""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from migrator_kit.evidence.page import PageHead, check_self_contained, date_of_run, render_page
from migrator_kit.evidence.style import unstyled

__all__ = ["check_self_contained", "export_html"]

_TEMPLATES = Path(__file__).parent
_SHOWN = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
_HIDDEN_TAGS = {
    "parameters", "injected-parameters", "remove-cell", "papermill-error-cell-tag",
}  # fmt: skip
_SHOWN_FIRST = "shown-first"
"""Tag of the cell that sums a page up: what it shows stands at the page's head as well."""
_FIRST_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_NAMESPACES = re.compile(
    r'<\?xml.*?\?>|<!DOCTYPE svg.*?>|<metadata>.*?</metadata>| xmlns(:\w+)?="[^"]*"', re.DOTALL
)
_HOMES = re.compile(
    r"""(?<![\w./])(?:/(?:home|root|Users|tmp|mnt|var|opt|srv|private)/|[A-Z]:\\Users\\)"""
    r"""[^\s<>"'&]*?([^\s<>"'&/\\]*)(?=[\s<>"'&]|$)"""
)
"""Paths below the usual roots of a machine; what is kept is the last name."""


def export_html(
    executed: Path,
    page: Path,
    *,
    client: str,
    run_id: str,
    language: str = "en",
    hide: Iterable[Path] = (),
) -> Path:
    """Write the page of an executed notebook and return its path.

    The same notebook gives the same bytes: the date is that of the run. `hide` are further folders
    whose paths must not appear. Raises EvidenceError where the page would run code or reach for the
    network.
    """
    notebook = nbformat.read(executed, as_version=4)
    head = PageHead(
        client=client,
        title=_title(notebook, executed),
        run_id=run_id,
        made=_made(notebook, run_id),
        language=language,
        revealed=bool(_papermill(notebook).get("parameters", {}).get("reveal")),
        stopped=bool(_papermill(notebook).get("exception")),
        delta=_papermill(notebook).get("parameters", {}).get("mode") == "delta",
    )
    hidden = [executed.resolve().parents[n] for n in range(min(3, len(executed.resolve().parents)))]
    body = without_paths(_body(notebook), [*hide, *hidden])
    page.write_text(render_page(head, body), encoding="utf-8")
    return page


def _body(notebook: Any) -> str:
    """Return prose and results of a notebook as HTML."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    exporter = HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(_TEMPLATES)],
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        config=Config(
            {
                "TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": _HIDDEN_TAGS},
                "NbConvertBase": {"display_data_priority": _SHOWN},
            }
        ),
    )
    body, _ = exporter.from_notebook_node(_for_readers(notebook))
    return str(body)


def _papermill(notebook: Any) -> dict[str, Any]:
    details: dict[str, Any] = notebook.metadata.get("papermill", {})
    return details


def _title(notebook: Any, executed: Path) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := _FIRST_HEADING.search(cell.source)):
            return str(found[1]).strip()
    return executed.stem


def _made(notebook: Any, run_id: str) -> str:
    """Return when the page's content was made: by papermill's notes, else by the run's id."""
    noted = _papermill(notebook).get("end_time") or _papermill(notebook).get("start_time")
    if noted:
        moment = datetime.fromisoformat(str(noted)).astimezone(UTC)
        return moment.strftime("%Y-%m-%d %H:%M UTC")
    return date_of_run(run_id)


def _for_readers(notebook: Any) -> Any:
    """Return the notebook with what only its author needs taken out."""
    shown = nbformat.from_dict(copy.deepcopy(notebook))
    shown.metadata.pop("widgets", None)
    title_seen = False
    cells: list[Any] = []
    summary: list[Any] = []
    head = 0
    for cell in shown.cells:
        if cell.cell_type == "markdown" and not title_seen:
            # The title stands in the page's head.
            cell.source, replaced = _FIRST_HEADING.subn("", cell.source, count=1)
            title_seen = bool(replaced)
            head = len(cells) + 1
        elif cell.cell_type == "code":
            told = [_output(output) for output in _told_once(cell.outputs)]
            cell.outputs = [output for output in told if _visible(output)]
            if _SHOWN_FIRST in cell.metadata.get("tags", ()):
                summary += [_at_head(cell)] if cell.outputs else []
        if cell.cell_type != "code" or cell.outputs:
            cells.append(cell)
    shown.cells = [*cells[:head], *summary, *cells[head:]]
    return shown


def _at_head(cell: Any) -> Any:
    """Return a copy of a cell under a name of its own."""
    copied = copy.deepcopy(cell)
    if "id" in copied:
        copied["id"] = f"{copied['id']}-first"
    return copied


def _visible(output: Any) -> bool:
    if output.output_type == "stream":
        return bool(output.name == "stdout" and output.text.strip())
    return bool(set(output.get("data", {})) & set(_SHOWN))


def _told_once(outputs: list[Any]) -> list[Any]:
    """Drop the traceback of an error that a box above it has put into words."""
    boxed = any("finding problem" in str(o.get("data", {}).get("text/html", "")) for o in outputs)
    return [o for o in outputs if not (boxed and o.output_type == "error")]


def _output(output: Any) -> Any:
    """Return an output as a page shows it: styles once, no namespaces, no traceback."""
    if output.output_type == "error":
        text = f"This step stopped: {escape(output.ename)}. The executed notebook has the details."
        box = f'<div class="finding problem" role="alert"><p>{text}</p></div>'
        return nbformat.v4.new_output("display_data", data={"text/html": box})
    data = output.get("data", {})
    if "text/html" in data:
        data["text/html"] = unstyled(data["text/html"])
    if "image/svg+xml" in data:
        data["image/svg+xml"] = _NAMESPACES.sub("", data["image/svg+xml"]).strip()
    return output


def without_paths(text: str, folders: Iterable[Path]) -> str:
    """Return a text without absolute paths: those of `folders` and below the usual roots."""
    package = Path(__file__).resolve().parents[2]
    known = {*map(str, folders), str(Path.home()), str(package), tempfile.gettempdir()}
    for folder in sorted(known - {"/", "."}, key=len, reverse=True):
        text = text.replace(f"{folder}/", "").replace(folder, Path(folder).name)
    return _HOMES.sub(r"\1", text)
