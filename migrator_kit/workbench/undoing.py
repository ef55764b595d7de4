"""Rollback and retry by command: the same functions as the notebooks, and their answers as text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from migrator_kit.chain import run_rollback_page
from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed
from migrator_kit.evidence.lists import write_list
from migrator_kit.load.provision import field_names
from migrator_kit.load.retry import run_retry
from migrator_kit.load.rollback import RECYCLE_BIN_DAYS
from migrator_kit.load.triage import reject_list
from migrator_kit.workbench import rollback
from migrator_kit.workbench.reports import cause_line, open_session

HELD_TOLD = 40
"""Records that stay are listed one by one up to so many; the list beside the run has them all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be undone: what is empty does not limit it. Records as `Object/source id`."""

    run: str = ""
    module: str = ""
    records: Sequence[str] = ()
    force: Sequence[str] = ()
    provisioning: bool = False


def look_ahead(engagement: Engagement, asked: Asked) -> dict[str, Any]:
    """Return what an undo would do, as `rollback --json` shows it. Nothing is written to the org.

    Raises ParameterError for a run, module or record that is not known.
    """
    session = open_session(engagement)
    session.parameters = asdict(asked)
    report, fields = rollback.look(session)
    told = rollback.rollback_json(report, fields)
    return told | {
        "held_list": str(session.list_path(rollback.HELD_LIST)) if told["held"] else None
    }


def roll_back(
    engagement: Engagement, asked: Asked, *, by: str = "", note: str = ""
) -> dict[str, Any]:
    """Undo it by the rollback notebook, which stays as a page, and return what was done.

    `by` and `note` say who asks for it and why, as the report keeps it.
    Raises ParameterError for a run, module or record that is not known.
    """
    rollback.records_scope(asked.records)
    run_id = engagement.new_run_id()
    parameters = {**asdict(asked), "records": list(asked.records), "force": list(asked.force)}
    parameters |= {"by": by, "note": note}
    page = run_rollback_page(engagement, run_id, {**parameters, "dry_run": False})
    text = (engagement.runs / run_id / rollback.REPORT).read_text(encoding="utf-8")
    report: dict[str, Any] = json.loads(text)
    held = page.with_name("lists") / rollback.HELD_LIST
    return report | {"page": str(page), "held_list": str(held) if report["held"] else None}


def require_yes(asked: Asked) -> None:
    """Raise GateClosed naming the command that undoes what was looked at."""
    raise GateClosed(
        "Nothing was undone: this was a look ahead.",
        gate="rollback",
        opens_with=rollback.told_command(asdict(asked)),
    )


def undo_text(report: dict[str, Any]) -> str:
    """Return an undo as text: what went, what stays and why, the digests of the org."""
    ahead = report["dry_run"]
    if not report["objects"]:
        return "Nothing is there to be undone."
    lines = ["What the undo would do; nothing is written to Zoho CRM.", ""] if ahead else []
    lines += [f"{'Object':<26}{'Deleted':>10}{'Restored':>10}{'Stays':>10}"]
    lines += [
        f"{one['object']:<26}{one['deleted']:>10,}{one['restored']:>10,}{one['held']:>10,}"
        for one in report["objects"]
    ]
    lines += _held_lines(report)
    fields = report["provisioning"]
    if fields:
        go = "would go" if ahead else "are gone"
        lines.append(
            f"\nOf the fields made for the migration {len(fields['removed'])} {go}, "
            f"{len(fields['held'])} stay."
        )
    if report["state_now"]:
        lines += ["", f"Digest of the org before the run: {report['state_before']}",
                  f"Digest of the org after the undo: {report['state_now']}"]  # fmt: skip
        told = "is as it was before the run" if report["as_before"] else "is not as it was before"
        lines.append(f"The org {told}.")
    if ahead:
        lines.append(
            f"\nDeleted records would lie in Zoho's recycle bin for {RECYCLE_BIN_DAYS} days."
        )
    elif report["in_bin_until"]:
        lines.append(f"\nZoho CRM keeps what was deleted in its recycle bin for {RECYCLE_BIN_DAYS} "
                     f"days, until {report['in_bin_until']}.")  # fmt: skip
    if report.get("page"):
        lines.append(f"\nPage: {report['page']}")
    return "\n".join(lines)


def _held_lines(report: dict[str, Any]) -> list[str]:
    """Return what stays, each with its reason, and how it is let go."""
    held = report["held"]
    if not held:
        return []
    would = "would stay" if report["dry_run"] else "stay"
    lines = [f"\nRecords that {would} ({len(held):,}):"]
    for one in held[:HELD_TOLD]:
        who = f" by {one['changed_by']}" if one["changed_by"] else ""
        what = f": {one['changed']}" if one["changed"] else ""
        reason = one["reason"].replace("_", " ")
        lines.append(f"  {one['object']}/{one['source_id']}, {reason}{what}{who}")
    if len(held) > HELD_TOLD:
        lines.append(f"  … and {len(held) - HELD_TOLD:,} more")
    lines += sorted({f"  {one['reason'].replace('_', ' ')}: {one['remedy']}" for one in held})
    lines.append(f"  Let one go all the same: --force OBJECT/ID. List: {report['held_list']}")
    return lines


def retry_failures(
    engagement: Engagement, *, module: str | None, values: bool = False
) -> dict[str, Any]:
    """Send the failed records again and return the shape of `retry --json`.

    What is left stands in a list beside the run, with the refused values where asked. Raises
    ParameterError for an unknown module.
    """
    session = open_session(engagement)
    report = run_retry(
        engagement,
        session.run_id,
        module=module,
        target=session.target,
        progress=session.progress,
    )
    names = field_names(session.ledger, session.mapping)
    left = reject_list(session.ledger, session.mapping, session.shaped, names, values=values)
    told = report.to_json()
    for frame, name in ((left, "failed.csv"), (report.cured, "cured.csv")):
        if len(frame):
            path = session.list_path(name)
            write_list(frame, path)
            told[name.removesuffix(".csv") + "_list"] = str(path)
    return told


def retry_text(report: dict[str, Any]) -> str:
    """Return a retry as text: tried, cured, and the causes of what is left."""
    if not report["tried"]:
        return "No record failed: there is nothing to try again."
    counts = [f"{report[name]:,} {name}" for name in ("tried", "cured", "left")]
    lines = [f"Records: {', '.join(counts)}"]
    lines += map(cause_line, report["causes"])
    if "failed_list" in report:
        lines.append(f"List: {report['failed_list']}")
    return "\n".join(lines)
