"""The notebooks as a chain: executed by papermill, kept as evidence, skipped where nothing changed.

A step's inputs are digested (its notebook, the code, the settings, the snapshot, the mapping, the
step before it; the tariff for the audit). A step that already ran well on the same inputs is not
run again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from migrator_kit import errors
from migrator_kit.engagement import Engagement, digest_file, digest_text
from migrator_kit.errors import ConfigError, GateClosed, MigratorError, ParameterError

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


# A kernel is interrupted before it is shut down, and would tell the terminal of it as an error.
QUIET_KERNEL = ["--IPKernelApp.log_level=CRITICAL"]


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


def read_state(engagement: Engagement) -> dict[Step, StepRecord]:
    """Return the last run of each step."""
    path = _state_path(engagement)
    if not path.exists():
        return {}
    tree = json.loads(path.read_text(encoding="utf-8"))
    return {Step(name): StepRecord(**record) for name, record in tree.items()}


def run_chain(
    engagement: Engagement,
    *,
    first: Step = Step.AUDIT,
    last: Step = Step.RECONCILE,
    say: Callable[[str], None] = log.info,
) -> list[StepOutcome]:
    """Run the steps from `first` to `last` and return what was done with each.

    Raises GateClosed where a step waits for a person, and the step's own error where it failed;
    the executed notebook is kept either way. Raises ParameterError for steps in the wrong order.
    """
    steps = list(Step)
    chosen = steps[steps.index(first) : steps.index(last) + 1]
    if not chosen:
        raise ParameterError(f"--from {first} comes after --to {last}.", hint=" → ".join(steps))
    run_id = engagement.new_run_id()
    outcomes = []
    for step in chosen:
        inputs = step_inputs(engagement, step)
        record = read_state(engagement).get(step)
        if record and record.ok and record.inputs == inputs:
            say(f"{step}: unchanged since run {record.run_id}, not run again")
            outcomes.append(StepOutcome(step, "unchanged", engagement.folder / record.html))
            continue
        say(f"{step}: running {NOTEBOOKS[step]}")
        outcomes.append(_run_step(engagement, step, run_id))
        say(f"{step}: done, {outcomes[-1].html}")
    return outcomes


def step_inputs(engagement: Engagement, step: Step) -> str:
    """Return the digest of everything a step's result depends on."""
    from migrator_kit.estimate.tariff import FILE_NAME as TARIFF_FILE
    from migrator_kit.source.snapshot import latest_snapshot

    notebook = notebooks_folder() / f"{NOTEBOOKS[step]}.ipynb"
    parts = [step, digest_file(notebook), code_digest()]
    parts.append(digest_file(engagement.folder / "engagement.yml"))
    try:
        parts.append(latest_snapshot(engagement).digest)
    except GateClosed:
        parts.append("no snapshot")
    tests = engagement.folder / "mapping_tests.yml"
    decided = (engagement.mapping_path, engagement.owners_path, tests)
    files = (engagement.folder / TARIFF_FILE,) if step is Step.AUDIT else decided
    parts += [digest_file(file) if file.exists() else "none" for file in files]
    if step is not Step.AUDIT:
        before = read_state(engagement).get(list(Step)[list(Step).index(step) - 1])
        parts.append(f"{before.inputs} {before.run_id}" if before else "none")
    return digest_text(*parts)


def _run_step(engagement: Engagement, step: Step, run_id: str) -> StepOutcome:
    """Execute one notebook, export its page, and record the outcome."""
    from migrator_kit.evidence.html import export_html

    folder = engagement.runs / run_id
    folder.mkdir(parents=True, exist_ok=True)
    executed = folder / f"{NOTEBOOKS[step]}.ipynb"
    page = executed.with_suffix(".html")
    failure: MigratorError | None = None
    try:
        _execute(engagement, step, executed, run_id)
    except MigratorError as error:
        failure = error
    if executed.exists():
        _forget_paths(executed)
        export_html(executed, page, client=engagement.settings.client, run_id=run_id)
    _record(engagement, step, run_id, executed, page, ok=failure is None)
    if failure is not None:
        raise failure
    if step is Step.RECONCILE:
        from migrator_kit.workbench.overview import write_overview

        write_overview(engagement, run_id)
    return StepOutcome(step, "ran", page)


def _execute(engagement: Engagement, step: Step, executed: Path, run_id: str) -> None:
    """Run a notebook with papermill. Raises the MigratorError that stopped it."""
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    from migrator_kit.workbench.session import RUN_VARIABLE

    relative = os.path.relpath(engagement.folder, executed.parent)
    os.environ[RUN_VARIABLE] = run_id
    try:
        papermill.execute_notebook(
            str(notebooks_folder() / f"{NOTEBOOKS[step]}.ipynb"),
            str(executed),
            parameters={"engagement": relative},
            cwd=str(executed.parent),
            kernel_name="python3",
            progress_bar=False,
            store_widget_state=False,
            coalesce_streams=True,
            config=Config({"KernelManager": {"transport_encryption": "required"}}),
            extra_arguments=QUIET_KERNEL,
        )
    except PapermillExecutionError as error:
        raise _as_own_error(step, executed, error) from None
    finally:
        del os.environ[RUN_VARIABLE]


def _as_own_error(step: Step, executed: Path, failure: Any) -> MigratorError:
    """Return the error that stopped a notebook as the class it had inside the kernel."""
    message, _, hint = failure.evalue.partition("\n  To open it: ")
    if failure.ename == GateClosed.__name__:
        return GateClosed(message, gate=str(step), opens_with=hint)
    kind = getattr(errors, failure.ename, None)
    if isinstance(kind, type) and issubclass(kind, MigratorError):
        own = MigratorError(failure.evalue)
        own.exit_code = kind.exit_code  # type: ignore[misc]
        return own
    return MigratorError(
        f"The step {step} stopped in cell {failure.exec_count} with {failure.ename}.",
        hint=f"The executed notebook shows where: {executed}",
    )


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
    engagement: Engagement, step: Step, run_id: str, executed: Path, page: Path, *, ok: bool
) -> None:
    """Write down a step's run. Inputs are digested afterwards: a step may make what it needs."""
    state = {name: asdict(record) for name, record in read_state(engagement).items()}
    state[step] = asdict(
        StepRecord(
            inputs=step_inputs(engagement, step),
            run_id=run_id,
            ok=ok,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            notebook=str(executed.relative_to(engagement.folder)),
            html=str(page.relative_to(engagement.folder)),
        )
    )
    path = _state_path(engagement)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state, indent=2), encoding="utf-8")
    fresh.replace(path)


def _state_path(engagement: Engagement) -> Path:
    engagement.runs.mkdir(exist_ok=True)
    return engagement.runs / "chain.json"
