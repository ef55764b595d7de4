"""Edits of `mapping.yml` from the review: what a person chose changes, every other line stays.

A decision that stands on an edited row keeps the digest of what it answered, so the row waits for
a new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from migrator_kit.engagement import Engagement
from migrator_kit.errors import Finding, MappingError, ParameterError
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectMapping, rows_that_hold
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.mapping.transforms.choices import find_entry
from migrator_kit.spelling import offer
from migrator_kit.yamlfile import plain, round_trip


@dataclass(frozen=True, slots=True)
class MappingFile:
    """`mapping.yml` opened for writing: what it says, and the tree with its comments."""

    engagement: Engagement
    mapping: Mapping
    tree: Any
    yaml: YAML

    def save(self) -> None:
        """Write the tree back, at once or not at all."""
        fresh = self.engagement.mapping_path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as stream:
            self.yaml.dump(self.tree, stream)
        fresh.replace(self.engagement.mapping_path)

    def nodes(self) -> Iterator[tuple[str, Any]]:
        """Give every row that needs a decision with its name, in the order of the file."""
        for item in self.tree.get("objects", []):
            for place in rows_that_hold(item):
                row = item["fields"][place]
                yield f"{item['object']}.{row['target']}", row
        for entry in self.tree.get("not_moved", []):
            sources = entry["sources"]
            yield (sources if isinstance(sources, str) else sources[0]), entry

    def save_checked(self) -> Mapping:
        """Write the tree back where it makes a sound mapping, and return that.

        Raises MappingError with what would be wrong; the file is left as it was then.
        """
        name = self.engagement.mapping_path.name
        try:
            mapping = Mapping.model_validate(plain(self.tree))
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False)
            told = [Finding(name, str(problem["msg"])) for problem in problems]
            raise MappingError("The change was not written.", findings=told) from None
        check_mapping(mapping, self.engagement.mapping_path)
        self.save()
        return load_mapping(self.engagement)


def open_file(engagement: Engagement) -> MappingFile:
    """Open `mapping.yml` for writing. Raises MappingError with every finding.

    It gives every line back as a person wrote it, long lines and quotes too.
    """
    yaml = round_trip()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    mapping = load_mapping(engagement)
    try:
        tree = yaml.load(engagement.mapping_path.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        raise MappingError(f"{engagement.mapping_path.name} was changed while it was read.",
                           hint="Do it again.") from error  # fmt: skip
    return MappingFile(engagement, mapping, tree, yaml)


def change_target(engagement: Engagement, row: str, target: str) -> str:
    """Give a row, named `Object.Field`, another target field and return its new name.

    A new field that it described goes where the target is a standard field. Raises ParameterError
    for a row that does not exist or a target that is taken, MappingError for one that the module
    does not have.
    """
    file = open_file(engagement)
    item, found = find_row(file.mapping, row)
    if target == found.target:
        return row
    if target in taken_targets(file.mapping, item):
        raise ParameterError(
            f"{item.module}.{target} is filled by another row already.",
            hint="Give that row another target first.",
        )
    if found.target == item.key:
        raise ParameterError(
            f"{row} carries the source key, by which records are found again.",
            hint="Change `key` and the row together in mapping.yml.",
        )
    node = dict(file.nodes())[row]
    node["target"] = target
    if target in STANDARD_FIELDS.get(item.module or "", {}) and "create" in node:
        del node["create"]
    file.save_checked()
    return f"{item.object}.{target}"


def change_transform(engagement: Engagement, row: str, text: str) -> None:
    """Give a row the transforms that `text` says, in the words of `mapping.yml`; empty: none.

    `text` is for example `[text, truncate: {length: 200}]`. Raises ParameterError for a row that
    does not exist or text that is no YAML, MappingError for an unknown transform or option.
    """
    file = open_file(engagement)
    find_row(file.mapping, row)
    node = dict(file.nodes())[row]
    try:
        steps = YAML(typ="rt").load(text)
    except YAMLError:
        raise ParameterError(
            "The transforms cannot be read.",
            hint="Write them as in mapping.yml: [text, truncate: {length: 200}]",
        ) from None
    if steps is None:
        node.pop("transform", None)
    elif "transform" in node:
        node["transform"] = _flow(steps)
    else:
        node.insert(_before_decision(node), "transform", _flow(steps))
    file.save_checked()


def set_value(engagement: Engagement, row: str, value: str, becomes: str | None) -> None:
    """Write what a source value of a mapped picklist becomes: empty text empties the field.

    None takes the entry away. Raises ParameterError for a row that does not exist or has no
    value map, MappingError for a mapping that would not be sound.
    """
    file = open_file(engagement)
    _, found = find_row(file.mapping, row)
    if any("values" in step.options for step in found.transform):
        raise ParameterError(
            f"{row} has its value map among the options of its transform.",
            hint="Edit it there, in mapping.yml.",
        )
    node = dict(file.nodes())[row]
    if "values" not in node:
        node.insert(_before_decision(node), "values", _flow(CommentedMap()))
    values = node["values"]
    keys = {str(key): key for key in values}
    known = find_entry(value, dict.fromkeys(keys, ""))
    if becomes is None:
        values.pop(keys[known], None) if known is not None else None
    else:
        values[keys[known] if known is not None else value] = becomes
    file.save_checked()


def find_row(mapping: Mapping, name: str) -> tuple[ObjectMapping, FieldMapping]:
    """Return the object and the row that `Object.Field` names. Raises ParameterError."""
    for item in mapping.objects:
        for row in item.fields:
            if f"{item.object}.{row.target}" == name:
                return item, row
    known = [f"{item.object}.{row.target}" for item in mapping.objects for row in item.fields]
    raise ParameterError(
        f"There is no mapping row {name!r}.",
        hint=f"{offer(name, known)}Rows are named Object.Field.",
    )


def taken_targets(mapping: Mapping, item: ObjectMapping) -> set[str]:
    """Return the fields that are filled by any row of the objects in the same kind of record."""
    return {
        row.target
        for other in mapping.objects
        if other.object is item.object or (other.into or other.object) is (item.into or item.object)
        for row in other.fields
    }


def _before_decision(node: CommentedMap) -> int:
    keys = list(node)
    return keys.index("decision") if "decision" in keys else len(keys)


def _flow(node: Any) -> Any:
    if isinstance(node, CommentedMap | CommentedSeq):
        node.fa.set_flow_style()
    return node
