"""YAML files that people edit: loaded safely, checked by a model, errors with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from migrator_kit.errors import Finding

Model = TypeVar("Model", bound=BaseModel)


class InvalidYaml(ValueError):
    """A YAML file does not parse or does not fit its model; carries every finding."""

    def __init__(self, path: Path, findings: list[Finding]) -> None:
        super().__init__(f"{path.name}: {len(findings)} problem(s)")
        self.path = path
        self.findings = findings


def round_trip() -> YAML:
    """Return the one YAML configuration for files that people edit: comments and order kept."""
    yaml = YAML(typ="rt")
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 100
    return yaml


def load_tree(path: Path) -> CommentedMap:
    """Return the YAML document of `path` with comments and line numbers. Raises InvalidYaml."""
    try:
        tree = round_trip().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidYaml(path, [Finding(path.name, "the file does not exist")]) from None
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "is not readable as UTF-8 YAML"
        raise InvalidYaml(path, [Finding(f"{path.name}{line}", str(problem))]) from None
    if not isinstance(tree, CommentedMap):
        raise InvalidYaml(path, [Finding(path.name, "expected a mapping of settings at the top")])
    return tree


def load_model(path: Path, model: type[Model]) -> Model:
    """Return `path` as an instance of `model`. Raises InvalidYaml with all findings and lines."""
    tree = load_tree(path)
    try:
        return model.model_validate(plain(tree))
    except ValidationError as error:
        raise InvalidYaml(path, list(_findings(path, tree, error))) from None


def plain(node: Any) -> Any:
    """Return a YAML tree as plain Python containers and scalars."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [plain(value) for value in node]
    return node


def line_of(tree: Any, location: tuple[Any, ...]) -> int | None:
    """Return the 1-based line of the innermost node of `location` that the file holds."""
    line: int | None = None
    for part in location:
        try:
            if isinstance(tree, CommentedMap) and part in tree:
                line = tree.lc.key(part)[0] + 1
            elif isinstance(tree, CommentedSeq) and isinstance(part, int) and part < len(tree):
                line = tree.lc.item(part)[0] + 1
            else:
                break
        except (KeyError, TypeError):
            break
        tree = tree[part]
    return line


def _findings(path: Path, tree: CommentedMap, error: ValidationError) -> Iterator[Finding]:
    for problem in error.errors(include_input=False, include_url=False):
        location = tuple(problem["loc"])
        line = line_of(tree, location)
        where = ".".join(str(part) for part in location)
        place = f"{path.name}:{line}" if line else path.name
        yield Finding(place, f"{where}: {problem['msg']}")
