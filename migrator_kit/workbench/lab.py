"""JupyterLab on an engagement: its notebooks with the engagement already set."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from migrator_kit.chain import NOTEBOOKS, ROLLBACK, START, notebooks_folder
from migrator_kit.docs import FOLDER, PAGES
from migrator_kit.engagement import Engagement, digest_text
from migrator_kit.workbench import long_steps

_SETTINGS = Path(__file__).parent / "lab_settings"
"""Defaults of this package for JupyterLab, weaker than what a person chose in Lab; its kernel."""

_HIDDEN = ("private", "*.db", "*.db-*", ".*")
"""Not in the file browser: secrets, databases, and what belongs to programs."""


DOCUMENTATION = "docs"
"""The pages of the documentation, beside the notebooks: JupyterLab opens nothing from elsewhere."""

_COPIED = ".copied.json"
"""Digests of the notebooks as they were copied: one that nobody edited may give way to a newer."""


def lab_folder(engagement: Engagement) -> Path:
    """Return the engagement's folder of working notebooks, brought up to date.

    The parameter `engagement` of each copy points to the engagement. A copy that somebody edited
    stays as it is; one that nobody edited follows the program. The documentation lies beside them.
    """
    folder = engagement.folder / "notebooks"
    folder.mkdir(exist_ok=True)
    kept = folder / _COPIED
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    copied = {}
    for name in (START, *NOTEBOOKS.values(), ROLLBACK):
        copy = folder / f"{name}.ipynb"
        notebook = nbformat.read(notebooks_folder() / copy.name, as_version=4)
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = cell.source.replace('engagement = "."', 'engagement = ".."')
        copied[name] = _sources(notebook)
        if copy.exists():
            there = _sources(nbformat.read(copy, as_version=4))
            if there == copied[name]:
                continue
            if there != before.get(name):
                copied[name] = before.get(name, "")
                continue
        nbformat.write(notebook, copy)
    kept.write_text(json.dumps(copied, indent=1), encoding="utf-8")
    _copy_documentation(folder / DOCUMENTATION)
    return folder


def _copy_documentation(folder: Path) -> None:
    pages = [FOLDER / f"{name}.md" for name in PAGES]
    for page in (*pages, *(FOLDER / "images").iterdir()):
        copy = folder / page.relative_to(FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, copy)


def _sources(notebook: Any) -> str:
    """Return one digest over what the cells say, whatever their outputs."""
    return digest_text(*(cell.source for cell in notebook.cells))


def open_lab(engagement: Engagement, *, port: int | None = None, browser: bool = True) -> int:
    """Run JupyterLab on the engagement's folder until it is closed and return its exit code.

    It begins with the start page, whose buttons open notebooks beside it. Without `port` the first
    free one from 8888 on is taken; a given one that is taken is an error. A step that a button
    started is stopped cleanly at the end.
    """
    first = lab_folder(engagement) / f"{START}.ipynb"
    arguments = [
        f"--ServerApp.root_dir={engagement.folder}",
        f"--LabApp.default_url=/lab/tree/{first.relative_to(engagement.folder).as_posix()}",
        "--LabApp.expose_app_in_browser=True",
        "--KernelManager.transport_encryption=required",
        *(f"--ContentsManager.hide_globs={name}" for name in _HIDDEN),
    ]
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        arguments.append("--no-browser")
    environment = os.environ | {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_PATH": _with_ours("JUPYTER_CONFIG_PATH"),
        "JUPYTER_PATH": _with_ours("JUPYTER_PATH"),
    }
    command = [sys.executable, "-m", "jupyterlab", *arguments]
    try:
        return _wait_for(subprocess.Popen(command, env=environment))  # noqa: S603
    finally:
        long_steps.end_all(engagement)


def _with_ours(variable: str) -> str:
    """Return a search path of Jupyter's with this package's folder before a person's own."""
    return os.pathsep.join(filter(None, (str(_SETTINGS), os.environ.get(variable))))


def _wait_for(server: subprocess.Popen[bytes]) -> int:
    """Return the server's exit code. Ctrl-C is the server's to answer, and so is a request to end:
    it shuts its kernels down, which then stop what they started."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: server.terminate()),
    }
    try:
        return server.wait()
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
