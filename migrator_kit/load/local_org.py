"""The engagement's own emulator: started on first use, shared by processes, stopped by the last.

`private/emulator.json` names its process, its URL and the processes that use it. It is stopped
when the last of them ends, so a chain of notebooks keeps one emulator and leaves none behind.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import requests

from migrator_kit.engagement import Engagement
from migrator_kit.errors import TransientError
from migrator_kit.load.loader_lock import try_lock

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_GREETING = "listening on "


@dataclass(frozen=True, slots=True)
class _Running:
    """An emulator's process and who uses it."""

    pid: int
    url: str
    users: tuple[int, ...]


_joined: set[Path] = set()
_children: dict[int, subprocess.Popen[bytes]] = {}


def join_emulator(engagement: Engagement) -> str:
    """Return the URL of the engagement's emulator, started where none answers.

    Raises TransientError where it does not come up; its log is `private/emulator.log`.
    """
    private = engagement.private
    with _locked(private):
        running = _read(private)
        if running is None or not (_alive(running.pid) and answers(running.url)):
            running = _start(engagement, running)
        users = {pid for pid in running.users if _alive(pid)} | {os.getpid()}
        _write(private, replace(running, users=tuple(sorted(users))))
    if private not in _joined:
        _joined.add(private)
        atexit.register(leave_emulator, private)
    return running.url


def leave_emulator(private: Path) -> None:
    """Stop using the emulator; the last one to leave stops it."""
    _joined.discard(private)
    if not private.is_dir():
        return
    with _locked(private):
        running = _read(private)
        if running is None:
            return
        users = tuple(pid for pid in running.users if pid != os.getpid() and _alive(pid))
        if users:
            _write(private, replace(running, users=users))
        else:
            _end(private, running)


def stop_emulator(engagement: Engagement) -> None:
    """Stop the engagement's emulator, whoever uses it. Does nothing where none runs."""
    private = engagement.private
    _joined.discard(private)
    with _locked(private):
        running = _read(private)
        if running is not None:
            _end(private, running)


def answers(url: str) -> bool:
    """Return whether an emulator answers at `url`."""
    with requests.Session() as session:
        # A proxy of the environment has no way to this machine's own ports.
        session.trust_env = False
        try:
            return session.get(f"{url}/_emulator/stats", timeout=5).status_code == 200
        except requests.RequestException:
            return False


def _start(engagement: Engagement, before: _Running | None) -> _Running:
    """Start the emulator, on the port it had before where that is free: tokens stay good."""
    for port in [*([_port(before.url)] if before else []), 0]:
        process, log = _spawn(engagement, port)
        url = _wait_for(lambda: _greeting(log, process), _START_SECONDS)  # noqa: B023 (called here)
        if url:
            return _Running(process.pid, url, ())
        if process.poll() is None:
            process.kill()
    raise TransientError(
        "The local Zoho CRM emulator did not start.",
        hint="private/emulator.log in the engagement's folder says why.",
    )


def _spawn(engagement: Engagement, port: int) -> tuple[subprocess.Popen[bytes], Path]:
    log = engagement.private / "emulator.log"
    command = [
        sys.executable, "-m", "migrator_kit.emulator", "--port", str(port),
        "--db", str(engagement.emulator_db), "--edition", engagement.settings.target.edition,
    ]  # fmt: skip
    package = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 (our own interpreter and package)
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=engagement.folder,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    _children[process.pid] = process
    return process, log


def _greeting(log: Path, process: subprocess.Popen[bytes]) -> str | None:
    """Return the URL once the emulator printed it, or an empty one where it ended instead."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(_GREETING):
            return line.removeprefix(_GREETING).strip()
    return None if process.poll() is None else ""


def _end(private: Path, running: _Running) -> None:
    """Ask the emulator to stop, then insist. Its port stays noted for the next start."""
    for sign in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        if not _alive(running.pid):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, sign)
        # Another process's child stays visible as a zombie: then it no longer answers.
        _wait_for(
            lambda: None if _alive(running.pid) and answers(running.url) else "gone", _STOP_SECONDS
        )
    _children.pop(running.pid, None)
    _write(private, _Running(0, running.url, ()))


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    child = _children.get(pid)
    if child is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wait_for(probe: Callable[[], str | None], seconds: float) -> str | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found is not None:
            return found
        time.sleep(0.05)
    return None


def _read(private: Path) -> _Running | None:
    try:
        stored = json.loads((private / "emulator.json").read_text(encoding="utf-8"))
        return _Running(int(stored["pid"]), str(stored["url"]), tuple(stored["users"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _write(private: Path, running: _Running) -> None:
    fresh = private / "emulator.json.new"
    fresh.write_text(json.dumps({**asdict(running), "port": _port(running.url)}), encoding="utf-8")
    fresh.replace(private / "emulator.json")


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1])


@contextmanager
def _locked(private: Path) -> Iterator[None]:
    """Keep two processes from starting or stopping the emulator at the same moment."""
    with (private / "emulator.lock").open("a+", encoding="utf-8") as stream:
        got = _wait_for(
            lambda: "locked" if try_lock(stream.fileno()) else None, _START_SECONDS + _STOP_SECONDS
        )
        if got is None:
            raise TransientError("Another process keeps starting or stopping the emulator.")
        yield
