"""The first page of a run: where each object stands, and the pages that prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import pandas as pd

from migrator_kit.evidence.findings import Findings
from migrator_kit.evidence.page import PageHead, date_of_run, render_page
from migrator_kit.evidence.tables import Table

OBJECT_COLUMNS = (
    "module", "source", "created", "updated", "matched", "excluded", "merged", "failed",
    "remainder",
)  # fmt: skip

LIST_TITLES = {
    "audit_log.csv": "Every write to Zoho CRM, each chained to the one before",
    "conflicts.csv": "Fields that changed on both sides",
    "differences.csv": "Every value that is not as the mapping says",
    "edited_in_zoho.csv": "Values that people changed in Zoho CRM since they arrived",
    "excluded.csv": "Records that did not move, with the reason",
    "failed.csv": "Records that Zoho CRM refused, with cause and remedy",
    "fields.csv": "Every field: how many values arrived, and how",
    "files_not_moved.csv": "Files that did not move",
    "gone_from_source.csv": "Records that left the source since the first load",
    "likely_duplicates.csv": "Pairs of patients that are likely one person",
    "mapping.html": "Where each column goes, and who said so, as a page",
    "mapping.xlsx": "Where each column goes, and who said so",
    "older_in_zoho.csv": "Records that stand in Zoho CRM in an older state",
    "quality_shaped.csv": "Records that miss an expectation, before the load",
    "quality_source.csv": "Records that miss an expectation, in the source",
    "quality_target.csv": "Records that miss an expectation, as read back",
    "rejects.csv": "Values that could not be carried over as they are",
    "rollback_held.csv": "Records that an undo left alone, with the reason",
    "rules.json": "The same reminder and recall rules, for a program to read",
    "sample_coverage.csv": "What the sample exercises, and what no record does",
    "sample_differences.csv": "Values of the sample that are not as the mapping says",
    "sample_fields.csv": "Every field of the sample: how many values arrived, and how",
    "sample_held.csv": "Records of the sample that its undo left alone, with the reason",
    "sample_signs.csv": "Traces of somebody else on records of the sample",
    "sample_values.csv": "Every value of the sample, from the source to Zoho CRM",
}
"""What the known lists are, in words."""

Objects = Mapping[str, Mapping[str, int | str]]


def object_table(objects: Objects) -> pd.DataFrame:
    """Return the balance as a frame: object, module, source, each state, remainder."""
    rows = [
        {
            "object": name,
            "module": counts.get("module") or "–",
            **{column: int(counts.get(column, 0)) for column in OBJECT_COLUMNS[1:]},
        }
        for name, counts in objects.items()
    ]
    return pd.DataFrame(rows, columns=["object", *OBJECT_COLUMNS])


def write_index(
    path: Path,
    *,
    client: str,
    run_id: str,
    findings: Findings,
    objects: Objects,
    pages: Sequence[tuple[str, str]],
    lists: Sequence[str],
    made: str | None = None,
    language: str = "en",
    revealed: bool = False,
    sections: Sequence[tuple[str, str]] = (),
) -> Path:
    """Write a run's first page. `pages` are title and file name, `lists` file names.

    `sections` are further headings, each with its markup.
    `made` is the date to be shown; without it, the date that the run's id tells.
    """
    table = Table(
        object_table(objects),
        note="Source = created + updated + matched + excluded + merged + failed + remainder.",
        watch=("failed", "remainder"),
    )
    body = "\n".join(
        [
            findings.html(),
            f"<h2>The ten objects</h2>{table.html()}",
            f"<h2>Pages</h2><ol>{''.join(_link(t, n) for t, n in pages)}</ol>",
            f"<h2>Lists</h2>{_lists(lists, path.parent)}",
            *(f"<h2>{escape(heading)}</h2>{markup}" for heading, markup in sections),
        ]
    )
    head = PageHead(
        client, "Migration to Zoho CRM", run_id, made or date_of_run(run_id), language, revealed
    )
    path.write_text(render_page(head, body), encoding="utf-8")
    return path


def _lists(names: Sequence[str], folder: Path) -> str:
    if not names:
        return "<p>None were needed.</p>"
    about = (
        "<p>They open in any spreadsheet. Records stand in them by their ids; patient data does "
        "not, or by its shape only.</p>"
    )
    return f"{about}<ul>{''.join(_listed(name, folder) for name in names)}</ul>"


def _listed(name: str, folder: Path) -> str:
    """Return a list with its title: of a page of text its own, else the one that is known."""
    title = LIST_TITLES.get(PurePosixPath(name).name) or _title_of_page(folder / name)
    return _link(f"{title} ({name})" if title else name, name)


def _title_of_page(page: Path) -> str:
    if page.suffix != ".md" or not page.is_file():
        return ""
    with page.open(encoding="utf-8") as lines:
        first = next(lines, "")
    return first.removeprefix("# ").strip() if first.startswith("# ") else ""


def _link(title: str, name: str) -> str:
    return f'<li><a href="{quote(name)}">{escape(title)}</a></li>'
