"""Fields of our records that people changed in Zoho CRM: what we wrote against what stands now.

A value that differs from the source is no fault of the load where the vault knows that we wrote
the source's value and somebody else changed the record after us.
"""

from __future__ import annotations

import pandas as pd

from migrator_kit.load.job import LoadJob
from migrator_kit.load.later_work import LaterWork, written_images
from migrator_kit.load.undo_scope import UndoScope, UndoStep

EDITS = ("object", "source_id", "field", "changed_by", "changed_at")


def staff_edits(job: LoadJob, records: pd.DataFrame) -> pd.DataFrame:
    """Return the fields that people changed on some records since we wrote them: columns `EDITS`.

    `records` has `object` and `source_id`; `field` is the logical name. Name and time are empty
    where a later write of ours covers the person's. Only another user's change counts: what our own
    user did cannot be told from the load. Reads the org, writes nothing.
    """
    later, found = LaterWork(job), list[tuple[str, ...]]()
    for step in UndoScope().steps(job):
        wanted = records.loc[records["object"] == step.name, "source_id"]
        if len(wanted) and step.columns:
            known = job.ledger.crosswalk(step.name)
            found += _edits(job, step, known[known["source_id"].isin(wanted)], later)
    return pd.DataFrame(found, columns=list(EDITS), dtype="str")


def _edits(
    job: LoadJob, step: UndoStep, rows: pd.DataFrame, later: LaterWork
) -> list[tuple[str, ...]]:
    standing = later.standing(step.module, rows["zoho_id"].tolist(), step.columns)
    images = written_images(job, step.name, rows)
    found: list[tuple[str, ...]] = []
    for source_id, zoho_id in zip(rows["source_id"], rows["zoho_id"], strict=True):
        now, image = standing.get(zoho_id), images.get(source_id)
        if now is None or image is None:
            continue
        by_others = now.author_id not in (None, job.target.api_user.id)
        who = (later.author(now), now.modified_time or "") if by_others else ("", "")
        found += [
            (step.name, source_id, one.logical, *who)
            for one in step.columns
            if not one.hidden
            and (by_others or one.api_name in image.theirs)
            and not one.same(now.fields.get(one.api_name), image.fields.get(one.api_name))
        ]
    return found
