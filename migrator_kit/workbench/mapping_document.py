"""The mapping as the client reads it: fields, value maps, what stays behind; a page or Excel."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from migrator_kit.engagement import Engagement, digest_file
from migrator_kit.errors import ParameterError
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.page import PageHead, render_page
from migrator_kit.evidence.tables import Table
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.targets import target_type
from migrator_kit.workbench.review_screen import decided_words, transform_words

_WIDEST = 60
_FIELDS = ["object", "module", "from", "field", "label", "type", "transform", "state", "decided"]


def write_document(engagement: Engagement, path: Path) -> Path:
    """Write an engagement's mapping as one HTML page or one Excel workbook, by the path's ending.

    Raises MappingError without a mapping, ParameterError for another ending or a place that cannot
    be written to.
    """
    if path.suffix.lower() not in (".html", ".xlsx"):
        raise ParameterError(
            f"A mapping document is a page or a workbook, and {path.name} is neither.",
            hint="Name a file that ends in .html or .xlsx.",
        )
    sheets = mapping_document(load_mapping(engagement))
    try:
        if path.suffix.lower() == ".xlsx":
            return write_workbook(sheets, path)
        return write_page(engagement, sheets, path)
    except OSError as error:
        raise ParameterError(
            f"{path} cannot be written: {error.strerror}.", hint="Name another place with --to."
        ) from None


def write_page(engagement: Engagement, sheets: dict[str, pd.DataFrame], path: Path) -> Path:
    """Write the sheets as one HTML page that needs no network and no script; return the path."""
    head = PageHead(
        engagement.settings.client, "The mapping", digest_file(engagement.mapping_path)[:12],
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), made_from="Digest of mapping.yml",
    )  # fmt: skip
    tables = "".join(f"<h2>{name}</h2>\n{Table(frame).html()}\n" for name, frame in sheets.items())
    path.write_text(render_page(head, _findings(sheets).html() + tables), encoding="utf-8")
    return path


def _findings(sheets: dict[str, pd.DataFrame]) -> Findings:
    """Return how many rows are decided, and what does not move."""
    states = pd.concat([sheets["Fields"]["state"], sheets["Not moved"]["state"]])
    waiting = int((states != "confirmed").sum())
    if waiting:
        text = f"{waiting:,} of {len(states):,} rows are not confirmed by a person."
        found = [Finding(Level.DECISION, text, "Nothing moves before each row is confirmed.")]
    else:
        found = [Finding(Level.GOOD, f"All {len(states):,} rows are confirmed.")]
    behind = len(sheets["Not moved"])
    if behind:
        text = f"{behind:,} rows name columns that do not move as fields, each with its reason."
        found.append(Finding(Level.GOOD, text))
    return Findings.of(found)


def mapping_document(mapping: Mapping) -> dict[str, pd.DataFrame]:
    """Return the sheets of the document by name: Fields, Values, Not moved.

    They say what `mapping.yml` says, and hold no value of a patient.
    """
    fields, values = [], []
    for item in mapping.objects:
        for row in item.fields:
            target = target_type(item, row)
            fields.append((
                str(item.object), item.module or "", ", ".join(row.sources or row.columns),
                row.target, row.create.label if row.create else "",
                target.data_type if target else "", transform_words(row),
                row.decision.state if row.decision else "open", decided_words(row),
            ))  # fmt: skip
            values += [(str(item.object), row.target, value, becomes or "(empty)")
                       for value, becomes in row.values.items()]  # noqa: PD011  # fmt: skip
    behind = [
        (
            ", ".join(entry.sources),
            str(entry.disposition),
            entry.reason,
            entry.decision.state if entry.decision else "open",
            decided_words(entry),
        )
        for entry in mapping.not_moved
    ]
    return {
        "Fields": pd.DataFrame(fields, columns=_FIELDS),
        "Values": pd.DataFrame(values, columns=["object", "field", "value", "becomes"]),
        "Not moved": pd.DataFrame(
            behind, columns=["columns", "disposition", "reason", "state", "decided"]
        ),
    }


def write_workbook(sheets: dict[str, pd.DataFrame], path: Path) -> Path:
    """Write frames as sheets of one Excel workbook and return the path. No cell is a formula."""
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for name, frame in sheets.items():
            frame.to_excel(writer, sheet_name=name, index=False)
            sheet = writer.sheets[name]
            sheet.freeze_panes = "A2"
            for cells in sheet.iter_cols():
                widest = max(len(str(cell.value or "")) for cell in cells)
                sheet.column_dimensions[cells[0].column_letter].width = min(widest + 2, _WIDEST)
                for cell in cells:
                    if cell.data_type == "f":
                        cell.data_type = "s"
    return path
