"""The account of every object: source = created + updated + matched + excluded + merged + failed.

Nothing is forced: each number is counted for itself, and the remainder is what is left. While a
load is under way the remainder is what has not been driven yet; after it, zero or a fault.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import duckdb
import pandas as pd

from migrator_kit.load.ledger import Ledger
from migrator_kit.load.order import module_of
from migrator_kit.load.provision_plan import ShapedParts
from migrator_kit.load.states import REMEDIES, Reason, Status
from migrator_kit.mapping.model import Landing, Mapping, ObjectMapping, ObjectName
from migrator_kit.zoho.reasons import Reason as Refusal
from migrator_kit.zoho.reasons import remedy_of

FAILURES = ("module", "object", "code", "reason", "field", "records", "remedy")
EXCLUDED = ("object", "source_id", "reason", "remedy")


@dataclass(frozen=True, slots=True)
class ObjectCount:
    """Where the rows of one source object are."""

    module: str
    source: int
    created: int = 0
    updated: int = 0
    matched: int = 0
    excluded: int = 0
    merged: int = 0
    failed: int = 0

    @property
    def remainder(self) -> int:
        """Rows that nothing accounts for."""
        landed = self.created + self.updated + self.matched
        return self.source - landed - self.excluded - self.merged - self.failed


def object_counts(
    ledger: Ledger, shaped: ShapedParts, mapping: Mapping, practice: str | None = None
) -> dict[str, dict[str, int | str]]:
    """Return the counts of all ten objects as `status --json` shows them.

    An object that the mapping does not have counts as one without rows. `practice` is the one of a
    group whose rows are counted, without it all are.
    """
    rejects = shaped.rejects()
    if practice is not None:
        rejects = rejects[rejects["source_id"].str.startswith(f"{practice}:")]
    by_name = {one.object: one for one in mapping.objects}
    counted: dict[str, dict[str, int | str]] = {}
    for name in ObjectName:
        one = by_name.get(name)
        count = ObjectCount("", 0)
        if one is not None:
            count = _count(ledger, shaped, mapping, one, rejects, practice)
        counted[str(name)] = {**asdict(count), "remainder": count.remainder}
    return counted


def failures(ledger: Ledger, mapping: Mapping) -> pd.DataFrame:
    """Return the open failures grouped by module, code and field, most records first."""
    frame = _against(ledger.open_failures(), mapping)
    keys = ["module", "object", "code", "reason", "field"]
    grouped = frame.groupby(keys, as_index=False, dropna=False).size()
    grouped = grouped.rename(columns={"size": "records"})
    grouped["remedy"] = grouped["reason"].map(remedy_for)
    return grouped.sort_values(["records", *keys], ascending=[False] + [True] * len(keys))[
        list(FAILURES)
    ].reset_index(drop=True)


def failure_list(ledger: Ledger, mapping: Mapping) -> pd.DataFrame:
    """Return the open failures one by one: keys and reasons, no values."""
    frame = _against(ledger.open_failures(), mapping)
    frame["remedy"] = frame["reason"].map(remedy_for)
    return frame[
        ["module", "object", "source_id", "status", "code", "reason", "field", "remedy"]
    ].reset_index(drop=True)


def exclusion_list(ledger: Ledger, shaped: ShapedParts) -> pd.DataFrame:
    """Return every record that does not move, with its reason: columns `EXCLUDED`."""
    rejects = shaped.rejects()
    shaping = rejects[rejects["action"] == "excluded"][list(EXCLUDED)]
    loading = ledger.latest_outcomes(statuses=(Status.EXCLUDED,))
    loading = loading[["object", "source_id", "reason"]]
    loading = loading.assign(remedy=loading["reason"].map(remedy_for))
    whole = pd.concat([shaping, loading], ignore_index=True)
    return whole.drop_duplicates(["object", "source_id"], ignore_index=True)


def remedy_for(reason: str | None) -> str:
    """Return what to do about a reason of the load or a refusal of Zoho's."""
    if reason in tuple(Reason):
        return REMEDIES[Reason(reason)]
    return remedy_of(Refusal(reason) if reason in tuple(Refusal) else Refusal.OTHER)


def _against(frame: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    modules = {str(one.object): module_of(one) for one in mapping.objects}
    return frame.assign(module=frame["object"].map(modules).fillna("Notes"))


def _count(
    ledger: Ledger, shaped: ShapedParts, mapping: Mapping, one: ObjectMapping,
    rejects: pd.DataFrame, practice: str | None,
) -> ObjectCount:  # fmt: skip
    source = shaped.source_rows(one.object, practice)
    if one.landing is Landing.REFERENCE:
        return ObjectCount("", source, excluded=source)
    mine = rejects[(rejects["object"] == str(one.object)) & (rejects["action"] == "excluded")]
    excluded = int(mine["source_id"].nunique())
    carrier = one.into if one.landing is Landing.FIELDS and one.into else one.object
    module = module_of(mapping.object(carrier))
    states = _states(ledger, shaped, one, carrier, practice)
    return ObjectCount(
        module, source, states.get(Status.CREATED, 0), states.get(Status.UPDATED, 0),
        states.get(Status.MATCHED, 0), excluded + states.get(Status.EXCLUDED, 0), 0,
        states.get(Status.FAILED, 0) + states.get(Status.HELD, 0),
    )  # fmt: skip


def _states(
    ledger: Ledger, shaped: ShapedParts, one: ObjectMapping, carrier: ObjectName,
    practice: str | None,
) -> dict[str, int]:  # fmt: skip
    """Return how many shaped rows of an object are in which state.

    A row that lands as fields of another record stands where that record stands: what failed or
    is held counts as such even where an older version of it landed.
    """
    paths = [str(path) for path in shaped.parts(one.object)]
    if not paths:
        return {}
    of_practice = f"{practice}:" if practice else ""
    column = "parent_id" if one.landing is Landing.FIELDS else "source_id"
    landed = ledger.crosswalk(carrier)[["source_id", "state"]]
    against = ledger.latest_outcomes(carrier, (Status.FAILED, Status.HELD, Status.EXCLUDED))
    against = against[["source_id", "status"]]
    query = f"""
        SELECT coalesce(against.status, landed.state) AS state, count(*) AS rows
        FROM read_parquet(?) AS shaped
        LEFT JOIN against ON against.source_id = shaped.{column}
        LEFT JOIN landed ON landed.source_id = shaped.{column}
        WHERE coalesce(against.status, landed.state) IS NOT NULL
              AND starts_with(shaped.source_id, ?)
        GROUP BY 1
    """
    with duckdb.connect() as connection:
        connection.register("landed", landed)
        connection.register("against", against)
        return {str(state): int(rows) for state, rows in
                connection.execute(query, [paths, of_practice]).fetchall()}  # fmt: skip
