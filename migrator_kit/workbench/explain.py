"""The lineage of one record or value, for people and for scripts. Masked unless asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from migrator_kit.compare.lineage import FieldLineage, Lineage, Stations, lineage
from migrator_kit.engagement import Engagement
from migrator_kit.evidence.tables import Block, Table, Tables, facts
from migrator_kit.load.ledger import open_ledger
from migrator_kit.load.target import open_target
from migrator_kit.load.vault import open_vault
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.shape import open_shaped
from migrator_kit.privacy import shape
from migrator_kit.source.snapshot import latest_snapshot
from migrator_kit.workbench.comparing import SHAPES

_NONE = "nothing"
_EMPTY = "–"


def explain_record(
    engagement: Engagement,
    module: str,
    source_id: str,
    field: str | None = None,
    *,
    reveal: bool = False,
) -> list[dict[str, Any]]:
    """Return the lineage of a record, one tree for each object of the module that has it.

    Raises GateClosed before anything was shaped, ParameterError for what is not there.
    """
    ledger, vault, target = (open_ledger(engagement), open_vault(engagement),
                             open_target(engagement))  # fmt: skip
    try:
        stations = Stations(
            latest_snapshot(engagement), load_mapping(engagement), open_shaped(engagement),
            ledger, vault, target,
        )  # fmt: skip
        return lineage_trees(stations, module, source_id, field, reveal=reveal)
    finally:
        target.close()
        vault.close()
        ledger.close()


def lineage_trees(
    stations: Stations,
    module: str,
    source_id: str,
    field: str | None = None,
    *,
    reveal: bool = False,
) -> list[dict[str, Any]]:
    """Return the lineage of a record as `explain --json` shows it; see `compare.lineage`."""
    found = lineage(stations, module, source_id, field)
    return [_tree(one, reveal=reveal) for one in found]


def explain_tables(records: Sequence[dict[str, Any]]) -> Tables:
    """Return lineages as tables: the record, each field's way, every run's outcome, every write."""
    return Tables([block for record in records for block in _tables(record)])


def explain_text(records: list[dict[str, Any]]) -> str:
    """Return lineages as text."""
    return "\n\n".join(_text(record) for record in records)


def _tree(found: Lineage, *, reveal: bool) -> dict[str, Any]:
    return {
        "object": str(found.object),
        "module": found.module,
        "source_id": found.source_id,
        "zoho_id": found.zoho_id,
        "in_zoho": found.in_zoho,
        "masked": not reveal and any(one.data_class.is_phi for one in found.fields),
        "crosswalk": next(iter(_rows(found.history.crosswalk)), None),
        "fields": [_field(one, reveal=reveal) for one in found.fields],
        "outcomes": _rows(found.history.outcomes),
        "writes": _rows(found.history.writes),
    }


def _field(found: FieldLineage, *, reveal: bool) -> dict[str, Any]:
    shown = reveal or not found.data_class.is_phi
    return {
        "field": found.field,
        "api_name": found.api_name,
        "sources": list(found.sources),
        "source": [_value(one, shown=shown) for one in found.source],
        "steps": list(found.steps),
        "shaped": _value(found.shaped, shown=shown),
        "sent": _value(found.sent, shown=shown),
        "now": _value(found.now, shown=shown),
        "data_class": str(found.data_class),
        "confirmed": found.confirmed,
    }


def _value(value: Any, *, shown: bool) -> str | None:
    """Return a value as text; a link as the id it points to, patient data as its shape."""
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    if isinstance(value, dict) and "id" in value:
        return f"→ {value['id']}"
    return str(value) if shown else shape(value)


def _tables(record: dict[str, Any]) -> list[Block]:
    kept = record["crosswalk"] or {}
    where = f"{record['object']} {record['source_id']}"
    now = "there" if record["in_zoho"] else "gone" if record["zoho_id"] else "never arrived"
    record_facts = facts(
        where,
        in_Zoho_CRM=f"{record['module']} {record['zoho_id'] or '(no record)'}: {now}",
        state_in_the_ledger=kept.get("state") or "not known to the ledger",
        last_written_by_run=kept.get("run_id") or "none",
        fields_confirmed_by="; ".join(sorted({one["confirmed"] for one in record["fields"]})),
    )
    filled = [one for one in record["fields"] if any(map(one.get, _VALUES)) or any(one["source"])]
    fields = pd.DataFrame(
        [
            {
                "field": one["field"],
                "in_the_source": _at_the_source(one),
                "transforms": " → ".join(one["steps"]) or "none",
                "sent": one["sent"] or _EMPTY,
                "now_in_zoho": one["now"] or _EMPTY,
            }
            for one in filled
        ]
    )
    notes = [SHAPES] if record["masked"] else []
    if empty := len(record["fields"]) - len(filled):
        notes.append(f"{empty} fields that are empty all the way are left out.")
    return [
        record_facts,
        Table(fields, f"{where}: the way of each value", note=" ".join(notes)),
        _ledger_rows(record["outcomes"], f"{where}: what Zoho CRM answered", "Nothing was sent."),
        _ledger_rows(record["writes"], f"{where}: rows of the audit log", "Nothing was written."),
    ]


def _at_the_source(field: dict[str, Any]) -> str:
    """Return what the source holds for a field, and in which columns."""
    values = ", ".join(value or _EMPTY for value in field["source"])
    columns = ", ".join(field["sources"])
    return f"{values} ({columns})" if columns else values


_VALUES = ("shaped", "sent", "now")


def _ledger_rows(rows: list[dict[str, Any]], caption: str, empty: str) -> Table:
    frame = pd.DataFrame(rows).drop(columns=[*_TOLD_ABOVE, *_DIGESTS], errors="ignore")
    frame = frame.loc[:, frame.notna().any()]
    if "at" in frame:
        frame["at"] = pd.to_datetime(frame["at"], utc=True)
    return Table(frame.rename(columns={"seq": "row"}), caption, empty=empty)


_TOLD_ABOVE = ("object", "module", "source_id", "zoho_id")
_DIGESTS = ("payload_digest", "before_digest", "after_digest", "previous_hash")


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    filled = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in filled.to_dict("records")]


def _text(record: dict[str, Any]) -> str:
    where = f"{record['module']} {record['zoho_id']}" if record["zoho_id"] else "not in Zoho CRM"
    gone = "" if record["in_zoho"] or not record["zoho_id"] else " (no longer there)"
    lines = [f"{record['object']} {record['source_id']} → {where}{gone}"]
    for field in record["fields"]:
        name, api_name = field["field"], field["api_name"]
        lines.append(f"\n{name}" + (f" ({api_name} in Zoho CRM)" if api_name != name else ""))
        source = ", ".join(value if value is not None else _NONE for value in field["source"])
        rows = {
            "source": f"{', '.join(field['sources']) or 'none'}: {source or _NONE}",
            "transforms": " → ".join(field["steps"]) or "none",
            "shaped": field["shaped"] or _NONE,
            "sent": field["sent"] or _NONE,
            "now": field["now"] or _NONE,
            "confirmed": field["confirmed"],
        }
        lines += [f"  {what:<11}{text}" for what, text in rows.items()]
    lines.append("\nWhat each run did")
    lines += [
        f"  {row['at']}  {row['run_id']}  {row['status']}"
        + (f"  {row['reason']}" if row["reason"] else "")
        + (f"  {row['code']} {row['field'] or ''}" if row["code"] else "")
        for row in record["outcomes"]
    ] or ["  nothing"]
    lines.append("\nWrites in the audit log")
    lines += [
        f"  {row['seq']:>7}  {row['at']}  {row['run_id']}  {row['action']}"
        for row in record["writes"]
    ] or ["  none"]
    return "\n".join(lines)
