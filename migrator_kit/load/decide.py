"""What to do with each record: create, update, skip or hold. Pure; plan and loader share it.

Looks at what the ledger says landed, what the target holds under the same source key, and what
Zoho refused before with the same payload.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from migrator_kit.load.matching import Matches
from migrator_kit.load.states import Action, Reason
from migrator_kit.mapping.model import Writes

REFUSED_BEFORE = "refused_before"
"""Hold: Zoho refused exactly this payload already; `migrator retry` sends it again."""


def _empty() -> pd.Series:
    return pd.Series(index=pd.Index([], dtype="str"), dtype="str")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an object's records before its step begins.

    `zoho_ids` and `digests` come from the ledger, by source id. `found` are the target's ids by
    source key, None where the module cannot be asked by key; `several` are keys that more than
    one record carries. `refused` are digests of payloads that Zoho refused, by source id;
    `colliding` are records whose keys Zoho cannot tell apart.
    """

    zoho_ids: pd.Series = field(default_factory=_empty)
    digests: pd.Series = field(default_factory=_empty)
    found: pd.Series | None = None
    several: Collection[str] = ()
    refused: pd.Series = field(default_factory=_empty)
    colliding: Collection[str] = ()
    matches: Matches = field(default_factory=Matches)
    """What the mapping's match rules found."""
    writes: Writes = Writes.UPSERT


def decide(
    source_ids: Sequence[str],
    keys: Sequence[str | None],
    digests: Sequence[str],
    waiting: Sequence[str | None],
    known: Known,
) -> pd.DataFrame:
    """Return one row for each record, in order.

    Columns: `source_id`, `key`, `digest`, `field` (the lookup whose parent has not landed),
    `zoho_id` and `before_digest` (of a record that stands already), `action`, `reason` (of a
    hold).
    """
    frame = pd.DataFrame(
        {"source_id": source_ids, "key": keys, "digest": digests, "field": waiting}, dtype="str"
    )
    ids = frame["source_id"]
    frame["zoho_id"] = ids.map(known.zoho_ids).astype("str")
    frame["before_digest"] = ids.map(known.digests).astype("str")
    landed = frame["zoho_id"].notna()
    gone = several = matched = pd.Series(False, index=frame.index)
    if known.found is not None:
        gone = landed & ~frame["zoho_id"].isin(known.found)
        several = ~landed & frame["key"].isin(list(known.several))
        by_key = frame["key"].map(known.found).astype("str")
        matched = ~landed & by_key.notna()
        frame["zoho_id"] = frame["zoho_id"].where(~matched, by_key)
    by_rule = ids.map(known.matches.found).astype("str")
    alike = ~landed & ~matched & by_rule.notna()
    frame["zoho_id"] = frame["zoho_id"].where(~alike, by_rule)
    stands = landed | matched | alike
    several |= ~stands & ids.isin(list(known.matches.several))
    shared = ~stands & ids.isin(list(known.matches.shared))
    creating, updating = known.writes is Writes.CREATE, known.writes is Writes.UPDATE
    cases = (
        (frame["field"].notna(), Action.HOLD, Reason.PARENT_NOT_LANDED),
        (ids.isin(list(known.colliding)), Action.HOLD, Reason.KEYS_COLLIDE),
        (gone, Action.HOLD, Reason.DELETED_IN_TARGET),
        (landed & (frame["digest"] == frame["before_digest"]), Action.SKIP, ""),
        (ids.map(known.refused) == frame["digest"], Action.HOLD, REFUSED_BEFORE),
        (several, Action.HOLD, Reason.SEVERAL_MATCHES),
        (shared, Action.HOLD, Reason.MATCH_TAKEN),
        (stands & creating, Action.HOLD, Reason.ONLY_CREATE),
        (~stands & updating, Action.HOLD, Reason.ONLY_UPDATE),
        (stands, Action.UPDATE, ""),
    )
    masks = [np.asarray(mask, dtype=bool) for mask, _, _ in cases]
    frame["action"] = _chosen(masks, [str(action) for _, action, _ in cases], str(Action.CREATE))
    frame["reason"] = _chosen(masks, [str(reason) for _, _, reason in cases], "")
    return frame


def _chosen(masks: list[np.ndarray], values: list[str], default: str) -> pd.Series:
    return pd.Series(np.select(masks, values, default), dtype="str")
