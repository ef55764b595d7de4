"""One decision of a person: who, why, and a button that carries it out."""

from __future__ import annotations

from collections.abc import Callable

from migrator_kit.widgets.asking_box import AskingBox, Field

Act = Callable[[str, str], str]
"""Takes who and why, carries the decision out, and returns in words what was done."""

_FIELDS: tuple[Field, ...] = (
    {
        "name": "by",
        "label": "Your name",
        "missing": "Enter your name: every decision carries who made it.",
    },
    {"name": "note", "label": "Reason"},
)


class DecisionBox(AskingBox):
    """A question, fields for name and reason, a button. `static` is its HTML without a browser."""

    def __init__(self, question: str, action: str, act: Act, static: str) -> None:
        super().__init__(_FIELDS, action, static=static, plain=question, question=question)
        self._act = act

    def answer(self, given: dict[str, str]) -> str:
        """Carry the decision out; after that the box takes no other."""
        told = self._act(given["by"], given["note"])
        self.done = True
        return told
