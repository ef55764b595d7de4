"""Random work on both sides against a simple model: edits, deltas and undos in any order.

The model is `both_sides`: its rules fit on a page; the real thing has to agree with it after every
step.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
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
from migrator_kit.load.readback import marker_key
from migrator_kit.load.rollback import rollback
from migrator_kit.mapping.model import FileChange, Mapping, ObjectName
from tests.load.both_sides import Files, Records

EXAMPLES = int(os.environ.get("MIGRATOR_MODEL_EXAMPLES", "3"))
STEPS = int(os.environ.get("MIGRATOR_MODEL_STEPS", "12"))
PATIENT = {"First_Name": "source", "Last_Name": "target", "Email": "ask"}
NOTE = {"Note_Title": "source", "Note_Content": "ask"}
BY_HAND = "by hand.txt"
KEYS = ("000001", "000002", "000003")
NAMES = st.sampled_from(["Anna", "Berta", "Clara"])
EMAILS = st.sampled_from(["a@mail.example", "b@mail.example", None])
VALUES = {"First_Name": NAMES, "Last_Name": NAMES, "Email": EMAILS}
KEY = st.sampled_from(KEYS)
LETTER = st.sampled_from("abc")
"""A note's or a file's own letter: at most three of each hang on a patient."""
FIELD_AND_VALUE = st.sampled_from(list(VALUES)).flatmap(
    lambda field: st.tuples(st.just(field), VALUES[field])
)
NOTE_CHANGE = st.tuples(st.sampled_from(list(NOTE)), st.sampled_from(["seen", "treated"]))


def note_id(key: str, letter: str) -> str:
    return f"N{key}{letter}"


def file_id(key: str, letter: str) -> str:
    return f"D{key}{letter}"


def with_marker(source_id: str, field: str, text: str) -> str:
    """Return a note's title, or its content behind the line that it is found again by."""
    return text if field == "Note_Title" else f"[source {source_id} | then | Dr One]\n{text}"


