"""A loader that dies at a chosen write of ledger or vault, as if somebody pulled the plug."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from migrator_kit.load.vault import Vault
from migrator_kit.load.writer import Writer


class Dies:
    """Kills the process at the n-th write of ledger or vault, before or after it commits."""

    def __init__(self, write: int, *, before: bool) -> None:
        self.left, self.before = write, before

    def install(self) -> None:
        """Count and kill from now on; meant for a process of its own."""
        for owner, name in ((Writer, "_transaction"), (Vault, "_writing")):
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, original: Any) -> Any:
        @contextmanager
        def counted(store: Any) -> Iterator[Any]:
            self.left -= 1
            with original(store) as connection:
                yield connection
                if self.before and self.left <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        return counted
