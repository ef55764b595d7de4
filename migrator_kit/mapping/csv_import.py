"""A mapping that somebody keeps as a list: columns table, column, object, field, transform.

Each line gives a source column a target field. The lines are laid over the engagement's mapping,
which knows the SELECTs, keys and links: rows that change wait for a person again.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from migrator_kit.engagement import Engagement
from migrator_kit.errors import Finding, MappingError
from migrator_kit.mapping.edits import MappingFile, open_file
from migrator_kit.mapping.model import FieldMapping, Landing, Mapping, ObjectMapping
from migrator_kit.mapping.objects import (
    SnapshotTables,
    opened,
    rows_sql,
    select_columns,
    tables_of,
)
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.mapping.transforms import find, read_options
from migrator_kit.spelling import correction
from migrator_kit.yamlfile import plain

COLUMNS = ("table", "column", "object", "field", "transform")
_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list, its number in the file, and the transforms that it says."""

    number: int
    table: str
    column: str
    object: str
    field: str
    transform: Any


def import_csv(engagement: Engagement, path: Path, snapshot: SnapshotTables) -> tuple[str, ...]:
    """Lay a list over the engagement's mapping and return the names of the rows that changed.

    `transform` is empty, a name, or what `mapping.yml` takes: `[text, truncate: {length: 80}]`.
    Raises MappingError with file and line of everything that is not known: tables and columns of
    the snapshot, objects of the mapping, fields of their modules, transforms and their options.
    Nothing is written then.
    """
    file = open_file(engagement)
    with opened(snapshot) as connection:
        given = {str(item.object): _given(connection, item) for item in file.mapping.objects}
        tables = tables_of(connection)
    lines, findings = _read(path)
    for line in lines:
        findings += [
            Finding(f"{path.name}:{line.number}, {cell}", problem, remedy)
            for cell, problem, remedy in _problems(line, file.mapping, tables, given)
        ]
    targets = Counter((line.object.lower(), line.field) for line in lines)
    findings += [
        Finding(f"{path.name}:{line.number}, field", f"{line.object}.{line.field} stands twice")
        for line in lines
        if targets[line.object.lower(), line.field] > 1
    ]
    if findings:
        raise MappingError(f"{path.name} cannot be imported.", findings=findings)
    changed = tuple(name for line in lines if (name := _lay(file, line, given)))
    if changed:
        file.save_checked()
    return changed


def _read(path: Path) -> tuple[list[Line], list[Finding]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise MappingError(f"{path.name} is not UTF-8.", hint="Save it as CSV UTF-8.") from None
    except OSError as error:
        raise MappingError(
            f"{path} cannot be read: {error.strerror}.", hint="Name the list as a CSV file."
        ) from None
    head = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=head.count)
    reader = csv.DictReader(text.splitlines(), delimiter=separator)
    names = [name.strip().lower() for name in reader.fieldnames or []]
    if missing := [name for name in COLUMNS if name not in names]:
        raise MappingError(
            f"{path.name}:1: the list has no column {', '.join(missing)}.",
            hint=f"Its first line is: {','.join(COLUMNS)}",
        )
    reader.fieldnames = names
    lines, findings = [], []
    for cells in reader:
        values = {name: (cells[name] or "").strip() for name in COLUMNS}
        if not any(values.values()):
            continue
        try:
            steps = plain(YAML(typ="rt").load(values.pop("transform")))
        except YAMLError:
            place = f"{path.name}:{reader.line_num}, transform"
            findings.append(Finding(place, "the transform cannot be read", "write it as in YAML"))
            continue
        lines.append(Line(reader.line_num, **values, transform=steps))
    return lines, findings


