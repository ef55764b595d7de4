"""A second look at both sides: what changed in the source moves, what staff changed stays."""

from __future__ import annotations

from typing import Any

import pytest

from migrator_kit.load.accounts import object_counts
from migrator_kit.load.changes import Standing, merge
from migrator_kit.load.delta import delta_plan
from migrator_kit.load.ledger import Ledger
from migrator_kit.load.loader import load
from migrator_kit.load.payload import Column
from migrator_kit.load.plan import plan_job
from migrator_kit.load.rollback import rollback
from migrator_kit.load.sameness import same
from migrator_kit.load.target import Target
from migrator_kit.load.vault import Written
from migrator_kit.mapping.model import Mapping, ObjectName, OnConflict

ASK, SOURCE, TARGET = OnConflict.ASK, OnConflict.SOURCE, OnConflict.TARGET


@pytest.fixture
def patients() -> int:
    return 5


def ids(ledger: Ledger, name: ObjectName) -> dict[str, str]:
    frame = ledger.crosswalk(name)
    return dict(zip(frame["source_id"], frame["zoho_id"], strict=True))


def contact(target: Target, zoho_id: str, *fields: str) -> dict[str, Any]:
    found = target.client.records.get("Contacts", zoho_id, fields)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("policy", "written", "source", "now", "send", "remembered", "held"),
    [
        (ASK, "a", "a", "a", {}, "a", ()),
        (ASK, "a", "b", "a", {"X": "b"}, "b", ()),
        (ASK, "a", "a", "staff", {}, "a", ()),
        (ASK, "a", "b", "b", {}, "b", ()),
        (ASK, "a", "b", "staff", {}, "a", ("X",)),
        (SOURCE, "a", "b", "staff", {"X": "b"}, "b", ()),
        (TARGET, "a", "b", "staff", {}, "b", ()),
        (ASK, "a", None, "a", {"X": None}, None, ()),
        (ASK, None, "b", None, {"X": "b"}, "b", ()),
        (ASK, "a", None, "staff", {}, "a", ("X",)),
    ],
)
def test_each_field_is_compared_three_ways(
    policy: OnConflict, written: str | None, source: str | None, now: str | None,
    send: dict[str, Any], remembered: str | None, held: tuple[str, ...],
) -> None:  # fmt: skip
    column = Column("X", "X", on_conflict=policy)
    row = {} if source is None else {"X": source}
    image = Written({} if written is None else {"X": written})
    merged = merge(row, image, Standing({"X": now}), [column], edited=True)
    assert merged.send == send
    assert merged.written.fields.get("X") == remembered
    assert merged.open_conflicts == held
    assert merged.before == dict.fromkeys(send, now)


def test_an_edit_is_remembered_after_our_own_later_write() -> None:
    """Staff changed X; we then wrote Y, so the record's last author is us. X is still theirs."""
    columns = [Column("X", "X"), Column("Y", "Y")]
    first = merge(
        {"X": "a", "Y": "2"}, Written({"X": "a", "Y": "1"}), Standing({"X": "staff", "Y": "1"}),
        columns, edited=True,
    )  # fmt: skip
    assert first.send == {"Y": "2"}
    second = merge(
        {"X": "b", "Y": "2"}, first.written, Standing({"X": "staff", "Y": "2"}), columns,
        edited=False,
    )  # fmt: skip
    assert second.send == {}
    assert second.open_conflicts == ("X",)


