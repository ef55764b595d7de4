"""JupyterLab as a person uses it, from an empty engagement to the evidence and the undo, by clicks.

One JupyterLab and one engagement: each test goes on where the one before it ended.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from difflib import ndiff
from typing import Any

import pytest

from migrator_kit.chain import Step, read_state
from migrator_kit.engagement import Engagement
from migrator_kit.evidence.verify import verify_pack
from migrator_kit.load.ledger import open_ledger
from migrator_kit.load.seals import read_seal
from migrator_kit.mapping.decisions import pending, row_names
from migrator_kit.mapping.files import load_mapping, write_default
from migrator_kit.mapping.model import ObjectName
from migrator_kit.source.snapshot import latest_snapshot
from tests.browser.screens import Desk, Review

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1_500)]

ANALYST = "Anna Berg"
REASON = "The county is not the state"


def test_the_start_page_runs_a_step_and_shows_what_comes_next(
    lab: Any, engagement: Engagement
) -> None:
    lab.open()
    assert "/lab/tree/notebooks/00_start.ipynb" in lab.page.url
    lab.run_all()
    desk = Desk(lab)
    assert desk.states()["load"] == "not yet"
    lab.shot("start-empty", ".desk")
    desk.run("audit")
    desk.wait("audit", "done")
    lab.shot("start-audited", ".desk")
    assert desk.states()["mapping"] == "waits for you"
    assert engagement.snapshots.exists()
    _no_complaint(lab)


def test_the_documentation_opens_from_the_start_page(lab: Any) -> None:
    lab.shot("start-documentation", 'a:has-text("The analyst\'s guide")')
    lab.find('a:has-text("The analyst\'s guide")').click()
    page = lab.page.locator(".jp-MarkdownViewer:not(.lm-mod-hidden)")
    page.locator('h2:has-text("02 Mapping review")').wait_for()
    lab.shot("documentation")
    page.locator('a:has-text("mapping reference")').first.click()
    lab.page.locator('.jp-MarkdownViewer h1:has-text("Mapping reference")').wait_for()
    _no_complaint(lab)


def test_a_notebook_opened_too_early_says_what_comes_first(lab: Any) -> None:
    lab.open_notebook("04_full_load")
    lab.run_all()
    box = lab.find(".finding.problem")
    assert box.count() == 1
    assert "There is no mapping.yml" in box.text_content()
    assert not _plain_errors(lab)
    lab.shot("gate-closed-early", ".finding.problem")
    box.locator('a:has-text("00_start")').click()
    lab.wait_for_notebook("00_start")


def test_the_audit_reads_well_in_jupyterlab(lab: Any) -> None:
    Desk(lab).open("audit")
    lab.shot("audit-opened")
    lab.run_all()
    cells = lab.cells()
    assert all(cell["count"] for cell in cells)
    assert [cell["source"] for cell in cells if "error" in cell["outputs"]] == []
    assert lab.find(".finding").count() > 2
    assert _overflowing(lab) == []
    assert _alignments(lab) == {("text", "left"), ("number", "right")}
    assert any("Took" in told for told in lab.find(".migrator-progress").all_inner_texts())
    # No question about news of somebody else's: it would stand over the page.
    assert lab.page.locator(".Toastify__toast").count() == 0
    for name, selector in {
        "audit-findings": ".evidence-findings",
        "audit-plot": ".evidence-plot",
        "audit-columns": ".evidence-table.wide",
    }.items():
        lab.shot(name, selector)
    _no_complaint(lab)


def test_the_mapping_is_reviewed_by_key_and_by_mouse(lab: Any, engagement: Engagement) -> None:
    _propose_anew(engagement)
    lab.open_notebook("02_mapping_review")
    lab.run_all()
    _gate_is_one_clear_box(lab)
    cells, review = len(lab.cells()), Review(lab)
    total = len(row_names(load_mapping(engagement)))
    assert total >= 120
    assert review.text("confirm-shown") == f"Confirm all shown ({total})"

    _decide_a_few(lab, review)
    lab.page.keyboard.press("b")
    assert len(lab.cells()) == cells, "keys of the review edited the notebook"
    review.filter("")
    review.pick("of-object", "Patient")
    assert {name.partition(".")[0] for name in review.shown()} == {"Patient"}
    review.filter("phone_mobile")
    review.select("Patient.Mobile")
    lab.shot("mapping-row-chosen", ".mapping-table")
    before = engagement.mapping_path.read_text(encoding="utf-8")
    review.choose("Patient.Mobile", "Asst_Phone")
    review.wait_for("Patient.Asst_Phone", "open")
    after = engagement.mapping_path.read_text(encoding="utf-8")
    assert _changed_lines(before, after) == [("{target: Mobile,", "{target: Asst_Phone,")]

    review.filter("")
    review.pick("of-object", "")
    review.enter("least", "0.9")
    assert "Practice.Phone" not in review.shown()
    review.confirm_shown()
    review.wait_for("Practice.Website", "confirmed")
    review.enter("least", "0")
    review.pick("of-state", "undecided")
    assert "Practice.Phone" in review.shown()
    review.pick("of-state", "")
    _no_complaint(lab)


def test_values_are_chosen_and_everything_is_remembered(lab: Any, engagement: Engagement) -> None:
    review = Review(lab)
    review.filter("Call_Direction")
    review.select("Call Log.Call_Direction__c")
    lab.shot("mapping-value-map", ".mapping-table")
    before = engagement.mapping_path.read_text(encoding="utf-8")
    review.value("out", "Called by us")
    review.wait_for("Call Log.Call_Direction__c", "changed")
    after = engagement.mapping_path.read_text(encoding="utf-8")
    assert _changed_lines(before, after) == [("out: Outgoing}", "out: Called by us}")]
    assert _cut(lab) == []
    states = review.states()

    lab.restart_kernel()
    lab.run_all()
    assert review.states() == states
    assert {state: states.count(state) for state in ("open", "changed", "rejected")} == {
        "open": 1, "changed": 1, "rejected": 1,
    }  # fmt: skip
    assert REASON in review.row("Practice.Billing_State").text_content()
    review.select("Call Log.Call_Direction__c")
    assert review.value_of("out") == "Called by us"
    told = lab.find(".evidence-table", has_text="change Call_Direction__c")
    assert re.search(r"\d+ Events change Call_Direction__c", told.text_content() or "")
    direction = load_mapping(engagement).object(ObjectName.CALL_LOG).field("Call_Direction__c")
    assert direction is not None
    assert dict(direction.values) == {"in": "Incoming", "out": "Called by us"}
    _gate_is_one_clear_box(lab)


def test_the_last_decision_opens_the_gate(lab: Any, engagement: Engagement) -> None:
    review = Review(lab)
    review.enter("by", ANALYST)
    review.confirm_shown()
    review.wait_for("Practice.Phone", "confirmed")
    lab.shot("mapping-all-confirmed", ".mapping-table")
    _decisions_are_written(engagement)
    review.click("Practice.Billing_State", "yes")
    review.wait_for("Practice.Billing_State", "confirmed")
    lab.run_cell("mapping_review.gate(session)")
    assert lab.find(".finding.problem").count() == 0
    assert "The mapping is decided" in lab.find(".finding.good").last.text_content()
    lab.shot("mapping-gate-open", ".finding.good:has-text('The mapping is decided')")
    assert pending(load_mapping(engagement)) == ()
    assert {row.decision.by for row in row_names(load_mapping(engagement)).values()} == {ANALYST}
    _no_complaint(lab)


def test_from_the_sample_to_the_evidence(lab: Any, engagement: Engagement) -> None:
    lab.open_notebook("00_start")
    desk = Desk(lab)
    desk.wait("mapping", "done")
    desk.run("sample")
    desk.cancel("sample")
    lab.shot("start-cancelled", ".desk")
    desk.run("sample")
    desk.wait("sample", "done")
    lab.shot("start-sampled", ".desk")
    lab.run_cell("start_page.sign_off(session)")
    lab.find(".asking-box .ab-by").fill(ANALYST)
    lab.find(".asking-box .ab-act").click()
    desk.wait("sign-off", "done")
    # The page shows it without being run again: who signed instead of the box, and the open gate.
    lab.find(".asking-box").wait_for(state="detached")
    lab.find("tr:has(th:text-is('sign-off')):has(td:text-is('open'))").first.wait_for()
    lab.shot("start-signed", ".finding.good:has-text('Signed off by')")
    assert read_seal(engagement).by == ANALYST

    for step in ("load", "reconcile"):
        desk.run(step)
        desk.wait(step, "done")
    desk.run("pack")
    desk.wait("pack", "done")
    lab.shot("start-packed", ".desk")
    page = engagement.folder / read_state(engagement)[Step.RECONCILE].html
    assert verify_pack(page.with_name("evidence.zip")).ok
    assert len(open_ledger(engagement).landed()) > 100
    desk.read("reconcile")
    lab.page.frame_locator("iframe").locator("h1").first.wait_for()
    lab.shot("page-read")
    _no_complaint(lab)


def test_the_undo_shows_what_would_go_and_then_goes(lab: Any, engagement: Engagement) -> None:
    lab.open_notebook("00_start")
    desk = Desk(lab)
    desk.open("reconcile")
    lab.run_cell("reconcile.undo(session)")
    lab.find(
        '.finding.problem:has-text("The first cells of this page have not run yet")'
    ).wait_for()
    assert not _plain_errors(lab)
    for needed in ('record = ""', "reconcile.read_back(session)", "reconcile.undo(session)"):
        lab.run_cell(needed)
    _look_a_record_up(lab, engagement)
    lab.shot("undo-before", ".desk")
    assert desk.states() == {"look": "ready", "undo": "not yet"}
    desk.run("look")
    desk.wait("look", "done")
    assert "Patient" in desk.outcome("look")
    lab.shot("undo-looked-ahead", ".desk")
    desk.press("undo")
    assert "Enter your name" in lab.find(".dk-message").text_content()
    desk.ask("undo", ANALYST, "Rehearsal of the cutover")
    desk.run("undo")
    desk.wait("undo", "not yet")
    lab.shot("undo-done", ".desk")
    assert open_ledger(engagement).landed().empty
    told = json.loads(next(engagement.runs.glob("*/rollback.json")).read_text(encoding="utf-8"))
    assert (told["by"], told["note"]) == (ANALYST, "Rehearsal of the cutover")
    assert told["state_now"] == told["state_before"] or told["state_before"] is None
    _no_complaint(lab)


def _propose_anew(engagement: Engagement) -> None:
    """Write the proposal with one row that the tool is not sure of, and staff column by column:
    120 rows and more."""
    path = write_default(engagement, "dent_o_soft")
    text = path.read_text(encoding="utf-8")
    sure = "sources: practices.phone, transform: phone}"
    unsure = text.replace(sure, sure[:-1] + ", confidence: 0.6}")
    assert unsure != text
    whole = "  - sources: providers.*\n"
    start, end = unsure.index(whole), unsure.index("  - ", unsure.index(whole) + len(whole))
    rest = unsure[start + len(whole) : end]
    staff = latest_snapshot(engagement).manifest.tables["providers"].columns
    single = "".join(f"  - sources: providers.{name}\n{rest}" for name in staff)
    path.write_text(unsure[:start] + single + unsure[end:], encoding="utf-8")


def _changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """Return the words that differ, one pair for each line that was changed."""
    lines = [line for line in ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    old = [line[2:].split() for line in lines if line[0] == "-"]
    new = [line[2:].split() for line in lines if line[0] == "+"]
    assert len(old) == len(new)
    pairs = []
    for one, other in zip(old, new, strict=True):
        start = next(n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
        end = next(
            n for n, (a, b) in enumerate(zip(one[::-1], other[::-1], strict=False)) if a != b
        )
        context = max(start - 1, 0)
        pairs.append((" ".join(one[context : len(one) - end]),
                      " ".join(other[context : len(other) - end])))  # fmt: skip
    return pairs


def _cut(lab: Any) -> list[str]:
    """Return the parts of the review that are wider than their box."""
    parts: list[str] = lab.find(".mapping-table :is(.mt-bar, .mt-scroll, .mt-detail)").evaluate_all(
        "parts => parts.filter(one => one.scrollWidth > one.clientWidth + 1)"
        ".map(one => one.className)"
    )
    return parts


def _decide_a_few(lab: Any, review: Review) -> None:
    """Confirm one row by key and one by mouse, reject one with a reason."""
    review.filter("Billing")
    assert review.shown() == [
        f"Practice.Billing_{part}" for part in ("Street", "City", "State", "Code", "Country")
    ]
    review.key("a")
    assert "name" in review.text("message"), "nobody decides without a name"
    review.answer(ANALYST)
    review.wait_for("Practice.Billing_Street", "confirmed")
    review.click("Practice.Billing_City", "yes")
    review.wait_for("Practice.Billing_City", "confirmed")
    review.click("Practice.Billing_State", "no")
    assert "reason" in review.text("message"), "nobody rejects without a reason"
    review.answer(REASON)
    review.wait_for("Practice.Billing_State", "rejected")
    lab.shot("mapping-decided", ".mapping-table")


def _plain_errors(lab: Any) -> list[Any]:
    """Return the errors in red letters that a person sees."""
    plain = lab.find('[data-mime-type="application/vnd.jupyter.stderr"]')
    return [one for one in plain.all() if one.is_visible()]


def _gate_is_one_clear_box(lab: Any) -> None:
    """Check that a closed gate is told once, in words, and stops the cells after it."""
    boxes = lab.find(".finding.problem")
    assert boxes.count() == 1
    assert "The mapping is not decided" in boxes.text_content()
    lab.shot("mapping-gate-closed", ".finding.problem")
    assert not _plain_errors(lab)
    assert lab.cells()[-1]["count"] is None


def _decisions_are_written(engagement: Engagement) -> None:
    rows = row_names(load_mapping(engagement))
    assert pending(load_mapping(engagement)) == ("Practice.Billing_State",)
    now = datetime.now(UTC)
    for row in rows.values():
        assert now - timedelta(minutes=30) < row.decision.when <= now
    rejected = rows["Practice.Billing_State"].decision
    assert (rejected.state, rejected.note) == ("rejected", REASON)
    earlier, later = (rows[name].decision for name in ("Practice.Billing_Street", "Practice.Phone"))
    assert earlier.when < later.when, "what was confirmed keeps its date"
    assert not later.note, "the reason of the rejection is not that of what came after"


def _no_complaint(lab: Any) -> None:
    """Check that the page threw nothing, and asked nothing of other hosts."""
    assert lab.page_errors == []
    assert lab.foreign == []


def _overflowing(lab: Any) -> list[str]:
    """Return the outputs that are wider than the page: tables scroll in their own box."""
    wide: list[str] = lab.find(".jp-OutputArea-output").evaluate_all(
        "outputs => outputs.filter(one => one.scrollWidth > one.clientWidth + 1)"
        ".map(one => one.innerText.slice(0, 60))"
    )
    return wide


def _alignments(lab: Any) -> set[tuple[str, str]]:
    """Return how the cells of text and of numbers are aligned, whatever JupyterLab's styles say."""
    found = lab.find(".evidence-table tbody td").evaluate_all(
        "cells => cells.map(cell => [cell.classList.contains('number') ? 'number' : 'text',"
        " getComputedStyle(cell).textAlign])"
    )
    return {(kind, align) for kind, align in found}


