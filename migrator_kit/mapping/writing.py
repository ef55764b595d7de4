"""A mapping as YAML that people read and edit: a header, short rows, comments of the file's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import LiteralScalarString

from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectMapping, Step
from migrator_kit.yamlfile import place_schema, round_trip

_HEADER = """\
What becomes of every column of the source, and who decided that.
objects:   one SELECT over the snapshot for each object, and the Zoho CRM fields it fills.
           `sources` names the columns that a row disposes of, `values` is the map of a picklist.
not_moved: columns that do not move, with the reason.
decision:  written by `migrator confirm`, by notebook 02, or by hand. Nothing moves without it.
"""
_SHORT = 90


def write_mapping(path: Path, mapping: Mapping) -> None:
    """Write a mapping to a file, what is not said left out. Replaces what stands there."""
    tree = CommentedMap()
    for name, value in _said(mapping).items():
        tree[name] = value
    tree["objects"] = CommentedSeq(_object(one) for one in mapping.objects)
    if mapping.owners is not None:
        tree["owners"] = CommentedMap({"select": _block(mapping.owners.select)})
    if mapping.not_moved:
        tree["not_moved"] = CommentedSeq(_node(_said(one)) for one in mapping.not_moved)
    tree.yaml_set_start_comment(_HEADER)
    for name in ("owners", "objects", "not_moved"):
        if name in tree:
            tree.yaml_set_comment_before_after_key(name, before="\n")
    for position in range(1, len(mapping.objects)):
        tree["objects"].yaml_set_comment_before_after_key(position, before="\n")
    yaml = round_trip()
    yaml.width = 1_000_000
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as stream:
        stream.write(place_schema(path.parent, "mapping"))
        yaml.dump(tree, stream)
    fresh.replace(path)


def _object(mapping: ObjectMapping) -> CommentedMap:
    tree = CommentedMap(_said(mapping))
    tree["select"] = _block(mapping.select)
    if mapping.fields:
        tree["fields"] = CommentedSeq(_row(row) for row in mapping.fields)
    return tree


def _row(row: FieldMapping) -> CommentedMap:
    said = _said(row)
    if row.transform:
        steps = [_step(step) for step in row.transform]
        said["transform"] = steps[0] if len(steps) == 1 else steps
    return _node(said)


def _step(step: Step) -> Any:
    return {step.name: step.options} if step.options else step.name


def _said(model: BaseModel) -> dict[str, Any]:
    """Return what a model says besides its defaults; lists of one as the one."""
    nested = {"objects", "owners", "not_moved", "fields", "select"}
    tree = model.model_dump(mode="json", exclude_defaults=True, exclude=nested)
    if isinstance(model, Mapping):
        tree = {"version": model.version, **tree}
    single = ("columns", "sources", "lookup")
    return {
        name: value[0] if name in single and len(value) == 1 else value
        for name, value in tree.items()
    }


def _node(tree: dict[str, Any]) -> CommentedMap:
    """Return a mapping in lines of its own, with what is short on one line."""
    node = CommentedMap()
    for name, value in tree.items():
        node[name] = _inline(value)
    return node


def _inline(value: Any) -> Any:
    inner: CommentedMap | CommentedSeq
    if isinstance(value, dict):
        inner = CommentedMap({key: _inline(one) for key, one in value.items()})
    elif isinstance(value, list):
        inner = CommentedSeq(_inline(one) for one in value)
    else:
        return value
    if len(str(value)) <= _SHORT or isinstance(value, list):
        inner.fa.set_flow_style()
    return inner


def _block(text: str) -> str:
    return LiteralScalarString(text) if "\n" in text.strip() else text
