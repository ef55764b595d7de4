"""Checks of a mapping before anything uses it: every finding at once, with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from migrator_kit.errors import Finding, MappingError
from migrator_kit.mapping.bindings import against_snapshot
from migrator_kit.mapping.model import (
    FieldMapping,
    Landing,
    Mapping,
    ObjectMapping,
    ObjectName,
    rows_that_hold,
)
from migrator_kit.mapping.new_fields import new_field_problems
from migrator_kit.mapping.objects import SnapshotTables
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.mapping.targets import Metadata, api_name_of
from migrator_kit.mapping.transforms import find, read_options
from migrator_kit.mapping.transforms.choices import KEEP, PicklistOptions
from migrator_kit.spelling import correction
from migrator_kit.yamlfile import InvalidYaml, line_of, load_tree

Where = tuple[Any, ...]
Problem = tuple[Where, str, str]
"""Place in the YAML tree, what is wrong, what to do."""

_NEEDED = {
    Landing.NOTES: ("Note_Content", "Parent_Id"),
    Landing.FILES: ("file_path", "File_Name", "Parent_Id"),
}
_CHOICES = ("picklist", "multiselect")


def check_mapping(
    mapping: Mapping,
    path: Path,
    snapshot: SnapshotTables | None = None,
    metadata: Metadata | None = None,
) -> None:
    """Check a mapping as a whole. Raises MappingError with every finding.

    `path` is the file it was read from: findings name its lines. With a snapshot, the SELECTs are
    bound to its tables and missing tables and columns are named. With the org's own metadata,
    targets are looked up there, otherwise among the standard fields.
    """
    problems = [*_alone(mapping), *_targets(mapping, metadata)]
    if snapshot is not None:
        problems += against_snapshot(mapping, snapshot)
    _refuse(problems, path)


def check_alone(mapping: Mapping, path: Path) -> None:
    """Check what needs neither a snapshot nor an org: rows, transforms, options, new fields.

    Raises MappingError with every finding.
    """
    _refuse(_alone(mapping), path)


def _alone(mapping: Mapping) -> list[Problem]:
    return [
        *_structure(mapping),
        *_rows(mapping),
        *_transforms(mapping),
        *new_field_problems(mapping),
    ]


def _refuse(problems: list[Problem], path: Path) -> None:
    if problems:
        raise MappingError(f"{path.name} cannot be used.", findings=_placed(path, problems))


def row_places(path: Path) -> dict[str, str]:
    """Return where each row stands, `mapping.yml:120` by its name `Object.Field`.

    Empty for a file that cannot be read.
    """
    try:
        tree = load_tree(path)
    except InvalidYaml:
        return {}
    places: dict[str, str] = {}
    for i, item in enumerate(tree.get("objects") or ()):
        for j in rows_that_hold(item):
            name = f"{item.get('object')}.{item['fields'][j].get('target')}"
            places[name] = f"{path.name}:{line_of(tree, ('objects', i, 'fields', j))}"
    return places


def _placed(path: Path, problems: Iterable[Problem]) -> list[Finding]:
    """Return problems as findings in the order of the file."""
    try:
        tree: Any = load_tree(path)
    except InvalidYaml:
        tree = None
    lines = [
        (line_of(tree, _in_file(tree, where)) or 0, problem, remedy)
        for where, problem, remedy in problems
    ]
    return [
        Finding(f"{path.name}:{line}" if line else path.name, problem, remedy)
        for line, problem, remedy in sorted(lines)
    ]


def _in_file(tree: Any, where: Where) -> Where:
    """Return a place with the row's number as the file counts, rows of other modules included."""
    match where:
        case ("objects", int(item), "fields", int(row), *inside) if tree is not None:
            places = rows_that_hold(tree["objects"][item])
            return ("objects", item, "fields", places[row], *inside) if row < len(places) else where
        case _:
            return where


def _structure(mapping: Mapping) -> Iterator[Problem]:
    present = [item.object for item in mapping.objects]
    for i, item in enumerate(mapping.objects):
        where: Where = ("objects", i)
        if present.index(item.object) != i:
            yield where, f"{item.object} stands twice", "keep one of them"
        if item.landing is Landing.RECORDS and not (item.key and item.module):
            yield where, f"{item.object} lands as records without a module and a key field", ""
        if item.key and item.field(item.key) is None:
            yield (*where, "key"), f"no row fills the key field {item.key}", "add the row"
        if item.landing is Landing.FIELDS:
            yield from _carrier(mapping, item, where, present)
        for target in _NEEDED.get(item.landing, ()):
            if item.field(target) is None:
                yield where, f"{item.object} needs a row for {target}", "add the row"


