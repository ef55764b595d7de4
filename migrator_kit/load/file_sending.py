"""Files on their way: uploaded one by one, then verified by one listing of each parent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from migrator_kit.errors import SourceError
from migrator_kit.load.batches import Batch, Intended, Outcome, Settled
from migrator_kit.load.crm import Crm
from migrator_kit.load.readback import landed_as, landed_files, looked_twice
from migrator_kit.load.record_sending import refused
from migrator_kit.load.states import LANDED, Reason, Status
from migrator_kit.zoho.reasons import Reason as Refusal

_OUTSIDE = {
    Refusal.FILE_TOO_LARGE: Reason.FILE_OVERSIZE,
    Refusal.FILE_REFUSED: Reason.FILE_REFUSED,
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to upload: where it is, and the name it gets in Zoho CRM."""

    path: Path = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FileSending:
    """Some files, all those of a parent together, in one group of calls."""

    client: Crm
    batch: Batch
    files: tuple[SourceFile, ...] = field(repr=False)
    taken: Collection[str]
    """Ids of attachments that belong to other rows already."""
    one_call: bool = False

    def send(self) -> Settled:
        """Upload each file and verify all of them. Raises what the client raises."""
        outcomes = [
            self._upload(row, file) for row, file in zip(self.batch.rows, self.files, strict=True)
        ]
        return Settled(self.batch, tuple(self._verified(outcomes)))

    def read_back(self) -> Settled:
        """Return the files that the parent holds with the same content."""
        rows, taken = self.batch.rows, self.taken
        found = looked_twice(self.batch, lambda: landed_files(self.client, rows, taken))
        return Settled(self.batch, tuple(found))

    def again(self, keys: set[str], batch_id: int) -> FileSending:
        """Return a batch of those files that have not landed."""
        kept = [
            (row, file)
            for row, file in zip(self.batch.rows, self.files, strict=True)
            if row.source_id in keys
        ]
        batch = replace(self.batch, batch_id=batch_id, rows=tuple(row for row, _ in kept))
        return replace(self, batch=batch, files=tuple(file for _, file in kept))

    def _upload(self, row: Intended, file: SourceFile) -> Outcome:
        module, parent_id = row.parent_module or "", row.parent_id or ""
        try:
            result = self.client.attachments.upload(module, parent_id, file.path, file.name)
        except SourceError:
            return Outcome(row.source_id, Status.EXCLUDED, reason=Reason.FILE_UNREADABLE)
        if result.ok:
            return Outcome(row.source_id, landed_as(row), result.id, digest=row.digest)
        outcome = refused(row, result)
        outside = _OUTSIDE.get(result.reason) if result.reason else None
        return replace(outcome, status=Status.EXCLUDED, reason=outside) if outside else outcome

    def _verified(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Read sizes back; a file that arrived damaged is removed and counts as failed."""
        uploaded = [o.status in LANDED for o in outcomes]
        parents = {
            (row.parent_module or "", row.parent_id or "")
            for row, done in zip(self.batch.rows, uploaded, strict=True)
            if done
        }
        sizes = {
            one.id: one.size
            for module, parent_id in parents
            for one in self.client.attachments.list(module, parent_id)
        }
        return [
            self._checked(row, outcome, sizes) if done else outcome
            for row, outcome, done in zip(self.batch.rows, outcomes, uploaded, strict=True)
        ]

    def _checked(self, row: Intended, outcome: Outcome, sizes: Mapping[str, int | None]) -> Outcome:
        zoho_id = outcome.zoho_id or ""
        if sizes.get(zoho_id) == row.size:
            return outcome
        if zoho_id in sizes:
            module, parent_id = row.parent_module or "", row.parent_id or ""
            self.client.attachments.delete(module, parent_id, zoho_id)
        return Outcome(row.source_id, Status.FAILED, reason=Reason.FILE_DIFFERS)