def _problems(
    line: Line, mapping: Mapping, tables: dict[str, tuple[str, ...]], given: dict[str, list[str]]
) -> Iterator[tuple[str, str, str]]:
    """Give what is wrong with a line: the cell, the problem, the remedy."""
    folded = {table.lower(): columns for table, columns in tables.items()}
    columns = folded.get(line.table.lower())
    if columns is None:
        yield "table", f"the snapshot has no table {line.table!r}", correction(line.table, tables)
    elif line.column.lower() not in {column.lower() for column in columns}:
        yield (
            "column",
            f"{line.table!r} has no column {line.column!r}",
            correction(line.column, columns),
        )
    item = _object(mapping, line.object)
    if item is None:
        yield "object", f"the mapping has no object {line.object!r}", correction(line.object, given)
        return
    fields = {row.target for row in item.fields} | set(STANDARD_FIELDS.get(item.module or "", {}))
    if line.field not in fields:
        problem = f"{item.module or item.object} has no field {line.field!r}"
        yield "field", problem, correction(line.field, fields)
    if item.landing is Landing.REFERENCE:
        yield "object", f"{item.object} does not move, so it has no fields", ""
    elif columns is not None and _gives(given[str(item.object)], line.column) is None:
        remedy = "name it in the SELECT, in mapping.yml"
        problem = f"the SELECT of {item.object} gives no column {line.column!r}"
        yield "column", problem, remedy
    for problem, remedy in _transform_problems(line):
        yield "transform", problem, remedy


def _transform_problems(line: Line) -> Iterator[tuple[str, str]]:
    if line.transform is None:
        return
    try:
        row = FieldMapping.model_validate({"target": "any", "transform": line.transform})
    except ValidationError:
        yield "the transform cannot be read", "write it as in mapping.yml: phone: {region: GR}"
        return
    for step in row.transform:
        try:
            find(step.name)
            read_options(step.name, step.options)
        except MappingError as error:
            details = "; ".join(f"{f.place}: {f.problem}" for f in error.findings)
            yield f"{error.message} {details}".strip(), error.hint or ""


def _lay(file: MappingFile, line: Line, given: dict[str, list[str]]) -> str | None:
    """Lay one line over the tree: the row of the field, else that of the column, else a new one.

    Returns the row's name where that changes something.
    """
    item = next(one for one in file.tree["objects"] if _same(one["object"], line.object))
    column = _gives(given[str(item["object"])], line.column)
    source = f"{line.table}.{line.column}"
    rows = item.setdefault("fields", [])
    node = next((row for row in rows if row["target"] == line.field), None)
    if node is None:
        node = next((row for row in rows if _only(row, source)), None)
    if node is None:
        node = {"target": line.field, "columns": column, "sources": source}
        if line.transform is not None:
            node["transform"] = line.transform
        rows.append(node)
        _forget(file, source)
        return f"{item['object']}.{line.field}"
    wanted = {"target": line.field}
    if not _reads(node, str(column), source):
        wanted |= {"columns": str(column), "sources": source}
        _forget(file, source)
    if line.transform is not None and plain(node.get("transform")) != line.transform:
        wanted["transform"] = line.transform
    changes = {name: value for name, value in wanted.items() if plain(node.get(name)) != value}
    if node["target"] != line.field and line.field in STANDARD_FIELDS.get(item.get("module"), {}):
        node.pop("create", None)
    node.update(changes)
    return f"{item['object']}.{line.field}" if changes else None


def _forget(file: MappingFile, source: str) -> None:
    """Take a column out of what does not move: it moves now."""
    entries = file.tree.get("not_moved", [])
    for entry in list(entries):
        listed = entry["sources"]
        if isinstance(listed, str):
            if _same(listed, source):
                entries.remove(entry)
        elif kept := [one for one in listed if not _same(one, source)]:
            if len(kept) < len(listed):
                entry["sources"] = kept
        else:
            entries.remove(entry)


def _given(connection: duckdb.DuckDBPyConnection, item: ObjectMapping) -> list[str]:
    return list(select_columns(connection, rows_sql(connection, item)))


def _object(mapping: Mapping, name: str) -> ObjectMapping | None:
    return next((item for item in mapping.objects if _same(item.object, name)), None)


def _gives(columns: list[str], name: str) -> str | None:
    return next((column for column in columns if _same(column, name)), None)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _only(node: Any, source: str) -> bool:
    listed = _listed(node.get("sources"))
    return len(listed) == 1 and _same(listed[0], source)


def _reads(node: Any, column: str, source: str) -> bool:
    """Whether a row reads a column already, under its name or the SELECT's name for it."""
    sources = {one.lower() for one in _listed(node.get("sources"))}
    columns = {one.lower() for one in _listed(node.get("columns"))}
    return source.lower() in sources or (not sources and column.lower() in columns)


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
