"""Transforms: named, versioned rules that turn source columns into target values."""

from __future__ import annotations

from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms import (
    addresses,
    choices,
    compose,
    contacts,
    dates,
    durations,
    emails,
    identifiers,
    keys,
    latin,
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
    LocalOptions,
    Options,
    Transform,
    Transformed,
    apply,
    code_version,
    find,
    many_columns,
    no_reasons,
    one_column,
    read_options,
    run,
)

MODULES = (
    addresses, choices, compose, contacts, dates, durations, emails, identifiers, keys, latin,
    names, notes, numbers, paths, phones, teeth, text, web,
)  # fmt: skip
"""Modules that register transforms when they are imported."""

__all__ = [
    "MODULES",
    "REGISTRY",
    "LocalOptions",
    "Locale",
    "Options",
    "RejectReason",
    "Transform",
    "Transformed",
    "apply",
    "code_version",
    "find",
    "many_columns",
    "no_reasons",
    "one_column",
    "read_options",
    "run",
]
