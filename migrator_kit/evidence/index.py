"""The first page of a run: where each object stands, and the pages that prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from migrator_kit.evidence.findings import Findings
from migrator_kit.evidence.page import PageHead, date_of_run, render_page
from migrator_kit.evidence.tables import Table

OBJECT_COLUMNS = (
    "module", "source", "created", "updated", "matched", "excluded", "merged", "failed",
    "remainder",
)  # fmt: skip

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
            f"<h2>Lists</h2>{_lists(lists)}",
            *(f"<h2>{escape(heading)}</h2>{markup}" for heading, markup in sections),
        ]
    )
    head = PageHead(
        client, "Migration to Zoho CRM", run_id, made or date_of_run(run_id), language, revealed
    )
    path.write_text(render_page(head, body), encoding="utf-8")
    return path


def _lists(names: Sequence[str]) -> str:
    if not names:
        return "<p>None were needed.</p>"
    about = "<p>Record ids and reasons, without values. They open in any spreadsheet.</p>"
    return f"{about}<ul>{''.join(_link(name, name) for name in names)}</ul>"


def _link(title: str, name: str) -> str:
    return f'<li><a href="{quote(name)}">{escape(title)}</a></li>'
