"""Digests of a mapping: of its whole content, and of each row that a person answers."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from migrator_kit.engagement import digest_text
from migrator_kit.mapping.model import ColumnDisposition, FieldMapping, Mapping

_TALK = {"decision", "confidence", "reasons", "alternatives"}
"""What says something about a row and does not change what moves."""


def mapping_digest(mapping: Mapping) -> str:
    """Return the digest of what the mapping does, decisions and reasons left out."""
    return digest_text(
        _canonical(
            mapping,
            {
                "description": True,
                "second_reviewer": True,
                "objects": {"__all__": {"fields": {"__all__": dict.fromkeys(_TALK, True)}}},
                "not_moved": {"__all__": {"decision": True, "reason": True}},
            },
        )
    )


def row_digest(row: FieldMapping | ColumnDisposition) -> str:
    """Return a short digest of what a person is asked to confirm in a row."""
    return digest_text(_canonical(row, dict.fromkeys(_TALK, True)))[:12]


def _canonical(model: BaseModel, exclude: dict[str, Any]) -> str:
    known = {name: what for name, what in exclude.items() if name in type(model).model_fields}
    tree = model.model_dump(mode="json", exclude_defaults=True, exclude=known)
    return json.dumps(tree, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
