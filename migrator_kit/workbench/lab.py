"""JupyterLab on an engagement: its notebooks with the engagement already set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat

from migrator_kit.chain import NOTEBOOKS, notebooks_folder
from migrator_kit.engagement import Engagement


def lab_folder(engagement: Engagement) -> Path:
    """Return the engagement's folder of working notebooks; missing ones are copied, none replaced.

    The parameter `engagement` of each copy points to the engagement.
    """
    folder = engagement.folder / "notebooks"
    folder.mkdir(exist_ok=True)
    for name in NOTEBOOKS.values():
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
    """Run JupyterLab until it is closed and return its exit code.

    Without `port` the first free one from 8888 on is taken; a given one that is taken is an error.
    """
    folder = lab_folder(engagement)
    arguments = ["--KernelManager.transport_encryption=required", str(folder)]
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        arguments.append("--no-browser")
    environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1"}
    command = [sys.executable, "-m", "jupyterlab", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