class BothSides(RuleBasedStateMachine):
    """A source, an org and people at work on both."""

    world: Any

    def __init__(self) -> None:
        super().__init__()
        self.closing = self.world()
        self.at = self.closing.__enter__()
        self.number = 0
        self.patients = Records(PATIENT, self.rows_of(ObjectName.PATIENT, PATIENT))
        self.notes = Records(NOTE, self.rows_of(ObjectName.NOTE, NOTE))
        files = self.at.practice.data[ObjectName.ATTACHMENT]
        documents = self.at.practice.documents
        self.files = Files(
            {row["source_id"]: (documents / row["file_path"]).read_bytes() for row in files}
        )
        self.loads: list[str] = []
        self.by_people: set[tuple[str, str, str]] = set()
        """Patient's key, kind and id in the org of what people added."""

    def rows_of(self, name: ObjectName, fields: dict[str, str]) -> dict[str, dict[str, Any]]:
        rows = self.at.practice.data[name]
        return {row["source_id"]: {field: row[field] for field in fields} for row in rows}

    def teardown(self) -> None:
        self.closing.__exit__(None, None, None)

    @initialize()
    def first_load(self) -> None:
        self.delta()

    @rule(key=KEY, change=FIELD_AND_VALUE)
    def source_edit(self, key: str, change: tuple[str, Any]) -> None:
        field, value = change
        self.patients.source[key][field] = value
        self.at.practice.row(ObjectName.PATIENT, key)[field] = value
        self.at.practice.write()

    @rule(key=KEY, letter=LETTER, change=NOTE_CHANGE)
    def source_writes_a_note(self, key: str, letter: str, change: tuple[str, str]) -> None:
        source_id, (field, text) = note_id(key, letter), change
        fresh = {"Note_Title": "Finding", "Note_Content": with_marker(source_id, "", "new")}
        row = self.notes.source.setdefault(source_id, fresh)
        row[field] = with_marker(source_id, field, text)
        self.put(ObjectName.NOTE, {"source_id": source_id, **row, **self.on(key)})

    @rule(key=KEY, letter=LETTER, content=st.sampled_from([b"x" * 10, b"x" * 20]))
    def source_has_a_file(self, key: str, letter: str, content: bytes) -> None:
        source_id = file_id(key, letter)
        self.files.source[source_id] = content
        path = self.at.practice.documents / f"{source_id}.jpg"
        path.write_bytes(content)
        row = {"source_id": source_id, "file_path": path.name, "File_Name": path.name}
        row |= dict.fromkeys(("title", "category", "taken_at"))
        self.put(ObjectName.ATTACHMENT, {**row, **self.on(key)})

    @rule(key=KEY, letter=LETTER, name=st.sampled_from([ObjectName.NOTE, ObjectName.ATTACHMENT]))
    def source_loses_a_note_or_file(self, key: str, letter: str, name: ObjectName) -> None:
        source_id = (note_id if name is ObjectName.NOTE else file_id)(key, letter)
        (self.notes if name is ObjectName.NOTE else self.files).source.pop(source_id, None)
        rows = self.at.practice.data[name]
        rows[:] = [row for row in rows if row["source_id"] != source_id]
        self.at.practice.write()

    @precondition(lambda self: bool(self.patients.org))
    @rule(data=st.data(), change=FIELD_AND_VALUE)
    def staff_edit(self, data: Any, change: tuple[str, Any]) -> None:
        key = data.draw(st.sampled_from(sorted(self.patients.org)))
        field, value = change
        self.patients.edit(key, field, value)
        self.at.front_desk("Contacts", self.zoho_ids(ObjectName.PATIENT)[key], **{field: value})

    @precondition(lambda self: bool(self.notes.org))
    @rule(data=st.data(), change=NOTE_CHANGE)
    def staff_edits_a_note(self, data: Any, change: tuple[str, str]) -> None:
        source_id = data.draw(st.sampled_from(sorted(self.notes.org)))
        field, text = change
        value = with_marker(source_id, field, text)
        self.notes.edit(source_id, field, value)
        self.at.front_desk("Notes", self.zoho_ids(ObjectName.NOTE)[source_id], **{field: value})

    @precondition(lambda self: bool(self.patients.org))
    @rule(data=st.data(), kind=st.sampled_from(["Notes", "Attachments"]))
    def staff_adds_a_note_or_file(self, data: Any, kind: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.patients.org)))
        zoho_id = self.zoho_ids(ObjectName.PATIENT)[key]
        made = self.at.front_desk.adds(kind, "Contacts", zoho_id, BY_HAND)
        self.by_people.add((key, kind, made))

    @rule()
    def delta(self) -> None:
        run = self.run_id()
        load(self.at.job(), run, kind="delta")
        self.files.load()
        for name, records in self.records().items():
            held = records.load()
            failures = self.at.ledger.open_failures(name)
            listed = {
                (key, field)
                for key, fields in zip(failures["source_id"], failures["field"], strict=True)
                for field in fields.split(", ")
                if key in records.source
            }
            assert listed == held
        self.loads.append(run)
        before = self.at.emulator.stats()["writes"]
        load(self.at.job(), self.run_id(), kind="delta")
        assert self.at.emulator.stats()["writes"] == before, "a second delta has nothing to do"

    @precondition(lambda self: len(self.loads) > 1)
    @rule()
    def undo_the_last_delta(self) -> None:
        report = rollback(self.at.job(), self.run_id(), undo=self.loads.pop())
        for name, records in self.records().items():
            records.undo_last(held_of(report.held, name))
        self.files.undo_last()
        assert held_of(report.held, ObjectName.ATTACHMENT) == set()

    @precondition(lambda self: bool(self.loads))
    @rule()
    def undo_everything(self) -> None:
        report = rollback(self.at.job(), self.run_id())
        assert held_of(report.held, ObjectName.NOTE) == self.notes.undo_all()
        # A patient's key stands in the id of each note.
        hang = {key for key, *_ in self.by_people} | {one[1:7] for one in self.notes.org}
        assert held_of(report.held, ObjectName.PATIENT) == self.patients.undo_all(hang)
        assert held_of(report.held, ObjectName.ATTACHMENT) == set()
        self.files.undo_all()
        self.loads.clear()

    @invariant()
    def org_and_model_agree(self) -> None:
        records = self.at.target.client.records.coql(
            ["Source_System_ID", *PATIENT], "Contacts", "Source_System_ID is not null"
        )
        found = {str(row["Source_System_ID"]): {f: row[f] for f in PATIENT} for row in records}
        assert found == self.patients.org
        assert self.at.ledger.verify_audit().ok

    @invariant()
    def notes_and_files_agree(self) -> None:
        notes: dict[str, dict[str, Any]] = {}
        sizes, theirs = Counter[int](), set[tuple[str, str, str]]()
        client = self.at.target.client
        for key, zoho_id in self.zoho_ids(ObjectName.PATIENT).items():
            for note in client.notes.list_for("Contacts", zoho_id):
                marker = marker_key(note["Note_Content"])
                if marker:
                    notes[marker[1]] = {field: note[field] for field in NOTE}
                else:
                    theirs.add((key, "Notes", str(note["id"])))
            for file in client.attachments.list("Contacts", zoho_id):
                if file.file_name == BY_HAND:
                    theirs.add((key, "Attachments", file.id))
                else:
                    sizes[file.size or 0] += 1
        assert notes == self.notes.org
        assert sizes == Counter(map(len, self.files.contents()))
        assert theirs == self.by_people, "what people added stays"

    def records(self) -> dict[ObjectName, Records]:
        return {ObjectName.PATIENT: self.patients, ObjectName.NOTE: self.notes}

    def put(self, name: ObjectName, row: dict[str, Any]) -> None:
        rows = self.at.practice.data[name]
        rows[:] = [one for one in rows if one["source_id"] != row["source_id"]] + [row]
        self.at.practice.write()

    @staticmethod
    def on(key: str) -> dict[str, str]:
        return {"Parent_Id": key, "Parent_Id_object": str(ObjectName.PATIENT)}

    def zoho_ids(self, name: ObjectName) -> dict[str, str]:
        frame = self.at.ledger.crosswalk(name)
        return dict(zip(frame["source_id"], frame["zoho_id"], strict=True))

    def run_id(self) -> str:
        self.number += 1
        return f"run-{self.number}"


