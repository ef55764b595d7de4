"""The mapping review on one screen: filter, read the reasons, choose, confirm or reject.

Every choice goes through the desk behind the screen, so that the widget, `mapping.yml` and
`migrator confirm` write the same record. Where no browser is there (papermill, evidence), the
widget shows as a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypedDict

import anywidget
import traitlets

from migrator_kit.errors import MigratorError

_HERE = Path(__file__).parent


class ValueRow(TypedDict):
    """One value of a mapped picklist, masked where it has to be, and what it becomes."""

    value: str
    becomes: str
    decided: bool
    records: int


class MappingRow(TypedDict):
    """One row as the screen shows it. `id` is the row's name in decisions, `decided` who and when.

    `state` is open, confirmed, rejected, `one of two` (a second person has to confirm), or
    changed: edited after it was confirmed. `choices` are other targets, `steps` the transforms
    with their options, `before` and `after` a sample, masked, `offers` known targets of values.
    """

    id: str
    object: str
    columns: str
    target: str
    choices: list[str]
    transform: str
    steps: str
    editable: bool
    data_class: str
    before: str
    after: str
    confidence: float
    reasons: str
    state: str
    decided: str
    values: list[ValueRow]
    offers: list[str]


class Desk(Protocol):
    """What the screen asks for. Each call writes `mapping.yml` and returns all rows as they are."""

    def decide(
        self, state: str, rows: Sequence[str], by: str, note: str
    ) -> Sequence[MappingRow]: ...
    def retarget(self, row: str, target: str) -> Sequence[MappingRow]: ...
    def transform(self, row: str, text: str) -> Sequence[MappingRow]: ...
    def set_value(self, row: str, place: int, becomes: str) -> Sequence[MappingRow]: ...


class MappingTable(anywidget.AnyWidget):
    """A table of mapping rows that a person decides on. `static` is its HTML without a browser."""

    _esm = _HERE / "mapping_table.js"
    _css = _HERE / "mapping_table.css"
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)

    def __init__(self, rows: Sequence[MappingRow], desk: Desk, static: str) -> None:
        super().__init__(rows=[dict(row) for row in rows])
        self._desk = desk
        self._static = static
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        answer = {
            "decide": self._decided,
            "target": self._retargeted,
            "transform": self._transformed,
            "value": self._valued,
        }.get(str(content.get("kind")))
        if answer is None:
            return
        self.message = ""  # the same words a second time are news as well
        try:
            rows, told = answer(content)
        except MigratorError as error:
            self.message = str(error)
            self.send({"kind": "refused"})  # the screen shows again what stands in the file
        except OSError as error:
            self.message = f"mapping.yml could not be written: {error.strerror}."
            self.send({"kind": "refused"})
        else:
            self.rows = [dict(row) for row in rows]
            self.message = f"{told}, written to mapping.yml."

    def _decided(self, content: dict[str, Any]) -> tuple[Sequence[MappingRow], str]:
        state, chosen, by = content["state"], content["rows"], content["by"]
        rows = self._desk.decide(state, chosen, by, content.get("note", ""))
        named = "1 row" if len(chosen) == 1 else f"{len(chosen):,} rows"
        return rows, f"{named} {state} by {by}"

    def _retargeted(self, content: dict[str, Any]) -> tuple[Sequence[MappingRow], str]:
        rows = self._desk.retarget(content["row"], content["target"])
        return rows, f"{content['row']} goes to {content['target']}"

    def _transformed(self, content: dict[str, Any]) -> tuple[Sequence[MappingRow], str]:
        return self._desk.transform(content["row"], content["text"]), f"Rule of {content['row']}"

    def _valued(self, content: dict[str, Any]) -> tuple[Sequence[MappingRow], str]:
        rows = self._desk.set_value(content["row"], int(content["place"]), content["becomes"])
        return rows, f"A value of {content['row']}"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_()
        data, metadata = bundle or ({}, {})
        text = {"text/html": self._static, "text/plain": f"{len(self.rows)} mapping rows"}
        return data | text, metadata
