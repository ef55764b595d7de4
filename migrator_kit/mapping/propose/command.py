"""A proposal for an engagement: its newest snapshot audited, `mapping.yml` written, a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed
from migrator_kit.mapping.propose.earlier import earlier_mappings
from migrator_kit.mapping.propose.language_model import from_settings
from migrator_kit.mapping.propose.proposal import proposal_report, propose
from migrator_kit.mapping.writing import write_mapping
from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.inventory import inventory
from migrator_kit.source.snapshot import Snapshot, latest_snapshot, take_snapshot, unread_practices

_SURE = 0.9


def propose_for(
    engagement: Engagement, *, learn_from: Sequence[Path] = (), progress: Progress = SILENT
) -> dict[str, Any]:
    """Propose a mapping for an engagement's newest snapshot and return `propose --json`.

    Takes a snapshot where there is none. What the engagements in `learn_from` and those that
    engagement.yml names confirmed counts as evidence. An existing `mapping.yml` holds a person's
    decisions and is left as it is: the key `written` says whether the proposal was written.
    """
    earlier = earlier_mappings(engagement, learn_from)
    found = inventory(_snapshot(engagement, progress), progress=progress)
    model = from_settings(engagement.settings.mapping.language_model)
    made = propose(found, earlier=earlier, language_model=model)
    written = not engagement.mapping_path.exists()
    if written:
        write_mapping(engagement.mapping_path, made.mapping)
    return {**proposal_report(made), "written": written}


def report_text(report: dict[str, Any]) -> str:
    """Return a proposal as text: objects, how many columns go where, how sure that is."""
    lines = [f"{'Object':<20}{'Table':<28}{'sure':>6}"]
    lines += [f"{one['object']:<20}{one['table']:<28}{one['confidence']:>6.0%}"
              for one in report["objects"]]  # fmt: skip
    moved = [one for one in report["fields"] if one["field"]]
    sure = sum(one["confidence"] >= _SURE for one in moved)
    lines.append(
        f"\n{len(moved):,} columns get a field, {sure:,} of them with a confidence of {_SURE} or "
        f"more; {len(report['fields']) - len(moved):,} stay in the snapshot."
    )
    lines.append(
        "Written to mapping.yml: confirm or correct it row by row."
        if report["written"]
        else "mapping.yml exists already and was left as it is."
    )
    return "\n".join(lines)


def _snapshot(engagement: Engagement, progress: Progress) -> Snapshot:
    try:
        return latest_snapshot(engagement)
    except GateClosed:
        return take_snapshot(engagement, only=unread_practices(engagement), progress=progress)
