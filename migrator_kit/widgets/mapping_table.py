"""The mapping review on one screen: filter, read the reasons, confirm or reject.

Decisions go through one callback, so that the widget, `mapping.yml` and `migrator confirm` write
the same record. Where no browser is there (papermill, evidence), the widget shows as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict

import anywidget
import traitlets

from migrator_kit.errors import MigratorError

_HERE = Path(__file__).parent


class MappingRow(TypedDict):
    """One row as the screen shows it. `id` is the row's name in decisions, `decided` who and when.

    `state` is open, confirmed, rejected, or changed: edited after it was confirmed.
    """

    id: str
    object: str
    columns: str
    target: str
    transform: str
    data_class: str
    reasons: str
    state: str
    decided: str


Decide = Callable[[str, Sequence[str], str, str], Sequence[MappingRow]]
"""Takes state, row ids, who and why; writes the decisions; returns all rows as they are now."""


class MappingTable(anywidget.AnyWidget):
    """A table of mapping rows that a person decides on. `static` is its HTML without a browser."""

    _esm = _HERE / "mapping_table.js"
    _css = _HERE / "mapping_table.css"
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(self, rows: Sequence[MappingRow], decide: Decide, static: str) -> None:
        super().__init__(rows=[dict(row) for row in rows])
        self._decide = decide
        self._static = static
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("kind") != "decide":
            return
        self.message = ""  # the same words a second time are news as well
        state, chosen, by = content["state"], content["rows"], content["by"]
        try:
            decided = self._decide(state, chosen, by, content.get("note", ""))
            self.rows = [dict(row) for row in decided]
        except MigratorError as error:
            self.message = str(error)
        except OSError as error:
            self.message = f"mapping.yml could not be written: {error.strerror}."
        else:
            rows = "1 row" if len(chosen) == 1 else f"{len(chosen):,} rows"
            self.message = f"{rows} {state} by {by}, written to mapping.yml."

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_()
        data, metadata = bundle or ({}, {})
        text = {"text/html": self._static, "text/plain": f"{len(self.rows)} mapping rows"}
        return data | text, metadata
