"""Runs a function or a command in a process of its own: time, CPU and peak memory are its alone.

A function is named by module and name, takes keyword arguments of JSON, and gives JSON back; the
seconds are those of the call, without the imports before it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
EMULATOR = "migrator_kit.emulator"
"""Begins the command line of the local Zoho CRM: it stands for the other side, and counts apart."""

_INTERVAL = 0.05


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process used.

    `megabytes` is the peak of its largest process, `tree_megabytes` that of all of its processes
    together, `cpu` the seconds of user and system time of the call (of a command: start included).
    Emulators are left out of all.
    """

    result: Any
    seconds: float
    cpu: float
    megabytes: float
    tree_megabytes: float


def measured(
    function: Callable[..., Any], *, python: str = sys.executable, **given: Any
) -> Measured:
    """Call a function of a module in a fresh process. Raises CalledProcessError if it fails."""
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        name = f"{function.__module__}:{function.__qualname__}"
        command = [python, "-m", "tests.benchmarks.child", name, json.dumps(given), str(answer)]
        watch = _run(command)
        told = json.loads(answer.read_text(encoding="utf-8"))
    return Measured(
        told["result"], told["seconds"], told["cpu"], max(told["megabytes"], watch.megabytes),
        max(told["megabytes"], watch.tree_megabytes),
    )  # fmt: skip


def measured_command(command: Sequence[str], env: Mapping[str, str] | None = None) -> Measured:
    """Run a command. Raises CalledProcessError if it fails; its output is the `result`."""
    started = time.perf_counter()
    watch = _run(command, env)
    seconds = time.perf_counter() - started
    return Measured(watch.output, seconds, watch.cpu, watch.megabytes, watch.tree_megabytes)


@contextmanager
def watching(pid: int) -> Iterator[Watch]:
    """Watch a process and its children while something else drives it."""
    watch = Watch(pid)
    thread = threading.Thread(target=watch.follow, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        thread.join()


class Watch:
    """Looks at a process and all below it, many times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu: dict[tuple[int, float], float] = {}
        self.ended = threading.Event()
        self.megabytes = self.tree_megabytes = 0.0
        self.output = ""

    @property
    def cpu(self) -> float:
        """Seconds of user and system time of every process seen."""
        return sum(self._cpu.values())

    def follow(self) -> None:
        """Look until told that it has ended."""
        while not self.ended.wait(_INTERVAL):
            self.look()

    def look(self) -> None:
        """Take one look."""
        together = 0.0
        for process in _tree(self._pid):
            try:
                with process.oneshot():
                    if EMULATOR in process.cmdline():
                        continue
                    spent = process.cpu_times()
                    resident = process.memory_info().rss / 2**20
                    self._cpu[process.pid, process.create_time()] = spent.user + spent.system
            except psutil.Error:
                continue
            together += resident
            self.megabytes = max(self.megabytes, resident)
        self.tree_megabytes = max(self.tree_megabytes, together)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def _run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Watch:
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        with watching(process.pid) as watch:
            output, _ = process.communicate()
        watch.output = output
    if process.returncode:
        print(output)
        raise subprocess.CalledProcessError(process.returncode, list(command), output)
    return watch
