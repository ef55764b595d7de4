"""The start page's desk: the way of a migration with a button, a bar and a link for each step.

Where no browser is there (papermill, evidence), the desk shows as the table of the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import anywidget
import traitlets

from migrator_kit.errors import MigratorError

_HERE = Path(__file__).parent


class StepState(TypedDict):
    """The step that runs, or the one that ran last."""

    name: str
    running: bool
    state: str
    told: str
    title: str
    done: int
    total: int | None


class Desk(anywidget.AnyWidget):
    """Steps with their buttons.

    `run` starts a step by its name; who asks for it and why come along where the step needs it.
    `cancel` stops what runs, `look` shows what is new.
    """

    _esm = _HERE / "desk.js"
    _css = _HERE / "desk.css"
    stops = traitlets.List(traitlets.Dict()).tag(sync=True)
    now = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    next = traitlets.Unicode("").tag(sync=True)
    headline = traitlets.Unicode("").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        run: Callable[[str, str, str], None],
        cancel: Callable[[], None],
        look: Callable[[], None],
        static: str,
    ) -> None:
        super().__init__()
        self._run, self._cancel, self._look = run, cancel, look
        self._static = static
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        self.message = ""
        try:
            if content.get("kind") == "run":
                self._run(*(str(content.get(part, "")) for part in ("name", "by", "note")))
            elif content.get("kind") == "cancel":
                self._cancel()
            elif content.get("kind") == "look":
                self._look()
        except MigratorError as error:
            self.message = str(error)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        return data | {"text/html": self._static, "text/plain": "The steps"}, metadata