def held_of(held: pd.DataFrame, name: ObjectName) -> set[str]:
    return set(held.loc[held["object"] == name, "source_id"])


@pytest.mark.slow
@pytest.mark.timeout(120 + 90 * EXAMPLES)
def test_random_work_on_both_sides_agrees_with_the_model(
    tmp_path: Path, start_emulator: Any, open_org: Any, job_on: Any, practice_in: Any,
    policies: Any, mapping: Mapping, staff: Any, new_ledger_url: Any,
) -> None:  # fmt: skip
    uses = policies(of_patients_alone(mapping), **PATIENT, **NOTE)
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
        notes = at.practice.data[ObjectName.NOTE]
        notes[:] = [row for row in notes if row["Parent_Id"] in KEYS]
        at.practice.write()
        at.target = open_org(at.emulator.url)
        at.ledger = Ledger(new_ledger_url(folder), "engagement")
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


def of_patients_alone(mapping: Mapping) -> Mapping:
    """Return the mapping of practices, patients, and the notes and files on patients."""
    kept = (ObjectName.PRACTICE, ObjectName.PATIENT, ObjectName.NOTE, ObjectName.ATTACHMENT)
    objects = []
    for one in mapping.objects:
        if one.object is ObjectName.ATTACHMENT:
            one = one.model_copy(update={"on_file_change": FileChange.KEEP_BOTH})
        if one.object in kept:
            fields = tuple(
                row.model_copy(update={"lookup": (ObjectName.PATIENT,)})
                if row.target == "Parent_Id" else row
                for row in one.fields
            )  # fmt: skip
            objects.append(one.model_copy(update={"fields": fields}))
    return mapping.model_copy(update={"objects": tuple(objects)})
