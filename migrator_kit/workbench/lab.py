"""JupyterLab on an engagement: its notebooks with the engagement already set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat

from migrator_kit.chain import NOTEBOOKS, ROLLBACK, notebooks_folder
from migrator_kit.engagement import Engagement

_SETTINGS = Path(__file__).parent / "lab_settings"
"""Defaults of this package for JupyterLab; what a person chose in Lab is stronger."""

_HIDDEN = ("private", "*.db", "*.db-*", ".*")
"""Not in the file browser: secrets, databases, and what belongs to programs."""


def lab_folder(engagement: Engagement) -> Path:
    """Return the engagement's folder of working notebooks; missing ones are copied, none replaced.

    The parameter `engagement` of each copy points to the engagement.
    """
    folder = engagement.folder / "notebooks"
    folder.mkdir(exist_ok=True)
    for name in (*NOTEBOOKS.values(), ROLLBACK):
        copy = folder / f"{name}.ipynb"
        if copy.exists():
            continue
        notebook = nbformat.read(notebooks_folder() / copy.name, as_version=4)
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = cell.source.replace('engagement = "."', 'engagement = ".."')
        nbformat.write(notebook, copy)
    return folder


def open_lab(engagement: Engagement, *, port: int | None = None, browser: bool = True) -> int:
    """Run JupyterLab on the engagement's folder until it is closed and return its exit code.

    It begins with the first notebook. Without `port` the first free one from 8888 on is taken; a
    given one that is taken is an error.
    """
    first = lab_folder(engagement) / f"{next(iter(NOTEBOOKS.values()))}.ipynb"
    arguments = [
        f"--ServerApp.root_dir={engagement.folder}",
        f"--LabApp.default_url=/lab/tree/{first.relative_to(engagement.folder).as_posix()}",
        "--KernelManager.transport_encryption=required",
        *(f"--ContentsManager.hide_globs={name}" for name in _HIDDEN),
    ]
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        arguments.append("--no-browser")
    search = [str(_SETTINGS), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    environment = os.environ | {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_PATH": os.pathsep.join(search),
    }
    command = [sys.executable, "-m", "jupyterlab", *arguments]
    return _wait_for(subprocess.Popen(command, env=environment))  # noqa: S603


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
