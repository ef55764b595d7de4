"""Random work on both sides against a simple model: edits, deltas and undos in any order.

The model knows three values for each field: what we wrote last, what the source says, what the org
holds. Its rules fit on a page; the real thing has to agree with it after every step.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.rollback import rollback
from migrator_kit.mapping.model import Mapping, ObjectName, OnConflict

EXAMPLES = int(os.environ.get("MIGRATOR_MODEL_EXAMPLES", "3"))
STEPS = int(os.environ.get("MIGRATOR_MODEL_STEPS", "10"))
POLICIES = {"First_Name": "source", "Last_Name": "target", "Email": "ask"}
KEYS = ("000001", "000002", "000003")
NAMES = st.sampled_from(["Anna", "Berta", "Clara"])
EMAILS = st.sampled_from(["a@mail.example", "b@mail.example", None])
VALUES = {"First_Name": NAMES, "Last_Name": NAMES, "Email": EMAILS}
FIELD_AND_VALUE = st.sampled_from(list(VALUES)).flatmap(
    lambda field: st.tuples(st.just(field), VALUES[field])
)

Fields = dict[str, Any]


class Model:
    """What has to be true, by the rules of the design and nothing else."""

    def __init__(self, source: dict[str, Fields]) -> None:
        self.source = source
        self.base: dict[str, Fields] = {}
        self.org: dict[str, Fields] = {}
        self.runs: list[dict[str, tuple[Fields, Fields]]] = []

    def load(self) -> set[tuple[str, str]]:
        """Move what changed; return the conflicts that are held."""
        held, before = set(), {}
        for key, source in self.source.items():
            if key not in self.base:
                self.base[key], self.org[key] = dict(source), dict(source)
                continue
            base, org = self.base[key], self.org[key]
            stood = (dict(base), dict(org))
            for field, policy in POLICIES.items():
                fresh, now = source[field], org[field]
                if fresh == base[field]:
                    continue
                if now not in (base[field], fresh) and policy != OnConflict.SOURCE:
                    if policy == OnConflict.ASK:
                        held.add((key, field))
                        continue
                else:
                    org[field] = fresh
                base[field] = fresh
            if stood[1] != org:
                # Nothing is to be undone where nothing was sent.
                before[key] = stood
        self.runs.append(before)
        return held


class BothSides(RuleBasedStateMachine):
    """A source, an org and people at work on both."""

    world: Any

    def __init__(self) -> None:
        super().__init__()
        self.closing = self.world()
        self.at = self.closing.__enter__()
        self.number = 0
        rows = self.at.practice.data[ObjectName.PATIENT]
        source = {row["source_id"]: {name: row[name] for name in POLICIES} for row in rows}
        self.model = Model(source)
        self.loads: list[str] = []

    def teardown(self) -> None:
        self.closing.__exit__(None, None, None)

    @initialize()
    def first_load(self) -> None:
        self.delta()

    @rule(key=st.sampled_from(KEYS), change=FIELD_AND_VALUE)
    def source_edit(self, key: str, change: tuple[str, Any]) -> None:
        field, value = change
        self.model.source[key][field] = value
        self.at.practice.row(ObjectName.PATIENT, key)[field] = value
        self.at.practice.write()

    @precondition(lambda self: bool(self.model.org))
    @rule(data=st.data(), change=FIELD_AND_VALUE)
    def staff_edit(self, data: Any, change: tuple[str, Any]) -> None:
        key = data.draw(st.sampled_from(sorted(self.model.org)))
        field, value = change
        self.model.org[key][field] = value
        self.at.front_desk("Contacts", self.zoho_ids()[key], **{field: value})

    @rule()
    def delta(self) -> None:
        run = self.run_id()
        load(self.at.job(), run, kind="delta")
        held = self.model.load()
        self.loads.append(run)
        failures = self.at.ledger.open_failures("Patient")
        listed = {
            (key, field)
            for key, fields in zip(failures["source_id"], failures["field"], strict=True)
            for field in fields.split(", ")
        }
        assert listed == held
        before = self.at.emulator.stats()["writes"]
        load(self.at.job(), self.run_id(), kind="delta")
        assert self.at.emulator.stats()["writes"] == before, "a second delta has nothing to do"

    @precondition(lambda self: len(self.loads) > 1)
    @rule()
    def undo_the_last_delta(self) -> None:
        run, images = self.loads.pop(), self.model.runs.pop()
        report = rollback(self.at.job(), self.run_id(), undo=run)
        held = set(report.held["source_id"])
        for key, (base, org) in images.items():
            now, was = self.model.org[key], self.model.base[key]
            changed = {f for f in POLICIES if org[f] != now[f]}
            if key in held:
                assert any(now[f] != was[f] for f in changed), "held without somebody's edit"
                continue
            for field in changed:
                now[field] = org[field] if now[field] == was[field] else now[field]
            self.model.base[key] = base
        assert held <= set(images)

    @invariant()
    def org_and_model_agree(self) -> None:
        records = self.at.target.client.records.coql(
            ["Source_System_ID", *POLICIES], "Contacts", "Source_System_ID is not null"
        )
        found = {str(row["Source_System_ID"]): {f: row[f] for f in POLICIES} for row in records}
        assert found == self.model.org
        assert self.at.ledger.verify_audit().ok

    def zoho_ids(self) -> dict[str, str]:
        frame = self.at.ledger.crosswalk("Patient")
        return dict(zip(frame["source_id"], frame["zoho_id"], strict=True))

    def run_id(self) -> str:
        self.number += 1
        return f"run-{self.number}"


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * EXAMPLES)
def test_random_work_on_both_sides_agrees_with_the_model(
    tmp_path: Path, start_emulator: Any, open_org: Any, job_on: Any, practice_in: Any,
    policies: Any, mapping: Mapping, staff: Any,
) -> None:  # fmt: skip
    patients_alone = mapping.model_copy(
        update={
            "objects": tuple(
                one for one in mapping.objects
                if one.object in (ObjectName.PRACTICE, ObjectName.PATIENT)
            )
        }
    )  # fmt: skip
    uses = policies(patients_alone, **POLICIES)
    count = [0]

    class World:
        pass

    @contextmanager
    def world() -> Iterator[Any]:
        count[0] += 1
        at: Any = World()
        folder = tmp_path / f"world-{count[0]}"
        folder.mkdir()
        at.emulator = start_emulator(folder / "emulator.db")
        at.practice = practice_in(folder, len(KEYS))
        at.target = open_org(at.emulator.url)
        at.ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}", "engagement")
        at.front_desk = staff(at.emulator, at.target)
        job_on(at.practice, at.target, at.ledger, uses=uses)
        at.job = lambda: job_on(at.practice, at.target, at.ledger, uses=uses, provision=False)
        yield at
        at.ledger.close()
        at.target.close()
        at.emulator.stop()

    machine = type("Machine", (BothSides,), {"world": staticmethod(world)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None,
            derandomize="MIGRATOR_MODEL_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