def test_a_record_we_never_wrote_loses_nothing_to_an_empty_source() -> None:
    columns = [Column("X", "X"), Column("Y", "Y", on_conflict=TARGET), Column("Z", "Z")]
    standing = Standing({"X": "there", "Y": "there", "Z": "there"})
    merged = merge({"Y": "ours", "Z": "ours"}, None, standing, columns, edited=True)
    assert merged.send == {"Z": "ours"}
    assert merged.before == {"Z": "there"}


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("2024-03-01T09:00:00+00:00", "2024-03-01T04:00:00-05:00", True),
        ({"id": "5"}, {"id": "5", "name": "P"}, True),
        (100.5, "100.50", True),
        ("1.0", "1", False),
        ("007", 7, True),
        (None, "", True),
        (False, None, True),
        (True, None, False),
        (0, None, False),
        (["b", "a"], ["a", "b"], True),
        ("line\r\ntwo ", "line\ntwo", True),
        ("Smith", "smith", False),
    ],
)
def test_forms_of_one_value_are_the_same(one: Any, other: Any, alike: bool) -> None:
    assert same(one, other) is alike


@pytest.mark.parametrize(
    ("sent", "now", "alike"),
    [
        (100.126, 100.13, True),
        (100.125, 100.12, True),
        (100.125, 100.13, True),
        ("100.126", 100.13, True),
        (100.126, 100.14, False),
        (100.126, 100.124, False),
        (100.12, 100.13, False),
        (100.126, None, False),
        ("stored", "Shown", True),
        ("stored", "Other", False),
    ],
)
def test_a_field_keeps_its_decimals_and_names_of_choices(sent: Any, now: Any, alike: bool) -> None:
    column = Column("X", "X", decimals=2, choices={"Shown": "stored"})
    assert column.same(sent, now) is alike
    assert column.same(now, sent) is alike


def test_what_zoho_rounds_is_nobody_s_edit(
    target: Target, ledger: Ledger, practice: Any, job_of: Any, front_desk: Any
) -> None:
    """The org keeps two decimals; staff work on other fields of the same deals, and on one sum."""
    for number in range(1, 6):
        practice.row(ObjectName.PLAN, f"TP{number:06}")["Amount"] = 100.126 + number
    practice.write()
    load(job_of(target, ledger), "run-1")
    plans = ids(ledger, ObjectName.PLAN)
    for number in range(1, 5):
        front_desk("Deals", plans[f"TP{number:06}"], Description="called")
    front_desk("Deals", plans["TP000003"], Amount=80.0)
    assert delta_plan(job_of(target, ledger, planning=True)).writes == 0
    for source_id, amount in (("TP000001", 101.1262), ("TP000002", 300.555), ("TP000003", 90.5)):
        practice.row(ObjectName.PLAN, source_id)["Amount"] = amount
    practice.row(ObjectName.PLAN, "TP000004")["Deal_Name"] = "Bridge"
    practice.write()
    planned = delta_plan(job_of(target, ledger, planning=True))
    assert planned.conflicts[["source_id", "field"]].to_numpy().tolist() == [["TP000003", "Amount"]]
    load(job_of(target, ledger, provision=False), "run-2", kind="delta")

    def amount(source_id: str) -> float:
        found = target.client.records.get("Deals", plans[source_id], ["Amount"])
        assert found is not None
        return float(found["Amount"])

    assert [amount(f"TP{number:06}") for number in range(1, 5)] == [101.13, 300.56, 80.0, 104.13]
    undone = rollback(job_of(target, ledger), "undo", undo="run-2")
    assert undone.complete, "a rounded sum is what we wrote: nobody edited it since"
    assert [amount(f"TP{number:06}") for number in range(1, 5)] == [101.13, 102.13, 80.0, 104.13]


