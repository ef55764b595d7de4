"""The notebooks as a chain: gates, going on, what is run again, and plain papermill."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
import pytest

from migrator_kit import chain
from migrator_kit.chain import Step, read_state, run_chain, step_inputs
from migrator_kit.cli import main
from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError, GateClosed, MigratorError
from migrator_kit.sample import generate

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

# The demo of other tests runs meanwhile: it takes a minute on a core of its own.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Ran:
    """What a command did to an engagement."""

    folder: Path
    code: int
    out: str
    err: str

    def page(self, name: str) -> str:
        """Return the newest page of a notebook."""
        found = sorted(self.folder.glob(f"runs/*/{name}.html"))
        return found[-1].read_text(encoding="utf-8")


def migrator(folder: Path, *arguments: str) -> Ran:
    """Run a command on an engagement and keep what it says."""
    command, *more = arguments
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = main([command, str(folder), *more])
    assert "Traceback" not in err.getvalue() + out.getvalue()
    return Ran(folder, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A fresh engagement after its first `run`: nobody has confirmed anything."""
    folder = tmp_path_factory.mktemp("chain")
    practice = generate(folder / "practice", patients=20, seed=4)
    made = migrator(folder / "engagement", "init", "--source", str(practice.database))
    assert (made.code, made.err) == (0, "")
    return migrator(made.folder, "run")


@pytest.fixture(scope="module")
def sampled(stopped: Ran) -> Ran:
    """The same engagement after a person confirmed the mapping and ran it up to the sample."""
    confirmed = migrator(stopped.folder, "confirm", "--by", "A Person", "--all")
    assert (confirmed.code, confirmed.err) == (0, "")
    return migrator(stopped.folder, "run", "--to", "sample")


# Gates


def test_the_chain_waits_for_a_person(stopped: Ran) -> None:
    assert stopped.code == 3
    assert "mapping rows wait for confirmation" in stopped.err
    assert "migrator confirm DIR --by NAME --all" in stopped.err
    assert not (stopped.folder / "ledger.db").exists()


def test_the_page_of_the_stopped_step_says_why(stopped: Ran) -> None:
    assert "stopped before its end" not in stopped.page("01_audit")
    page = stopped.page("02_mapping_review")
    assert "This run stopped before its end" in page
    assert "mapping rows wait for confirmation" in page
    assert "migrator confirm" in page
    assert str(stopped.folder) not in page


def test_status_names_the_closed_gates_and_their_keys(stopped: Ran) -> None:
    gates = json.loads(migrator(stopped.folder, "status", "--json").out)["gates"]
    assert gates["snapshot"]["open"]
    closed = {name: gate["why"] for name, gate in gates.items() if not gate["open"]}
    assert closed.keys() == {
        "mapping", "shaped", "sample", "rehearsal", "sign-off", "reconcile",
    }  # fmt: skip
    assert all("migrator " in why for why in closed.values())


def test_after_the_decision_the_chain_goes_on(sampled: Ran) -> None:
    assert sampled.code == 0, sampled.err
    assert "audit: unchanged since run" in sampled.err
    assert "mapping: done" in sampled.err
    assert "sample: done" in sampled.err
    assert "A Person" in sampled.page("02_mapping_review")
    page = sampled.page("03_sample_diff")
    assert "arrived as the mapping says" in page
    assert "the org is as it was before the sample" in page
    assert "Nobody has signed off yet" in page


def test_what_is_done_is_not_done_again(sampled: Ran) -> None:
    before = sorted(sampled.folder.glob("runs/*"))
    again = migrator(sampled.folder, "run", "--to", "sample")
    assert again.code == 0
    assert again.err.count("unchanged since run") == 3
    assert sorted(sampled.folder.glob("runs/*")) == before


