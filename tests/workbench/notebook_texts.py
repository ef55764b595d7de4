"""What a notebook shows, as plain text: its cells are run here, without a kernel."""

from __future__ import annotations

import ast
import json
from html import unescape
from pathlib import Path
from re import sub
from typing import Any

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def notebook_text(name: str, **parameters: Any) -> str:
    """Run a notebook's cells with these parameters and return prose and results in order."""
    known: dict[str, Any] = {}
    told = []
    for cell in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            told.append(source)
            continue
        result = _run(source, known)
        if "parameters" in cell["metadata"].get("tags", []):
            known.update(parameters)
        elif result is not None:
            told.append(_text(result))
    return "\n\n".join(told)


def _run(source: str, known: dict[str, Any]) -> Any:
    tree = ast.parse(source)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, "cell", "exec"), known)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), "cell", "exec"), known)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), known)


def _text(result: Any) -> str:
    """Return a result as text: as it prints, widgets as what a page without a browser shows."""
    if not hasattr(result, "_esm"):
        return repr(result)
    data, _ = result._repr_mimebundle_()
    return text_of(data["text/html"])


def text_of(page: str) -> str:
    """Return markup as text: cells of a row on one line, blocks under one another."""
    page = sub(r"(?s)<(style|svg|head)\b.*?</\1>", "", page)
    page = sub(r"</t[dh]>\s*(?=<t[dh])", "  ", page)
    page = sub(r"</?(?:p|div|tr|h[1-6]|li|table|dl|ol|ul|nav|header|footer)\b[^>]*>", "\n", page)
    lines = (line.strip() for line in unescape(sub(r"<[^>]+>", "", page)).splitlines())
    return "\n".join(line for line in lines if line)
