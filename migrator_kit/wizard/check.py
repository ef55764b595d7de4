"""`migrator reconcile --from-export`: the org's own backup against what the package held.

Every record of the package is looked for by its source key, notes by their first line, files by
the name they got in the package. Owners are not compared: an export names users, not staff.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from migrator_kit.compare.diff import DiffReport, field_diff
from migrator_kit.compare.rules import DAMAGE, Verdict
from migrator_kit.engagement import Engagement
from migrator_kit.evidence.lists import write_list
from migrator_kit.mapping.dataset import ShapedDataset
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Landing, Mapping
from migrator_kit.progress import SILENT, Progress
from migrator_kit.wizard.command import newest_package
from migrator_kit.wizard.export import ExportFile, export_files
from migrator_kit.wizard.export_values import Writing
from migrator_kit.wizard.landed import read_export
from migrator_kit.wizard.package import DATA

FOLDER = "export-check"
_LISTED = 100_000
_FILES, _STORED = "Attachments", "File Name"
_DAMAGE = [verdict.value for verdict in DAMAGE]
_BALANCE = (
    "object", "module", "source", "excluded", "expected", "found", "missing", "twice", "extra",
    "different",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ExportCheck:
    """What an export says of a migration. No value stands in it; those are in `cells` alone.

    `balance` has one row an object: source = excluded + expected, expected = found + missing;
    `different` counts cells. `fields` names those that differ or could not be looked at.
    """

    balance: pd.DataFrame
    fields: pd.DataFrame
    absent: tuple[str, ...]
    others: dict[str, int]
    list_path: Path
    cells: Path

    @property
    def ok(self) -> bool:
        """Whether every record arrived once and as it was; what is hidden was not looked at."""
        wrong = self.balance[["missing", "twice", "extra", "different"]]
        return not self.absent and not wrong.to_numpy().any()

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        rows = self.balance.set_index("object").to_dict(orient="index")
        return {
            "ok": self.ok,
            "objects": rows,
            "fields": self.fields.to_dict(orient="records"),
            "modules_absent": list(self.absent),
            "records_not_ours": self.others,
            "list": str(self.list_path),
        }


def check_export(
    engagement: Engagement, archives: Sequence[Path], *, progress: Progress = SILENT
) -> ExportCheck:
    """Compare the org's backup with the newest package and return what differs.

    Raises GateClosed where no package was written, ParameterError where the backup is damaged.
    """
    shaped, package = newest_package(engagement)
    mapping, files = load_mapping(engagement), export_files(archives)
    source = engagement.settings.source
    work = engagement.private / FOLDER
    work.mkdir(mode=0o700, exist_ok=True)
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    shutil.rmtree(work / "landed", ignore_errors=True)
    writing = Writing(source.time_zone, source.day_first)
    with progress("Reading the export"):
        read = read_export(files, mapping, work / "landed", writing, moment)
    apart = mapping.model_copy(
        update={"objects": tuple(o for o in mapping.objects if o.landing is not Landing.FILES)}
    )
    report = field_diff(shaped, read.landed, apart, work, progress=progress)
    balance = _balance(report, shaped, mapping)
    attachments = _attachments(shaped, mapping, package, files.get(_FILES, []))
    balance = pd.concat([balance, attachments], ignore_index=True)
    listed = write_list(report.differences(_LISTED), work / "differences.csv")
    listed.chmod(0o600)
    absent = read.absent if _FILES in files or attachments.empty else (*read.absent, _FILES)
    return ExportCheck(balance, _fields(report), absent, read.others, listed, report.cells)


def check_text(check: ExportCheck) -> str:
    """Return a check for a terminal."""
    lines = [check.balance.to_string(index=False), ""]
    if check.absent:
        lines.append(f"Not in the export: {', '.join(check.absent)}.")
    different = check.fields[check.fields["different"] > 0]
    lines += [
        f"{row.object}.{row.field}: different in {row.different:,}"
        for row in different.itertuples(index=False)
    ]
    hidden = check.fields[check.fields["not_checked"] > 0]
    if len(hidden):
        names = (hidden["object"] + "." + hidden["field"]).tolist()
        lines.append(f"Not checked, for the export has no such column: {', '.join(names)}.")
    lines += [f"{name}: {count:,} records are not ours." for name, count in check.others.items()]
    lines.append("Owners are not part of this check.")
    clean = "Everything arrived once and as it was."
    lines.append(clean if check.ok else f"Each difference by record: {check.list_path}")
    return "\n".join(lines)


def _balance(report: DiffReport, shaped: ShapedDataset, mapping: Mapping) -> pd.DataFrame:
    fields, records = report.fields, report.records
    cells = fields.groupby("object", sort=False)[_DAMAGE].sum().sum(axis=1)
    found = {}
    for row in records.to_dict(orient="records"):
        item = next(one for one in mapping.objects if one.object.value == row["object"])
        missing = int(row[Verdict.MISSING.value])
        found[item.object.value] = {
            "object": item.object.value,
            "module": item.module or ("Notes" if item.landing is Landing.NOTES else ""),
            "source": shaped.source_rows(item.object),
            "excluded": shaped.excluded(item.object),
            "expected": int(row["expected"]),
            "found": int(row["expected"]) - missing,
            "missing": missing,
            "twice": int(row[Verdict.DUPLICATE.value]),
            "extra": int(row[Verdict.EXTRA.value]),
            "different": int(cells.get(row["object"], 0)),
        }
    return pd.DataFrame(list(found.values()), columns=list(_BALANCE))


def _fields(report: DiffReport) -> pd.DataFrame:
    fields = report.fields
    found = pd.DataFrame({
        "object": fields["object"], "field": fields["field"], "compared": fields["compared"],
        "different": fields[_DAMAGE].sum(axis=1), "not_checked": fields[Verdict.HIDDEN.value],
    })  # fmt: skip
    return found[(found["different"] > 0) | (found["not_checked"] > 0)].reset_index(drop=True)


def _attachments(
    shaped: ShapedDataset, mapping: Mapping, package: Path, files: Sequence[ExportFile]
) -> pd.DataFrame:
    """Return the balance of files: the names that the package gave them, counted in the export."""
    item = next((one for one in mapping.objects if one.landing is Landing.FILES), None)
    paths = sorted((package / DATA).glob(f"{_FILES}*.csv"))
    if item is None or not paths:
        return pd.DataFrame(columns=list(_BALANCE))
    options = pacsv.ConvertOptions(include_columns=[_STORED])
    parsing = pacsv.ParseOptions(newlines_in_values=True)
    names = pa.concat_arrays([
        chunk for path in paths
        for chunk in pacsv.read_csv(path, parse_options=parsing, convert_options=options)
        .column(_STORED).chunks
    ])  # fmt: skip
    counts = pd.Series(0, index=pd.Index(names.to_pylist()), dtype="int64")
    for file in files:
        place = file.column(_STORED, "Attachment Name", "File")
        for (texts,) in file.parts([place]) if place is not None else ():
            ours = texts.filter(pc.is_in(texts, value_set=names))
            counts = counts.add(
                pd.Series(ours.to_pylist(), dtype="str").value_counts(), fill_value=0
            )
    missing, source = int((counts == 0).sum()), shaped.source_rows(item.object)
    row = {
        "object": item.object.value, "module": _FILES, "source": source,
        "excluded": source - len(names), "expected": len(names), "found": len(names) - missing,
        "missing": missing, "twice": int((counts > 1).sum()), "extra": 0, "different": 0,
    }  # fmt: skip
    return pd.DataFrame([row], columns=list(_BALANCE))
