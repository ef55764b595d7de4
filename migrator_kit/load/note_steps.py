"""The step that loads notes. Each note's first line is the marker it is found again by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from migrator_kit.errors import MappingError
from migrator_kit.load.batches import Intended
from migrator_kit.load.job import LoadJob, Parent
from migrator_kit.load.note_sending import NoteSending
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import Row
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.pump import Sending
from migrator_kit.load.readback import marker_key, notes_of
from migrator_kit.load.revise import Reviser
from migrator_kit.load.states import Action, Call
from migrator_kit.load.survey import NOTE_PARENT, Surveyed, survey_notes
from migrator_kit.load.tally import Tally
from migrator_kit.load.unsent import Unsent
from migrator_kit.load.updating import Updating
from migrator_kit.load.vault import Written
from migrator_kit.load.writer import Writer
from migrator_kit.zoho import limits

NOTES = "Notes"
CONTENT = "Note_Content"


def note_sendings(job: LoadJob, step: LoadStep, writer: Writer, tally: Tally) -> Iterator[Sending]:
    """Yield the calls that create or update notes, up to 100 each.

    Raises MappingError where a note does not begin with its marker.
    """
    unsent = Unsent.of(job.ledger, step.object, writer, tally)
    standing = StandingNotes(job, job.foreign_parents())
    columns = [one for one in job.layout(step).columns if one.logical != NOTE_PARENT]
    reviser = Reviser.of(job, step.object, NOTES, columns)
    updating = Updating(reviser, unsent, Call.NOTE, partial(NoteSending, job.target.client))
    tray: list[tuple[Intended, Row]] = []
    for chunk in survey_notes(job, step, job.known(step)):
        unsent.take(chunk)
        updates: list[tuple[Intended, Row]] = []
        for planned, row in planned_notes(chunk, step):
            note = standing.compared(planned)
            if note.action is Action.UPDATE:
                updates.append((note, row))
                continue
            tray.append((note, row))
            if len(tray) == limits.RECORDS_PER_CALL:
                yield sending_of(job, unsent, tray)
                tray.clear()
        yield from updating.sendings(updates)
    if tray:
        yield sending_of(job, unsent, tray)
    yield from updating.rest()


def sending_of(job: LoadJob, unsent: Unsent, tray: list[tuple[Intended, Row]]) -> NoteSending:
    """Return one call's worth of notes as a batch."""
    images = ((note.source_id, note.digest, Written(row)) for note, row in tray)
    job.vault.keep_written(unsent.object, images)
    batch = unsent.batch(NOTES, Call.NOTE, (note for note, _ in tray))
    return NoteSending(job.target.client, batch, tuple(row for _, row in tray))


@dataclass(frozen=True, slots=True)
class StandingNotes:
    """Looks for our notes on records that stood in the org before this migration's ledger did."""

    job: LoadJob
    parents: frozenset[Parent]
    _seen: dict[Parent, dict[str, str]] = field(default_factory=dict, repr=False)

    def compared(self, note: Intended) -> Intended:
        """Return the note as planned, or as one that stands and is to be brought up to date."""
        parent = (note.parent_module or "", note.parent_id or "")
        if note.action is not Action.CREATE or parent not in self.parents:
            return note
        if parent not in self._seen:
            self._seen[parent] = {
                marker[1]: str(one["id"])
                for one in notes_of(self.job.target.client, *parent)
                if (marker := marker_key(one.get(CONTENT))) and marker[0] == "source"
            }
        found = self._seen[parent].get(note.source_id)
        return note if found is None else replace(note, action=Action.UPDATE, zoho_id=found)


def planned_notes(chunk: Surveyed, step: LoadStep) -> Iterator[tuple[Intended, Row]]:
    """Yield the notes of a chunk that are to be created or updated."""
    columns = ("source_id", "action", "digest", "zoho_id", "before_digest")
    for decision, row, parent in zip(
        plain_rows(chunk.decisions, columns), chunk.rows, chunk.parents, strict=True
    ):
        source_id, action, made, zoho_id, before = decision
        if action not in (Action.CREATE, Action.UPDATE):
            continue
        if marker_key(row.get(CONTENT)) != ("source", source_id) or parent is None:
            raise MappingError(
                f"{step.object} {source_id}: the note does not begin with its marker.",
                hint="The first line must be `[source <id> | …]`: it is how a note is found again.",
            )
        yield (
            Intended(
                source_id, Action(action), made, zoho_id=zoho_id, before_digest=before,
                parent_module=parent[0], parent_id=parent[1],
            ),
            row,
        )  # fmt: skip
