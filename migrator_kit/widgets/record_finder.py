"""One record of the engagement, found by its object and source id and shown in the notebook.

Where no browser is there (papermill, evidence), the box shows as the record that is given as an
example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from migrator_kit.errors import MigratorError

_HERE = Path(__file__).parent

Find = Callable[[str, str], str]
"""Takes object and source id and returns what is known of the record as escaped HTML."""


class RecordFinder(anywidget.AnyWidget):
    """A list of objects, a field for the source id, a button, and the record below them.

    `static` is the HTML of an example, for pages without a browser.
    """

    _esm = _HERE / "record_finder.js"
    _css = _HERE / "record_finder.css"
    objects = traitlets.List(traitlets.Unicode()).tag(sync=True)
    object = traitlets.Unicode("").tag(sync=True)
    source_id = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Unicode("").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self, objects: Sequence[str], find: Find, example: tuple[str, str], static: str
    ) -> None:
        name, source_id = example
        super().__init__(objects=list(objects), object=name, source_id=source_id, shown=static)
        self._find = find
        self._static = static
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") != "find":
            return
        name, source_id = str(content["object"]), str(content["source_id"])
        self.message = ""  # the same words a second time are news as well
        try:
            found = self._find(name, source_id)
        except MigratorError as error:
            self.message = str(error)
        else:
            self.object, self.source_id, self.shown = name, source_id, found
            self.message = f"{name} {source_id}"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        told = f"{self.object} {self.source_id}"
        return data | {"text/html": self._static, "text/plain": told}, metadata
