"""The first page of the evidence: the balance, what needs attention, and every page and list."""

from __future__ import annotations

import os
from pathlib import Path

from migrator_kit.chain import DELTA_STEPS, NOTEBOOKS, ROLLBACK, Step, read_state
from migrator_kit.engagement import Engagement
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.index import Objects, write_index
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.ledger import open_ledger
from migrator_kit.load.seals import Seal, read_seal
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.shape import open_shaped
from migrator_kit.workbench.deltas import read_deltas

TITLES = {
    "audit": "Audit: what is in the practice's data",
    "mapping": "Mapping review: where each column goes",
    "sample": "Sample: 50 to 100 records first, compared field by field, then taken back",
    "load": "Full load: everything that is confirmed moves",
    "reconcile": "Reconciliation: the books are closed",
}

_DELTA_TITLES = {Step.LOAD: "load: what changed since", Step.RECONCILE: "reconciliation"}
_ROLLED_BACK = "Rollback: what a load did is undone"


def write_overview(engagement: Engagement, run_id: str) -> Path:
    """Write `index.html` into a run's folder and return its path.

    Pages of steps that an earlier run made are linked where they are.
    """
    folder = engagement.runs / run_id
    mapping = load_mapping(engagement)
    objects = object_counts(open_ledger(engagement), open_shaped(engagement), mapping)
    records = read_state(engagement)
    pages = [
        (TITLES[step], _relative(engagement.folder / records[step].html, folder))
        for step in NOTEBOOKS
        if step in records
    ]
    later = later_pages(engagement)
    pages += [(title, _relative(path, folder)) for title, path in later]
    runs = {engagement.runs / record.run_id for record in records.values()}
    runs |= {path.parent for _, path in later}
    lists = sorted(
        _relative(path, folder)
        for run in runs
        for path in (run / "lists").rglob("*")
        if path.is_file()
    )
    return write_index(
        folder / "index.html",
        client=engagement.settings.client,
        run_id=run_id,
        findings=overview_findings(objects, mapping, read_seal(engagement)),
        objects=objects,
        pages=pages,
        lists=lists,
    )


def later_pages(engagement: Engagement) -> list[tuple[str, Path]]:
    """Return title and page of what came after the initial chain: deltas and rollbacks, in order.

    A delta that has not ended yet is left out.
    """
    found = []
    deltas = {one.run_id: number for number, one in enumerate(read_deltas(engagement), 1)
              if one.done}  # fmt: skip
    for folder in sorted(engagement.runs.iterdir()):
        if (number := deltas.get(folder.name)) is not None:
            records = read_state(engagement, folder.name)
            found += [
                (f"Delta {number}, {_DELTA_TITLES[step]}", engagement.folder / records[step].html)
                for step in DELTA_STEPS
                if step in records and step in _DELTA_TITLES
            ]
        page = folder / f"{ROLLBACK}.html"
        if page.is_file():
            found.append((_ROLLED_BACK, page))
    return found


def overview_findings(objects: Objects, mapping: Mapping, seal: Seal | None = None) -> Findings:
    """Return what the first page says first: the balance, what did not move, who signed."""
    remainder = sum(int(counts["remainder"]) for counts in objects.values())
    source = sum(int(counts["source"]) for counts in objects.values())
    failed = sum(int(counts["failed"]) for counts in objects.values())
    excluded = sum(int(counts["excluded"]) for counts in objects.values())
    landed = sum(
        int(counts[state]) for counts in objects.values()
        for state in ("created", "updated", "matched")
    )  # fmt: skip
    found = [
        Finding(
            Level.PROBLEM if remainder else Level.GOOD,
            f"{landed:,} of {source:,} rows of the ten objects arrived in Zoho CRM; "
            f"{remainder or 'none'} cannot be accounted for.",
        )
    ]
    if failed:
        found.append(Finding(Level.PROBLEM, f"{failed:,} records were refused by Zoho CRM."))
    if excluded:
        text = f"{excluded:,} rows did not move; the lists name each with its reason."
        found.append(Finding(Level.DECISION, text))
    people = sorted({row.decision.by for item in mapping.objects for row in item.fields
                     if row.decision})  # fmt: skip
    found.append(Finding(Level.GOOD, f"The mapping was confirmed by: {', '.join(people)}."))
    if seal is not None:
        text = f"The full load was signed off by {seal.by}, {seal.when:%Y-%m-%d %H:%M} UTC."
        found.append(Finding(Level.GOOD, text))
    return Findings.of(found)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
