"""Sign-off, delta, rollback and retry by command, on one small practice from beginning to end."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from migrator_kit.chain import DELTA_STEPS, Step, read_state, step_inputs
from migrator_kit.cli import main
from migrator_kit.demo import new_engagement
from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, ParameterError
from migrator_kit.load.seals import read_seal
from migrator_kit.load.target import stop_emulator
from migrator_kit.mapping.decisions import decide
from migrator_kit.mapping.files import write_default
from migrator_kit.sample import generate
from migrator_kit.sample.later_work import work_on
from migrator_kit.source.snapshot import take_snapshot
from migrator_kit.workbench import full_load, reconcile, rollback, sample_diff
from migrator_kit.workbench.deltas import begin_delta, end_delta, read_deltas
from migrator_kit.workbench.gates import require_signed
from migrator_kit.workbench.reports import gates_now, open_session, status_report
from migrator_kit.workbench.session import Session

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """The answer as JSON."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def migrator(command: str, folder: Path, *arguments: str) -> Answer:
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = main([command, str(folder), *arguments])
    assert "Traceback" not in err.getvalue() + out.getvalue()
    return Answer(code, out.getvalue(), err.getvalue())


def session_of(engagement: Engagement, **parameters: Any) -> Session:
    session = open_session(engagement)
    session.parameters = parameters
    return session


def sampled(engagement: Engagement) -> Session:
    """Go through notebook 03 as far as its verdict."""
    session = session_of(engagement)
    for cell in (sample_diff.shape, sample_diff.provision, sample_diff.choose, sample_diff.load,
                 sample_diff.diff, sample_diff.quiet, sample_diff.rehearse,
                 sample_diff.verdict):  # fmt: skip
        cell(session)
    return session


def loaded(engagement: Engagement, mode: str) -> Session:
    """Go through notebook 04 as far as its findings."""
    session = session_of(engagement, mode=mode)
    for cell in (full_load.signed, full_load.plan, full_load.changes, full_load.clock,
                 full_load.load, full_load.findings, full_load.failures,
                 full_load.cost):  # fmt: skip
        cell(session)
    return session


def records(engagement: Engagement) -> dict[str, int]:
    """What the org holds by module."""
    noted = json.loads((engagement.private / "emulator.json").read_text(encoding="utf-8"))
    answer = requests.get(f"{noted['url']}/_emulator/stats", timeout=30).json()
    held: dict[str, int] = answer["records"]
    return {module: count for module, count in held.items() if count}


@pytest.fixture(scope="module")
def engagement(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engagement]:
    """A confirmed engagement with a snapshot. The tests of this file follow one another on it."""
    folder = tmp_path_factory.mktemp("whole")
    practice = generate(folder / "practice", patients=20, seed=6)
    made = new_engagement(folder / "engagement", str(practice.database))
    take_snapshot(made)
    write_default(made, "dent_o_soft")
    decide(made, by="A Person")
    yield made
    stop_emulator(made)


def test_nobody_signs_before_there_is_a_sample(engagement: Engagement) -> None:
    answer = migrator("sign-off", engagement.folder, "--by", "A Person")
    assert answer.code == 3
    assert "migrator run DIR --from sample" in answer.err
    unnamed = migrator("sign-off", engagement.folder)
    assert (unnamed.code, unnamed.out) == (2, "")
    assert "--by" in unnamed.err


def test_the_sample_is_taken_back_and_waits_for_a_sign_off(engagement: Engagement) -> None:
    session = sampled(engagement)
    assert session.quiet is not None
    assert session.quiet.quiet, session.quiet.signs
    assert records(engagement) == {}
    waits = sample_diff.sign_off(session)
    static = waits._repr_mimebundle_()[0]["text/html"]
    assert "Nobody has signed off yet" in static
    assert "migrator sign-off DIR --by NAME" in static
    with pytest.raises(GateClosed, match="Nobody has signed off") as closed:
        full_load.signed(session_of(engagement, mode="initial"))
    assert closed.value.exit_code == 3
    gates = gates_now(open_session(engagement))
    assert gates["sample"]["open"]
    assert gates["rehearsal"]["open"]
    assert not gates["sign-off"]["open"]
    assert "migrator sign-off" in gates["sign-off"]["why"]


