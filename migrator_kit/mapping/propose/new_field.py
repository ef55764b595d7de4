"""A custom field for a column that no field of our mapping fits: label, type, length, transform.

The rules are Zoho's (fact sheet 9.3): labels of 25 characters, some words refused, no label twice
in a module, activities sharing one space of labels.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from migrator_kit.mapping.model import NewField, Step
from migrator_kit.source.contents import Content
from migrator_kit.source.profile import ColumnProfile

_LABEL = 25
_CHOICE = 25
_MOST_CHOICES = 40
_REFUSED = {"note": "Remark", "notes": "Remarks", "keyword": "Term", "keywords": "Terms"}
_PREFIX = {"Tasks": "Task", "Events": "Event"}
_SIZES = (50, 100, 255)
_PROSE = (2_000, 32_000)


@dataclass(frozen=True, slots=True)
class Made:
    """A new field with its logical name, the steps that fill it, and the map of its values."""

    target: str
    field: NewField
    steps: tuple[Step, ...]
    values: dict[str, str]


def new_field(
    column: ColumnProfile,
    name: tuple[str, ...],
    module: str,
    taken: Collection[str],
    slots: int = 1,
) -> Made:
    """Return the field that keeps a column's values. `taken` are labels in small letters."""
    label = _label(name, module, taken, _LABEL - (len(str(slots)) + 1 if slots > 1 else 0))
    target = label.replace(" ", "_").replace("-", "_") + "__c"
    kind, length, steps, values = _kind(column)
    choices = tuple(dict.fromkeys(values.values()))
    field = NewField(label=label, data_type=kind, length=length, picklist=choices)
    return Made(target, field, tuple(Step.model_validate(step) for step in steps), values)


def _label(name: tuple[str, ...], module: str, taken: Collection[str], longest: int) -> str:
    told = [_REFUSED.get(word, word.capitalize()) for word in name]
    plain = "".join(c if c.isalnum() else " " for c in " ".join(told)).split() or ["Value"]
    if not plain[0][0].isalpha():
        plain.insert(0, "Field")
    if module in _PREFIX:
        plain.insert(0, _PREFIX[module])
    base = _cut(plain, longest)
    label, number = base, 2
    while label.lower() in taken:
        label = f"{_cut(plain, longest - len(str(number)) - 1)} {number}"
        number += 1
    return label


def _cut(told: list[str], longest: int) -> str:
    """Return words as a label that fits, words shortened where there are too many letters."""
    share = longest
    label = " ".join(told)
    while len(label) > longest and share > 3:
        share -= 1
        label = " ".join(word[:share] for word in told)
    return label[:longest].strip()


def _kind(column: ColumnProfile) -> tuple[Any, int | None, list[Any], dict[str, str]]:
    """Return data type, length, steps and value map for what a column holds."""
    content = column.content
    simple: dict[Content, tuple[Any, int | None, list[Any]]] = {
        Content.DATE: ("date", None, ["date"]),
        Content.DATETIME: ("datetime", None, ["datetime"]),
        Content.DECIMAL: ("double", 18, ["decimal"]),
        Content.EMAIL: ("email", 100, ["email"]),
        Content.BOOLEAN: ("boolean", None, ["boolean"]),
    }
    if content in simple:
        return (*simple[content], {})
    if column.picklist and not column.data_class.is_phi and not column.picklist_hidden:
        values = [value for value, _ in column.picklist]
        if len(values) <= _MOST_CHOICES and all(len(value) <= _CHOICE for value in values):
            return "picklist", None, ["picklist"], {value: value for value in values}
    if content is Content.INTEGER:
        return ("integer", 9, ["integer"], {}) if _small(column) else _text(column)
    return _text(column)


def _small(column: ColumnProfile) -> bool:
    return (column.max_length or 0) <= 8


def _text(column: ColumnProfile) -> tuple[Any, int | None, list[Any], dict[str, str]]:
    longest = column.max_length or 0
    prose = (Content.LONG_TEXT, Content.RTF, Content.HTML)
    if column.content in prose or longest > _SIZES[-1]:
        size = next((n for n in _PROSE if longest <= n), _PROSE[-1])
        return "textarea", size, ["clean", {"truncate": {"length": size}}], {}
    size = next(n for n in _SIZES if longest <= n)
    return "text", size, ["text", {"truncate": {"length": size}}], {}
