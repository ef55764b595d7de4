"""What a load was planned to take and what it took, kept beside its page for the reconciliation."""

from __future__ import annotations

import json

import pandas as pd

from migrator_kit.evidence.tables import Table
from migrator_kit.load.plan import LoadPlan
from migrator_kit.load.tally import LoadReport
from migrator_kit.workbench.session import Session

_FILE = "cost.json"
_MEASURES = ("calls", "credits", "minutes")


def keep_cost(session: Session, plan: LoadPlan, report: LoadReport) -> Table:
    """Write down what the load of this page was planned to take and what it took; show both."""
    planned = plan.table()
    cost: dict[str, list[float]] = {
        "calls": [int(planned["calls"].sum()), report.calls],
        "credits": [plan.credits, report.credits],
        "minutes": [round(float(planned["minutes"].sum()), 2), round(report.seconds / 60, 2)],
    }
    told = {"mode": session.parameters.get("mode", "initial"), **cost}
    (session.run_folder / _FILE).write_text(json.dumps(told), encoding="utf-8")
    share = report.ledger_seconds / max(report.seconds, 1e-9)
    note = f"{share:.0%} of the time went into the ledger."
    frame = pd.DataFrame({"what": ["planned", "actual"], **cost})
    return Table(frame, "Planned and actual", note=note)


def cost_table(session: Session) -> Table:
    """Return planned and actual calls, credits and minutes of every load of the engagement."""
    rows = []
    for path in sorted(session.engagement.runs.glob(f"*/{_FILE}")):
        told = json.loads(path.read_text(encoding="utf-8"))
        row = {"run": path.parent.name, "load": told["mode"]}
        for name in _MEASURES:
            row |= {f"{name} planned": told[name][0], f"{name} used": told[name][1]}
        rows.append(row)
    spent = session.target.client.credits.spent
    note = (
        f"Minutes planned are those of a real org. Reading back and comparing for this page used "
        f"{spent:,} credits."
    )
    return Table(pd.DataFrame(rows), note=note, empty="No load is noted.")