def test_a_person_signs_by_box_or_by_command(engagement: Engagement) -> None:
    box = sample_diff.sign_off(session_of(engagement))
    box._receive(box, {"kind": "answer", "by": " ", "note": ""}, [])
    assert "Name the person" in box.message
    assert not box.done
    box._receive(box, {"kind": "answer", "by": "Dr. Box", "note": "looked"}, [])
    assert box.done
    assert "Dr. Box" in box.message
    seal = read_seal(engagement)
    assert seal is not None
    assert (seal.by, seal.note) == ("Dr. Box", "looked")

    answer = migrator("sign-off", engagement.folder, "--by", "Dr. Command", "--note", "again")
    assert (answer.code, answer.err) == (0, "")
    assert "Dr. Command" in answer.out
    assert gates_now(open_session(engagement))["sign-off"]["open"]
    shown = sample_diff.sign_off(session_of(engagement))
    assert "Signed off by Dr. Command" in repr(shown)


def test_a_mapping_edited_after_the_sign_off_cannot_be_signed_again_without_a_sample(
    engagement: Engagement,
) -> None:
    path = engagement.mapping_path
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text.replace("length: 200", "length: 150", 1), encoding="utf-8")
        migrator("confirm", engagement.folder, "--by", "A Person", "--all")
        gates = gates_now(open_session(engagement))
        assert gates["mapping"]["open"]
        assert not gates["sample"]["open"]
        assert not gates["sign-off"]["open"]
        answer = migrator("sign-off", engagement.folder, "--by", "A Person")
        assert answer.code == 3
        assert "with another mapping" in answer.err
    finally:
        path.write_text(text, encoding="utf-8")
    assert require_signed(session_of(engagement)).by == "Dr. Command"


def test_a_mode_that_there_is_not_is_named(engagement: Engagement) -> None:
    with pytest.raises(ParameterError, match="'weekly'"):
        full_load.signed(session_of(engagement, mode="weekly"))
    answer = migrator("run", engagement.folder, "--mode", "weekly")
    assert answer.code == 2
    assert "initial, delta" in answer.err
    answer = migrator("run", engagement.folder, "--mode", "delta", "--from", "sample")
    assert answer.code == 2
    answer = migrator("run", engagement.folder, "--mode", "delta")
    assert answer.code == 3
    assert "Nothing is loaded" in answer.err


def test_what_the_practice_changed_meanwhile_is_carried_over(engagement: Engagement) -> None:
    loaded(engagement, "initial")
    before = status_report(engagement)
    changed = work_on(engagement.folder.parent / "practice", seed=2)
    assert changed > 8
    said: list[str] = []
    delta = begin_delta(engagement, said.append)
    assert begin_delta(engagement, said.append).run_id == delta.run_id, "it goes on"
    assert said == ["delta: taking a snapshot", f"delta {delta.run_id}: goes on"]
    gates = gates_now(open_session(engagement))
    assert all(gates[name]["open"] for name in ("sample", "rehearsal", "sign-off"))

    session = loaded(engagement, "delta")
    assert session.delta is not None
    assert session.report is not None
    # A row of a record that stays behind is changed in the source and still stays behind.
    assert changed - 3 <= session.report.written <= changed
    assert session.delta.writes == session.report.written
    assert session.delta.conflicts.empty
    end_delta(engagement, delta)
    assert [one.done for one in read_deltas(engagement)] == [True]
    after = status_report(engagement)
    assert after["target_digest"] != before["target_digest"]
    assert all(one["remainder"] == 0 for one in after["objects"].values())


def test_a_snapshot_that_a_delta_carried_is_nothing_new_to_the_chain(
    engagement: Engagement, tmp_path: Path
) -> None:
    (delta,) = read_deltas(engagement)
    with_delta = {step: step_inputs(engagement, step) for step in Step}
    assert {step_inputs(engagement, step, delta.run_id) for step in DELTA_STEPS}.isdisjoint(
        with_delta.values()
    )
    note = engagement.runs / delta.run_id / "delta.json"
    kept = note.rename(tmp_path / "delta.json")
    try:
        assert all(step_inputs(engagement, step) != with_delta[step] for step in Step)
    finally:
        shutil.move(kept, note)


