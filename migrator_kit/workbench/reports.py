"""Where an engagement stands, as JSON for scripts and as text for people."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from migrator_kit.chain import Step, read_state
from migrator_kit.compare.digest import target_digest
from migrator_kit.compare.readback import read_back
from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, MigratorError
from migrator_kit.load.accounts import object_counts
from migrator_kit.load.cutover import CLOCK_FILE
from migrator_kit.load.plan import plan_load
from migrator_kit.load.provision import field_names
from migrator_kit.load.triage import triage
from migrator_kit.mapping.checks import check_mapping
from migrator_kit.mapping.decisions import require_confirmed
from migrator_kit.mapping.model import ObjectName
from migrator_kit.progress import for_answer
from migrator_kit.source.snapshot import latest_snapshot
from migrator_kit.workbench.audit import inventory_of
from migrator_kit.workbench.estimating import ahead, estimate_of
from migrator_kit.workbench.gates import require_rehearsed, require_sample, require_signed
from migrator_kit.workbench.sample_diff import shape
from migrator_kit.workbench.session import Session

_COLUMNS = ("source", "created", "updated", "matched", "excluded", "merged", "failed", "remainder")


def open_session(engagement: Engagement) -> Session:
    """Return a session outside of notebooks. Standard output is left to the command's answer."""
    return Session(engagement, engagement.new_run_id(), "command line", progress=for_answer())


def status_report(engagement: Engagement) -> dict[str, Any]:
    """Return the shape of `status --json`: objects, gates, failures, target_digest, evidence."""
    session = open_session(engagement)
    gates = gates_now(session)
    evidence = evidence_page(engagement)
    report: dict[str, Any] = {
        "objects": {str(name): _nothing() for name in ObjectName},
        "gates": gates,
        "failures": [],
        "target_digest": None,
        "cutover_clock": cutover_clock_of(engagement),
        "evidence": str(evidence) if evidence else None,
    }
    if not gates["shaped"]["open"]:
        return report
    counted = session.ledger, session.shaped, session.mapping
    report["objects"] = object_counts(*counted)
    if engagement.practices:
        report["practices"] = {
            name: object_counts(*counted, practice=name) for name in engagement.practices
        }
    names = field_names(session.ledger, session.mapping)
    causes = triage(session.ledger, session.mapping, session.shaped, names)
    report["failures"] = json.loads(causes.to_json(orient="records"))
    report["target_digest"] = _digest(session)
    return report


def cutover_clock_of(engagement: Engagement) -> dict[str, Any] | None:
    """Return the cutover clock of the newest delta (`load.cutover`), or None before the first."""
    found = sorted(engagement.runs.glob(f"*/{CLOCK_FILE}"))
    if not found:
        return None
    clock: dict[str, Any] = json.loads(found[-1].read_text(encoding="utf-8"))
    return clock


def gates_now(session: Session) -> dict[str, dict[str, Any]]:
    """Return each gate by name: whether it is `open`, and `why` not.

    The org is asked only where a sample was signed for.
    """
    checks = {
        "snapshot": lambda: session.snapshot,
        "mapping": lambda: _mapping_gate(session),
        "shaped": lambda: session.shaped,
        "sample": lambda: require_sample(session),
        "rehearsal": lambda: require_rehearsed(session),
        "sign-off": lambda: require_signed(session),
        "reconcile": lambda: _reconcile_gate(session.engagement),
    }
    return {name: _gate(check) for name, check in checks.items()}


def evidence_page(engagement: Engagement) -> Path | None:
    """Return the first page of the newest complete run, or None."""
    record = read_state(engagement).get(Step.RECONCILE)
    if record is None or not record.ok:
        return None
    page = (engagement.folder / record.html).with_name("index.html")
    return page if page.exists() else None


def status_text(report: dict[str, Any]) -> str:
    """Return a status report as text: the ten objects, the gates, failures by cause."""
    names = [column.capitalize() for column in _COLUMNS]
    lines = [f"{'Object':<18}{'Module':<12}" + "".join(f"{name:>10}" for name in names)]
    for name, counts in report["objects"].items():
        numbers = "".join(f"{counts.get(column, 0):>10,}" for column in _COLUMNS)
        lines.append(f"{name:<18}{counts.get('module') or '-':<12}{numbers}")
    lines += _practice_lines(report.get("practices", {}))
    opened = [name for name, gate in report["gates"].items() if gate["open"]]
    lines.append(f"\nGates that are open: {', '.join(opened) or 'none'}")
    lines += [
        f"Gate {name} is closed: {gate['why']}"
        for name, gate in report["gates"].items()
        if not gate["open"]
    ]
    if report["failures"]:
        lines += ["\nFailures by cause:", *map(cause_line, report["failures"])]
    clock = report["cutover_clock"]
    if clock is not None:
        lines.append(
            f"\nCutover: freeze for {clock['freeze_minutes']:,.1f} of the promised "
            f"{clock['promised_minutes']:,.0f} minutes ({clock['changes_per_hour']:,.1f} changes "
            f"an hour, {clock['rows_per_second']:,.0f} records a second)."
        )
    return "\n".join(lines)