def _carrier(
    mapping: Mapping, item: ObjectMapping, where: Where, present: list[ObjectName]
) -> Iterator[Problem]:
    if item.into is None or item.into not in present:
        yield where, f"{item.object} goes into an object that is not mapped", "name it under `into`"
    elif mapping.object(item.into).landing is not Landing.RECORDS:
        yield where, f"{item.object} goes into {item.into}, which has no records", "name another"


def _rows(mapping: Mapping) -> Iterator[Problem]:
    present = {item.object: item for item in mapping.objects}
    for i, item in enumerate(mapping.objects):
        targets = [row.target for row in item.fields]
        for j, row in enumerate(item.fields):
            where = ("objects", i, "fields", j)
            name = f"{item.object}.{row.target}"
            if targets.index(row.target) != j:
                yield where, f"{name} stands twice", "keep one of them"
            if not row.columns and row.constant is None:
                yield where, f"{name} has neither columns nor a constant", "give it one of them"
            if row.columns and row.constant is not None:
                yield where, f"{name} has both columns and a constant", "take one of them away"
            for parent in row.lookup:
                if parent not in present:
                    yield where, f"{name} points to {parent}, which is not mapped", ""
                elif present[parent].landing is not Landing.RECORDS:
                    yield where, f"{name} points to {parent}, which has no records", ""
            if row.lookup and len(row.lookup) != len(row.columns):
                yield where, f"{name} needs one column for each object it points to", ""


def _transforms(mapping: Mapping) -> Iterator[Problem]:
    for i, item in enumerate(mapping.objects):
        for j, row in enumerate(item.fields):
            name = f"{item.object}.{row.target}"
            for k, step in enumerate(row.transform):
                where = ("objects", i, "fields", j, "transform", k)
                try:
                    transform = find(step.name)
                    options = read_options(step.name, step.options)
                except MappingError as error:
                    details = "; ".join(f"{f.place}: {f.problem}" for f in error.findings)
                    text = f"{name}: {error.message} {details}".strip()
                    yield where, text, error.hint or ""
                    continue
                if k == 0 and not transform.many and len(row.columns) > 1 and not row.lookup:
                    problem = f"{name}: {step.name!r} takes one column, not {len(row.columns)}"
                    yield where, problem, "begin with a transform that takes several"
                if isinstance(options, PicklistOptions) and step.name in _CHOICES:
                    yield from _value_map(where, name, row, options)


def _value_map(
    where: Where, name: str, row: FieldMapping, options: PicklistOptions
) -> Iterator[Problem]:
    mapped = {**row.values, **options.values}
    if not mapped and options.otherwise is None:
        yield where, f"{name}: a picklist without a value map", "list its values under `values`"
    offered = set(row.picklist)
    if row.create is None or not offered or options.otherwise in (None, KEEP):
        return
    if options.otherwise not in offered:
        problem = f"{name}: the new picklist does not offer {options.otherwise!r}"
        yield where, problem, "add it under create.picklist"


def _targets(mapping: Mapping, metadata: Metadata | None) -> Iterator[Problem]:
    """Refuse targets that no field of the module stands for."""
    made = {(item.module, row.target) for item in mapping.objects for row in item.fields
            if row.create}  # fmt: skip
    for i, item in enumerate(mapping.objects):
        known = _known_fields(item, metadata)
        if known is None:
            if metadata is not None and item.module and item.landing is Landing.RECORDS:
                near = correction(item.module, metadata)
                yield ("objects", i, "module"), f"the org has no module {item.module!r}", near
            continue
        for j, row in enumerate(item.fields):
            where = ("objects", i, "fields", j)
            name = api_name_of(row.target) if metadata else row.target
            if (item.module, row.target) in made:
                continue
            if name not in known:
                remedy = f"{correction(row.target, known)}, or describe a new field under `create`"
                yield where, f"{item.module} has no field {row.target!r}", remedy
            elif _read_only(item, name, metadata):
                problem = f"{item.module}.{row.target} cannot be written"
                yield where, problem, "choose another field"


def _known_fields(item: ObjectMapping, metadata: Metadata | None) -> set[str] | None:
    """Return the fields that an object can fill, or None where they are not known."""
    if item.landing is Landing.REFERENCE:
        return None
    if item.landing is Landing.RECORDS or item.landing is Landing.FIELDS:
        if metadata is not None:
            fields = metadata.get(item.module or "")
            return set(fields) if fields is not None else None
        standard = STANDARD_FIELDS.get(item.module or "")
        return set(standard) if standard is not None else None
    return set(STANDARD_FIELDS["Notes" if item.landing is Landing.NOTES else "Attachments"])


def _read_only(item: ObjectMapping, name: str, metadata: Metadata | None) -> bool:
    fields = metadata.get(item.module or "") if metadata else None
    return fields is not None and name in fields and fields[name].read_only