def test_the_full_load_waits_for_a_sign_off(sampled: Ran) -> None:
    waits = migrator(sampled.folder, "run")
    assert waits.code == 3
    assert "Nobody has signed off yet" in waits.err
    assert "migrator sign-off DIR --by NAME" in waits.err
    assert "Nobody has signed off yet" in waits.page("04_full_load")
    assert migrator(sampled.folder, "run", "--mode", "delta").code == 3
    signed = migrator(sampled.folder, "sign-off", "--by", "A Person")
    assert (signed.code, signed.err) == (0, "")
    gates = json.loads(migrator(sampled.folder, "status", "--json").out)["gates"]
    assert gates["sign-off"]["open"]


def test_the_full_load_waits_for_a_sample_of_the_same_mapping(sampled: Ran, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sampled.folder, tmp_path / "copy"))
    (folder / "runs" / "sample.json").unlink()
    gate = json.loads(migrator(folder, "status", "--json").out)["gates"]["sample"]
    assert not gate["open"]
    assert "migrator run DIR --from sample" in gate["why"]


def test_the_load_names_what_changed_since_the_sign_off(sampled: Ran, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sampled.folder, tmp_path / "copy"))
    path = folder / "mapping.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("no_show: Deferred", "no_show: Completed"), "utf-8")
    assert migrator(folder, "confirm", "--by", "A Person", "--all").code == 0
    refused = migrator(folder, "run", "--from", "load")
    assert refused.code == 3
    assert "does not hold any more. Changed since: the value maps" in refused.err


# What a step depends on


@pytest.mark.parametrize(
    ("file", "steps"),
    [
        ("engagement.yml", {Step.AUDIT, Step.MAPPING, Step.SAMPLE, Step.LOAD, Step.RECONCILE}),
        ("mapping.yml", {Step.MAPPING, Step.SAMPLE, Step.LOAD, Step.RECONCILE}),
        ("owners.yml", {Step.MAPPING, Step.SAMPLE, Step.LOAD, Step.RECONCILE}),
        ("notes.txt", set()),
    ],
)
def test_an_edited_file_is_an_input_of_the_steps_that_read_it(
    stopped: Ran, tmp_path: Path, file: str, steps: set[Step]
) -> None:
    folder = Path(shutil.copytree(stopped.folder, tmp_path / "copy"))
    engagement = Engagement.open(folder)
    before = {step: step_inputs(engagement, step) for step in Step}
    with (folder / file).open("a", encoding="utf-8") as stream:
        stream.write("# a remark\n")
    assert {step for step in Step if step_inputs(engagement, step) != before[step]} == steps


def test_a_new_snapshot_is_an_input_of_every_step(stopped: Ran, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(stopped.folder, tmp_path / "copy"))
    engagement = Engagement.open(folder)
    before = {step: step_inputs(engagement, step) for step in Step}
    shutil.rmtree(folder / "snapshots")
    assert all(step_inputs(engagement, step) != before[step] for step in Step)


# Notebooks that stop


Broken = Callable[[str], Engagement]


