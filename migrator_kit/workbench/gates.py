"""The gates before a load: a clean sample, a rehearsed undo, a person's sign-off.

A delta goes under the sign-off of the initial load: a person has seen that mapping and that program
at work, and the delta's own snapshot is looked at by its plan.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from migrator_kit.engagement import digest_file
from migrator_kit.errors import GateClosed
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.tables import Table, Tables
from migrator_kit.load.opening import open_job
from migrator_kit.load.rehearsal import Rehearsal, read_rehearsal, require_rehearsal
from migrator_kit.load.seals import FACTS, Seal, read_seal, require_seal, seal_facts, sign_off
from migrator_kit.mapping.shape import dataset_digest
from migrator_kit.workbench.deltas import signed_snapshot
from migrator_kit.workbench.session import Session


def require_sample(session: Session, *, delta: bool = False) -> str:
    """Return the digest of the sampled dataset. Raises GateClosed unless a sample of it was clean.

    It has to be a sample of the data and the mapping as they are now; for a delta, of those that
    the delta builds on.
    """
    record = _sample_record(session)
    wanted = record.get("shaped") if delta or _signed_before(session) else _dataset(session)
    if not record.get("clean") or record.get("shaped") != wanted:
        raise GateClosed(
            "No clean sample of this data and this mapping was loaded yet.",
            gate="sample",
            opens_with="migrator run DIR --from sample --to sample",
        )
    return str(wanted)


def require_rehearsed(session: Session, *, delta: bool = False) -> Rehearsal:
    """Return the rehearsal of the undo of that sample. Raises GateClosed where it did not pass."""
    return require_rehearsal(session.engagement, require_sample(session, delta=delta))


def require_signed(session: Session, *, delta: bool = False) -> Seal:
    """Return the sign-off where it holds. Raises GateClosed naming what is missing or changed."""
    seal = read_seal(session.engagement)
    if seal is None:
        require_rehearsed(session, delta=delta)
        return require_seal(session.engagement, {})
    # What changed since is told first: that a new sample is needed follows from it.
    signed = seal.facts["snapshot"] if delta else _signed_before(session)
    facts = facts_now(session, signed or session.snapshot.digest)
    held = require_seal(session.engagement, facts)
    require_rehearsed(session, delta=delta)
    return held


def facts_now(session: Session, snapshot: str) -> dict[str, str]:
    """Return the digests that a sign-off binds as they are now, with that snapshot's."""
    rehearsal, sample = read_rehearsal(session.engagement), sample_file(session)
    with open_job(session.engagement, target=session.target, planning=True) as job:
        return seal_facts(
            job,
            snapshot=snapshot,
            sample_diff=digest_file(sample) if sample.exists() else None,
            rehearsal=rehearsal.digest if rehearsal else None,
        )


def sign(session: Session, by: str, note: str = "") -> Seal:
    """Sign off what the sample showed, and log it. A broken sign-off gives way to the new one.

    Raises GateClosed where sample or rehearsal is missing or of other data, ParameterError without
    a name.
    """
    session.forget_mapping()
    if _sample_record(session).get("shaped") != _dataset(session):
        raise GateClosed(
            "The sample was loaded from other data or with another mapping.",
            gate="sample",
            opens_with="migrator run DIR --from sample --to sample",
        )
    require_rehearsed(session)
    facts = facts_now(session, session.snapshot.digest)
    return sign_off(session.engagement, facts, by=by, note=note, ledger=session.ledger)


def seal_tables(seal: Seal) -> Tables:
    """Return a sign-off as a person reads it: who, when, why, and what it binds."""
    text = f"Signed off by {seal.by}, {seal.when:%Y-%m-%d %H:%M} UTC."
    bound = [(told, seal.facts[name][:16]) for name, told in FACTS.items()]
    frame = pd.DataFrame(bound, columns=["bound_by_the_sign_off", "digest"], dtype="str")
    return Tables([Findings.of([Finding(Level.GOOD, text, seal.note)]), Table(frame)])


def sample_file(session: Session) -> Path:
    """Return where it is written down what the last sample of the engagement found."""
    return session.engagement.runs / "sample.json"


def _sample_record(session: Session) -> dict[str, Any]:
    path = sample_file(session)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return record


def _dataset(session: Session) -> str:
    """Return the digest of what the newest snapshot and the mapping shape to."""
    return dataset_digest(session.snapshot, session.mapping, session.engagement)


def _signed_before(session: Session) -> str | None:
    return signed_snapshot(session.engagement, session.snapshot.digest)
