"""Digests of a mapping: of its whole content, and of each row that a person answers."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from migrator_kit.engagement import digest_text
from migrator_kit.mapping.model import ColumnDisposition, FieldMapping, Mapping

_TALK = {"decision", "confidence", "reasons", "description"}
"""What says something about a row and does not change what moves."""


def mapping_digest(mapping: Mapping) -> str:
    """Return the digest of what the mapping does, decisions and reasons left out."""
    return digest_text(_canonical(mapping))


def row_digest(row: FieldMapping | ColumnDisposition) -> str:
    """Return a short digest of what a person is asked to confirm in a row."""
    return digest_text(_canonical(row))[:12]


def _canonical(model: BaseModel) -> str:
    tree = _without_talk(model.model_dump(mode="json", exclude_defaults=True))
    return json.dumps(tree, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _without_talk(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_talk(value) for key, value in tree.items() if key not in _TALK}
    if isinstance(tree, list):
        return [_without_talk(value) for value in tree]
    return tree
