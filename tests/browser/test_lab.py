"""JupyterLab as a person uses it: the audit is read, the mapping is reviewed and confirmed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from difflib import ndiff
from typing import Any

import pytest

from migrator_kit.engagement import Engagement
from migrator_kit.mapping.decisions import pending, row_names
from migrator_kit.mapping.files import load_mapping, write_default
from migrator_kit.mapping.model import ObjectName
from migrator_kit.source.snapshot import take_snapshot

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REVIEWER = "Anna Berg"
REASON = "The county is not the state"


def test_the_audit_reads_well_in_jupyterlab(lab: Any, engagement: Engagement) -> None:
    lab.open("notebooks/01_audit.ipynb")
    lab.shot("audit-opened")
    lab.run_all()

    cells = lab.cells()
    assert all(cell["count"] for cell in cells)
    assert [cell["source"] for cell in cells if "error" in cell["outputs"]] == []
    assert lab.page.locator(".finding").count() > 2
    assert engagement.snapshots.exists()
    assert _overflowing(lab.page) == []
    assert _alignments(lab.page) == {("text", "left"), ("number", "right")}
    assert any("Took" in told for told in lab.page.locator(".migrator-progress").all_inner_texts())
    # No question about news of somebody else's: it would stand over the page.
    assert lab.page.locator(".Toastify__toast").count() == 0
    for name, selector in {
        "audit-findings": ".evidence-findings",
        "audit-plot": ".evidence-plot",
        "audit-columns": ".evidence-table.wide",
    }.items():
        lab.shot(name, selector)
    assert lab.page_errors == []
    assert lab.foreign == []


def test_the_mapping_is_reviewed_by_key_and_by_mouse(lab: Any, engagement: Engagement) -> None:
    lab.open("notebooks/02_mapping_review.ipynb")
    lab.run_all()
    _gate_is_one_clear_box(lab)
    cells, review = len(lab.cells()), _Review(lab.page)
    total = len(row_names(load_mapping(engagement)))
    assert review.text("confirm-shown") == f"Confirm all shown ({total})"

    _decide_a_few(lab, review)
    lab.page.keyboard.press("b")
    assert len(lab.cells()) == cells, "keys of the review edited the notebook"
    review.filter("")
    lab.page.locator(".mt-confirm-shown").click()
    review.wait_for("Practice.Source_System_ID__c", "confirmed")
    lab.shot("mapping-all-confirmed", ".mapping-table")
    _decisions_are_written(engagement, total)

    lab.restart_kernel()
    lab.run_all()
    assert review.states().count("confirmed") == total - 1
    assert REASON in review.row("Practice.Billing_State").text_content()
    _gate_is_one_clear_box(lab)

    lab.page.locator(".mt-by").fill(REVIEWER)
    review.click("Practice.Billing_State", "yes")
    review.wait_for("Practice.Billing_State", "confirmed")
    lab.run_cell("mapping_review.gate(session)")
    assert lab.page.locator(".finding.problem").count() == 0
    assert "The mapping is decided" in lab.page.locator(".finding.good").last.text_content()
    lab.shot("mapping-gate-open", ".finding.good:has-text('The mapping is decided')")
    assert pending(load_mapping(engagement)) == ()
    assert lab.page_errors == []
    assert lab.foreign == []


def test_targets_and_values_are_chosen_on_the_screen_and_stay_chosen(
    lab: Any, engagement: Engagement
) -> None:
    _propose_anew(engagement)
    lab.open("notebooks/02_mapping_review.ipynb")
    lab.run_all()
    review = _Review(lab.page)
    assert len(review.states()) >= 120
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
    review.enter("by", REVIEWER)
    review.click("Patient.Asst_Phone", "yes")
    review.wait_for("Patient.Asst_Phone", "confirmed")

    review.filter("")
    review.pick("of-object", "")
    review.enter("least", "0.9")
    assert "Practice.Phone" not in review.shown()
    lab.page.locator(".mt-confirm-shown").click()
    review.wait_for("Practice.Website", "confirmed")
    assert review.states().count("open") == 1
    review.enter("least", "0")
    review.pick("of-state", "undecided")
    assert review.shown() == ["Practice.Phone"]

    review.pick("of-state", "")
    review.filter("Call_Direction")
    review.select("Call Log.Call_Direction__c")
    lab.shot("mapping-value-map", ".mapping-table")
    before = engagement.mapping_path.read_text(encoding="utf-8")
    review.value("out", "Called by us")
    review.wait_for("Call Log.Call_Direction__c", "changed")
    after = engagement.mapping_path.read_text(encoding="utf-8")
    assert _changed_lines(before, after) == [("out: Outgoing}", "out: Called by us}")]
    assert _cut(lab.page) == []

    lab.restart_kernel()
    lab.run_all()
    states = review.states()
    assert (states.count("open"), states.count("changed")) == (1, 1)
    review.select("Call Log.Call_Direction__c")
    assert review.value_of("out") == "Called by us"
    told = lab.page.locator(".evidence-table", has_text="change Call_Direction__c")
    assert re.search(r"\d+ Events change Call_Direction__c", told.text_content() or "")
    rows = row_names(load_mapping(engagement))
    assert rows["Patient.Asst_Phone"].decision.by == REVIEWER
    assert "Patient.Mobile" not in rows
    direction = load_mapping(engagement).object(ObjectName.CALL_LOG).field("Call_Direction__c")
    assert direction is not None
    assert dict(direction.values) == {"in": "Incoming", "out": "Called by us"}
    assert lab.page_errors == []


def _propose_anew(engagement: Engagement) -> None:
    """Write the proposal with one row that the tool is not sure of, and staff column by column:
    120 rows and more."""
    engagement.mapping_path.unlink(missing_ok=True)
    path = write_default(engagement, "dent_o_soft")
    text = path.read_text(encoding="utf-8")
    sure = "sources: practices.phone, transform: phone}"
    unsure = text.replace(sure, sure[:-1] + ", confidence: 0.6}")
    assert unsure != text
    whole = "  - sources: providers.*\n"
    start, end = unsure.index(whole), unsure.index("  - ", unsure.index(whole) + len(whole))
    rest = unsure[start + len(whole) : end]
    staff = take_snapshot(engagement).manifest.tables["providers"].columns
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


def _cut(page: Any) -> list[str]:
    """Return the parts of the review that are wider than their box."""
    parts: list[str] = page.locator(
        ".mapping-table, .mapping-table :is(.mt-bar, .mt-scroll, .mt-detail)"
    ).evaluate_all(
        "parts => parts.filter(one => one.scrollWidth > one.clientWidth + 1)"
        ".map(one => one.className)"
    )
    return parts


class _Review:
    """The review's screen, as a person sees it."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def filter(self, text: str) -> None:
        self._page.locator(".mt-find").fill(text)

    def shown(self) -> list[str]:
        rows = self._page.locator(".mapping-table tbody tr:visible")
        names: list[str] = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
        return names

    def states(self) -> list[str]:
        rows = self._page.locator(".mapping-table tbody tr")
        states: list[str] = rows.evaluate_all("rows => rows.map(row => row.dataset.state)")
        return states

    def row(self, name: str) -> Any:
        return self._page.locator(f'.mapping-table tr[data-id="{name}"]')

    def key(self, key: str) -> None:
        self._page.locator(".mt-scroll").focus()
        self._page.keyboard.press(key)

    def answer(self, text: str) -> None:
        """Type what the screen asks for, in the field that it put the cursor in."""
        self._page.keyboard.type(text)
        self._page.keyboard.press("Enter")

    def click(self, name: str, button: str) -> None:
        self.row(name).locator(f".mt-{button}").click()

    def pick(self, part: str, value: str) -> None:
        self._page.locator(f".mt-{part}").select_option(value)

    def enter(self, part: str, text: str) -> None:
        self._page.locator(f".mt-{part}").fill(text)

    def select(self, name: str) -> None:
        self.row(name).locator("td.mt-columns").click()

    def choose(self, name: str, target: str) -> None:
        picker = self.row(name).locator(".mt-choose")
        picker.hover()
        picker.select_option(target)

    def _target(self, value: str) -> Any:
        return self._page.get_by_label(f"What {value} becomes", exact=True)

    def value(self, value: str, becomes: str) -> None:
        self._target(value).fill(becomes)
        self._target(value).press("Enter")

    def value_of(self, value: str) -> str:
        return str(self._target(value).input_value())

    def wait_for(self, name: str, state: str) -> None:
        self._page.locator(f'tr[data-id="{name}"][data-state="{state}"]').wait_for()

    def text(self, part: str) -> str:
        return str(self._page.locator(f".mt-{part}").text_content())


