"""Notebooks executed by papermill, each in a kernel of its own that is started ahead.

A kernel takes seconds before its first cell: a process, pandas, Great Expectations. The kernel of
the next notebook takes them while the one before is at work. It reads nothing but libraries until
then.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from traitlets.config import Config

from migrator_kit import errors
from migrator_kit.errors import GateClosed, MigratorError

# A kernel is interrupted before it is shut down, and would tell the terminal of it as an error.
_QUIET = "--IPKernelApp.log_level=CRITICAL"
_SETTINGS = {"KernelManager": {"transport_encryption": "required"}}

_OWN_IMPORT = re.compile(r"^from migrator_kit\.workbench import (.+)$", re.MULTILINE)
_LIBRARIES = {
    "01_audit": ("great_expectations", "matplotlib.figure"),
    "02_mapping_review": ("openpyxl", "phonenumbers"),
    "03_sample_diff": ("great_expectations",),
    "05_reconcile": ("great_expectations", "matplotlib.figure"),
}
"""Libraries that the functions of a notebook read where they use them first."""

_UNREAD = "rfc3987_syntax"
"""A grammar of web addresses that jsonschema compiles for a second when it is read, if it is there.

It serves a check that nobody asks for here, and jsonschema goes without it.
"""


class _Manager(AsyncKernelManager):
    """Remembers the clients it made: who runs a notebook in a given kernel leaves them open."""

    made: tuple[Any, ...] = ()

    def client(self, **settings: Any) -> Any:
        client = super().client(**settings)
        self.made = (*self.made, client)
        return client


class StartedKernel:
    """A kernel on its way up. It belongs to one notebook and one run; closing it ends it.

    `environment` is added to that of this process; `folder` is where the kernel works.
    """

    def __init__(self, notebook: Path, folder: Path, environment: dict[str, str]) -> None:
        self.notebook = notebook
        self._manager = _Manager(kernel_name="python3", config=Config(_SETTINGS))
        self._used = False
        reads = f"--IPKernelApp.exec_lines={_reading(notebook)}"
        run_sync(self._manager.start_kernel)(
            cwd=str(folder), env={**os.environ, **environment},
            extra_arguments=[_QUIET, reads],
        )  # fmt: skip

    def close(self) -> None:
        """End the kernel's process, in peace where it ran its notebook. Safe to call again."""
        for client in self._manager.made:
            client.stop_channels()
        if self._manager.has_kernel:
            run_sync(self._manager.shutdown_kernel)(now=not self._used)

    def execute(self, executed: Path, parameters: dict[str, Any]) -> None:
        """Run the notebook with papermill. Raises the MigratorError that stopped it."""
        import papermill
        from papermill.exceptions import PapermillExecutionError

        self._used = True
        try:
            papermill.execute_notebook(
                str(self.notebook),
                str(executed),
                parameters=parameters,
                cwd=str(executed.parent),
                kernel_name="python3",
                km=self._manager,
                progress_bar=False,
                store_widget_state=False,
                coalesce_streams=True,
            )
        except PapermillExecutionError as error:
            raise _as_own_error(executed, error) from None


def _reading(notebook: Path) -> str:
    """Return the line of Python by which a kernel reads its notebook's libraries."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "code")
    own = [name.strip() for line in _OWN_IMPORT.findall(source) for name in line.split(",")]
    modules = [f"migrator_kit.workbench.{name}" for name in own if name != "start"]
    steps = [f"__import__('sys').modules.setdefault({_UNREAD!r}, None)"]
    steps += [f"__import__({name!r})" for name in _LIBRARIES.get(notebook.stem, ())]
    # What these hold stays: no collection goes through it, neither at work nor at the end. DuckDB
    # comes after: it complains of what is not collected at the end.
    steps.append("__import__('gc').freeze()")
    steps += [f"__import__({name!r})" for name in modules]
    return f"[{', '.join(steps)}];"


def _as_own_error(executed: Path, failure: Any) -> MigratorError:
    """Return the error that stopped a notebook as the class it had inside the kernel."""
    message, _, hint = failure.evalue.partition("\n  To open it: ")
    if failure.ename == GateClosed.__name__:
        return GateClosed(message, gate=executed.stem, opens_with=hint)
    kind = getattr(errors, failure.ename, None)
    if isinstance(kind, type) and issubclass(kind, MigratorError):
        own = MigratorError(failure.evalue)
        own.exit_code = kind.exit_code  # type: ignore[misc]
        return own
    return MigratorError(
        f"The notebook {executed.stem} stopped in cell {failure.exec_count} with {failure.ename}.",
        hint=f"The executed notebook shows where: {executed}",
    )
