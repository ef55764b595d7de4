"""A question to a person in the notebook: some fields, one button, and what came of it.

Where no browser is there (papermill, evidence), the box shows as plain HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import anywidget
import traitlets

from migrator_kit.errors import MigratorError

_HERE = Path(__file__).parent


class Field(TypedDict):
    """One thing that is asked: a line of text, or one of `options`.

    `missing` is what to say where nothing was entered; without it, nothing need be.
    """

    name: str
    label: str
    value: NotRequired[str]
    options: NotRequired[Sequence[str]]
    missing: NotRequired[str]


class AskingBox(anywidget.AnyWidget):
    """Fields and a button. `static` is the HTML without a browser, `plain` its text."""

    _esm = _HERE / "asking_box.js"
    _css = _HERE / "asking_box.css"
    question = traitlets.Unicode("").tag(sync=True)
    fields = traitlets.List(traitlets.Dict()).tag(sync=True)
    action = traitlets.Unicode("").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Unicode("").tag(sync=True)
    done = traitlets.Bool(default_value=False).tag(sync=True)
    by_enter = traitlets.Bool(default_value=False).tag(sync=True)
    """Whether the key Enter answers as well as the button."""

    def __init__(
        self,
        fields: Sequence[Field],
        action: str,
        *,
        static: str,
        plain: str,
        question: str = "",
        shown: str = "",
    ) -> None:
        super().__init__(fields=list(fields), action=action, question=question, shown=shown)
        self._static, self._plain = static, plain
        self.on_msg(self._receive)

    def answer(self, given: dict[str, str]) -> str:
        """Take the fields by name and return what to say. Errors of ours are shown as they are."""
        raise NotImplementedError

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") != "answer" or self.done:
            return
        self.message = ""  # the same words a second time are news as well
        given = {field["name"]: str(content.get(field["name"], "")) for field in self.fields}
        try:
            told = self.answer(given)
        except MigratorError as error:
            told = str(error)
        self.message = told

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        return data | {"text/html": self._static, "text/plain": self._plain}, metadata
