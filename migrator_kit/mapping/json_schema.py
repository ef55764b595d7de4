"""JSON schemas of `engagement.yml` and `mapping.yml`, for editors that complete and check.

They are made from the models that read the files, and packaged: `python -m
migrator_kit.mapping.json_schema` writes them anew, and a test compares.
"""

from __future__ import annotations

import json
from typing import Any

from migrator_kit.engagement import EngagementFile
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.transforms import REGISTRY
from migrator_kit.yamlfile import SCHEMAS

_DRAFT = "http://json-schema.org/draft-07/schema#"
_ONE_OR_MANY = ("columns", "sources", "lookup", "transform")


def engagement_schema() -> dict[str, Any]:
    """Return the schema of `engagement.yml`."""
    schema = {"$schema": _DRAFT, **EngagementFile.model_json_schema(), "title": "engagement.yml"}
    schema["required"].remove("source")
    schema["oneOf"] = [{"required": ["source"]}, {"required": ["sources"]}]
    return schema


def mapping_schema() -> dict[str, Any]:
    """Return the schema of `mapping.yml`: short forms too, each transform with its options."""
    schema = {"$schema": _DRAFT, **Mapping.model_json_schema(), "title": "mapping.yml"}
    definitions = schema["$defs"]
    definitions["Step"] = {"anyOf": [_names(), *map(_short, sorted(REGISTRY)), definitions["Step"]]}
    for model in ("FieldMapping", "ColumnDisposition"):
        properties = definitions[model]["properties"]
        for name in _ONE_OR_MANY:
            if name in properties:
                properties[name] = _one_or_many(properties[name])
    for name in sorted(REGISTRY):
        options = REGISTRY[name].options.model_json_schema()
        definitions.update(options.pop("$defs", {}))
        definitions[f"{name}_options"] = options
    return schema


def schemas() -> dict[str, str]:
    """Return the packaged files by name."""
    made = {"engagement": engagement_schema(), "mapping": mapping_schema()}
    return {
        f"{name}.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for name, schema in made.items()
    }


def write_schemas() -> None:
    """Write the packaged files."""
    for name, text in schemas().items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")


def _names() -> dict[str, Any]:
    return {"enum": sorted(REGISTRY), "description": "A transform as it is, without options."}


def _short(name: str) -> dict[str, Any]:
    options = {"anyOf": [{"$ref": f"#/$defs/{name}_options"}, {"type": "null"}]}
    return {
        "type": "object",
        "description": REGISTRY[name].summary,
        "properties": {name: options},
        "required": [name],
        "additionalProperties": False,
    }


def _one_or_many(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list that may be written as its only item."""
    rest = {key: value for key, value in field.items() if key in ("description", "title")}
    listed = {key: value for key, value in field.items() if key not in rest and key != "default"}
    return {**rest, "anyOf": [field["items"], listed], "default": []}


if __name__ == "__main__":
    write_schemas()
