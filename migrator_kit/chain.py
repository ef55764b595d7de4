"""The notebooks as a chain: executed by papermill, kept as evidence, skipped where nothing changed.

A step's inputs are digested (its notebook, the code, the settings, the snapshot, the mapping, the
step before it; the tariff for the audit). A step that already ran well on the same inputs is not
run again.

The initial chain is kept in `runs/chain.json`; each delta has a folder and a record of its own.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrator_kit.engagement import Engagement, digest_file, digest_text
from migrator_kit.errors import ConfigError, GateClosed, MigratorError, ParameterError

if TYPE_CHECKING:
    from migrator_kit.executing import StartedKernel

log = logging.getLogger(__name__)


class Step(StrEnum):
    """The steps of the chain, in their order."""

    AUDIT = "audit"
    MAPPING = "mapping"
    SAMPLE = "sample"
    LOAD = "load"
    RECONCILE = "reconcile"


NOTEBOOKS: dict[Step, str] = {
    Step.AUDIT: "01_audit",
    Step.MAPPING: "02_mapping_review",
    Step.SAMPLE: "03_sample_diff",
    Step.LOAD: "04_full_load",
    Step.RECONCILE: "05_reconcile",
}
DELTA_STEPS = (Step.MAPPING, Step.LOAD, Step.RECONCILE)
"""The steps of a delta, after its snapshot."""
ROLLBACK = "06_rollback"
START = "00_start"
"""The page a person begins with; it is no step and no evidence."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What is known of a step's last run. Paths are relative to the engagement folder."""

    inputs: str
    run_id: str
    ok: bool
    finished: str
    notebook: str
    html: str


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What `run_chain` did with one step: `ran` or `unchanged`, and where its page is."""

    step: Step
    what: str
    html: Path


@cache
def notebooks_folder() -> Path:
    """Return the folder of the notebooks. Raises ConfigError where the installation lacks it."""
    package = Path(__file__).parent
    for folder in (package.parent / "notebooks", package / "_notebooks"):
        if (folder / "01_audit.ipynb").is_file():
            return folder
    raise ConfigError(
        "The notebooks are not beside the package.",
        hint="Install from a checkout with: pip install -e .",
    )


@cache
def code_digest() -> str:
    """Return one digest over this package's code, so that a new version runs its steps again."""
    package = Path(__file__).parent
    files = sorted(package.rglob("*.py")) + sorted(package.rglob("*.yml"))
    return digest_text(*(part for file in files for part in (file.name, digest_file(file))))


def read_state(engagement: Engagement, delta: str | None = None) -> dict[Step, StepRecord]:
    """Return the last run of each step of the initial chain, or of the delta of that run id."""
    path = _state_path(engagement, delta)
    if not path.exists():
        return {}
    tree = json.loads(path.read_text(encoding="utf-8"))
    return {Step(name): StepRecord(**record) for name, record in tree.items()}


def run_chain(
    engagement: Engagement,
    *,
    first: Step = Step.AUDIT,
    last: Step = Step.RECONCILE,
    run_id: str | None = None,
    say: Callable[[str], None] = log.info,
) -> list[StepOutcome]:
    """Run the steps from `first` to `last` and return what was done with each.

    Without `run_id` the pages go into the folder of a new run. Raises GateClosed where a step waits
    for a person, and the step's own error where it failed; the executed notebook is kept either
    way. Raises ParameterError for steps in the wrong order.
    """
    chosen = _chosen(list(Step), first, last)
    return _run_steps(engagement, chosen, run_id or engagement.new_run_id(), None, say)


