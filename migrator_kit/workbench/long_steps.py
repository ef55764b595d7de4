"""Long steps by a button: a command in a process of its own, its progress, its end, its cancel.

One step at a time belongs to an engagement. Its files lie in `private/step`: `step.json` says which
and how it ended, `out.txt` is its answer, `told.txt` what it said, `progress.json` how far it is.
The step outlives the kernel that started it: a page that is opened again finds it at work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, MigratorError
from migrator_kit.load.loader_lock import try_lock
from migrator_kit.progress import PLACE_VARIABLE

_START_SECONDS = 60.0
_LOCK_SECONDS = 5.0
_END_SECONDS = 60.0
_STEP, _OUT, _TOLD, _PROGRESS, _LOCK = (
    "step.json", "out.txt", "told.txt", "progress.json", "lock",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LongStep:
    """A step as it was started, and how it ended: `code` None while it runs, or where it was
    killed."""

    name: str
    command: tuple[str, ...]
    began: str
    pid: int = 0
    code: int | None = None
    cancelled: bool = False
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """A step as a page shows it. `said` is the last line it told, `answer` what it printed."""

    step: LongStep
    running: bool
    said: str
    title: str
    done: int
    total: int | None
    answer: str


def begin(engagement: Engagement, name: str, command: Sequence[str]) -> LongStep:
    """Start `migrator COMMAND` as the engagement's step. Raises GateClosed while another runs."""
    folder = _folder(engagement)
    current = watch(engagement)
    if current is not None and current.running:
        raise GateClosed(
            f"The step “{current.step.name}” is still at work.",
            gate="step",
            opens_with="wait for its end, or cancel it on the start page",
        )
    for left in (_OUT, _TOLD, _PROGRESS):
        (folder / left).unlink(missing_ok=True)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    step = LongStep(name, tuple(command), began)
    _write(folder, step)
    own = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JPY_")}
    environment |= {PLACE_VARIABLE: str(folder / _PROGRESS), "PYTHONPATH": path}
    with (folder / _OUT).open("wb") as out, (folder / _TOLD).open("wb") as told:
        process = subprocess.Popen(  # noqa: S603 (our own interpreter and package)
            [sys.executable, "-m", "migrator_kit.cli_step", str(folder), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=told,
            env=environment,
            start_new_session=True,
        )
    _await(lambda: _read(folder).pid != 0 or process.poll() is not None, _START_SECONDS)
    return _read(folder)


def watch(engagement: Engagement) -> Watched | None:
    """Return the engagement's newest step as it is now; None where none was ever started."""
    folder = _folder(engagement)
    if not (folder / _STEP).exists():
        return None
    running = _is_held(folder)
    step = _read(folder)
    progress = _progress(folder / _PROGRESS) if running else {}
    told = _text(folder / _TOLD)
    said = [line for line in told.splitlines() if line.strip() and not line.startswith(" ")]
    return Watched(
        step=step,
        running=running,
        said=(said[-1] if said else "") if running else told.strip(),
        title=str(progress.get("title", "")),
        done=int(progress.get("done", 0)),
        total=progress.get("total"),
        answer="" if running else _text(folder / _OUT),
    )


def cancel(engagement: Engagement) -> None:
    """Stop the engagement's step as Ctrl-C would: it settles what is under way and ends."""
    folder = _folder(engagement)
    if not _is_held(folder):
        return
    step = _read(folder)
    _write(folder, replace(step, cancelled=True))
    os.kill(step.pid, signal.SIGINT)


def end_all(engagement: Engagement) -> None:
    """Cancel what runs and wait for its end: JupyterLab closes."""
    cancel(engagement)
    _await(lambda: not _is_held(_folder(engagement)), _END_SECONDS)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder for this process's step. Raises MigratorError where another one does."""
    with (folder / _LOCK).open("a+", encoding="utf-8") as stream:
        # A page that looks whether a step runs holds the lock for a moment as well.
        if not _await(lambda: try_lock(stream.fileno()), _LOCK_SECONDS):
            raise MigratorError("Another step is at work.")
        _write(folder, replace(_read(folder), pid=os.getpid()))
        yield


def record_end(folder: Path, code: int) -> None:
    """Write down with which exit code the step ended."""
    ended = datetime.now(UTC).isoformat(timespec="seconds")
    _write(folder, replace(_read(folder), code=code, ended=ended))


def _folder(engagement: Engagement) -> Path:
    folder = engagement.private / "step"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _is_held(folder: Path) -> bool:
    with (folder / _LOCK).open("a+", encoding="utf-8") as stream:
        return not try_lock(stream.fileno())


def _read(folder: Path) -> LongStep:
    tree = json.loads((folder / _STEP).read_text(encoding="utf-8"))
    return LongStep(**tree | {"command": tuple(tree["command"])})


def _write(folder: Path, step: LongStep) -> None:
    fresh = folder / "step.new"
    fresh.write_text(json.dumps(asdict(step), indent=1), encoding="utf-8")
    fresh.replace(folder / _STEP)


def _progress(path: Path) -> dict[str, Any]:
    text = _text(path)
    told: dict[str, Any] = json.loads(text) if text else {}
    return told


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _await(what: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (happened := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return happened
