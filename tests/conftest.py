"""Fixtures for every room: the local Zoho CRM as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.finished_demo import FinishedDemo, finished_demo, shared_folder
from tests.zoho.sent_requests import SentRequests
from tests.zoho.vendor_files import FOLDER, VendorFiles


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: then no core waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


class RunningEmulator:
    """An emulator process on one file. It can be stopped, killed and started again there."""

    def __init__(self, db: Path, *options: str) -> None:
        self.db = db
        self._options = options
        self._port = "0"
        self.url = ""
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "migrator_kit.emulator", "--db", str(self.db)]
        command += ["--port", self._port, "--parent", str(os.getpid()), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line.startswith("listening on "):
            code = self._process.wait(10)
            raise RuntimeError(f"the emulator did not start (exit {code}): {line!r}")
        self.url = line.removeprefix("listening on ")
        self._port = self.url.rpartition(":")[2]

    def stop(self) -> int:
        """End it as an operator would; returns the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it without warning, as a power cut would end a process."""
        return self._end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def _end(self, how: signal.Signals) -> int:
        if self._process.poll() is None:
            self._process.send_signal(how)
        code = self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def restart(self, *, kill: bool = False) -> None:
        """End it and start it again on the same file and port."""
        if self._process.poll() is None:
            self._end(signal.SIGKILL if kill else signal.SIGTERM)
        self._start()

    def stats(self) -> dict[str, Any]:
        """Requests by endpoint, writes and records by module, credits, automations, concurrency."""
        return self.admin("GET", "stats")

    def fired(self) -> dict[str, Any]:
        """Automations that ran: `total`, `counts` by kind, and the newest of them."""
        return self.admin("GET", "fired")

    def faults(self, document: dict[str, Any]) -> dict[str, Any]:
        """Put faults in force; an empty document ends them."""
        return self.admin("PUT", "faults", document)

    def struck(self) -> list[int]:
        """How often each rule of the faults in force struck."""
        return [one["struck"] for one in self.admin("GET", "faults")["rules"]]

    def settings(self, **values: Any) -> dict[str, Any]:
        """Turn switches of the emulator."""
        return self.admin("PUT", "settings", values)

    def add_users(self, users: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add users to the org; each has at least an `email`."""
        return self.admin("POST", "users", {"users": users})["users"]

    def admin(self, method: str, name: str, body: Any = None) -> dict[str, Any]:
        """A call outside the vendor's API."""
        answer = requests.request(method, f"{self.url}/_emulator/{name}", json=body, timeout=30)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    def session(self, refresh_token: str = "emulator") -> requests.Session:
        """A session that is signed in, for tests that speak to the API without the client."""
        asked = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        asked |= {"client_id": "tests", "client_secret": "tests"}
        answer = requests.post(f"{self.url}/oauth/v2/token", data=asked, timeout=30).json()
        session = requests.Session()
        session.headers["Authorization"] = f"Zoho-oauthtoken {answer['access_token']}"
        return session


@pytest.fixture(scope="session")
def sent_requests() -> Iterator[SentRequests | None]:
    """What the client sends in this process; None where the vendor's files are not at hand."""
    if not FOLDER.is_dir():
        yield None
        return
    sent = SentRequests(VendorFiles())
    with sent.watching():
        yield sent


@pytest.fixture(autouse=True)
def only_described_requests(sent_requests: SentRequests | None) -> Iterator[None]:
    """A test fails that sends a request which the vendor's OpenAPI files do not describe."""
    yield
    assert sent_requests is None or sent_requests.take_wrong() == []


@pytest.fixture(scope="session")
def start_emulator() -> Iterator[Any]:
    """A function `(db, *options)` that starts an emulator; all of them end with the tests."""
    running: list[RunningEmulator] = []

    def start(db: Path, *options: str) -> RunningEmulator:
        emulator = RunningEmulator(db, *options)
        # Every test signs in anew; the vendor's ten tokens in ten minutes are tested apart.
        emulator.settings(token_quota=100_000)
        running.append(emulator)
        return emulator

    yield start
    for emulator in running:
        emulator.stop()


@pytest.fixture
def emulator(tmp_path: Path, start_emulator: Any) -> Iterator[RunningEmulator]:
    """A fresh local Zoho CRM for one test."""
    running = start_emulator(tmp_path / "emulator.db")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def emulator_module(
    tmp_path_factory: pytest.TempPathFactory, start_emulator: Any
) -> Iterator[RunningEmulator]:
    """A local Zoho CRM shared by the tests of one file."""
    running = start_emulator(tmp_path_factory.mktemp("emulator") / "emulator.db")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> FinishedDemo:
    """The finished demo. Tests of it carry a longer time limit: the first one waits for it."""
    return finished_demo(shared_folder(tmp_path_factory.getbasetemp()) / "demo")
