"""Triage: open failures grouped by module, code, field and kind of value, with cause and remedy.

The kind of a value is told (text of how many characters, a date of which time), never the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Map

import duckdb
import pandas as pd
from pandas.api import types

from migrator_kit.load.accounts import failure_list, remedy_for
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.provision_plan import ShapedParts
from migrator_kit.load.states import Reason
from migrator_kit.mapping.model import Mapping, ObjectName
from migrator_kit.zoho.reasons import Reason as Refusal

TRIAGE = (
    "module", "object", "code", "reason", "field", "value_class", "records", "cause", "remedy",
)  # fmt: skip
REJECTS = (
    "module", "object", "source_id", "status", "code", "reason", "field", "value_class", "cause",
    "remedy",
)  # fmt: skip

_LENGTHS = ((50, "1 to 50"), (255, "51 to 255"), (2_000, "256 to 2,000"))
_EMPTY = "empty"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CAUSES: dict[str, str] = {
    Refusal.WRONG_TYPE: "The field has another data type than the value.",
    Refusal.TOO_LONG: "The value is longer than the field.",
    Refusal.VALUE_NOT_ALLOWED: "The picklist does not offer the value.",
    Refusal.UNKNOWN_RECORD: "Somebody deleted the record meanwhile.",
    Refusal.UNKNOWN_PARENT: "The record it points to is not in the org.",
    Refusal.INVALID_VALUE: "The value does not have the form that the field asks for.",
    Refusal.MISSING_REQUIRED: "The org demands a field that has no value here.",
    Refusal.DUPLICATE: "Another record carries the same value in a unique field.",
    Refusal.DEPENDENT_FIELD: "The value does not fit to that of the field it depends on.",
    Refusal.RECORD_LOCKED: "Somebody locked the record.",
    Refusal.RECORD_STATE: "The record is in an approval, a review or a blueprint.",
    Refusal.NO_PERMISSION: "The API user's profile lacks a right.",
    Refusal.LIMIT_REACHED: "A limit of the org's edition is reached.",
    Refusal.STORAGE_FULL: "The org's storage is full.",
    Reason.PARENT_NOT_LANDED: "The record it points to was refused or does not move.",
    Reason.KEYS_COLLIDE: "Two source keys differ in the case of their letters alone.",
    Reason.SEVERAL_MATCHES: "More than one record of the org could be this one.",
    Reason.MATCH_TAKEN: "More than one source record could be that one of the org.",
    Reason.DELETED_IN_TARGET: "Somebody deleted it in Zoho CRM after it was loaded.",
    Reason.CONFLICT: "Source and staff changed the same field.",
    Reason.FILE_CHANGED: "The file differs from the one that was uploaded.",
    Reason.FILE_DIFFERS: "The file arrived damaged.",
}


def triage(
    ledger: Ledger, mapping: Mapping, shaped: ShapedParts, names: Map[str, Map[str, str]]
) -> pd.DataFrame:
    """Return the open failures in groups, most records first: columns `TRIAGE`.

    `names` are API names by module and logical name (see `provision.field_names`).
    """
    listed = reject_list(ledger, mapping, shaped, names)
    keys = ["module", "object", "code", "reason", "field", "value_class", "cause", "remedy"]
    grouped = listed.groupby(keys, as_index=False, dropna=False).size()
    grouped = grouped.rename(columns={"size": "records"})[list(TRIAGE)]
    order = [False, *([True] * 6)]
    return grouped.sort_values(["records", *TRIAGE[:6]], ascending=order, ignore_index=True)


def reject_list(
    ledger: Ledger, mapping: Mapping, shaped: ShapedParts, names: Map[str, Map[str, str]], *,
    values: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Return the open failures one by one, keys and reasons without any value: `REJECTS`.

    Where they are asked for, a last column `value` holds the refused values: patient data.
    """
    frame = failure_list(ledger, mapping)
    found = [_values(shaped, group, names) for _, group in frame.groupby(["object", "field"])]
    kinds = pd.concat([_kinds(one) for one in found]) if found else pd.Series(dtype="str")
    frame["value_class"] = kinds.reindex(frame.index).fillna("").astype("str")
    frame["cause"] = frame["reason"].map(_CAUSES).fillna("Zoho CRM gives no more than its code.")
    frame["remedy"] = frame["reason"].map(remedy_for)
    columns = list(REJECTS)
    if values:
        texts = pd.concat([one.dropna().astype("str") for one in found]) if found else kinds
        frame["value"] = texts.reindex(frame.index).fillna("").astype("str")
        columns.append("value")
    return frame[columns].sort_values(
        ["module", "object", "reason", "source_id"], ignore_index=True
    )


def _values(shaped: ShapedParts, group: pd.DataFrame, names: Map[str, Map[str, str]]) -> pd.Series:
    """Return the value of each failed record of one field, by the frame's index."""
    first = group.iloc[0]
    logical = {api: name for name, api in names.get(str(first["module"]), {}).items()}
    column = logical.get(str(first["field"]), str(first["field"]))
    object_name = str(first["object"])
    known = object_name in tuple(ObjectName)
    paths = [str(path) for path in shaped.parts(ObjectName(object_name))] if known else []
    if not paths:
        return pd.Series(dtype="str")
    with duckdb.connect() as connection:
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [paths])
        if column not in [row[0] for row in described.fetchall()]:
            return pd.Series(dtype="str")
        connection.register("wanted", group[["source_id"]])
        quoted = column.replace('"', '""')
        values = connection.execute(
            f'SELECT source_id, "{quoted}" AS value FROM read_parquet(?) '
            "WHERE source_id IN (SELECT source_id FROM wanted)",
            [paths],
        ).df()
    by_key = values.drop_duplicates("source_id").set_index("source_id")["value"]
    return by_key.reindex(group["source_id"]).set_axis(group.index)


def _kinds(values: pd.Series) -> pd.Series:
    """Return what kind of value each one is, by the same index."""
    return pd.Series(list(_told(values)), index=values.index, dtype="str")


def _told(values: pd.Series) -> Iterator[str]:
    if types.is_datetime64_any_dtype(values):
        return (_moment(one) for one in values)
    if types.is_bool_dtype(values):
        return ("yes or no" for _ in values)
    if types.is_numeric_dtype(values):
        return (_number(one) for one in values)
    return (_text(one) for one in values)


def _moment(value: pd.Timestamp) -> str:
    if pd.isna(value):
        return _EMPTY
    now = pd.Timestamp.now(value.tz)
    return "date before 1900" if value.year < 1900 else "date ahead" if value > now else "date"


def _number(value: float) -> str:
    if pd.isna(value):
        return _EMPTY
    size = "large number" if abs(value) >= 1e9 else "number"
    return f"negative {size}" if value < 0 else size


def _text(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if not text:
        return _EMPTY
    length = next((name for most, name in _LENGTHS if len(text) <= most), "over 2,000")
    signs = [
        name
        for name, found in (
            ("digits alone", text.isdigit()),
            ("with line breaks", "\n" in text),
            ("with control characters", _CONTROL.search(text)),
            ("with an @", "@" in text),
            ("with characters beyond Latin-1", any(ord(sign) > 255 for sign in text)),
        )
        if found
    ]  # fmt: skip
    return ", ".join([f"text of {length} characters", *signs])