def cause_line(cause: dict[str, Any]) -> str:
    """Return a group of failures (`load.triage`) as text: how many of what, why, what to do."""
    what = (cause["object"], cause["field"], cause["code"] or cause["reason"].replace("_", " "),
            cause["value_class"])  # fmt: skip
    told = ", ".join(one for one in what if one)
    return f"  {cause['records']:,} × {told}: {cause['cause']} {cause['remedy']}"


def _practice_lines(practices: dict[str, Any]) -> list[str]:
    """Return one line for each practice of a group: its balance over all objects."""
    if not practices:
        return []
    lines = [f"\n{'Practice':<30}" + "".join(f"{name.capitalize():>10}" for name in _COLUMNS)]
    for name, objects in practices.items():
        sums = (sum(counts[column] for counts in objects.values()) for column in _COLUMNS)
        lines.append(f"{name:<30}" + "".join(f"{number:>10,}" for number in sums))
    return lines


def plan_report(engagement: Engagement) -> dict[str, Any]:
    """Shape the snapshot where that is not done yet and return the shape of `plan --json`.

    Raises GateClosed where the mapping is not decided.
    """
    latest_snapshot(engagement)
    shape(open_session(engagement))
    return plan_load(engagement).to_json()


def plan_text(report: dict[str, Any]) -> str:
    """Return a plan as text."""
    counted, priced = ("create", "update", "skip", "hold"), ("calls", "credits")
    lines = ["".join([f"{'Module':<14}", *(f"{name:>9}" for name in counted), f"{'path':>7}",
                      *(f"{name:>9}" for name in priced), f"{'minutes':>10}"])]  # fmt: skip
    for module, one in report["modules"].items():
        done = "".join(f"{one[name]:>9,}" for name in counted)
        price = "".join(f"{one[name]:>9,}" for name in priced)
        lines.append(f"{module:<14}{done}{one['path']:>7}{price}{one['minutes']:>10.1f}")
    lines += [
        f"  {one['object']}: {one['records']:,} wait, {one['reason'].replace('_', ' ')}"
        for one in report["holds"]
    ]
    fits = "fits into" if report["fits"] else "does not fit into"
    lines.append(f"The plan {fits} the credits that are left of the rolling 24 hours.")
    lines += [
        f"  window {part['window']}, from {part['begins_at']}: {part['records']:,} records of "
        f"{part['module']}, {part['credits']:,} credits"
        for part in report["schedule"]
    ]
    return "\n".join(lines)


def audit_report(engagement: Engagement) -> dict[str, Any]:
    """Return the shape of `audit --json`: what is there, what it will take, who owns what."""
    session = open_session(engagement)
    return (
        inventory_of(session).to_json() | ahead(session) | {"summary": estimate_of(session).lines()}
    )


def audit_text(report: dict[str, Any]) -> str:
    """Return an audit as text."""
    lines = [f"{'Table':<28}{'Rows':>12}{'Columns':>10}{'Own columns':>13}"]
    for table in report["tables"]:
        own = sum(bool(column.get("custom")) for column in table["columns"])
        lines.append(f"{table['name']:<28}{table['rows']:>12,}{len(table['columns']):>10}{own:>13}")
    orphans = sum(relation["orphans"] for relation in report["relations"])
    files = report["attachments"]
    lines += [
        "",
        f"{len(report['relations'])} relations, {orphans:,} rows point to nothing.",
        f"{files['files']:,} files, {files['missing']:,} missing, {files['oversize']} too large.",
        f"{len(report['rules'])} reminder and recall rules.",
        f"{report['duplicates']['likely']['pairs']:,} pairs of patients are likely one person.",
        *(
            f"{odd['table']}.{odd['column']}: {odd['what']} ({odd['rows']:,} rows)"
            for odd in report["oddities"]
        ),
        *_needs_lines(report),
        "",
        *report["summary"],
    ]
    return "\n".join(lines)


def _needs_lines(report: dict[str, Any]) -> list[str]:
    needs, staff = report["provisioning"], report["owners"]
    able = sum(one["active"] and one["email_known"] for one in staff)
    values = sum(one["rows"] for one in needs["misfits"])
    return [
        f"{len(needs['fields'])} custom fields to create; {values:,} values will not fit.",
        f"{able} of {len(staff)} staff are active and have an e-mail.",
    ]


def _gate(check: Any) -> dict[str, Any]:
    try:
        check()
    except MigratorError as error:
        return {"open": False, "why": str(error)}
    return {"open": True, "why": ""}


def _mapping_gate(session: Session) -> None:
    check_mapping(session.mapping, session.engagement.mapping_path, session.snapshot)
    require_confirmed(session.mapping, session.snapshot)


def _reconcile_gate(engagement: Engagement) -> None:
    if evidence_page(engagement) is None:
        raise GateClosed(
            "The books are not closed yet.", gate="reconcile", opens_with="migrator run DIR"
        )


def _digest(session: Session) -> str | None:
    """Return the digest of what the target holds now of this engagement, or None before a load."""
    if not session.ledger.anything_landed():
        return None
    with tempfile.TemporaryDirectory(dir=session.engagement.private) as work:
        landed = read_back(
            session.target,
            session.ledger,
            session.mapping,
            field_names(session.ledger, session.mapping),
            Path(work) / "landed",
            shaped=session.shaped,
        )
        return target_digest(landed, Path(work) / "spill")


def _nothing() -> dict[str, int | str]:
    return {"module": "", **dict.fromkeys(_COLUMNS, 0)}