def test_only_changed_fields_are_sent_and_edits_of_the_staff_stay(
    emulator: Any, target: Target, ledger: Ledger, practice: Any, job_of: Any, front_desk: Any,
    policies: Any, mapping: Mapping,
) -> None:  # fmt: skip
    uses = policies(mapping, First_Name="source", Last_Name="target")
    load(job_of(target, ledger, uses=uses), "run-1")
    known = ids(ledger, ObjectName.PATIENT)
    front_desk("Contacts", known["000001"], Phone="+1 202 555 0100", Email="desk@mail.example")
    front_desk(
        "Contacts", known["000002"], First_Name="Desk", Last_Name="Desk", Email="d@m.example"
    )
    front_desk("Contacts", known["000004"], Email="only@mail.example")
    practice.row(ObjectName.PATIENT, "000001").update(First_Name="Fresh")
    practice.row(ObjectName.PATIENT, "000002").update(
        First_Name="Fresh", Last_Name="Fresh", Email="fresh@mail.example"
    )
    practice.row(ObjectName.PATIENT, "000003").update(Email="three@mail.example")
    practice.write()

    fired = emulator.fired()["total"]
    planned = delta_plan(job_of(target, ledger, uses=uses, planning=True))
    counts = planned.counts.set_index("object").loc["Patient"]
    assert counts[["new", "changed", "fields", "unchanged", "held"]].tolist() == [0, 3, 3, 2, 0]
    told = planned.conflicts.set_index("field")
    assert told["policy"].to_dict() == {"First_Name": "source", "Last_Name": "target",
                                        "Email": "ask"}  # fmt: skip
    assert set(told["source_id"]) == {"000002"}
    assert set(told["changed_by"]) == {front_desk.email}
    assert "Fresh" not in str(planned.to_json())
    assert planned.writes == plan_job(job_of(target, ledger, uses=uses, planning=True)).writes

    report = load(job_of(target, ledger, uses=uses, provision=False), "run-2", kind="delta")
    assert report.written == planned.writes == 3
    fields = ("First_Name", "Last_Name", "Email", "Phone")
    assert contact(target, known["000001"], *fields).items() >= {
        "First_Name": "Fresh", "Phone": "+1 202 555 0100", "Email": "desk@mail.example",
    }.items()  # fmt: skip
    assert contact(target, known["000002"], *fields).items() >= {
        "First_Name": "Fresh", "Last_Name": "Desk", "Email": "d@m.example",
    }.items()  # fmt: skip
    assert contact(target, known["000003"], "Email")["Email"] == "three@mail.example"
    assert contact(target, known["000004"], "Email")["Email"] == "only@mail.example"
    held = ledger.open_failures()
    assert held[["source_id", "reason", "field"]].to_numpy().tolist() == [
        ["000002", "changed_on_both_sides", "Email"]
    ]
    assert object_counts(ledger, practice, uses)["Patient"]["failed"] == 1

    before = emulator.stats()["writes"]
    again = load(job_of(target, ledger, uses=uses, provision=False), "run-3", kind="delta")
    assert (again.written, emulator.stats()["writes"]) == (0, before)
    assert len(ledger.open_failures()) == 1, "an open question stays open"

    answered = policies(uses, Email="source")
    solved = load(job_of(target, ledger, uses=answered, provision=False), "run-4", kind="delta")
    assert solved.written == 1
    assert contact(target, known["000002"], "Email")["Email"] == "fresh@mail.example"
    assert ledger.open_failures().empty
    assert emulator.fired()["total"] == fired, "what fired was the staff's own work"

    undone = rollback(job_of(target, ledger, provision=False), "undo", undo="run-4")
    assert undone.complete
    assert contact(target, known["000002"], "Email")["Email"] == "d@m.example"


