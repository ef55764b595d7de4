"""The evidence of an engagement as one file: gathered, looked through for patients, packed."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pandas as pd

from migrator_kit import __version__
from migrator_kit.chain import NOTEBOOKS, Step, StepRecord, code_digest, read_state
from migrator_kit.engagement import Engagement, digest_file
from migrator_kit.errors import EvidenceError, GateClosed
from migrator_kit.evidence import pdf
from migrator_kit.evidence.index import write_index
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.pack import Packed, write_pack
from migrator_kit.evidence.patient_values import patient_values
from migrator_kit.evidence.scan import ordinary_words, refuse, scan
from migrator_kit.evidence.tables import Table, facts
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.ledger import Ledger, open_ledger
from migrator_kit.load.seals import read_seal
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import Mapping
from migrator_kit.mapping.shape import open_shaped
from migrator_kit.privacy import DataClass
from migrator_kit.progress import SILENT, Progress
from migrator_kit.source.profile import profile_table
from migrator_kit.source.snapshot import Snapshot, latest_snapshot
from migrator_kit.workbench.overview import TITLES, later_pages, overview_findings

_WHOLE_CHAIN = GateClosed(
    "There is no complete evidence yet: not every step has ended well.",
    gate="reconcile",
    opens_with="migrator run DIR",
)


def pack_evidence(
    engagement: Engagement,
    *,
    to: Path | None = None,
    key: Path | None = None,
    with_pdf: bool = True,
    revealed: bool = False,
    progress: Progress = SILENT,
) -> Packed:
    """Pack the pages and lists of the newest runs, after a scan for patient values.

    The same runs pack to the same bytes. Raises GateClosed before the chain has ended, and
    EvidenceError for a hit of the scan, or for pages which show patient data on request that
    `revealed` does not ask for again.
    """
    records = read_state(engagement)
    if any(step not in records or not records[step].ok for step in Step):
        raise _WHOLE_CHAIN
    shown = _revealed(engagement, records)
    if shown and not revealed:
        raise EvidenceError(
            f"These pages show patient data, as was asked for: {', '.join(shown)}.",
            hint="Run the steps again without `reveal`, or pack them knowingly: --revealed",
        )
    run_id = records[Step.RECONCILE].run_id
    path = to or engagement.runs / run_id / "evidence.zip"
    with tempfile.TemporaryDirectory(dir=engagement.private) as work:
        folder = Path(work)
        _gather(engagement, records, folder)
        ledger, snapshot, mapping = (
            open_ledger(engagement), latest_snapshot(engagement), load_mapping(engagement)
        )  # fmt: skip
        told = _facts(engagement, snapshot, ledger, run_id, shown)
        write_list(ledger.audit_parts(), folder / "lists" / "audit_log.csv")
        _cover(engagement, mapping, ledger, folder, told)
        if with_pdf and pdf.browser():
            _print(folder, progress)
        members = _members(folder)
        if not shown:
            classes = data_classes(snapshot, mapping)
            words = ordinary_words(snapshot, classes)
            refuse(scan(members, patient_values(snapshot, classes, words), progress=progress))
        return write_pack(path, members, told, key)


def data_classes(snapshot: Snapshot, mapping: Mapping) -> dict[tuple[str, str], DataClass]:
    """Return the class of each column: what is proposed, unless the confirmed mapping says other.

    A column that any row calls patient data is patient data; a table's key is none.
    """
    connection = snapshot.connect()
    try:
        classes = {
            (name, column.name): column.data_class
            for name, table in snapshot.manifest.tables.items()
            for column in profile_table(connection, name, table.columns)
        }
    finally:
        connection.close()
    for item in mapping.objects:
        for row in item.fields:
            for source in row.sources or ():
                table, _, column = source.partition(".")
                if row.data_class.is_phi and (table, column) in classes:
                    classes[table, column] = row.data_class
    for name, entry in snapshot.manifest.tables.items():
        classes |= {(name, column): DataClass.TECHNICAL for column in entry.primary_key}
    return classes


def _revealed(engagement: Engagement, records: dict[Step, StepRecord]) -> list[str]:
    """Return the names of executed notebooks that were asked to show patient data."""
    found = []
    pages = {name: engagement.folder / records[step].notebook for step, name in NOTEBOOKS.items()}
    pages |= {
        later_name(page).removesuffix(".html"): page.with_suffix(".ipynb")
        for _, page in later_pages(engagement)
    }
    for name, notebook in pages.items():
        text = notebook.read_text(encoding="utf-8")
        parameters = json.loads(text)["metadata"].get("papermill", {}).get("parameters", {})
        if parameters.get("reveal"):
            found.append(name)
    return found


def _gather(engagement: Engagement, records: dict[Step, StepRecord], folder: Path) -> None:
    """Copy pages, notebooks, lists and the mapping. Lists of later steps take precedence."""
    (folder / "notebooks").mkdir()
    (folder / "mapping").mkdir()
    for step, name in NOTEBOOKS.items():
        notebook = engagement.folder / records[step].notebook
        shutil.copyfile(engagement.folder / records[step].html, folder / f"{name}.html")
        shutil.copyfile(notebook, folder / "notebooks" / f"{name}.ipynb")
        lists = notebook.parent / "lists"
        if lists.is_dir():
            shutil.copytree(lists, folder / "lists", dirs_exist_ok=True)
    for _, page in later_pages(engagement):
        run = page.parent.name
        shutil.copyfile(page, folder / later_name(page))
        notebook = folder / "notebooks" / f"{run}_{page.stem}.ipynb"
        shutil.copyfile(page.with_suffix(".ipynb"), notebook)
        if (page.parent / "lists").is_dir():
            target = folder / "lists" / run
            shutil.copytree(page.parent / "lists", target, dirs_exist_ok=True)
    for file in (engagement.mapping_path, engagement.folder / "waivers.yml"):
        if file.is_file():
            shutil.copyfile(file, folder / "mapping" / file.name)


def later_name(page: Path) -> str:
    """Return the name in the pack of a page of a delta or a rollback."""
    return f"{page.parent.name}_{page.stem}.html"


def _facts(
    engagement: Engagement, snapshot: Snapshot, ledger: Ledger, run_id: str, shown: list[str]
) -> dict[str, Any]:
    """Return what the manifest says besides the files: digests of inputs, versions, audit head."""
    check = ledger.verify_audit()
    packages = {d.name: d.version for d in distributions() if d.name}
    return {
        "client": engagement.settings.client,
        "run": run_id,
        "inputs": {
            "snapshot": snapshot.digest,
            "mapping": digest_file(engagement.mapping_path),
            "settings": digest_file(engagement.folder / "engagement.yml"),
            "code": code_digest(),
        },
        "versions": {
            "migrator-kit": __version__,
            "python": platform.python_version(),
            "packages": dict(sorted(packages.items(), key=lambda one: one[0].casefold())),
        },
        "audit": {"ok": check.ok, "rows": check.rows, "head": check.head},
        "patient_data_shown": shown,
    }


def _cover(
    engagement: Engagement, mapping: Mapping, ledger: Ledger, folder: Path, told: dict[str, Any]
) -> None:
    objects = object_counts(ledger, open_shaped(engagement), mapping)
    write_index(
        folder / "index.html",
        client=engagement.settings.client,
        run_id=told["run"],
        findings=overview_findings(objects, mapping, read_seal(engagement)),
        objects=objects,
        pages=[(TITLES[step], f"{name}.html") for step, name in NOTEBOOKS.items()]
        + [(title, later_name(page)) for title, page in later_pages(engagement)],
        lists=sorted(
            path.relative_to(folder).as_posix()
            for path in (folder / "lists").rglob("*") if path.is_file()
        ),
        revealed=bool(told["patient_data_shown"]),
        sections=list(_sections(mapping, told)),
    )  # fmt: skip


def _sections(mapping: Mapping, told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    note = "Each row of the mapping bears the name of the person who confirmed it, and when."
    yield "Who confirmed what", Table(signatures(mapping), note=note).html()
    inputs = told["inputs"] | {
        "audit_log": f"{told['audit']['rows']:,} writes",
        "end_of_the_log": told["audit"]["head"],
        "patient_data_shown_on": told["patient_data_shown"] or "no page",
    }
    yield "What this was made from", facts("SHA-256", **inputs).html()
    yield (
        "How to check it",
        (
            "<p>Nothing needs to be unpacked: <code>migrator verify evidence.zip</code> names "
            "every file that was altered and the first row missing from the log of writes. "
            "The files and their digests are listed in manifest.json.</p>"
        ),
    )


def signatures(mapping: Mapping) -> pd.DataFrame:
    """Return one row a person and object: rows confirmed, first and last date, reasons given."""
    decided = [(str(item.object), row.decision) for item in mapping.objects for row in item.fields]
    decided += [("columns that do not move", row.decision) for row in mapping.not_moved]
    rows = [
        {"object": name, "by": one.by, "when": one.when, "reason": one.note or ""}
        for name, one in decided if one
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["object", "by", "when", "reason"])
    day = frame["when"].map(lambda moment: moment.strftime("%Y-%m-%d %H:%M UTC"))
    grouped = frame.assign(when=day).groupby(["object", "by"], sort=False)
    return grouped.agg(
        rows=("when", "size"), first=("when", "min"), last=("when", "max"),
        reasons=("reason", lambda texts: "; ".join(sorted(set(texts) - {""}))),
    ).reset_index()  # fmt: skip


def _print(folder: Path, progress: Progress) -> None:
    pages = sorted(folder.glob("*.html"))
    (folder / "pdf").mkdir()
    with progress("Printing the pages", len(pages)) as step:
        for page in pages:
            pdf.print_pdf(page, folder / "pdf" / f"{page.stem}.pdf")
            step.advance()


def _members(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their names in the pack, the cover first."""
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip
    return {"index.html": found.pop("index.html"), **found}
