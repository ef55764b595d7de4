"""Retry: drives the failed records again, and only these; says what was cured and what is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from migrator_kit.engagement import Engagement
from migrator_kit.errors import ParameterError
from migrator_kit.load.job import LoadJob, failed_scope
from migrator_kit.load.loader import load
from migrator_kit.load.opening import open_job
from migrator_kit.load.order import load_order
from migrator_kit.load.tally import LoadReport
from migrator_kit.load.target import Target
from migrator_kit.load.triage import triage
from migrator_kit.progress import SILENT, Progress


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What a retry did. `tried` records; `cured` has one row for each that landed (`CURES` of the
    ledger), `left` the open failures of the same modules in groups (see `triage`)."""

    load: LoadReport
    tried: int
    cured: pd.DataFrame
    left: pd.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values, without any field value."""
        return {
            "tried": self.tried, "cured": len(self.cured), "left": int(self.left["records"].sum()),
            "causes": self.left.to_dict("records"), **self.load.to_json(),
        }  # fmt: skip


def retry(
    job: LoadJob, run_id: str, *, module: str | None = None, progress: Progress = SILENT
) -> RetryReport:
    """Send the failed records of one module, or of all, again.

    Records that wait for a person (a conflict, several matches) are looked at again and wait on
    where nobody decided. Raises ParameterError for a module that the mapping does not fill, and
    what `loader.load` raises.
    """
    modules = sorted({step.module for step in load_order(job.mapping)})
    if module is not None and module not in modules:
        raise ParameterError(
            f"The mapping fills no module {module}.", hint=f"It fills: {', '.join(modules)}."
        )
    scope = failed_scope(job.ledger, job.mapping, module)
    report = load(replace(job, scope=scope, retry=True), run_id, kind="retry", progress=progress)
    cures = job.ledger.cures()
    cured = cures[cures["cured_run"] == run_id].reset_index(drop=True)
    left = triage(job.ledger, job.mapping, job.shaped, job.names)
    if module is not None:
        left = left[left["module"] == module].reset_index(drop=True)
    return RetryReport(report, sum(map(len, scope.values())), cured, left)


def run_retry(
    engagement: Engagement,
    run_id: str,
    *,
    module: str | None = None,
    target: Target | None = None,
    progress: Progress = SILENT,
) -> RetryReport:
    """Retry the engagement's failures. See `retry`."""
    with open_job(engagement, target=target) as job:
        return retry(job, run_id, module=module, progress=progress)
