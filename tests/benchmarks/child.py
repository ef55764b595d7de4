"""The process in which a benchmark's function runs alone (see `measuring`)."""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path


def main(name: str, given: str, answer: str) -> None:
    """Call the function, write down what it gave and what it used."""
    module, _, function = name.partition(":")
    call = getattr(importlib.import_module(module), function)
    arguments = json.loads(given)
    began, spent = time.perf_counter(), _cpu()
    result = call(**arguments)
    told = {"seconds": time.perf_counter() - began, "cpu": _cpu() - spent}
    told |= {"megabytes": peak_megabytes(), "result": result}
    Path(answer).write_text(json.dumps(told), encoding="utf-8")


def _cpu() -> float:
    """Return the seconds of CPU of this process and of its children that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def peak_megabytes() -> float:
    """Return the peak memory in MB.

    Linux hands a new program the peak of the process that started it, so its own count is read.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="utf-8").splitlines()
        return int(next(one for one in lines if one.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
