"""Rows as they were when a person confirmed them, to compare a changed rule with.

`mapping.yml` holds the digest of what was confirmed; the row itself is kept in the engagement's
private folder, by that digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from migrator_kit.engagement import Engagement
from migrator_kit.mapping.digests import row_digest
from migrator_kit.mapping.model import FieldMapping, Mapping

_FILE = "confirmed_rows.json"


def keep_confirmed(engagement: Engagement, rows: Iterable[Any]) -> None:
    """Keep field rows as they are confirmed now, beside those that were confirmed before."""
    path = engagement.private / _FILE
    kept = _kept(path)
    for row in rows:
        if isinstance(row, FieldMapping):
            kept[row_digest(row)] = row.model_dump(
                mode="json", exclude_defaults=True, exclude={"decision"}
            )
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(kept, ensure_ascii=False, indent=0), encoding="utf-8")
    fresh.replace(path)


def as_confirmed(engagement: Engagement, mapping: Mapping) -> Mapping:
    """Return the mapping with every changed row as it was when it was confirmed.

    A row that was never confirmed, or whose earlier state is not known, stays as it is.
    """
    kept = _kept(engagement.private / _FILE)
    objects = tuple(
        item.model_copy(update={"fields": tuple(_earlier(row, kept) for row in item.fields)})
        for item in mapping.objects
    )
    return mapping.model_copy(update={"objects": objects})


def _earlier(row: FieldMapping, kept: dict[str, Any]) -> FieldMapping:
    answered = row.decision.proposal if row.decision else ""
    if not answered or answered == row_digest(row) or answered not in kept:
        return row
    return FieldMapping.model_validate(kept[answered])


def _kept(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept
