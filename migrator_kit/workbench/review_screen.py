"""The review screen of notebook 02: its rows, and what a person's choices there do."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal, cast

import pandas as pd
from ruamel.yaml import YAML

from migrator_kit.errors import ParameterError
from migrator_kit.evidence.tables import Table
from migrator_kit.mapping.alternatives import alternatives
from migrator_kit.mapping.decisions import changed_since, decide, waiting_for_second
from migrator_kit.mapping.digests import row_digest
from migrator_kit.mapping.edits import change_target, change_transform, set_value
from migrator_kit.mapping.model import ColumnDisposition, FieldMapping, Mapping, ObjectMapping
from migrator_kit.mapping.samples import NOTHING, Sample, samples
from migrator_kit.mapping.shape import locale_of
from migrator_kit.mapping.values import PicklistValues, picklist_values
from migrator_kit.widgets.mapping_table import MappingRow, MappingTable, ValueRow
from migrator_kit.workbench.session import Session


class ReviewDesk:
    """What stands behind the screen. Each choice is written to `mapping.yml` at once.

    Samples and values of picklists are read from the snapshot again only where a rule changed.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen = ""
        self._samples: dict[str, Sample] = {}
        self._values: dict[str, PicklistValues] = {}

    def rows(self) -> list[MappingRow]:
        """Return all rows as they stand in `mapping.yml` now."""
        self._session.forget_mapping()
        mapping = self._session.mapping
        self._look(mapping)
        changed, once = set(changed_since(mapping)), set(waiting_for_second(mapping))
        fields = [
            self._field(mapping, item, row, changed=changed, once=once)
            for item in mapping.objects
            for row in item.fields
        ]
        return fields + [_behind(entry, changed, once) for entry in mapping.not_moved]

    def decide(self, state: str, rows: Sequence[str], by: str, note: str) -> list[MappingRow]:
        """Write a decision to rows."""
        chosen = cast("Literal['confirmed', 'rejected']", state)
        decide(self._session.engagement, by=by, rows=rows, state=chosen, note=note)
        return self.rows()

    def retarget(self, row: str, target: str) -> list[MappingRow]:
        """Give a row another target."""
        change_target(self._session.engagement, row, target)
        return self.rows()

    def transform(self, row: str, text: str) -> list[MappingRow]:
        """Give a row other transforms."""
        change_transform(self._session.engagement, row, text)
        return self.rows()

    def set_value(self, row: str, place: int, becomes: str) -> list[MappingRow]:
        """Write what the value at a place of a row's list becomes. The screen knows no value that
        is masked, so it names the place."""
        known = self._values.get(row)
        if known is None or not 0 <= place < len(known.counts):
            raise ParameterError(f"{row} has no such value.", hint="Run the cell again.")
        set_value(self._session.engagement, row, str(known.counts["value"].iloc[place]), becomes)
        return self.rows()

    def _look(self, mapping: Mapping) -> None:
        rules = "".join(row_digest(row) for item in mapping.objects for row in item.fields)
        if rules == self._seen:
            return
        session = self._session
        locale = locale_of(session.engagement, session.snapshot)
        self._samples = samples(session.snapshot, mapping, locale, reveal=session.reveal)
        self._values = {
            f"{one.item.object}.{one.row.target}": one
            for one in picklist_values(mapping, session.snapshot)
        }
        self._seen = rules

    def _field(
        self,
        mapping: Mapping,
        item: ObjectMapping,
        row: FieldMapping,
        *,
        changed: set[str],
        once: set[str],
    ) -> MappingRow:
        name = f"{item.object}.{row.target}"
        sample = self._samples.get(name, NOTHING)
        return MappingRow(
            id=name,
            object=str(item.object),
            columns=", ".join(row.columns),
            target=row.target,
            choices=list(alternatives(mapping, item, row)),
            transform=transform_words(row),
            steps=_steps(row),
            editable=not row.lookup and row.target != item.key,
            data_class=str(row.data_class),
            before=sample.before,
            after=sample.after,
            confidence=row.confidence,
            reasons="; ".join(row.reasons),
            state=_state(name, row, changed, once),
            decided=decided_words(row),
            values=self._value_rows(name),
            offers=list(row.picklist),
        )

    def _value_rows(self, name: str) -> list[ValueRow]:
        known = self._values.get(name)
        if known is None:
            return []
        shown = known.shown(reveal=self._session.reveal)
        columns = zip(shown, known.counts["becomes"], known.counts["records"], strict=True)
        return [
            ValueRow(value=str(value), becomes="" if pd.isna(target) else str(target),
                     decided=not pd.isna(target), records=int(records))
            for value, target, records in columns
        ]  # fmt: skip


def review_screen(session: Session) -> MappingTable:
    """Return the screen; under papermill it reads as a table, samples as shapes."""
    desk = ReviewDesk(session)
    rows = desk.rows()
    names = ["object", "columns", "target", "transform", "data_class", "confidence", "reasons",
             "state", "decided"]  # fmt: skip
    shown = pd.DataFrame(rows, columns=names)
    return MappingTable(rows, desk, Table(shown, percents=["confidence"])._repr_html_())


def _behind(entry: ColumnDisposition, changed: set[str], once: set[str]) -> MappingRow:
    return MappingRow(
        id=entry.sources[0],
        object="",
        columns=", ".join(entry.sources),
        target=f"does not move: {entry.disposition}",
        choices=[],
        transform="",
        steps="",
        editable=False,
        data_class="",
        before="",
        after="",
        confidence=1.0,
        reasons=entry.reason,
        state=_state(entry.sources[0], entry, changed, once),
        decided=decided_words(entry),
        values=[],
        offers=[],
    )


def _state(
    name: str, row: FieldMapping | ColumnDisposition, changed: set[str], once: set[str]
) -> str:
    if row.decision is None:
        return "open"
    if row.decision.state == "confirmed":
        return "changed" if name in changed else "one of two" if name in once else "confirmed"
    return row.decision.state


def decided_words(row: FieldMapping | ColumnDisposition) -> str:
    """Return who decided a row, when and why; empty where nobody did."""
    if row.decision is None:
        return ""
    told = f"{row.decision.by}, {row.decision.when:%Y-%m-%d %H:%M}"
    if row.decision.second is not None:
        told += f" and {row.decision.second.by}, {row.decision.second.when:%Y-%m-%d %H:%M}"
    return f"{told}: {row.decision.note}" if row.decision.note else told


def transform_words(row: FieldMapping) -> str:
    """Return the transforms of a row by name, one after the other."""
    steps = [step.name for step in row.transform]
    if row.lookup:
        steps.append("link to " + " or ".join(row.lookup))
    return " → ".join(steps) or ("constant" if row.constant is not None else "as it is")


def _steps(row: FieldMapping) -> str:
    """Return the transforms with their options as `mapping.yml` has them, on one line."""
    steps: list[Any] = [
        {step.name: step.options} if step.options else step.name for step in row.transform
    ]
    if not steps:
        return ""
    yaml = YAML(typ="safe")
    yaml.default_flow_style = True
    yaml.width = 1_000_000
    stream = io.StringIO()
    yaml.dump(steps[0] if len(steps) == 1 else steps, stream)
    return stream.getvalue().removesuffix("...\n").strip()