def run_delta_chain(
    engagement: Engagement,
    *,
    first: Step = Step.MAPPING,
    last: Step = Step.RECONCILE,
    say: Callable[[str], None] = log.info,
) -> list[StepOutcome]:
    """Take a new snapshot and carry over what changed; return what was done with each step.

    A delta that stopped before its end is taken up again with the snapshot it took. Raises
    GateClosed before the first load, and what `run_chain` raises.
    """
    from migrator_kit.workbench.deltas import begin_delta, end_delta

    if Step.AUDIT in (first, last) or Step.SAMPLE in (first, last):
        raise ParameterError(
            "A delta has no such step.", hint=f"Its steps: {' → '.join(DELTA_STEPS)}"
        )
    chosen = _chosen(list(DELTA_STEPS), first, last)
    loaded = read_state(engagement).get(Step.LOAD)
    if loaded is None or not loaded.ok:
        raise GateClosed(
            "Nothing is loaded, so there is nothing to compare with.",
            gate="load",
            opens_with="migrator run DIR",
        )
    delta = begin_delta(engagement, say)
    outcomes = _run_steps(engagement, chosen, delta.run_id, delta.run_id, say)
    if Step.RECONCILE in chosen:
        end_delta(engagement, delta)
        _overview(engagement)
    return outcomes


def run_rollback_page(engagement: Engagement, run_id: str, parameters: dict[str, Any]) -> Path:
    """Execute the rollback notebook with these parameters and return its page."""
    kernel = _kernel(engagement, ROLLBACK, run_id)
    executed, failure = _run_notebook(engagement, kernel, run_id, parameters)
    if failure is not None:
        raise failure
    return executed.with_suffix(".html")


def forget_load(engagement: Engagement) -> None:
    """Note that what was loaded was undone, so that the next run loads and reconciles again."""
    state = {name: asdict(record) for name, record in read_state(engagement).items()}
    for step in (Step.LOAD, Step.RECONCILE):
        state.pop(step, None)
    _write_state(engagement, state, None)


def step_inputs(engagement: Engagement, step: Step, delta: str | None = None) -> str:
    """Return the digest of everything a step's result depends on."""
    from migrator_kit.estimate.tariff import FILE_NAME as TARIFF_FILE

    notebook = notebooks_folder() / f"{NOTEBOOKS[step]}.ipynb"
    parts = [step, digest_file(notebook), code_digest()]
    parts.append(digest_file(engagement.folder / "engagement.yml"))
    parts.append(_snapshot_digest(engagement, delta))
    tests = engagement.folder / "mapping_tests.yml"
    decided = (engagement.mapping_path, engagement.owners_path, tests)
    files = (engagement.folder / TARIFF_FILE,) if step is Step.AUDIT else decided
    parts += [digest_file(file) if file.exists() else "none" for file in files]
    if step is not Step.AUDIT:
        order = list(Step) if delta is None else list(DELTA_STEPS)
        earlier = order[: order.index(step)]
        before = read_state(engagement, delta).get(earlier[-1]) if earlier else None
        parts.append(f"{before.inputs} {before.run_id}" if before else "none")
    return digest_text(*parts)


def _chosen(steps: list[Step], first: Step, last: Step) -> list[Step]:
    chosen = steps[steps.index(first) : steps.index(last) + 1]
    if not chosen:
        raise ParameterError(f"--from {first} comes after --to {last}.", hint=" → ".join(steps))
    return chosen


def _run_steps(
    engagement: Engagement,
    chosen: list[Step],
    run_id: str,
    delta: str | None,
    say: Callable[[str], None],
) -> list[StepOutcome]:
    outcomes = []
    with ExitStack() as kernels:
        ahead: StartedKernel | None = None
        for step, following in zip(chosen, [*chosen[1:], None], strict=True):
            inputs = step_inputs(engagement, step, delta)
            record = read_state(engagement, delta).get(step)
            if record and record.ok and record.inputs == inputs:
                say(f"{step}: unchanged since run {record.run_id}, not run again")
                outcomes.append(StepOutcome(step, "unchanged", engagement.folder / record.html))
                continue
            say(f"{step}: running {NOTEBOOKS[step]}")
            kernel = ahead or kernels.enter_context(
                closing(_kernel(engagement, NOTEBOOKS[step], run_id))
            )
            ahead = None
            if following is not None:
                # What follows a step that ran has new inputs, so it will run as well.
                ahead = kernels.enter_context(
                    closing(_kernel(engagement, NOTEBOOKS[following], run_id))
                )
            outcomes.append(_run_step(engagement, step, run_id, delta, kernel))
            say(f"{step}: done, {outcomes[-1].html}")
    return outcomes


