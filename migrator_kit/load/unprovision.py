"""Undo of provisioning: custom fields that we made are deleted, as long as they hold nothing.

A field takes its values with it and has no recycle bin of its own, so one that any record still
fills stays. Picklist values stay as well: records of others may use them by now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.errors import AmbiguousError, TerminalError
from migrator_kit.load.ledger import Ledger, open_ledger
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.target import Target, open_target
from migrator_kit.load.writer import Writer
from migrator_kit.zoho.fields import FieldInfo

HELD = ("module", "label", "kind", "records", "remedy")
_FULL = "Undo the load first, or empty the field: deleting it would delete these values."
_UNTOLD = "Zoho CRM does not say whether it is empty: look, then delete it by hand."
_VALUE = "Remove it in Zoho CRM where nobody uses it."
_REFUSED = "Zoho CRM refused to delete it: see whether a rule or a layout uses it."


@dataclass(frozen=True, slots=True)
class UnprovisionReport:
    """Which of our fields are gone (module and label), and what stays: columns `HELD`."""

    removed: tuple[tuple[str, str], ...]
    held: pd.DataFrame
    dry_run: bool

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        removed = [{"module": module, "label": label} for module, label in self.removed]
        return {"removed": removed, "held": self.held.to_dict("records"), "dry_run": self.dry_run}


def undo_provisioning(
    target: Target, ledger: Ledger, run_id: str, *, dry_run: bool = False
) -> UnprovisionReport:
    """Delete the empty custom fields that provisioning made and return what was done.

    Safe to call again after any interruption. Raises LedgerError where a loader is at work, and
    TargetError.
    """
    with ledger.writing(f"undo of provisioning {run_id}", run_id) as writer:
        writer.bind_org(target.org_id)
        undoing = _Undoing(target, writer, dry_run)
        kept = ledger.field_names()
        ours = kept[kept["created"] == 1]
        for module, rows in ours.groupby("module", sort=True):
            undoing.module(str(module), dict(plain_rows(rows, ("label", "field_id"))))
    values = ledger.provisioned()
    for row in values[values["kind"] == "picklist value"].itertuples(index=False):
        undoing.held.append(
            (row.module, f"{row.label}: {row.value}", "picklist value", None, _VALUE)
        )
    held = pd.DataFrame(undoing.held, columns=list(HELD)).astype({"records": "Int64"})
    return UnprovisionReport(tuple(undoing.removed), held, dry_run)


def run_undo_provisioning(
    engagement: Engagement, run_id: str, *, dry_run: bool = False, target: Target | None = None
) -> UnprovisionReport:
    """Undo the engagement's provisioning. See `undo_provisioning`."""
    ledger = open_ledger(engagement)
    opened = target or open_target(engagement)
    try:
        return undo_provisioning(opened, ledger, run_id, dry_run=dry_run)
    finally:
        ledger.close()
        if target is None:
            opened.close()


class _Undoing:
    """The undo of provisioning on its way."""

    def __init__(self, target: Target, writer: Writer, dry_run: bool) -> None:
        self._client, self._writer, self._dry_run = target.client, writer, dry_run
        self.removed: list[tuple[str, str]] = []
        self.held: list[tuple[object, ...]] = []

    def module(self, module: str, ours: dict[str, str]) -> None:
        """Delete the fields of one module that are empty."""
        standing = {field.id: field for field in self._client.metadata.fields(module)}
        gone: list[str] = []
        for label, field_id in ours.items():
            field = standing.get(field_id)
            if field is None or self._deleted(module, field):
                gone.append(label)
        self.removed += [(module, label) for label in gone]
        if gone and not self._dry_run:
            self._writer.forget_fields(module, gone)

    def _deleted(self, module: str, field: FieldInfo) -> bool:
        try:
            filled = self._client.records.count(module, f"{field.api_name} is not null")
        except TerminalError:
            return self._hold(module, field, None, _UNTOLD)
        if filled:
            return self._hold(module, field, filled, _FULL)
        if self._dry_run:
            return True
        try:
            result = self._client.metadata.delete_field(module, field.id)
        except AmbiguousError:
            left = {one.id for one in self._client.metadata.fields(module)}
            if field.id in left:
                raise
            return True
        return result.ok or self._hold(module, field, 0, _REFUSED)

    def _hold(self, module: str, field: FieldInfo, records: int | None, remedy: str) -> bool:
        self.held.append((module, field.label, "field", records, remedy))
        return False