def test_what_staff_changed_is_still_theirs_after_the_next_write(
    target: Target, ledger: Ledger, practice: Any, job_of: Any, front_desk: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    known = ids(ledger, ObjectName.PATIENT)["000001"]
    front_desk("Contacts", known, Email="desk@mail.example")
    for run, change in (("run-2", {"First_Name": "New"}), ("run-3", {"Email": "late@m.example"})):
        practice.row(ObjectName.PATIENT, "000001").update(change)
        practice.write()
        load(job_of(target, ledger, provision=False), run, kind="delta")
    found = contact(target, known, "First_Name", "Email")
    assert (found["First_Name"], found["Email"]) == ("New", "desk@mail.example")
    assert ledger.open_failures()["field"].tolist() == ["Email"]


def test_new_records_notes_and_files_come_and_what_is_gone_is_listed(
    target: Target, ledger: Ledger, practice: Any, job_of: Any, front_desk: Any
) -> None:
    rows = {name: list(found) for name, found in practice.data.items()}
    for name, found in practice.data.items():
        practice.data[name] = [row for row in found if "000005" not in row["source_id"]]
    practice.write()
    load(job_of(target, ledger), "run-1")
    notes = ids(ledger, ObjectName.NOTE)
    front_desk("Notes", notes["N000002a"], Note_Content="[source N000002a | x]\nby the desk")
    practice.data = rows
    for name in (ObjectName.APPOINTMENT, ObjectName.NOTE):
        practice.data[name] = [row for row in rows[name] if "000003" not in row["source_id"]]
    practice.rejected = [
        {"object": "Appointment", "source_id": "A000003", "field": "Subject", "action": "excluded",
         "reason": "missing_required", "expected": "", "remedy": ""}
    ]  # fmt: skip
    for key in ("N000001a", "N000002a"):
        practice.row(ObjectName.NOTE, key)["Note_Content"] += "\nan afterthought"
    (practice.documents / "IMG" / "000004.jpg").write_bytes(b"another image")
    practice.write()

    planned = delta_plan(job_of(target, ledger, planning=True))
    counts = planned.counts.set_index("object")
    assert counts["new"].to_dict() == {
        "Practice": 0, "Patient": 1, "Treatment Plan": 1, "Appointment": 1, "Call Log": 1,
        "Clinical Note": 2, "Attachment": 1,
    }  # fmt: skip
    assert counts.loc["Clinical Note", ["changed", "gone"]].tolist() == [1, 2]
    assert planned.conflicts[["object", "source_id", "field"]].to_numpy().tolist() == [
        ["Clinical Note", "N000002a", "Note_Content"],
        ["Attachment", "D000004", "content of the file"],
    ]
    assert planned.gone.set_index("source_id")["why"].to_dict() == {
        "A000003": "does not move any more", "N000003a": "not in the source any more",
        "N000003b": "not in the source any more",
    }  # fmt: skip

    report = load(job_of(target, ledger, provision=False), "run-2", kind="delta")
    assert report.written == planned.writes
    assert target.client.records.count("Tasks") == 5, "nothing is deleted for a source delete"
    contents = {one["id"]: one["Note_Content"] for one in target.client.notes.list_all()}
    assert contents[notes["N000001a"]].endswith("an afterthought")
    assert contents[notes["N000002a"]].endswith("by the desk")

    names = {ObjectName.APPOINTMENT: ["A000003"], ObjectName.NOTE: ["N000003a", "N000003b"]}
    carried = rollback(job_of(target, ledger), "carry-deletes", records=names)
    assert carried.deleted == {"Clinical Note": 2, "Appointment": 1}
    assert delta_plan(job_of(target, ledger, planning=True)).gone.empty


def test_a_moved_polymorphic_link_comes_back_with_its_module(
    target: Target, ledger: Ledger, practice: Any, job_of: Any
) -> None:
    load(job_of(target, ledger), "run-1")
    task = ids(ledger, ObjectName.APPOINTMENT)["A000001"]
    practice.row(ObjectName.APPOINTMENT, "A000001").update(What_Id="P02", What_Id_object="Practice")
    practice.write()
    assert load(job_of(target, ledger, provision=False), "run-2", kind="delta").written == 1
    found = target.client.records.get("Tasks", task, ["What_Id"])
    assert found is not None
    assert found["What_Id"]["id"] == ids(ledger, ObjectName.PRACTICE)["P02"]
    assert rollback(job_of(target, ledger), "undo", undo="run-2").complete
    found = target.client.records.get("Tasks", task, ["What_Id"])
    assert found is not None
    assert found["What_Id"]["id"] == ids(ledger, ObjectName.PLAN)["TP000001"]