def _decide_a_few(lab: Any, review: _Review) -> None:
    """Confirm one row by key and one by mouse, reject one with a reason."""
    review.filter("Billing")
    assert review.shown() == [
        f"Practice.Billing_{part}" for part in ("Street", "City", "State", "Code", "Country")
    ]
    review.key("a")
    assert "name" in review.text("message"), "nobody decides without a name"
    review.answer(REVIEWER)
    review.wait_for("Practice.Billing_Street", "confirmed")
    review.click("Practice.Billing_City", "yes")
    review.wait_for("Practice.Billing_City", "confirmed")
    review.click("Practice.Billing_State", "no")
    assert "reason" in review.text("message"), "nobody rejects without a reason"
    review.answer(REASON)
    review.wait_for("Practice.Billing_State", "rejected")
    lab.shot("mapping-decided", ".mapping-table")


def _gate_is_one_clear_box(lab: Any) -> None:
    """Check that a closed gate is told once, in words, and stops the cells after it."""
    boxes = lab.page.locator(".finding.problem")
    assert boxes.count() == 1
    assert "The mapping is not decided" in boxes.text_content()
    lab.shot("mapping-gate-closed", ".finding.problem")
    plain = lab.page.locator('[data-mime-type="application/vnd.jupyter.stderr"]')
    assert [one for one in plain.all() if one.is_visible()] == []
    assert lab.cells()[-1]["count"] is None


