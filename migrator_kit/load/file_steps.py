"""The step that loads files: found, digested, uploaded by parent, verified by reading back.

What cannot move is listed with its reason: missing, empty, unreadable, outside the documents
folder, too large. For a file too large a note on the record says where it is (see `oversize`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from migrator_kit.load.batches import Intended, Outcome
from migrator_kit.load.decide import REFUSED_BEFORE
from migrator_kit.load.file_sending import FileSending, SourceFile
from migrator_kit.load.file_versions import ATTACHMENTS, GROUP, stands
from migrator_kit.load.job import LoadJob, Parent
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import digest
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.readback import landed_files
from migrator_kit.load.source_files import Documents, FoundFile
from migrator_kit.load.states import Action, Call, Reason, Status
from migrator_kit.load.survey import NOTE_PARENT, parents_in
from migrator_kit.load.tally import Tally
from migrator_kit.load.unsent import Unsent
from migrator_kit.load.writer import Writer
from migrator_kit.mapping.model import FileChange


@dataclass(frozen=True, slots=True)
class _Landed:
    """What the ledger knows of a file that was uploaded."""

    zoho_id: str
    parent_id: str | None
    content_digest: str | None
    size: int | None
    modified_ns: int | None


@dataclass(frozen=True, slots=True)
class FileDecision:
    """One file of the source: what is to be done with it, and with what."""

    source_id: str
    name: str = field(repr=False)
    action: Action
    reason: Reason | str | None = None
    parent: Parent | None = None
    file: FoundFile | None = field(default=None, repr=False)
    content: str | None = None
    digest: str = ""
    landed_as: str | None = None
    """Id of the attachment that an earlier version of it became."""
    replaces: bool = False


def survey_files(job: LoadJob, step: LoadStep) -> Iterator[list[FileDecision]]:
    """Yield the files of each part with what is to be done with them. Reads the files."""
    documents, links = Documents(job.files_root), job.links(step)
    policy = step.mapping.on_file_change
    landed = _landed(job, step)
    refused = {str(key): str(made) for key, made in job.refused(step).items()}
    for part in job.parts(step.object):
        parents = parents_in(part, step, links)
        columns = (part["source_id"], part["file_path"], _names(part))
        yield [
            _decide(job, documents, policy, landed, refused, (source_id, path, name), parent)
            for source_id, path, name, parent in zip(
                *(column.to_pylist() for column in columns), parents, strict=True
            )
        ]


def file_sendings(
    job: LoadJob, step: LoadStep, writer: Writer, tally: Tally, taken: set[str]
) -> Iterator[FileSending]:
    """Yield uploads, grouped by parent; write down the files that do not move.

    `taken` holds the ids of attachments that belong to some row already.
    """
    unsent = Unsent.of(job.ledger, step.object, writer, tally)
    foreign = job.foreign_parents()
    for decisions in survey_files(job, step):
        groups: dict[Parent, list[FileDecision]] = {}
        fresh: list[Outcome] = []
        for one in decisions:
            if one.action in (Action.CREATE, Action.UPDATE) and one.parent is not None:
                groups.setdefault(one.parent, []).append(one)
            elif one.action is Action.SKIP:
                tally.unchanged(1)
            elif one.reason in tuple(Reason):
                unsent.note(fresh, _not_moved(one))
            else:
                unsent.again(one.source_id)
        writer.record(step.object, fresh)
        batch: list[FileDecision] = []
        for parent, files in groups.items():
            standing = parent in foreign
            batch += _without_standing(job, unsent, files, taken) if standing else files
            if len(batch) >= GROUP:
                yield _sending(job, unsent, batch, taken)
                batch = []
        if batch:
            yield _sending(job, unsent, batch, taken)


def _decide(
    job: LoadJob, documents: Documents, policy: FileChange, landed: dict[str, _Landed],
    refused: dict[str, str], row: tuple[str, str | None, str], parent: Parent | None,
) -> FileDecision:  # fmt: skip
    source_id, path, name = row
    before = landed.get(source_id)
    if parent is None:
        return FileDecision(source_id, name, Action.HOLD, Reason.PARENT_NOT_LANDED)
    if before is not None and before.parent_id not in (None, parent[1]):
        before = None
    file = documents.find(path)
    if before is not None and (isinstance(file, Reason) or _same(before, file)):
        return FileDecision(source_id, name, Action.SKIP)
    if isinstance(file, Reason):
        return FileDecision(source_id, name, Action.HOLD, file, parent)
    if file.size > job.file_bytes:
        return FileDecision(source_id, name, Action.HOLD, Reason.FILE_OVERSIZE, parent, file)
    content = file.sha256()
    if content is None:
        return FileDecision(source_id, name, Action.HOLD, Reason.FILE_UNREADABLE, parent, file)
    made = digest({"content": content, "name": name, "parent": parent[1]}, job.key)
    if refused.get(source_id) == made:
        return FileDecision(source_id, name, Action.HOLD, REFUSED_BEFORE, parent)
    fresh = FileDecision(source_id, name, Action.CREATE, None, parent, file, content, made)
    return fresh if before is None else _newer(job, policy, fresh, parent, before)


def _newer(
    job: LoadJob, policy: FileChange, fresh: FileDecision, parent: Parent, before: _Landed
) -> FileDecision:
    """Return what becomes of a file that was uploaded before."""
    if before.content_digest == fresh.content:
        return replace(fresh, action=Action.SKIP)
    if policy is FileChange.ASK:
        return replace(fresh, action=Action.HOLD, reason=Reason.FILE_CHANGED)
    if not stands(job, parent, before.zoho_id):
        return replace(fresh, action=Action.HOLD, reason=Reason.DELETED_IN_TARGET)
    replaces = policy is FileChange.REPLACE
    return replace(fresh, action=Action.UPDATE, landed_as=before.zoho_id, replaces=replaces)


def _same(before: _Landed, file: FoundFile) -> bool:
    """Tell by size and time of change that a file is the uploaded one, without reading it."""
    return (before.size, before.modified_ns) == (file.size, file.modified_ns)


def _not_moved(one: FileDecision) -> Outcome:
    reason = str(one.reason)
    if reason == Reason.PARENT_NOT_LANDED:
        return Outcome(one.source_id, Status.FAILED, reason=reason, field=NOTE_PARENT)
    waits = reason in (Reason.FILE_CHANGED, Reason.DELETED_IN_TARGET)
    status = Status.HELD if waits else Status.EXCLUDED
    return Outcome(one.source_id, status, reason=reason)


def _intended(one: FileDecision) -> Intended:
    module, parent_id = one.parent or (None, None)
    file = one.file
    action = Action.REPLACE if one.replaces else one.action
    return Intended(
        one.source_id, action, one.digest, zoho_id=one.landed_as,
        parent_module=module, parent_id=parent_id,
        content_digest=one.content, size=file.size if file else None,
        modified_ns=file.modified_ns if file else None,
    )  # fmt: skip


def _sending(
    job: LoadJob, unsent: Unsent, group: list[FileDecision], taken: set[str]
) -> FileSending:
    batch = unsent.batch(ATTACHMENTS, Call.FILE, map(_intended, group))
    files = tuple(SourceFile(one.file.path, one.name) for one in group if one.file)
    return FileSending(job.target.client, batch, files, taken)


def _without_standing(
    job: LoadJob, unsent: Unsent, group: list[FileDecision], taken: set[str]
) -> list[FileDecision]:
    """Write down the files that the parent holds already and return the others."""
    rows = [_intended(one) for one in group]
    standing = {o.source_id: o.zoho_id for o in landed_files(job.target.client, rows, taken)}
    if standing:
        found = [row for row in rows if row.source_id in standing]
        batch = unsent.batch(ATTACHMENTS, Call.FILE, found)
        unsent.matched(batch, [(standing[row.source_id], None) for row in found])
        taken.update(zoho_id for zoho_id in standing.values() if zoho_id)
    return [one for one in group if one.source_id not in standing]


def _landed(job: LoadJob, step: LoadStep) -> dict[str, _Landed]:
    crosswalk = job.ledger.crosswalk(step.object)[["source_id", "zoho_id"]]
    marks = job.ledger.marks(step.object)
    frame = crosswalk.merge(marks, on="source_id", how="left")
    names = ["source_id", "zoho_id", "parent_id", "content_digest", "size", "modified_ns"]
    return {source_id: _Landed(*facts) for source_id, *facts in plain_rows(frame, names)}


def _names(part: pa.Table) -> pa.ChunkedArray:
    """Return the names files get in Zoho CRM; one without a name gets its source id."""
    if "File_Name" not in part.column_names:
        return part["source_id"]
    return pc.coalesce(part["File_Name"], part["source_id"])
