"""Transforms: named, versioned rules that turn source columns into target values."""

from __future__ import annotations

from migrator_kit.mapping.transforms import (
    choices,
    compose,
    contacts,
    dates,
    durations,
    emails,
    keys,
    names,
    notes,
    numbers,
    paths,
    phones,
    teeth,
    text,
    web,
)
from migrator_kit.mapping.transforms.registry import (
    REGISTRY,
    Locale,
    Transform,
    Transformed,
    apply,
    code_version,
    find,
    read_options,
    run,
)

MODULES = (
    choices, compose, contacts, dates, durations, emails, keys, names, notes, numbers, paths,
    phones, teeth, text, web,
)  # fmt: skip
"""Modules that register transforms when they are imported."""

__all__ = [
    "MODULES",
    "REGISTRY",
    "Locale",
    "Transform",
    "Transformed",
    "apply",
    "code_version",
    "find",
    "read_options",
    "run",
]
