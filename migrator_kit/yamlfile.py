"""YAML files that people edit: loaded safely, checked by a model, errors with file and line.

Loading makes plain containers and scalars only: a tag that asks for an object makes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrator_kit.errors import Finding
from migrator_kit.spelling import meant

Model = TypeVar("Model", bound=BaseModel)

SCHEMAS = Path(__file__).parent / "schemas"
"""Packaged JSON schemas, made from the models by `migrator_kit.mapping.json_schema`."""

MOST_NODES = 500_000
"""Keys and values that a file may have once its aliases are written out: a mapping of the largest
schema has a tenth of it."""

_SPOKEN = {
    "missing": "is missing",
    "extra_forbidden": "is no setting here",
    "model_type": "expected a block of settings",
    "dict_type": "expected a block of names and values",
    "tuple_type": "expected a list",
    "string_type": "expected a text",
}
_WORDING = (
    ("Value error, ", ""),
    ("Assertion failed, ", ""),
    ("Input should be a valid ", "expected a "),
    ("Input should be ", "expected "),
    ("String should have ", "expected "),
    ("String should match pattern ", "expected the form "),
    ("Tuple should have ", "expected "),
    ("Dictionary should have ", "expected "),
    (", unable to parse string as a number", ""),
    (", unable to parse string as an integer", ""),
)
_TAB = "found character '\\t' that cannot start any token"


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


def place_schema(folder: Path, name: str) -> str:
    """Copy the packaged JSON schema of a file into a folder, so that it is found wherever that is.

    Returns the comment by which editors find it, the first line of the file.
    """
    place = folder / "schemas" / f"{name}.schema.json"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes((SCHEMAS / place.name).read_bytes())
    return f"# yaml-language-server: $schema=schemas/{place.name}\n"


def load_tree(path: Path) -> CommentedMap:
    """Return the YAML document of `path` with comments and line numbers. Raises InvalidYaml."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidYaml(path, [Finding(path.name, "the file does not exist")]) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        problem = "a letter that is not UTF-8"
        found = Finding(f"{path.name}:{line}", problem, "save the file as UTF-8")
        raise InvalidYaml(path, [found]) from None
    try:
        tree = round_trip().load(text)
    except (YAMLError, ValueError, TypeError, RecursionError, AttributeError, KeyError) as error:
        # The reader of YAML answers some nonsense with errors of its own code.
        raise InvalidYaml(path, _unreadable(path, text, error)) from None
    if not isinstance(tree, CommentedMap):
        raise InvalidYaml(path, [Finding(path.name, "expected a mapping of settings at the top")])
    if _size(tree, {}) > MOST_NODES:
        problem = "the file is endless once its aliases (*name) are written out"
        raise InvalidYaml(path, [Finding(path.name, problem, "write the values out")])
    return tree


def load_model(path: Path, model: type[Model]) -> Model:
    """Return `path` as an instance of `model`. Raises InvalidYaml with all findings and lines."""
    tree = load_tree(path)
    try:
        return model.model_validate(plain(tree))
    except ValidationError as error:
        schema = model.model_json_schema()
        raise InvalidYaml(path, list(_findings(path, tree, error, schema))) from None


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


def _findings(
    path: Path, tree: CommentedMap, error: ValidationError, schema: dict[str, Any]
) -> Iterator[Finding]:
    """Yield one finding for each place, with everything that could stand there."""
    told: dict[tuple[str, str], list[str]] = {}
    remedies: dict[tuple[str, str], str] = {}
    for problem in error.errors(include_input=False, include_url=False):
        location = tuple(problem["loc"])
        kind = str(problem["type"])
        inside = _inside(tree, location)
        where = location[: len(inside) + 1] if kind == "missing" else inside
        line = line_of(tree, inside)
        place = (f"{path.name}:{line}" if line else path.name, ".".join(map(str, where)))
        text = _SPOKEN.get(kind) or _expected(str(problem["msg"]))
        told.setdefault(place, []).append(text)
        if kind == "extra_forbidden":
            remedies[place] = _instead(str(location[-1]), _known(schema, location[:-1]))
    for (place_in_file, where_in_tree), texts in told.items():
        name = f"{where_in_tree}: " if where_in_tree else ""
        remedy = remedies.get((place_in_file, where_in_tree), "")
        yield Finding(place_in_file, name + "; or ".join(dict.fromkeys(texts)), remedy)


