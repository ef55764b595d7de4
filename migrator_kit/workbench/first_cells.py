"""What a kernel that `migrator lab` starts says to a cell that was run before the first ones.

Loaded as an IPython extension: until the first cells have run, nothing else of the package is.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

_MADE_THERE = {"session", "engagement", "start"} | {
    path.stem for path in Path(__file__).parent.glob("*.py")
}
"""Names that the first cells of a notebook make."""


def load_ipython_extension(shell: Any) -> None:
    """Let a name that the first cells make be missed in words, not in a traceback."""
    shell.set_custom_exc((NameError,), _explain)


def _explain(
    shell: Any,
    kind: type[NameError],
    error: NameError,
    trace: TracebackType | None,
    tb_offset: int | None = None,
) -> list[str] | None:
    if error.name not in _MADE_THERE:
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return None
    from migrator_kit.errors import ParameterError
    from migrator_kit.workbench.session import show_error

    early = ParameterError(
        "The first cells of this page have not run yet.",
        hint="Run them first: menu Run, Run All Above Selected Cell.",
    )
    return show_error(shell, ParameterError, early, trace)
