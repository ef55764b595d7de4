"""A command as a step that a page started: what it says and how it ended stays in files.

The page may lose its kernel meanwhile: whoever opens it next finds the step here.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from migrator_kit.workbench.long_steps import held, record_end


def main(arguments: list[str]) -> int:
    """Run `migrator` with the arguments after the folder of the step's files; one at a time."""
    folder, *command = arguments
    # A program started in the background of a script ignores interrupts, and hands that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with held(Path(folder)):
        try:
            from migrator_kit.cli import main as migrator

            code = migrator(command)
        except KeyboardInterrupt:
            print("stopped before it began", file=sys.stderr)
            code = 1
        record_end(Path(folder), code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
