"""The vendor's OpenAPI files: whether a request is one that they describe."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2].parent / "shared" / "zoho_oas"
METHODS = ("get", "post", "put", "patch", "delete")
VERSION = re.compile(r"^/crm/(bulk/)?(v8|\{version\})(?=/)")
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
TYPES |= {dict: "object", type(None): "null"}


@dataclass(frozen=True)
class Schema:
    """A part of a file that describes a value."""

    file: str
    says: dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """A method on a path: the names of its parameters and what describes its body."""

    path: re.Pattern[str]
    variables: int
    parameters: frozenset[str]
    body: Schema | None


class VendorFiles:
    """Both generations of the files, as one: they contradict each other, so either may allow.

    Of a body its keys, types and fixed words are checked. What the files call mandatory is not:
    they use one description for what is sent and what is answered.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files: dict[str, Any] = {
            f"{file.parent.name}/{file.name}": json.loads(file.read_text(encoding="utf-8"))
            for file in sorted(folder.glob("*/*.json"))
        }
        self._operations: dict[str, list[Operation]] = defaultdict(list)
        for file, document in self._files.items():
            for template, shared in document.get("paths", {}).items():
                for method in METHODS:
                    if method in shared:
                        operation = self._operation(file, template, shared, shared[method])
                        self._operations[method.upper()].append(operation)

    def _operation(self, file: str, template: str, shared: Any, own: Any) -> Operation:
        server = self._files[file].get("servers", [{"url": ""}])[0]["url"]
        path = re.sub(r"^https://[^/]+", "", server) + template
        path = VERSION.sub(lambda match: f"/crm/{match[1] or ''}v8", path)
        module = re.sub(r"^/crm/v8/\{[^}]+\}", "/crm/v8/[A-Z]\\\\w+", path)
        given = [*own.get("parameters", []), *shared.get("parameters", [])]
        body = self._followed(Schema(file, own.get("requestBody") or {}))
        content = body.says.get("content") or {}
        described = next((part.get("schema") for part in content.values()), None)
        return Operation(
            re.compile(re.sub(r"\{[^}]+\}", "[^/]+", module) + r"\Z"),
            path.count("{"),
            frozenset(self._name(Schema(file, parameter)) for parameter in given),
            Schema(body.file, described) if described else None,
        )

    def _name(self, parameter: Schema) -> str:
        """A parameter's name; of one that the file does not hold, the name of the reference."""
        found = self._followed(parameter).says
        return str(found.get("name") or parameter.says["$ref"].rpartition("/")[2])

    def _followed(self, part: Schema) -> Schema:
        """What a reference names, in this file or another; nothing where it leads nowhere."""
        while "$ref" in part.says:
            place, _, inside = part.says["$ref"].partition("#/")
            beside = part.file.partition("/")[0] + "/" + place.rpartition("/")[2]
            file = beside if place else part.file
            found = self._files.get(file, {})
            for step in inside.split("/"):
                found = found.get(step, {})
            part = Schema(file, found)
        return part

    def _alternatives(self, schema: Schema) -> Iterator[Schema]:
        schema = self._followed(schema)
        parts = [part for key in ("oneOf", "anyOf", "allOf") for part in schema.says.get(key, ())]
        if not parts or "properties" in schema.says:
            yield schema
        for part in parts:
            yield from self._alternatives(Schema(schema.file, part))

    def faults(self, method: str, path: str, query: set[str], body: Any) -> list[str]:
        """What of a request the files do not describe: its address, parameters, parts of a body."""
        found = [each for each in self._operations[method] if each.path.match(path)]
        if not found:
            return ["address"]
        fewest = min(each.variables for each in found)
        found = [each for each in found if each.variables == fewest]
        known = {name for each in found for name in each.parameters}
        faults = [f"parameter {name}" for name in sorted(query - known)]
        if body is None:
            return faults
        bodies = [each.body for each in found if each.body is not None]
        return faults + (sorted(set(self._in_value(bodies, body, "body"))) if bodies else ["body"])

    def _in_value(self, schemas: list[Schema], value: Any, at: str) -> Iterator[str]:
        described = [each for schema in schemas for each in self._alternatives(schema)]
        kind = TYPES[type(value)]
        fitting = [each for each in described if kind in _kinds(each.says)]
        if not fitting:
            yield f"{at}: {kind}"
        elif isinstance(value, list):
            items = [
                Schema(each.file, each.says["items"]) for each in fitting if "items" in each.says
            ]
            for item in _distinct(value) if items else ():
                yield from self._in_value(items, item, f"{at}[]")
        elif isinstance(value, dict):
            yield from self._in_object(fitting, value, at)
        elif all("enum" in each.says and value not in each.says["enum"] for each in fitting):
            yield f"{at}: {value!r}"

    def _in_object(self, schemas: list[Schema], value: dict[str, Any], at: str) -> Iterator[str]:
        open_ended = any(not each.says.get("properties") for each in schemas)
        for key, part in value.items():
            described = [
                Schema(each.file, each.says["properties"][key])
                for each in schemas
                if key in each.says.get("properties", {})
            ]
            if described:
                yield from self._in_value(described, part, f"{at}.{key}")
            elif not open_ended:
                yield f"{at}.{key}"


def _distinct(items: list[Any]) -> list[Any]:
    """One item of each shape: a hundred records with the same fields are one."""
    shapes = {
        tuple((key, type(value)) for key, value in item.items())
        if isinstance(item, dict)
        else n: item
        for n, item in enumerate(items)
    }
    return list(shapes.values())


def _kinds(says: dict[str, Any]) -> set[str]:
    """The JSON types that a description allows."""
    kind = says.get("type") or ("object" if "properties" in says else None)
    if kind is None:
        return set(TYPES.values())
    kinds = {kind} if isinstance(kind, str) else set(kind)
    if "number" in kinds:
        kinds.add("integer")
    return kinds | ({"null"} if says.get("nullable") else set())
