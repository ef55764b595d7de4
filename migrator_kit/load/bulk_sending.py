"""New records on their way by bulk write: started, its id kept, waited for, told row by row.

A job is an upsert by the unique source key, so that one that runs twice writes nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from migrator_kit.errors import TerminalError
from migrator_kit.load.batches import Batch, Intended, Outcome, Settled, Started
from migrator_kit.load.bulk_files import BulkFiles
from migrator_kit.load.crm import Crm
from migrator_kit.load.payload import Row
from migrator_kit.load.plain_columns import plain_rows
from migrator_kit.load.readback import MODIFIED, landed_records
from migrator_kit.load.record_sending import RecordSending
from migrator_kit.load.states import Action, Call, Status
from migrator_kit.zoho import limits
from migrator_kit.zoho.coql import all_of
from migrator_kit.zoho.reasons import Reason as Refusal
from migrator_kit.zoho.values import coql_in

PAUSES = (1.0, 2.0, 4.0, 8.0, *([15.0] * 40))
"""Seconds between two looks at a job whose id or result is lost."""

_NOT_BY_BULK = frozenset(
    {"MANDATORY_FIELDS_NOT_MAPPED", "FIELD_NOT_AVAILABLE", "MODULE_NOT_AVAILABLE", "NOT_ALLOWED"}
)
"""Codes of a start that say what bulk write cannot do and record calls can (fact sheet 7.5)."""

_WATCHED = limits.COQL_IN_VALUES - 1


@dataclass(slots=True)
class BulkSending:
    """Up to 25,000 new records of one module.

    The file is gone once it is sent; `payloads` gives back what a record's fields were, in the
    loader's own thread. `lost` tells that the answer to an earlier job with them was lost.
    """

    client: Crm
    batch: Batch
    files: BulkFiles
    file: Path = field(repr=False)
    payloads: Callable[[Sequence[Intended]], tuple[Row, ...]] = field(repr=False)
    lost: bool = False
    one_call: bool = True
    _job_is_over: bool = False

    def send(self) -> Settled | Started:
        """Upload the file and start the job. Raises what the client raises.

        A job that the org refuses as a whole leaves its records to record calls.
        """
        try:
            file_id = self.client.bulk.upload(self.file)
            job_id = self.client.bulk.start_write(self.files.job, file_id)
        except TerminalError as error:
            if error.code not in _NOT_BY_BULK:
                raise
            self._job_is_over = True
            return Settled(self.batch, (), rest_now=True)
        finally:
            self.file.unlink(missing_ok=True)
        return Started(job_id, partial(self.wait, job_id))

    def wait(self, job_id: str) -> Settled:
        """Wait for the job and return what became of each record; what did not land is left out."""
        self._job_is_over = True
        batch = replace(self.batch, job_id=job_id)
        found, told = job_outcomes(self.client, batch, self.files.key, lost=self.lost)
        return Settled(batch, tuple(found), rest_now=True, read_back=not told)

    def read_back(self) -> Settled:
        """Return what landed, by source key, once nothing more does."""
        found, _ = job_outcomes(self.client, self.batch, self.files.key)
        return Settled(self.batch, tuple(found))

    def again(self, keys: set[str], batch_id: int) -> BulkSending | CallGroup:
        """Return the records that have not landed: as a new job where the start of one was lost.

        What a job that did run has left out goes by record calls: they end, whatever the reason.
        """
        rows = tuple(row for row in self.batch.rows if row.source_id in keys)
        batch = replace(self.batch, batch_id=batch_id, rows=rows, job_id=None)
        payloads = self.payloads(rows)
        if not self._job_is_over:
            files = self.files.write(payloads, f"{batch.module}-{batch_id}")
            if len(files) == 1:
                return BulkSending(
                    self.client, batch, self.files, files[0].path, self.payloads, lost=True
                )
        call = Call.INSERT if batch.module in limits.NO_UPSERT else Call.UPSERT
        batch = replace(batch, call=call)
        return CallGroup(RecordSending(self.client, batch, payloads, self.files.key, lost=True))


@dataclass(frozen=True, slots=True)
class CallGroup:
    """Records of one batch that go out in several calls of a hundred."""

    whole: RecordSending
    one_call: bool = False

    @property
    def batch(self) -> Batch:
        """All of the records."""
        return self.whole.batch

    def send(self) -> Settled:
        """Make one call after the other. Raises what the client raises."""
        outcomes = [outcome for part in self._parts() for outcome in part.send().outcomes]
        return Settled(self.batch, tuple(outcomes))

    def read_back(self) -> Settled:
        """Return what landed by source key."""
        return self.whole.read_back()

    def again(self, keys: set[str], batch_id: int) -> CallGroup:
        """Return a group of those records that have not landed."""
        return CallGroup(self.whole.again(keys, batch_id))

    def _parts(self) -> Iterator[RecordSending]:
        rows, payloads = self.batch.rows, self.whole.payloads
        for start in range(0, len(rows), limits.RECORDS_PER_CALL):
            stop = start + limits.RECORDS_PER_CALL
            batch = replace(self.batch, rows=rows[start:stop])
            yield replace(self.whole, batch=batch, payloads=payloads[start:stop])


def job_outcomes(
    client: Crm, batch: Batch, key_field: str, *, lost: bool = False
) -> tuple[list[Outcome], bool]:
    """Return what became of a bulk write's records, and whether the job itself told it.

    Else the records are asked by source key, once nothing more seems to land; one that did not land
    has no outcome. Raises TransientError where the job still runs after an hour: it can be asked
    again.
    """
    told = None if batch.job_id is None else _told(client, batch.job_id, key_field)
    if told is None:
        _await_stillness(client, batch, key_field)
        return landed_records(client, batch.module, key_field, batch.rows), False
    written = [one[1] for one in told.values() if one[0] in ("added", "updated") and one[1]]
    times = _written_at(client, batch.module, written)
    outcomes = (
        _outcome(row, told[row.key], times, lost=lost)
        for row in batch.rows
        if row.key is not None and row.key in told
    )
    return [one for one in outcomes if one is not None], True


_Told = tuple[str, str | None, str | None, str | None, str | None]
"""Status, record id, code, field and reason of one row of a result."""


def _told(client: Crm, job_id: str, key_field: str) -> dict[str, _Told] | None:
    """Return a job's result by source key, None where it has none to tell."""
    try:
        job = client.bulk.wait_write(job_id)
        if not job.ok:
            return None
        result = client.bulk.write_results(job)
    except TerminalError:
        # Failed, expired after seven days, or unknown to the org: the records themselves know.
        return None
    columns = (key_field, "status", "record_id", "code", "field", "reason")
    return {key: said for key, *said in plain_rows(result, columns)}  # type: ignore[misc]