def _look_a_record_up(lab: Any, engagement: Engagement) -> None:
    """Find a record by its id in the box of the reconciliation, after two that cannot be found."""
    landed = open_ledger(engagement).landed()
    key = landed[landed["object"] == "Appointment"]["source_id"].iloc[-1]
    lab.run_cell("reconcile.trace(session)")
    message, record = lab.find(".asking-box .ab-message"), lab.find(".asking-box .ab-shown")
    record.locator("text=the way of each value").wait_for()
    cells = len(lab.cells())
    asked = lab.find(".asking-box .ab-source_id")
    lab.find(".asking-box .ab-object").select_option("Appointment")
    asked.fill("")
    lab.find(".asking-box .ab-act").click()
    assert message.text_content() == "Enter the id that the record has in the source."
    asked.press_sequentially("b nobody")
    lab.find(".asking-box .ab-act").click()
    lab.find(".asking-box .ab-message", has_text="no record with the source id").wait_for()
    assert len(lab.cells()) == cells, "keys of the box edited the notebook"

    asked.fill(key)
    asked.press("Enter")
    lab.find(".asking-box .ab-message", has_text=f"Appointment {key}").wait_for()
    shown = str(record.text_content())
    assert f"Appointment {key}: the way of each value" in shown
    assert "Due_Date" in shown
    lab.shot("record-found", ".asking-box")
