"""The step that loads notes. Each note's first line is the marker it is found again by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from migrator_kit.errors import MappingError
from migrator_kit.load.batches import Intended
from migrator_kit.load.job import LoadJob, Parent
from migrator_kit.load.note_sending import NoteSending
from migrator_kit.load.order import LoadStep
from migrator_kit.load.payload import Row
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.readback import marker_key, notes_of
from migrator_kit.load.states import Action, Call
from migrator_kit.load.survey import NOTE_PARENT, Surveyed, survey_notes
from migrator_kit.load.tally import Tally
from migrator_kit.load.unsent import Unsent
from migrator_kit.load.writer import Writer
from migrator_kit.zoho import limits

NOTES = "Notes"
CONTENT = "Note_Content"


def note_sendings(
    job: LoadJob, step: LoadStep, writer: Writer, tally: Tally
) -> Iterator[NoteSending]:
    """Yield the calls that create or update notes, up to 100 each.

    Raises MappingError where a note does not begin with its marker.
    """
    unsent = Unsent.of(job.ledger, step.object, writer, tally)
    standing = StandingNotes(job, job.foreign_parents())
    trays: dict[Action, list[tuple[Intended, Row]]] = {Action.CREATE: [], Action.UPDATE: []}
    for chunk in survey_notes(job, step, job.known(step)):
        unsent.take(chunk)
        for planned, row in _planned(chunk, step):
            note = standing.compared(planned, row)
            if note.action is Action.SKIP:
                unsent.matched(unsent.batch(NOTES, Call.NOTE, [note]), [note.zoho_id])
                continue
            tray = trays[note.action]
            tray.append((note, _for_update(row, note) if note.action is Action.UPDATE else row))
            if len(tray) == limits.RECORDS_PER_CALL:
                yield sending_of(job, unsent, tray)
                tray.clear()
    for tray in trays.values():
        if tray:
            yield sending_of(job, unsent, tray)


def sending_of(job: LoadJob, unsent: Unsent, tray: list[tuple[Intended, Row]]) -> NoteSending:
    """Return one call's worth of notes as a batch."""
    batch = unsent.batch(NOTES, Call.NOTE, (note for note, _ in tray))
    return NoteSending(job.target.client, batch, tuple(row for _, row in tray))


@dataclass(frozen=True, slots=True)
class StandingNotes:
    """Looks for our notes on records that stood in the org before this migration's ledger did."""

    job: LoadJob
    parents: frozenset[Parent]
    _seen: dict[Parent, dict[str, tuple[str, str]]] = field(default_factory=dict, repr=False)

    def compared(self, note: Intended, row: Row) -> Intended:
        """Return the note as planned, or as one that stands: to skip when equal, to update."""
        parent = (note.parent_module or "", note.parent_id or "")
        if note.action is not Action.CREATE or parent not in self.parents:
            return note
        if parent not in self._seen:
            self._seen[parent] = {
                marker[1]: (str(one["id"]), str(one.get(CONTENT) or ""))
                for one in notes_of(self.job.target.client, *parent)
                if (marker := marker_key(one.get(CONTENT))) and marker[0] == "source"
            }
        found = self._seen[parent].get(note.source_id)
        if found is None:
            return note
        action = Action.SKIP if found[1] == row.get(CONTENT) else Action.UPDATE
        return replace(note, action=action, zoho_id=found[0])


def _planned(chunk: Surveyed, step: LoadStep) -> Iterator[tuple[Intended, Row]]:
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


def _for_update(row: Row, note: Intended) -> Row:
    kept = {name: value for name, value in row.items() if name != NOTE_PARENT}
    return {**kept, "id": note.zoho_id}
