"""One decision of a person: who, why, and a button that carries it out.

Where no browser is there (papermill, evidence), the box shows as the sentence that says what waits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from migrator_kit.errors import MigratorError

_HERE = Path(__file__).parent

Act = Callable[[str, str], str]
"""Takes who and why, carries the decision out, and returns in words what was done."""


class DecisionBox(anywidget.AnyWidget):
    """A question, fields for name and reason, a button. `static` is its HTML without a browser."""

    _esm = _HERE / "decision_box.js"
    _css = _HERE / "decision_box.css"
    question = traitlets.Unicode("").tag(sync=True)
    action = traitlets.Unicode("").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    done = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, question: str, action: str, act: Act, static: str) -> None:
        super().__init__(question=question, action=action)
        self._act = act
        self._static = static
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") != "decide" or self.done:
            return
        self.message = ""  # the same words a second time are news as well
        try:
            told = self._act(content["by"], content.get("note", ""))
        except MigratorError as error:
            self.message = str(error)
        else:
            self.message, self.done = told, True

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        return data | {"text/html": self._static, "text/plain": self.question}, metadata
