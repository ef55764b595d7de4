"""The deltas of an engagement: which snapshot each carried over, under whose sign-off, how far."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed
from migrator_kit.load.seals import read_seal
from migrator_kit.progress import for_answer
from migrator_kit.source.snapshot import latest_snapshot, take_snapshot, unread_practices

FILE_NAME = "delta.json"


class Delta(BaseModel):
    """One delta: its run, the digest of its snapshot, the mark of the sign-off it went under."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    run_id: str
    snapshot: str
    seal: str
    began: datetime
    snapshot_seconds: float
    done: bool = False


def read_deltas(engagement: Engagement) -> list[Delta]:
    """Return the deltas so far, the oldest first."""
    return [
        Delta.model_validate_json(path.read_bytes())
        for path in sorted(engagement.runs.glob(f"*/{FILE_NAME}"))
    ]


def begin_delta(engagement: Engagement, say: Callable[[str], None]) -> Delta:
    """Return the delta to go on with: the one that did not end, or a new one with a new snapshot.

    Where practices joined the group since, they alone are read. Raises GateClosed where nobody
    signed off, and what `take_snapshot` raises.
    """
    seal = read_seal(engagement)
    mark = seal.mark if seal else ""
    earlier = read_deltas(engagement)
    if earlier and not earlier[-1].done:
        newest = latest_snapshot(engagement).digest
        delta = earlier[-1].model_copy(update={"snapshot": newest, "seal": mark})
        say(f"delta {delta.run_id}: goes on")
    else:
        joined = unread_practices(engagement)
        what = f" of {', '.join(joined)}, which joined the group" if joined else ""
        say(f"delta: taking a snapshot{what}")
        started = time.perf_counter()
        digest = take_snapshot(engagement, only=joined, progress=for_answer()).digest
        delta = Delta(
            run_id=engagement.new_run_id(), snapshot=digest, seal=mark, began=datetime.now(UTC),
            snapshot_seconds=time.perf_counter() - started,
        )  # fmt: skip
    _keep(engagement, delta)
    return delta


def end_delta(engagement: Engagement, delta: Delta) -> None:
    """Note that a delta has come to its end."""
    _keep(engagement, delta.model_copy(update={"done": True}))


def signed_snapshot(engagement: Engagement, digest: str) -> str | None:
    """Return the snapshot that was signed off, where this one is a delta's under that sign-off."""
    deltas = [one for one in read_deltas(engagement) if one.snapshot == digest and one.seal]
    if not deltas:
        return None
    try:
        seal = read_seal(engagement)
    except GateClosed:
        return None
    if seal is None or all(one.seal != seal.mark for one in deltas):
        return None
    return seal.facts["snapshot"]


def _keep(engagement: Engagement, delta: Delta) -> None:
    folder = engagement.runs / delta.run_id
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "delta.new"
    fresh.write_text(delta.model_dump_json(indent=1) + "\n", encoding="utf-8")
    fresh.replace(folder / FILE_NAME)
