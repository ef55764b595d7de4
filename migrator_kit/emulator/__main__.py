"""`python -m migrator_kit.emulator`: serve one org from one file until told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from migrator_kit.emulator.app import build_app
from migrator_kit.emulator.crm import Crm
from migrator_kit.emulator.editions import EditionName
from migrator_kit.emulator.faults import FaultsError
from migrator_kit.emulator.server import EmulatorServer, config_for, listen
from migrator_kit.emulator.store import StoreInUse


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server. Returns 0 after a clean end, 2 for wrong usage."""
    options = _parser().parse_args(argv)
    try:
        crm = Crm(options.db, options.edition)
    except StoreInUse:
        return _complain(f"another emulator has {options.db} open")
    except OSError as error:
        return _complain(f"cannot open {options.db}: {error.strerror}")
    crm.faults.set_base_latency(options.latency_ms)
    if options.faults is not None:
        try:
            crm.faults.load(json.loads(options.faults.read_text(encoding="utf-8")))
        except (OSError, FaultsError, json.JSONDecodeError) as error:
            return _complain(f"faults file {options.faults}: {error}")
    try:
        sock = listen(options.port)
    except OSError as error:
        return _complain(f"cannot listen on port {options.port}: {error.strerror}")
    server = EmulatorServer(config_for(build_app(crm)), sock, options.parent)
    _end_in_order(server)
    server.run(sockets=[sock])
    return 0


def _end_in_order(server: EmulatorServer) -> None:
    """Make SIGTERM and SIGINT end the server with exit code 0.

    uvicorn raises the signals it caught once more after its shutdown; by then these handlers
    stand in for the defaults, which would kill the process.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="migrator emulator", description="Local Zoho CRM v8.")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--db", type=Path, default=Path("emulator.db"), help="the org's file")
    parser.add_argument("--edition", type=EditionName, choices=list(EditionName), default=None)
    parser.add_argument("--latency-ms", type=float, default=0.0, help="what a call takes at least")
    parser.add_argument("--faults", type=Path, default=None, help="JSON document of faults")
    parser.add_argument("--parent", type=int, default=None, help="end when this process ends")
    return parser


def _complain(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
