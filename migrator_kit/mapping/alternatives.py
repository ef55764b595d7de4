"""What else a row could fill: the proposal's alternatives, then free fields of a fitting type."""

from __future__ import annotations

from migrator_kit.mapping.edits import taken_targets
from migrator_kit.mapping.model import FieldMapping, Landing, Mapping, ObjectMapping
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.mapping.targets import target_type

_TEXT = frozenset({"text", "textarea"})
_NUMBERS = frozenset({"currency", "double", "integer", "bigint", "percent"})
_FITTING: dict[str, frozenset[str]] = {
    "text": _TEXT | {"picklist"},
    "textarea": _TEXT,
    "picklist": _TEXT | {"picklist"},
    "multiselectpicklist": frozenset({"multiselectpicklist", "textarea"}),
    "email": _TEXT | {"email"},
    "phone": _TEXT | {"phone"},
    "website": _TEXT | {"website"},
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime", "date"}),
    "boolean": frozenset({"boolean"}),
    **dict.fromkeys(_NUMBERS, _NUMBERS),
}
"""Types of fields that can take what a field of a type takes."""


def alternatives(mapping: Mapping, item: ObjectMapping, row: FieldMapping) -> tuple[str, ...]:
    """Return other targets for a row, the likeliest first; none for keys, links and owners."""
    if (
        item.landing not in (Landing.RECORDS, Landing.FIELDS)
        or row.target == item.key
        or row.lookup
    ):
        return ()
    target = target_type(item, row)
    fitting = _FITTING.get(target.data_type, frozenset()) if target else frozenset()
    free = {
        name: field
        for name, field in STANDARD_FIELDS.get(item.module or "", {}).items()
        if name not in taken_targets(mapping, item)
    }
    proposed = [name for name in row.alternatives if name in free]
    same = [name for name, f in free.items() if target and f.data_type == target.data_type]
    near = [name for name, field in free.items() if field.data_type in fitting]
    return tuple(dict.fromkeys([*proposed, *(same if fitting else ()), *near]))
