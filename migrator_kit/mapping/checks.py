"""Checks of a mapping before anything uses it: every finding at once, with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from rapidfuzz import process

from migrator_kit.errors import Finding, MappingError
from migrator_kit.mapping.model import (
    FieldMapping,
    Landing,
    Mapping,
    NewField,
    ObjectMapping,
    ObjectName,
)
from migrator_kit.mapping.objects import explain, select_columns
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS, STRUCTURAL
from migrator_kit.mapping.transforms.registry import find, read_options
from migrator_kit.source.snapshot import Snapshot
from migrator_kit.yamlfile import line_of, load_tree

_REFUSED_WORDS = re.compile(r"\b(keyword|notes?)\b", re.IGNORECASE)
"""Words that Zoho refuses in field labels (fact sheet 9.3)."""

_ACTIVITIES = frozenset({"Tasks", "Events", "Calls"})
"""Modules that share one space of field labels (fact sheet 9.3)."""

_UNIQUE_FIELDS = 2
"""Unique fields that a module may have in every edition (fact sheet 9.3)."""

Problem = tuple[tuple[Any, ...], str, str]
"""Place in the YAML tree, what is wrong, what to do."""


def check_mapping(mapping: Mapping, path: Path, snapshot: Snapshot | None = None) -> None:
    """Check a mapping as a whole. Raises MappingError with every finding.

    With a snapshot, the SELECTs are bound to its tables: missing tables and columns are named.
    """
    problems = [*_structure(mapping), *_transforms(mapping), *_new_fields(mapping)]
    if snapshot is not None:
        problems += _against(mapping, snapshot)
    if problems:
        tree = load_tree(path)
        findings = [
            Finding(_place(path, line_of(tree, where)), problem, remedy)
            for where, problem, remedy in problems
        ]
        raise MappingError(f"{path.name} cannot be used.", findings=findings)


def _place(path: Path, line: int | None) -> str:
    return f"{path.name}:{line}" if line else path.name


def _structure(mapping: Mapping) -> Iterator[Problem]:
    present = [item.object for item in mapping.objects]
    for i, item in enumerate(mapping.objects):
        where = ("objects", i)
        if present.index(item.object) != i:
            yield where, f"{item.object} stands twice", "keep one of them"
        if item.landing is Landing.RECORDS and not (item.key and item.module):
            yield where, f"{item.object} lands as records without a module and a key field", ""
        if item.key and item.field(item.key) is None:
            yield (*where, "key"), f"no row fills the key field {item.key}", "add the row"
        if item.landing is Landing.FIELDS and item.into not in present:
            yield where, f"{item.object} goes into an object that is not mapped", "name it: into"
        yield from _rows(item, where, present)


def _rows(
    item: ObjectMapping, where: tuple[Any, ...], present: list[ObjectName]
) -> Iterator[Problem]:
    targets = [row.target for row in item.fields]
    for j, row in enumerate(item.fields):
        place = (*where, "fields", j)
        if targets.index(row.target) != j:
            yield place, f"{item.object}.{row.target} stands twice", "keep one of them"
        for parent in row.lookup:
            if parent not in present:
                yield place, f"{row.target} points to {parent}, which is not mapped", ""
        if len(row.lookup) > 1 and len(row.lookup) != len(row.columns):
            yield place, f"{row.target} needs one column for each object it points to", ""
        if not row.columns and row.constant is None:
            yield place, f"{row.target} has neither columns nor a constant", ""


def _transforms(mapping: Mapping) -> Iterator[Problem]:
    for i, item in enumerate(mapping.objects):
        for j, row in enumerate(item.fields):
            for k, step in enumerate(row.transform):
                place = ("objects", i, "fields", j, "transform", k)
                try:
                    transform = find(step.name)
                    read_options(step.name, step.options)
                except MappingError as error:
                    details = "; ".join(f"{f.place}: {f.problem}" for f in error.findings)
                    text = f"{item.object}.{row.target}: {error.message}"
                    yield place, f"{text} {details}".strip(), error.hint or ""
                    continue
                if k == 0 and not transform.many and len(row.columns) > 1 and not row.lookup:
                    problem = f"{row.target}: {step.name!r} takes one column"
                    yield place, problem, "begin with a transform that joins columns"


def _new_fields(mapping: Mapping) -> Iterator[Problem]:
    labels: dict[tuple[str, str], tuple[str, NewField]] = {}
    unique: dict[str, set[str]] = {}
    made = {(item.module, row.target) for item in mapping.objects for row in item.fields
            if row.create}  # fmt: skip
    for i, item in enumerate(mapping.objects):
        for j, row in enumerate(item.fields):
            place = ("objects", i, "fields", j)
            yield from _known(place, item, row, made)
            if row.create is None:
                continue
            yield from _label(place, item, row, row.create, labels)
            if row.create.unique:
                unique.setdefault(item.module or "", set()).add(row.target)
                if len(unique[item.module or ""]) > _UNIQUE_FIELDS:
                    problem = f"{item.module} would have more than {_UNIQUE_FIELDS} unique fields"
                    yield place, problem, "take `unique` from one of them"


def _known(
    place: tuple[Any, ...],
    item: ObjectMapping,
    row: FieldMapping,
    made: set[tuple[str | None, str]],
) -> Iterator[Problem]:
    """Refuse a target that is neither a standard field nor made by the mapping."""
    standard = STANDARD_FIELDS.get(item.module or "")
    if row.create or standard is None or (item.module, row.target) in made:
        return
    if row.target not in (*standard, *STRUCTURAL) and item.landing is not Landing.FILES:
        near = _near(row.target, standard)
        remedy = f"{near}, or describe a new field under `create`"
        yield place, f"{item.module} has no field {row.target!r}", remedy


def _label(
    place: tuple[Any, ...],
    item: ObjectMapping,
    row: FieldMapping,
    field: NewField,
    labels: dict[tuple[str, str], tuple[str, NewField]],
) -> Iterator[Problem]:
    if item.module is None or item.landing in (Landing.NOTES, Landing.FILES):
        yield place, f"{item.object} cannot have fields of its own in Zoho CRM", ""
        return
    if found := _REFUSED_WORDS.search(field.label):
        yield place, f"Zoho refuses the word {found[0]!r} in a label", "choose another label"
    if item.slots > 1 and len(field.label) > 23:
        yield place, f"the label {field.label!r} leaves no room for a number", "shorten it"
    space = "activities" if item.module in _ACTIVITIES else item.module
    owner, known = labels.setdefault((space, field.label.lower()), (row.target, field))
    if owner != row.target or (space == "activities" and known is not field):
        yield place, f"the label {field.label!r} is taken by {owner}", "choose another label"


def _against(mapping: Mapping, snapshot: Snapshot) -> Iterator[Problem]:
    columns = {table.lower(): {column.lower() for column in manifest.columns}
               for table, manifest in snapshot.manifest.tables.items()}  # fmt: skip
    with snapshot.connect() as connection:
        if mapping.owners:
            _, problem = _bind(connection, mapping.owners.select, columns)
            if problem:
                yield ("owners", "select"), f"owners: {problem[0]}", problem[1]
        for i, item in enumerate(mapping.objects):
            yield from _bound(connection, item, ("objects", i), columns)
    for where, source in _named_sources(mapping):
        table, column = source.lower().split(".", 1)
        known = columns.get(table)
        if known is None:
            yield where, f"the snapshot has no table {table!r}", _near(table, columns)
        elif column != "*" and column not in known:
            yield where, f"the table {table} has no column {column!r}", _near(column, known)


def _bound(
    connection: duckdb.DuckDBPyConnection,
    item: ObjectMapping,
    where: tuple[Any, ...],
    tables: dict[str, set[str]],
) -> Iterator[Problem]:
    given, problem = _bind(connection, item.select, tables)
    if problem:
        yield (*where, "select"), f"{item.object}: {problem[0]}", problem[1]
        return
    if "source_id" not in given:
        yield (*where, "select"), f"{item.object}: no column source_id", "name the key so"
    for j, row in enumerate(item.fields):
        for column in row.columns:
            if column.lower() not in given:
                text = f"{item.object}.{row.target}: no column {column!r}"
                yield (*where, "fields", j), text, _near(column, given)


def _named_sources(mapping: Mapping) -> Iterator[tuple[tuple[Any, ...], str]]:
    for i, item in enumerate(mapping.objects):
        for j, row in enumerate(item.fields):
            for source in row.sources:
                yield ("objects", i, "fields", j), source
    for i, entry in enumerate(mapping.not_moved):
        for source in entry.sources:
            if not source.endswith(".*"):
                yield ("not_moved", i), source


def _bind(
    connection: duckdb.DuckDBPyConnection, select: str, tables: dict[str, set[str]]
) -> tuple[set[str], tuple[str, str] | None]:
    """Return the columns of a SELECT in small letters, or what keeps it from running."""
    try:
        given = select_columns(connection, select)
    except duckdb.Error as error:
        problem = explain(error)
        named = re.search(r"'([^']+)'$", problem)
        known = set(tables) if " table " in problem else set().union(*tables.values())
        return set(), (problem, _near(named[1], known) if named else "correct the SELECT")
    return {name.lower() for name in given}, None


def _near(name: str, known: Any) -> str:
    match = process.extractOne(name.lower(), list(known), score_cutoff=60)
    return f"did you mean {match[0]!r}?" if match else "correct the name"