def _expected(message: str) -> str:
    """Return what the model asks for, as a person would say it."""
    for said, spoken in _WORDING:
        message = message.replace(said, spoken)
    return message


def _inside(tree: Any, location: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return as much of a location as the file holds: the rest names kinds of values."""
    found: list[Any] = []
    for part in location:
        holds = (isinstance(tree, dict) and part in tree) or (
            isinstance(tree, list) and isinstance(part, int) and part < len(tree)
        )
        if holds:
            found.append(part)
            tree = tree[part]
    return tuple(found)


def _known(schema: dict[str, Any], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that may stand at a location, by the model's JSON schema."""
    nodes = [schema]
    for part in location:
        nodes = [child for node in nodes for child in _children(schema, node, part)]
    return sorted({name for node in nodes for name in _whole(schema, node).get("properties", {})})


def _children(schema: dict[str, Any], node: dict[str, Any], part: Any) -> list[dict[str, Any]]:
    whole = _whole(schema, node)
    if "anyOf" in whole:
        return [child for one in whole["anyOf"] for child in _children(schema, one, part)]
    found = whole.get("items") if isinstance(part, int) else None
    found = found or whole.get("properties", {}).get(part) or whole.get("additionalProperties")
    if not isinstance(found, dict):
        return []
    inner = _whole(schema, found)
    return [_whole(schema, one) for one in inner.get("anyOf", [inner])]


def _whole(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    name = str(node.get("$ref", "")).rpartition("/")[2]
    found: dict[str, Any] = schema.get("$defs", {}).get(name, node)
    return found


def _instead(name: str, known: list[str]) -> str:
    if near := meant(name, known):
        return f"did you mean {near}?"
    return f"known: {', '.join(known)}" if known else ""


def _unreadable(path: Path, text: str, error: Exception) -> list[Finding]:
    """Return why a file does not parse, without what stands in it."""
    if doubles := _doubles(path, text):
        return doubles
    mark = getattr(error, "problem_mark", None)
    place = f"{path.name}:{mark.line + 1}" if mark else path.name
    problem = str(getattr(error, "problem", None) or "")
    if problem == _TAB or "\t" in problem:
        return [Finding(place, "a tab where YAML takes spaces only", "indent with spaces")]
    if isinstance(error, RecursionError):
        return [Finding(place, "brackets within brackets, too deep to be meant")]
    if not isinstance(error, YAMLError) or "special characters" in str(error):
        return [Finding(place, "this is not YAML")]
    context = str(getattr(error, "context", None) or "")
    return [Finding(place, " ".join(part for part in (context, problem) if part) or "is not YAML")]


def _doubles(path: Path, text: str) -> list[Finding]:
    """Return every key that stands twice in the same mapping."""
    try:
        top = YAML(typ="rt").compose(text)
    except (YAMLError, ValueError, TypeError, RecursionError, AttributeError):
        return []
    found: list[Finding] = []
    waiting, seen = [top], set[int]()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                name = str(key.value) if isinstance(key, ScalarNode) else ""
                if name in keys:
                    line = key.start_mark.line + 1
                    found.append(
                        Finding(f"{path.name}:{line}", f"{name} stands twice", "keep one of them")
                    )
                keys.add(name)
                waiting.append(value)
        elif isinstance(node, SequenceNode):
            waiting += [one for one in node.value if isinstance(one, Node)]
    return sorted(found, key=lambda finding: int(finding.place.rpartition(":")[2]))


def _size(node: Any, known: dict[int, int]) -> int:
    """Return how many nodes a tree has with its aliases written out; too many for one in itself."""
    if not isinstance(node, dict | list):
        return 1
    if id(node) not in known:
        known[id(node)] = MOST_NODES + 1
        values = node.values() if isinstance(node, dict) else node
        known[id(node)] = 1 + sum(_size(value, known) for value in values)
    return known[id(node)]
