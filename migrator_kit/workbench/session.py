"""A notebook's session: the open engagement, the run it belongs to, and how errors are shown.

Works the same in JupyterLab, under papermill (ours or plain), and from Python.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pandas as pd

from migrator_kit.compare.datasets import Landed
from migrator_kit.compare.diff import DiffReport
from migrator_kit.compare.reconcile import Reconciliation
from migrator_kit.compare.sample import Sample
from migrator_kit.compare.sides import Scope
from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, MigratorError, ParameterError
from migrator_kit.estimate.estimate import Estimate
from migrator_kit.evidence.style import styled
from migrator_kit.load.delta import DeltaPlan
from migrator_kit.load.ledger import Ledger, open_ledger
from migrator_kit.load.owners import Owners, resolve_owners
from migrator_kit.load.plan import LoadPlan
from migrator_kit.load.quiet import QuietProof
from migrator_kit.load.tally import LoadReport
from migrator_kit.load.target import Target, open_target
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.shape import ShapedDataset, open_shaped
from migrator_kit.progress import PLACE_VARIABLE, Progress, lines, noted
from migrator_kit.source.inventory import Inventory
from migrator_kit.source.snapshot import Snapshot, latest_snapshot
from migrator_kit.widgets.live_progress import LiveProgress

Part = TypeVar("Part")

RUN_VARIABLE = "MIGRATOR_RUN_ID"
"""Environment variable by which the chain tells the kernels which run they belong to."""

_SERVER_VARIABLE = "JPY_SESSION_NAME"
"""Environment variable that a Jupyter server gives to the kernels a person opened in it."""

_OPENED_BY = {
    "snapshot": "01_audit",
    "quality": "01_audit",
    "mapping": "02_mapping_review",
    "shape": "03_sample_diff",
    "provisioning": "03_sample_diff",
    "sample": "03_sample_diff",
    "rehearsal": "03_sample_diff",
    "sign-off": "03_sample_diff",
    "load": "04_full_load",
    "reconcile": "05_reconcile",
    "rollback": "06_rollback",
}
"""The notebook in which a person opens a gate."""

_INJECTED = "# Parameters"
_STOPPED = "Stopped by hand.\n  Run this cell again: it goes on from here."


@dataclass
class Session:
    """An open engagement inside a notebook. Parts are opened on first use."""

    engagement: Engagement
    run_id: str
    notebook: str
    reveal: bool = False
    progress: Progress = lines
    parameters: dict[str, Any] = field(default_factory=dict)
    inventory: Inventory | None = None
    estimate: Estimate | None = None
    sample: Sample | None = None
    landed: Landed | None = None
    diff: DiffReport | None = None
    quiet: QuietProof | None = None
    delta: DeltaPlan | None = None
    shaping_seconds: float | None = None
    plan: LoadPlan | None = None
    report: LoadReport | None = None
    apart: pd.DataFrame | None = None
    scope: Scope | None = None
    counts: dict[str, dict[str, int | str]] | None = None
    reconciliation: Reconciliation | None = None
    look_again: Callable[[], None] | None = None
    """Told by a page's screen when a decision changed how the migration stands."""
    kept_current: list[Callable[[Session], None]] = field(default_factory=list)
    """What else on the page shows how it stands; called with a session that sees it as it is."""

    @property
    def run_folder(self) -> Path:
        """Where this run keeps its notebooks, lists and diffs."""
        path = self.engagement.runs / self.run_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    @cached_property
    def snapshot(self) -> Snapshot:
        """The newest snapshot. Raises GateClosed where there is none."""
        return latest_snapshot(self.engagement)

    @cached_property
    def mapping(self) -> Mapping:
        """The engagement's mapping. Raises MappingError with every finding."""
        return load_mapping(self.engagement)

    def forget_mapping(self) -> None:
        """Let `mapping.yml` be read again: a decision or an editor wrote it."""
        self.__dict__.pop("mapping", None)

    @cached_property
    def shaped(self) -> ShapedDataset:
        """The newest shaped dataset. Raises GateClosed where there is none."""
        return open_shaped(self.engagement)

    @cached_property
    def ledger(self) -> Ledger:
        """The engagement's ledger."""
        return open_ledger(self.engagement)

    @cached_property
    def owners(self) -> Owners:
        """Who will own what in Zoho CRM."""
        return resolve_owners(self.engagement, self.snapshot, self.mapping, self.target)

    def list_path(self, name: str) -> Path:
        """Return where this run keeps a list (CSV) or another file beside its pages."""
        folder = self.run_folder / "lists"
        folder.mkdir(exist_ok=True)
        return folder / name

    @cached_property
    def target(self) -> Target:
        """The org, reached and checked. Raises TargetError."""
        return open_target(self.engagement)