def _outcome(row: Intended, told: _Told, times: dict[str, str], *, lost: bool) -> Outcome | None:
    status, zoho_id, code, at, reason = told
    if status in ("added", "updated") and zoho_id:
        created = row.action is Action.CREATE and (status == "added" or lost)
        return Outcome(
            row.source_id, Status.CREATED if created else Status.UPDATED, zoho_id,
            digest=row.digest, modified_time=times.get(zoho_id),
        )  # fmt: skip
    if not code:
        return None
    return Outcome(
        row.source_id, Status.FAILED, reason=reason or str(Refusal.OTHER), code=code,
        field=at or None, digest=row.digest,
    )  # fmt: skip


def _written_at(client: Crm, module: str, zoho_ids: list[str]) -> dict[str, str]:
    """Return when Zoho CRM says it wrote the records: a result file does not tell.

    Ids of one job lie close together, so their range is read in whole pages; what lies far from
    the middle (records that stood before) is asked for by id.
    """
    if not zoho_ids:
        return {}
    numbers = sorted(map(int, zoho_ids))
    middle = numbers[len(numbers) // 2]
    near = [one for one in numbers if abs(one - middle) <= 20 * limits.BULK_ROWS]
    far = sorted(set(numbers) - set(near))
    bounds = all_of(f"id >= {near[0]}", f"id <= {near[-1]}")
    wanted = set(zoho_ids)
    rows = client.records.coql([MODIFIED], module, bounds)
    times = {str(row["id"]): row[MODIFIED] for row in rows if str(row["id"]) in wanted}
    for start in range(0, len(far), limits.COQL_IN_VALUES):
        part = [str(one) for one in far[start : start + limits.COQL_IN_VALUES]]
        for row in client.records.coql(
            [MODIFIED], module, coql_in("id", part), page_size=limits.LIST_PAGE
        ):
            times[str(row["id"])] = row[MODIFIED]
    return times


def _await_stillness(client: Crm, batch: Batch, key_field: str) -> None:
    """Wait while a job that cannot be asked still lands records; a sample of them is watched."""
    keys = [row.key for row in batch.rows if row.key is not None]
    watched = list(dict.fromkeys([*keys[:: max(1, len(keys) // _WATCHED)][:_WATCHED], *keys[-1:]]))
    before = -1
    for pause in PAUSES:
        found = client.records.find(batch.module, key_field, watched)
        landed = sum(bool(standing) for standing in found.values())
        if landed in (before, len(watched)):
            return
        before = landed
        time.sleep(pause)