@pytest.fixture
def broken(stopped: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Broken:
    """An engagement whose audit is fine and whose mapping review runs the given code."""
    folder = tmp_path / "engagement"
    folder.mkdir()
    shutil.copy(stopped.folder / "engagement.yml", folder)
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    monkeypatch.setattr(chain, "notebooks_folder", lambda: notebooks)

    def make(code: str) -> Engagement:
        for name, source in (("01_audit", "21 * 2"), ("02_mapping_review", code)):
            cells = [nbformat.v4.new_markdown_cell("# A page"), nbformat.v4.new_code_cell(source)]
            cells[1].metadata["tags"] = []
            parameters = nbformat.v4.new_code_cell("engagement = '.'")
            parameters.metadata["tags"] = ["parameters"]
            notebook = nbformat.v4.new_notebook(cells=[parameters, *cells])
            notebook.metadata["kernelspec"] = {
                "name": "python3", "display_name": "Python 3", "language": "python",
            }  # fmt: skip
            nbformat.write(notebook, notebooks / f"{name}.ipynb")
        return Engagement.open(folder)

    return make


def test_a_fault_of_the_tool_names_the_executed_notebook(broken: Broken) -> None:
    engagement = broken("{}['Anna Muster']")
    with pytest.raises(MigratorError) as caught:
        run_chain(engagement, last=Step.MAPPING)
    assert caught.value.exit_code == 1
    assert "KeyError" in str(caught.value)
    assert "02_mapping_review.ipynb" in str(caught.value)
    assert "Anna" not in str(caught.value)
    state = read_state(engagement)
    assert (state[Step.AUDIT].ok, state[Step.MAPPING].ok) == (True, False)
    page = (engagement.folder / state[Step.MAPPING].html).read_text(encoding="utf-8")
    assert "KeyError" in page
    assert "Anna" not in page
    assert 'File "' not in page


def test_a_stopped_chain_goes_on_where_it_stopped(broken: Broken) -> None:
    engagement = broken(
        "from migrator_kit.errors import ConfigError\nraise ConfigError('Mend it.', hint='So.')"
    )
    with pytest.raises(MigratorError) as caught:
        run_chain(engagement, last=Step.MAPPING)
    assert (caught.value.exit_code, str(caught.value)) == (ConfigError.exit_code, "Mend it.\n  So.")
    mended = chain.notebooks_folder() / "02_mapping_review.ipynb"
    notebook = nbformat.read(mended, as_version=4)
    notebook.cells[-1].source = "'mended'"
    nbformat.write(notebook, mended)
    outcomes = run_chain(engagement, last=Step.MAPPING)
    assert [(o.step, o.what) for o in outcomes] == [
        (Step.AUDIT, "unchanged"), (Step.MAPPING, "ran"),
    ]  # fmt: skip
    assert all(outcome.html.is_file() for outcome in outcomes)


def test_a_gate_keeps_its_key(broken: Broken) -> None:
    engagement = broken(
        "from migrator_kit.errors import GateClosed\n"
        "raise GateClosed('Wait.', gate='mapping', opens_with='migrator confirm')"
    )
    with pytest.raises(GateClosed) as caught:
        run_chain(engagement, last=Step.MAPPING)
    assert (caught.value.message, caught.value.opens_with) == ("Wait.", "migrator confirm")


# Plain papermill


def test_a_notebook_runs_by_papermill_alone(stopped: Ran, tmp_path: Path) -> None:
    executed = papermill.execute_notebook(
        str(NOTEBOOKS / "01_audit.ipynb"),
        str(tmp_path / "out.ipynb"),
        parameters={"engagement": str(stopped.folder)},
        progress_bar=False,
    )
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert not [o for cell in code for o in cell.outputs if o.output_type == "error"]
    shown = [cell for cell in code if any("data" in output for output in cell.outputs)]
    assert len(shown) == len(code) - 2  # the parameters and what papermill put in their place
    assert (tmp_path / "out.ipynb").is_file()


def run_papermill(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "papermill", *arguments, "--no-progress-bar"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_papermill_by_command_takes_the_folder_as_a_person_writes_it(sampled: Ran) -> None:
    folder = sampled.folder.parent
    notebook = str(NOTEBOOKS / "02_mapping_review.ipynb")
    done = run_papermill(folder, notebook, "out.ipynb", "-p", "engagement", sampled.folder.name)
    assert done.returncode == 0, done.stderr
    assert (folder / "out.ipynb").is_file()


def test_an_unknown_parameter_names_the_known_ones(stopped: Ran, tmp_path: Path) -> None:
    notebook = str(NOTEBOOKS / "01_audit.ipynb")
    parameters = ["-p", "engagement", str(stopped.folder), "-p", "engagment", "x"]
    done = run_papermill(tmp_path, notebook, "out.ipynb", *parameters)
    assert done.returncode != 0
    assert "Unknown notebook parameter: engagment." in done.stderr
    assert "This notebook takes: engagement, reveal." in done.stderr
