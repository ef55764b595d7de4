"""One record of the engagement, found by its object and source id and shown in the notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrator_kit.widgets.asking_box import AskingBox, Field

Find = Callable[[str, str], str]
"""Takes object and source id and returns what is known of the record as escaped HTML."""


class RecordFinder(AskingBox):
    """A list of objects, a field for the source id, a button, and the record below them.

    `static` is the HTML of an example, for pages without a browser.
    """

    def __init__(
        self, objects: Sequence[str], find: Find, example: tuple[str, str], static: str
    ) -> None:
        name, source_id = example
        fields: tuple[Field, ...] = (
            {"name": "object", "label": "Object", "value": name, "options": list(objects)},
            {
                "name": "source_id",
                "label": "Source id",
                "value": source_id,
                "missing": "Enter the id that the record has in the source.",
            },
        )
        super().__init__(fields, "Show", static=static, plain=f"{name} {source_id}", shown=static)
        self._find = find
        self.by_enter = True

    def answer(self, given: dict[str, str]) -> str:
        """Show the record; the one before stays where there is none of that id."""
        self.shown = self._find(given["object"], given["source_id"])
        return f"{given['object']} {given['source_id']}"