def test_a_rollback_without_yes_only_looks_ahead(engagement: Engagement) -> None:
    before = records(engagement)
    answer = migrator("rollback", engagement.folder, "--module", "Notes")
    assert answer.code == 3
    assert "migrator rollback DIR --module Notes --yes" in answer.err
    assert "Clinical Note" in answer.out
    dry = migrator("rollback", engagement.folder, "--dry-run", "--json")
    assert (dry.code, dry.err) == (0, "")
    assert dry.told["dry_run"] is True
    assert dry.told["held"] == []
    assert sum(one["deleted"] for one in dry.told["objects"]) >= sum(before.values())
    assert records(engagement) == before


def test_what_left_the_source_is_listed_and_the_books_still_close(engagement: Engagement) -> None:
    session = session_of(engagement)
    gone = str(session.ledger.crosswalk("Clinical Note")["source_id"].iloc[-1])
    with sqlite3.connect(engagement.folder.parent / "practice" / "practice.db") as source:
        source.execute("DELETE FROM clinical_notes WHERE note_id = ?", (gone,))
    before = records(engagement)
    end_delta(engagement, begin_delta(engagement, [].append))
    found = loaded(engagement, "delta").delta
    assert found is not None
    assert found.gone[["object", "source_id"]].to_numpy().tolist() == [["Clinical Note", gone]]
    assert records(engagement) == before, "nothing is deleted for it"
    session = session_of(engagement)
    reconcile.read_back(session)
    told = repr(reconcile.verdict(session))
    assert "1 records stand in Zoho CRM in an older state" in told
    assert "roll back" not in told
    assert "should not be there" not in told
    named = ["--record", f"Clinical Note/{gone}", "--dry-run", "--json"]
    answer = migrator("rollback", engagement.folder, *named)
    assert [one["deleted"] for one in answer.told["objects"]] == [1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--run", "yesterday"], "yesterday"),
        (["--module", "Leads"], "Contacts"),
        (["--record", "P000001"], "OBJECT/ID"),
        (["--record", "Dentist/1"], "Dentist/1"),
    ],
)
def test_what_is_to_be_undone_has_to_be_known(
    engagement: Engagement, arguments: list[str], named: str
) -> None:
    for more in (["--dry-run"], []):
        answer = migrator("rollback", engagement.folder, *arguments, *more)
        assert answer.code == 2
        assert named in answer.err


def test_one_record_is_undone_by_name_and_comes_back(engagement: Engagement) -> None:
    session = session_of(engagement)
    note = str(session.ledger.crosswalk("Clinical Note")["source_id"].iloc[0])
    before = records(engagement)
    session.parameters = {"records": [f"Clinical Note/{note}"], "dry_run": False}
    shown = rollback.act(session)
    assert "1 records were deleted" in repr(shown)
    told = json.loads((session.run_folder / rollback.REPORT).read_text(encoding="utf-8"))
    assert [(one["object"], one["deleted"]) for one in told["objects"]] == [("Clinical Note", 1)]
    assert records(engagement)["Notes"] == before["Notes"] - 1
    assert loaded(engagement, "delta").report.written == 1
    assert records(engagement) == before


def test_a_retry_without_failures_sends_nothing(engagement: Engagement) -> None:
    answer = migrator("retry", engagement.folder)
    assert (answer.code, answer.err) == (0, "")
    assert "nothing to try again" in answer.out
    wrong = migrator("retry", engagement.folder, "--module", "Leads")
    assert wrong.code == 2
    assert "Contacts" in wrong.err


def test_everything_is_undone_by_command_and_its_page_says_so(engagement: Engagement) -> None:
    answer = migrator("rollback", engagement.folder, "--yes", "--provisioning", "--json")
    assert answer.code == 0, answer.err
    told = answer.told
    assert told["as_before"] is True
    assert told["held"] == []
    assert told["state_before"] == told["state_now"]
    assert records(engagement) == {}
    assert told["provisioning"]["removed"]
    page = Path(told["page"]).read_text(encoding="utf-8")
    assert told["state_before"] in page
    assert "recycle bin" in page
    assert Step.LOAD not in read_state(engagement)
