"""Reference notes: for a file that stays outside Zoho CRM a note on the record says where it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from migrator_kit.load.batches import Intended
from migrator_kit.load.job import LoadJob
from migrator_kit.load.note_sending import NoteSending
from migrator_kit.load.note_steps import CONTENT, sending_of
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import Row, digest
from migrator_kit.load.readback import OVERSIZE_NOTES
from migrator_kit.load.source_files import Documents, FoundFile
from migrator_kit.load.states import KEPT_OUTSIDE, Action, Reason, Status
from migrator_kit.load.survey import NOTE_PARENT, parents_in
from migrator_kit.load.tally import Tally
from migrator_kit.load.unsent import Unsent
from migrator_kit.load.writer import Writer
from migrator_kit.zoho import limits

TITLE = "File kept outside Zoho CRM"
_MEGA = 1024 * 1024


def oversize_ids(job: LoadJob, step: LoadStep) -> list[str]:
    """Return the files that stay outside and have no reference note yet."""
    latest = job.ledger.latest_outcomes(step.object, (Status.EXCLUDED,))
    outside = latest.loc[latest["reason"].isin(KEPT_OUTSIDE), "source_id"]
    written = job.ledger.crosswalk(OVERSIZE_NOTES)["source_id"]
    return sorted(set(outside) - set(written))


def oversize_sendings(
    job: LoadJob, step: LoadStep, writer: Writer, tally: Tally
) -> Iterator[NoteSending]:
    """Yield the calls that create reference notes, up to 100 each."""
    wanted = oversize_ids(job, step)
    if not wanted:
        return
    scoped = replace(job, scope={step.object: wanted})
    unsent = Unsent.of(job.ledger, OVERSIZE_NOTES, writer, tally)
    tray: list[tuple[Intended, Row]] = []
    for note, row in _notes(scoped, step):
        tray.append((note, row))
        if len(tray) == limits.RECORDS_PER_CALL:
            yield sending_of(job, unsent, tray)
            tray.clear()
    if tray:
        yield sending_of(job, unsent, tray)


def _notes(job: LoadJob, step: LoadStep) -> Iterator[tuple[Intended, Row]]:
    documents, links = Documents(job.files_root), job.links(step)
    for part in job.parts(step.object):
        rows = part.to_pylist()
        for facts, parent in zip(rows, parents_in(part, step, links), strict=True):
            file = documents.find(facts["file_path"])
            if parent is None or isinstance(file, Reason):
                continue
            row = _note(facts, file, job.file_bytes)
            row[NOTE_PARENT] = job.target.client.notes.parent(*parent)
            yield (
                Intended(
                    facts["source_id"], Action.CREATE, digest(row, job.key),
                    parent_module=parent[0], parent_id=parent[1],
                ),
                row,
            )  # fmt: skip


def _note(facts: Row, file: FoundFile, most: int) -> Row:
    lines = [
        f"[file {facts['source_id']} | {TITLE.lower()}]",
        f"Too large to move: {file.size / _MEGA:,.1f} MB, the limit is {most / _MEGA:,.0f} MB."
        if file.size > most else "Zoho CRM does not take this file.",
        f"Path in the documents folder: {facts['file_path']}",
        *(f"{label}: {facts[name]}" for name, label in (
            ("title", "Title"), ("category", "Category"), ("taken_at", "Taken at"),
        ) if facts.get(name)),
        f"Size in bytes: {file.size}",
        f"SHA-256: {file.sha256() or 'not readable'}",
    ]  # fmt: skip
    return {"Note_Title": TITLE, CONTENT: "\n".join(lines)}