def _decisions_are_written(engagement: Engagement, total: int) -> None:
    rows = row_names(load_mapping(engagement))
    assert pending(load_mapping(engagement)) == ("Practice.Billing_State",)
    decisions = [row.decision for row in rows.values()]
    assert len(decisions) == total
    assert {decision.by for decision in decisions} == {REVIEWER}
    now = datetime.now(UTC)
    assert all(now - timedelta(minutes=10) < decision.when <= now for decision in decisions)
    rejected = rows["Practice.Billing_State"].decision
    assert (rejected.state, rejected.note) == ("rejected", REASON)
    earlier, later = (
        rows[name].decision for name in ("Practice.Billing_Street", "Practice.Source_System_ID__c")
    )
    assert earlier.when < later.when, "what was confirmed keeps its date"
    assert not later.note, "the reason of the rejection is not that of what came after"


def _overflowing(page: Any) -> list[str]:
    """Return the outputs that are wider than the page: tables scroll in their own box."""
    wide: list[str] = page.locator(".jp-OutputArea-output").evaluate_all(
        "outputs => outputs.filter(one => one.scrollWidth > one.clientWidth + 1)"
        ".map(one => one.innerText.slice(0, 60))"
    )
    return wide


def _alignments(page: Any) -> set[tuple[str, str]]:
    """Return how the cells of text and of numbers are aligned, whatever JupyterLab's styles say."""
    found = page.locator(".evidence-table tbody td").evaluate_all(
        "cells => cells.map(cell => [cell.classList.contains('number') ? 'number' : 'text',"
        " getComputedStyle(cell).textAlign])"
    )
    return {(kind, align) for kind, align in found}
