"""Notebook 06: what a load did is undone, and what people did since stays."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from migrator_kit.chain import forget_load
from migrator_kit.errors import ParameterError
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.style import styled
from migrator_kit.evidence.tables import Block, Table, Tables
from migrator_kit.load.job import Scope
from migrator_kit.load.rollback import RECYCLE_BIN_DAYS, RollbackReport, run_rollback
from migrator_kit.load.unprovision import UnprovisionReport, run_undo_provisioning
from migrator_kit.mapping.model import ObjectName
from migrator_kit.widgets.decision_box import DecisionBox
from migrator_kit.workbench.comparing import reasons_in_words
from migrator_kit.workbench.inputs import inputs_table
from migrator_kit.workbench.session import Session

REPORT = "rollback.json"
"""Beside the page: what was undone, for scripts."""
HELD_LIST = "rollback_held.csv"
"""Among the lists beside the page: what stays."""


def runs(session: Session) -> Table:
    """Return the runs of the engagement: what can be undone."""
    known = session.ledger.runs()
    known = known[known["kind"] != "rollback plan"].reset_index(drop=True)
    for moment in ("started_at", "ended_at"):
        known[moment] = pd.to_datetime(known[moment], utc=True)
    landed = session.ledger.landed("run_id").groupby("run_id").size()
    known["records_there_now"] = known["run_id"].map(landed).fillna(0).astype("int64")
    columns = ["run_id", "kind", "state", "started_at", "ended_at", "records_there_now"]
    return Table(known[columns], empty="Nothing was loaded yet.")


def preview(session: Session) -> Tables:
    """Show what the undo deletes, gives back and leaves. Nothing is written to Zoho CRM."""
    report, fields = look(session)
    table = Table(report.table(), empty="Nothing is there to be undone.")
    return Tables(
        [undo_findings(report), table, _held(report), *([_fields(fields)] if fields else [])]
    )


def look(session: Session) -> tuple[RollbackReport, UnprovisionReport | None]:
    """Return what an undo would do. Nothing is written to Zoho CRM."""
    report = undo(session, dry_run=True)
    asked = _asked(session)["provisioning"]
    return report, _unprovision(session, dry_run=True) if asked else None


def act(session: Session) -> DecisionBox | Tables:
    """Undo it where `dry_run` is false; otherwise return the box in which a person does."""
    if not session.parameters.get("dry_run", True):
        who = {name: str(session.parameters.get(name) or "") for name in ("by", "note")}
        return Tables(_blocks(*carry_out(session, **who)))
    command = told_command(_asked(session))
    waits = Finding(Level.DECISION, "Nothing was undone: this was a look ahead.",
                    f"To undo it: {command}")  # fmt: skip

    def decided(by: str, note: str) -> str:
        report, _ = carry_out(session, by=by, note=note)
        return f"Undone by {by}.\n{undo_findings(report).text()}"

    question = "I have seen what goes and what stays. It may be undone."
    return DecisionBox(question, "Roll back", decided, styled(Findings.of([waits]).html()))


def carry_out(
    session: Session, *, by: str = "", note: str = ""
) -> tuple[RollbackReport, UnprovisionReport | None]:
    """Undo what the session's parameters name, list what stays, and write the report down.

    The steps after the sample count as not done from then on: the next run loads again.
    """
    report = undo(session, dry_run=False)
    forget_load(session.engagement)
    fields = _unprovision(session, dry_run=False) if _asked(session)["provisioning"] else None
    told = rollback_json(report, fields) | {"asked": _asked(session), "by": by, "note": note}
    (session.run_folder / REPORT).write_text(json.dumps(told, indent=1), encoding="utf-8")
    return report, fields


def undo(session: Session, *, dry_run: bool) -> RollbackReport:
    """Undo, or look ahead at it, what the session's parameters name."""
    asked = _asked(session)
    report = run_rollback(
        session.engagement,
        f"{session.run_id}-look" if dry_run else session.run_id,
        undo=asked["run"] or None,
        module=asked["module"] or None,
        records=records_scope(asked["records"]),
        force=asked["force"],
        dry_run=dry_run,
        target=session.target,
        progress=session.progress,
    )
    if len(report.held):
        write_list(report.held, session.list_path(HELD_LIST))
    return report


def records_scope(names: Collection[str]) -> Scope | None:
    """Return the scope that names as `Object/source id` describe; None where none is given.

    Raises ParameterError for another form or an object that there is not.
    """
    scope: dict[ObjectName, set[str]] = {}
    for name in names:
        kind, _, source_id = name.partition("/")
        if kind not in tuple(ObjectName) or not source_id:
            raise ParameterError(
                f"{name!r} names no record.",
                hint=f"Write OBJECT/ID; objects: {', '.join(ObjectName)}.",
            )
        scope.setdefault(ObjectName(kind), set()).add(source_id)
    return scope or None