def start(notebook: str, engagement: str | Path, **parameters: Any) -> Session:
    """Open the engagement for a notebook and show errors as one clear message.

    `parameters` are the notebook's other parameters by name. Raises ParameterError where papermill
    injected a name that the notebook does not declare, ConfigError where there is no engagement.
    """
    shell = _shell()
    if shell is not None:
        shell.set_custom_exc((MigratorError, KeyboardInterrupt), show_error)
        shell.run_line_magic("config", "InlineBackend.figure_formats = ['svg']")
        _refuse_unknown(shell, {"engagement", *parameters})
    opened = Engagement.open(engagement)
    run_id = os.environ.get(RUN_VARIABLE) or opened.new_run_id()
    reveal = bool(parameters.get("reveal", False))
    return Session(
        opened, run_id, notebook, reveal=reveal, progress=_progress(shell), parameters=parameters
    )


def needed(value: Part | None, cell: str) -> Part:
    """Return what an earlier cell made. Raises ParameterError naming the cell to run first."""
    if value is None:
        raise ParameterError(f"The cell under “{cell}” has not run yet.", hint="Run it first.")
    return value


def _shell() -> Any:
    """Return the IPython shell of a notebook kernel, or None elsewhere."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell if shell is not None and hasattr(shell, "kernel") else None


def _progress(shell: Any) -> Progress:
    """Return a bar where a person watches the page, plain lines where the chain runs it.

    Where the chain was started by a button, it is reported to the button's page.
    """
    if PLACE_VARIABLE in os.environ:
        return noted
    return lines if shell is None or not watched() else LiveProgress(shell)


def watched() -> bool:
    """Return whether a person has this notebook open in JupyterLab."""
    return RUN_VARIABLE not in os.environ and _SERVER_VARIABLE in os.environ


def _way_on(error: BaseException) -> str:
    """Return as HTML where to go on in JupyterLab after a closed gate; empty elsewhere."""
    if not isinstance(error, GateClosed) or not watched():
        return ""
    links = [("00_start", "the start page shows what comes first")]
    if notebook := _OPENED_BY.get(error.gate):
        links.insert(0, (notebook, "this gate is opened there"))
    told = "; ".join(f'<a href="{name}.ipynb">{name}</a>: {words}' for name, words in links)
    return f'<p class="remedy">In JupyterLab: {told}.</p>'


def _refuse_unknown(shell: Any, declared: set[str]) -> None:
    """Raise ParameterError for names that papermill injected and the notebook does not know."""
    for source in shell.user_ns.get("In", []):
        if not source.startswith(_INJECTED):
            continue
        targets = [t for node in ast.parse(source).body if isinstance(node, ast.Assign)
                   for t in node.targets]  # fmt: skip
        unknown = sorted({t.id for t in targets if isinstance(t, ast.Name)} - declared)
        if unknown:
            raise ParameterError(
                f"Unknown notebook parameter: {', '.join(unknown)}.",
                hint=f"This notebook takes: {', '.join(sorted(declared))}.",
            )


def show_error(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,  # noqa: ARG001 (IPython's signature)
    tb_offset: int | None = None,  # noqa: ARG001
) -> list[str]:
    """Show an error as its message alone: a person can act on it without a traceback.

    The message goes out as an error as well, without which papermill would take the cell for done;
    the stylesheet hides it in JupyterLab behind the box.
    """
    from IPython.display import HTML, display

    told = _STOPPED if isinstance(error, KeyboardInterrupt) else str(error)
    text = escape(told).replace("\n", "<br>")
    text = f"<p>{text}</p>{_way_on(error)}"
    display(HTML(styled(f'<div class="finding problem" role="alert">{text}</div>')))
    message = told.splitlines()
    shell._showtraceback(kind, error, message)
    return message
