"""The whole chain on a generated practice, one process a notebook, cell by cell."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import nbformat
import requests

from tests.benchmarks.child import peak_megabytes

RECORDS_A_PATIENT = 8.6
"""Rows of all ten objects that the generator makes for a patient, about."""

STEPS = ("audit", "mapping", "sample", "load", "reconcile")

LICENCES = 100
"""User licences of the org."""

REVIEWER = "Benchmark (automatic, not a person)"


def prepare(folder: str, records: int) -> dict[str, Any]:
    """Generate a practice and confirm its mapping, so that the chain can run."""
    from migrator_kit.demo import new_engagement
    from migrator_kit.load.local_org import join_emulator, leave_emulator
    from migrator_kit.mapping.decisions import decide
    from migrator_kit.mapping.files import write_default
    from migrator_kit.sample import generate
    from migrator_kit.source.snapshot import take_snapshot

    patients = max(10, round(records / RECORDS_A_PATIENT))
    practice = generate(Path(folder) / "practice", patients=patients, documents=False)
    engagement = new_engagement(
        Path(folder) / "engagement", str(practice.database), client="Benchmark"
    )
    began, spent = time.perf_counter(), time.process_time()
    take_snapshot(engagement)
    taken = {"cell": "take_snapshot", "seconds": time.perf_counter() - began,
             "cpu": time.process_time() - spent, "megabytes": peak_megabytes()}  # fmt: skip
    write_default(engagement, "dent_o_soft")
    decide(engagement, by=REVIEWER, note="benchmark")
    # Two million records take more credits than a small org has in a day; licences bring them.
    url = join_emulator(engagement)
    given = {"licences": LICENCES}
    requests.put(f"{url}/_emulator/settings", json=given, timeout=60).raise_for_status()
    leave_emulator(engagement.private)
    return {"rows": sum(practice.counts.values()), "cells": [taken]}


def run_cells(folder: str, step: str) -> list[dict[str, Any]]:
    """Run the cells of one notebook as plain Python and return what each took."""
    from migrator_kit.chain import NOTEBOOKS, Step, notebooks_folder

    os.environ.setdefault("MPLBACKEND", "agg")
    os.chdir(Path(folder) / "engagement")
    path = notebooks_folder() / f"{NOTEBOOKS[Step(step)]}.ipynb"
    cells = [one.source for one in nbformat.read(path, 4).cells if one.cell_type == "code"]
    space: dict[str, Any] = {}
    taken = []
    for source in cells:
        began, spent = time.perf_counter(), time.process_time()
        # The parameters name the present folder as the engagement: it is.
        exec(source, space)
        taken.append(
            {"cell": source.splitlines()[-1].removesuffix("(session)"),
             "seconds": time.perf_counter() - began, "cpu": time.process_time() - spent,
             "megabytes": peak_megabytes()}
        )  # fmt: skip
    return taken


def run_all(folder: str) -> float:
    """Run the cells of all five notebooks in one process; return the seconds of it."""
    seconds = 0.0
    for step in STEPS:
        if step == "load":
            sign_off(folder)
        seconds += sum(one["seconds"] for one in run_cells(folder, step))
    return seconds


def sign_off(folder: str) -> None:
    """Sign for the sample, as a person would."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.workbench.gates import sign
    from migrator_kit.workbench.reports import open_session

    engagement = Engagement.open(Path(folder) / "engagement")
    sign(open_session(engagement), REVIEWER, "benchmark")


def end(folder: str) -> None:
    """Stop the engagement's emulator."""
    from migrator_kit.engagement import Engagement
    from migrator_kit.load.target import stop_emulator

    stop_emulator(Engagement.open(Path(folder) / "engagement"))