def rollback_json(report: RollbackReport, fields: UnprovisionReport | None) -> dict[str, Any]:
    """Return the shape of `rollback --json`."""
    return report.to_json() | {"provisioning": fields.to_json() if fields else None}


def told_command(asked: Mapping[str, Any]) -> str:
    """Return the command that undoes what was asked for."""
    parts = ["migrator rollback DIR"]
    parts += [f"--{name} {asked[name]}" for name in ("run", "module") if asked[name]]
    parts += [f'--record "{name}"' for name in asked["records"]]
    parts += [f'--force "{name}"' for name in asked["force"]]
    parts += ["--provisioning"] if asked["provisioning"] else []
    return " ".join([*parts, "--yes"])


def undo_findings(report: RollbackReport) -> Findings:
    """Return in words what an undo took back, what it left, and whether the org is as before."""
    would = "would be" if report.dry_run else "were"
    deleted, restored = sum(report.deleted.values()), sum(report.restored.values())
    text = f"{deleted:,} records {would} deleted, {restored:,} {would} given their old values back."
    found = [Finding(Level.GOOD, text)]
    if report.in_bin_until:
        until = f"{report.in_bin_until:%Y-%m-%d}"
        text = f"Zoho CRM keeps what was deleted in its recycle bin until {until}."
        found.append(Finding(Level.GOOD, text))
    if held := len(report.held):
        stay = "would stay" if report.dry_run else "stay"
        text = f"{held:,} records {stay}: somebody worked on them, or something hangs on them."
        remedy = "Each is listed below with what changed, by whom, and what to do."
        found.append(Finding(Level.DECISION, text, remedy))
    if report.as_before:
        found.append(Finding(Level.GOOD, "The org is as it was before the run."))
    elif report.as_before is False and not held:
        text = "The org is not as it was before the run."
        remedy = "Other runs or people changed it since, or only a part was undone."
        found.append(Finding(Level.DECISION, text, remedy))
    return Findings.of(found)


def digests(before: str | None, after: str | None) -> Table:
    """Return the digest of the org before a run and after its undo, one under the other."""
    rows = [
        ("before the run", before or "not taken"),
        ("after the undo", after or "not taken"),
        ("the same", "not known" if None in (before, after) else before == after),
    ]
    note = "SHA-256 over every record, note and file of the modules that the migration fills."
    return Table(pd.DataFrame(rows, columns=["moment", "digest"]), "Digest of the org", note=note)


def inputs(session: Session) -> Table:
    """Return what this page was made from."""
    return inputs_table(session)


def _blocks(report: RollbackReport, fields: UnprovisionReport | None) -> list[Block]:
    blocks: list[Block] = [
        undo_findings(report),
        Table(report.table(), "Undone", empty="Nothing was there to be undone."),
        digests(report.state_before, report.state_now),
        _held(report),
    ]
    return blocks if fields is None else [*blocks, _fields(fields)]


def _held(report: RollbackReport) -> Table:
    held = reasons_in_words(report.held)
    remedies = sorted({f"{one.reason}: {one.remedy}" for one in held.itertuples(index=False)})
    force = "A record goes all the same where it is named: migrator rollback DIR --force OBJECT/ID."
    where = f"The list with Zoho's ids is {HELD_LIST}."
    bin_note = (
        f"What is deleted can be brought back from Zoho's recycle bin for {RECYCLE_BIN_DAYS} days."
    )
    note = " ".join([*remedies, force, where, bin_note] if len(held) else [bin_note])
    held["changed_at"] = pd.to_datetime(held["changed_at"].replace("", None), utc=True)
    shown = ["object", "source_id", "reason", "changed", "changed_by", "changed_at"]
    return Table(held[shown], "What stays", empty="Nothing stays behind.", note=note)


def _fields(fields: UnprovisionReport) -> Table:
    removed = [(module, label, "deleted", "") for module, label in fields.removed]
    stays = fields.held[["module", "label", "remedy"]].itertuples(index=False)
    rows = removed + [(one.module, one.label, "stays", one.remedy) for one in stays]
    columns = ["module", "field", "what", "remedy"]
    empty = "No field of ours is there."
    return Table(pd.DataFrame(rows, columns=columns), "Fields made for the migration", empty=empty)


def _unprovision(session: Session, *, dry_run: bool) -> UnprovisionReport:
    return run_undo_provisioning(
        session.engagement, f"{session.run_id}-fields", dry_run=dry_run, target=session.target
    )


def _asked(session: Session) -> dict[str, Any]:
    """Return what is to be undone, as the parameters say."""
    given = session.parameters
    return {
        "run": str(given.get("run") or ""),
        "module": str(given.get("module") or ""),
        "records": [str(one) for one in given.get("records") or ()],
        "force": [str(one) for one in given.get("force") or ()],
        "provisioning": bool(given.get("provisioning", False)),
    }
