"""JupyterLab as `migrator lab` starts it, in Chromium, on a new engagement of a small practice.

Screenshots go to the folder that the environment variable MIGRATOR_ARTIFACTS names, else to the
tests' temporary folder.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from migrator_kit.engagement import Engagement

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SECONDS = 240
"""Patience with a busy machine; on an idle one nothing takes a quarter of it."""
KERNEL_IDLE = """() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel
    ?.status === 'idle'"""
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"


@dataclass
class Lab:
    """A running JupyterLab and the page that a person has open in it."""

    url: str
    token: str
    page: Any
    shots: Path
    page_errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note what the page throws, and what it asks of other hosts."""
        own = (self.url, self.url.replace("http", "ws", 1), "data:", "blob:")
        self.page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        self.page.on(
            "request",
            lambda asked: None if asked.url.startswith(own) else self.foreign.append(asked.url),
        )

    def open(self) -> None:
        """Open what JupyterLab opens by itself."""
        self.page.goto(f"{self.url}/?token={self.token}", wait_until="domcontentloaded")
        self.wait_for_notebook()

    def open_notebook(self, name: str) -> None:
        """Open one of the engagement's notebooks beside those that are open."""
        self.command("docmanager:open", path=f"notebooks/{name}.ipynb")
        self.wait_for_notebook(name)

    def find(self, selector: str, **more: Any) -> Any:
        """Return what is found in the notebook that is in front."""
        return self.page.locator(f"{PANEL} {selector}", **more)

    def wait_for_notebook(self, name: str = "") -> None:
        """Wait until a notebook whose file is named so is in front and its kernel is ready."""
        self.page.wait_for_function(
            "name => window.jupyterapp?.shell.currentWidget?.context?.path.includes(name)", arg=name
        )
        self.page.locator(f"{PANEL} .jp-Cell").first.wait_for()
        self.page.wait_for_function(KERNEL_IDLE)

    def run_all(self) -> None:
        """Run all cells and wait until they are done."""
        self.command("notebook:run-all-cells")

    def command(self, name: str, **arguments: Any) -> None:
        """Carry out one of JupyterLab's commands."""
        call = "([name, given]) => jupyterapp.commands.execute(name, given).then(() => null)"
        self.page.evaluate(call, [name, arguments])

    def run_cell(self, source: str) -> None:
        """Run the cell whose last line is `source`."""
        self.page.evaluate(
            """source => {
                const notebook = jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = notebook.widgets.findIndex(
                    cell => cell.model.sharedModel.source.split('\\n').pop() === source);
            }""",
            source,
        )
        self.command("notebook:run-cell")

    def restart_kernel(self) -> None:
        """Start the kernel anew and clear the page."""
        self.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        self.page.wait_for_function(KERNEL_IDLE)
        self.command("notebook:clear-all-cell-outputs")

    def cells(self) -> list[dict[str, Any]]:
        """Return the code cells: last line of source, whether run, and types of outputs."""
        cells: list[dict[str, Any]] = self.page.evaluate(
            """() => jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code')
                .map(cell => ({
                    source: cell.model.sharedModel.source.split('\\n').pop(),
                    count: cell.model.executionCount,
                    outputs: cell.model.sharedModel.getOutputs().map(one => one.output_type),
                }))"""
        )
        return cells

    def shot(self, name: str, selector: str | None = None) -> None:
        """Save what the window shows, scrolled to an element."""
        if selector:
            self.page.locator(f"{PANEL} {selector}").first.evaluate(
                "element => element.scrollIntoView({block: 'start'})"
            )
        self.page.wait_for_timeout(300)
        self.page.screenshot(path=self.shots / f"{name}.png")


@pytest.fixture(scope="module")
def engagement(tmp_path_factory: pytest.TempPathFactory) -> Engagement:
    """A new engagement, made as a user makes it."""
    folder = tmp_path_factory.mktemp("lab")
    practice, home = folder / "practice", folder / "engagement"
    for arguments in (
        ["sample", str(practice), "--patients", "20"],
        ["init", str(home), "--source", str(practice / "practice.db")],
    ):
        subprocess.run([*_migrator(), *arguments], check=True, capture_output=True)
    return Engagement.open(home)


@pytest.fixture(scope="module")
def lab(engagement: Engagement, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on the engagement, with folders of its own, and a window of 1280 × 800."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip("chromium is not installed")
    home = tmp_path_factory.mktemp("jupyter")
    shots = Path(os.environ.get("MIGRATOR_ARTIFACTS") or tmp_path_factory.mktemp("shots"))
    shots.mkdir(parents=True, exist_ok=True)
    port, token = _free_port(), secrets.token_hex(16)
    command = [*_migrator(), "lab", str(engagement.folder), "--port", str(port), "--no-browser"]
    with (
        (home / "lab.log").open("w") as log,
        subprocess.Popen(command, env=_environment(home, token), stdout=log, stderr=log) as server,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_up(url, server, home / "lab.log")
            with sync_api.sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.set_default_timeout(SECONDS * 1000)
                opened = Lab(url, token, page, shots)
                opened.watch()
                yield opened
                browser.close()
        finally:
            server.terminate()


def _migrator() -> list[str]:
    return [sys.executable, "-m", "migrator_kit.cli"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _environment(home: Path, token: str) -> dict[str, str]:
    """Return an environment in which nothing of the person's own Jupyter is read or written."""
    settings = {"ServerApp": {"allow_root": True}}
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    folders["JUPYTER_CONFIG_DIR"].mkdir()
    written = json.dumps(settings)
    (folders["JUPYTER_CONFIG_DIR"] / "jupyter_lab_config.json").write_text(written)
    own = {name: value for name, value in os.environ.items() if not re.match("JUPYTER|JPY", name)}
    return own | {name: str(path) for name, path in folders.items()} | {"JUPYTER_TOKEN": token}


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < deadline:
            if server.poll() is not None:
                break
            try:
                session.get(f"{url}/api", timeout=5)
            except requests.RequestException:
                time.sleep(0.2)
            else:
                return
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