def _snapshot_digest(engagement: Engagement, delta: str | None) -> str:
    """Return the digest of the snapshot that a chain is about.

    A snapshot that a delta carried over is nothing new to the initial chain.
    """
    from migrator_kit.source.snapshot import latest_snapshot
    from migrator_kit.workbench.deltas import signed_snapshot

    try:
        newest = latest_snapshot(engagement).digest
    except GateClosed:
        return "no snapshot"
    return newest if delta is not None else signed_snapshot(engagement, newest) or newest


def _run_step(
    engagement: Engagement, step: Step, run_id: str, delta: str | None, kernel: StartedKernel
) -> StepOutcome:
    """Execute one notebook, export its page, and record the outcome."""
    parameters = {"mode": "delta"} if delta is not None and step is Step.LOAD else {}
    executed, failure = _run_notebook(engagement, kernel, run_id, parameters)
    page = executed.with_suffix(".html")
    _record(engagement, step, run_id, executed, page, ok=failure is None, delta=delta)
    if failure is not None:
        raise failure
    if step is Step.RECONCILE and delta is None:
        _overview(engagement)
    return StepOutcome(step, "ran", page)


def _kernel(engagement: Engagement, name: str, run_id: str) -> StartedKernel:
    """Start the kernel of a notebook that will be executed into a run's folder."""
    from migrator_kit.executing import StartedKernel
    from migrator_kit.workbench.session import RUN_VARIABLE

    folder = engagement.runs / run_id
    folder.mkdir(parents=True, exist_ok=True)
    return StartedKernel(notebooks_folder() / f"{name}.ipynb", folder, {RUN_VARIABLE: run_id})


def _run_notebook(
    engagement: Engagement, kernel: StartedKernel, run_id: str, parameters: dict[str, Any]
) -> tuple[Path, MigratorError | None]:
    """Execute a notebook into a run's folder, export its page; return the error that stopped it."""
    from migrator_kit.evidence.html import export_html

    executed = engagement.runs / run_id / kernel.notebook.name
    own = os.path.relpath(engagement.folder, executed.parent)
    failure: MigratorError | None = None
    try:
        with closing(kernel):
            kernel.execute(executed, {"engagement": own, **parameters})
    except MigratorError as error:
        failure = error
    if executed.exists():
        _forget_paths(executed)
        page = executed.with_suffix(".html")
        export_html(executed, page, client=engagement.settings.client, run_id=run_id)
    return executed, failure


def _overview(engagement: Engagement) -> None:
    """Write the first page anew, beside the pages of the initial chain."""
    from migrator_kit.workbench.overview import write_overview

    record = read_state(engagement).get(Step.RECONCILE)
    if record is not None and record.ok:
        write_overview(engagement, record.run_id)


def _forget_paths(executed: Path) -> None:
    """Take the machine's paths out of an executed notebook's metadata."""
    import nbformat

    notebook = nbformat.read(executed, as_version=4)
    details = notebook.metadata.get("papermill", {})
    for name in ("input_path", "output_path"):
        if details.get(name):
            details[name] = Path(details[name]).name
    nbformat.write(notebook, executed)


def _record(
    engagement: Engagement,
    step: Step,
    run_id: str,
    executed: Path,
    page: Path,
    *,
    ok: bool,
    delta: str | None,
) -> None:
    """Write down a step's run. Inputs are digested afterwards: a step may make what it needs."""
    state = {name: asdict(record) for name, record in read_state(engagement, delta).items()}
    state[step] = asdict(
        StepRecord(
            inputs=step_inputs(engagement, step, delta),
            run_id=run_id,
            ok=ok,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            notebook=str(executed.relative_to(engagement.folder)),
            html=str(page.relative_to(engagement.folder)),
        )
    )
    _write_state(engagement, state, delta)


def _write_state(
    engagement: Engagement, state: dict[Step, dict[str, Any]], delta: str | None
) -> None:
    path = _state_path(engagement, delta)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state, indent=2), encoding="utf-8")
    fresh.replace(path)


def _state_path(engagement: Engagement, delta: str | None) -> Path:
    folder = engagement.runs if delta is None else engagement.runs / delta
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "chain.json"
