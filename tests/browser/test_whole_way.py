"""The whole way of a migration by clicking: from an empty engagement to the pack and the undo."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from migrator_kit.chain import Step, read_state
from migrator_kit.engagement import Engagement
from migrator_kit.evidence.verify import verify_pack
from migrator_kit.load.ledger import open_ledger
from migrator_kit.load.seals import read_seal

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1_500)]

PATIENCE = 400_000
"""Milliseconds for one step on a busy machine; an idle one needs a tenth."""

ANALYST = "Anna Berg"
WHOLE = "MIGRATOR_WHOLE_WAY"
"""Environment variable that asks for the long form of these tests."""


def test_the_start_page_runs_a_step_and_shows_what_comes_next(
    lab: Any, engagement: Engagement
) -> None:
    lab.open()
    assert "/lab/tree/notebooks/00_start.ipynb" in lab.page.url
    lab.run_all()
    desk = _Desk(lab)
    assert desk.states()["load"] == "not yet"
    lab.shot("way-empty", ".desk")
    desk.run("audit")
    desk.wait("audit", "done")
    lab.shot("way-audited", ".desk")
    assert desk.states()["mapping"] == "waits for you"
    assert lab.page_errors == []
    assert lab.foreign == []


@pytest.mark.skipif(WHOLE not in os.environ, reason=f"takes minutes: set {WHOLE}")
def test_from_the_mapping_to_the_pack_and_the_undo(lab: Any, engagement: Engagement) -> None:
    lab.open()
    lab.run_all()
    desk = _Desk(lab)
    desk.open("mapping")
    lab.run_all()
    lab.page.locator(".mt-by").fill(ANALYST)
    lab.page.locator(".mt-confirm-shown").click()
    lab.page.locator('tr[data-state="open"]').first.wait_for(state="detached")

    desk.back()
    desk.wait("mapping", "done")
    desk.run("sample")
    desk.cancel("sample")
    lab.shot("way-cancelled", ".desk")
    desk.run("sample")
    desk.wait("sample", "done")
    lab.shot("way-sampled", ".desk")
    lab.run_cell("start_page.sign_off(session)")
    lab.page.locator(".decision-box .db-by").fill(ANALYST)
    lab.page.locator(".decision-box .db-act").click()
    desk.wait("sign-off", "done")
    lab.shot("way-signed", ".decision-box")
    assert read_seal(engagement).by == ANALYST

    desk.run("reconcile")  # and the load before it
    desk.wait("reconcile", "done")
    assert desk.states()["load"] == "done"
    desk.run("pack")
    desk.wait("pack", "done")
    lab.shot("way-packed", ".desk")
    page = engagement.folder / read_state(engagement)[Step.RECONCILE].html
    assert verify_pack(page.with_name("evidence.zip")).ok
    assert len(open_ledger(engagement).landed()) > 100

    desk.open("reconcile")
    lab.run_cell("reconcile.undo(session)", after="reconcile.read_back(session)")
    desk.run("look")
    desk.wait("look", "done")
    assert "Patient" in desk.outcome("look")
    lab.shot("way-looked-ahead", ".desk")
    desk.ask("undo", ANALYST, "Rehearsal of the cutover")
    desk.run("undo")
    desk.wait("undo", "not yet")
    lab.shot("way-undone", ".desk")
    assert open_ledger(engagement).landed().empty
    told = json.loads(next(engagement.runs.glob("*/rollback.json")).read_text(encoding="utf-8"))
    assert (told["by"], told["note"]) == (ANALYST, "Rehearsal of the cutover")
    assert told["state_now"] == told["state_before"] or told["state_before"] is None
    assert lab.page_errors == []
    assert lab.foreign == []


class _Desk:
    """The start page's desk, as a person sees it."""

    def __init__(self, lab: Any) -> None:
        self._lab, self._page = lab, lab.page

    def _stop(self, name: str, state: str | None = None) -> Any:
        which = f'[data-state="{state}"]' if state else ""
        return self._page.locator(f'.desk li[data-name="{name}"]{which}')

    def states(self) -> dict[str, str]:
        found: dict[str, str] = self._page.locator(".desk li").evaluate_all(
            "stops => Object.fromEntries(stops.map(one => [one.dataset.name, one.dataset.state]))"
        )
        return found

    def run(self, name: str) -> None:
        self._stop(name).locator(".dk-run").click()
        self._stop(name, "running").wait_for()

    def wait(self, name: str, state: str) -> None:
        ended = self._page.locator(f'.desk li[data-name="{name}"]:not([data-state="running"])')
        ended.wait_for(timeout=PATIENCE)
        assert not ended.locator(".dk-failed").count(), ended.text_content()
        self._stop(name, state).wait_for()

    def cancel(self, name: str) -> None:
        self._stop(name).locator(".dk-progress progress").wait_for()
        self._stop(name).locator(".dk-cancel").click()
        self._stop(name).locator(".dk-stopped").wait_for()

    def ask(self, name: str, by: str, note: str) -> None:
        self._stop(name).locator(".dk-by").fill(by)
        self._stop(name).locator(".dk-note").fill(note)

    def outcome(self, name: str) -> str:
        return str(self._stop(name).locator(".dk-outcome").text_content())

    def open(self, name: str) -> None:
        self._stop(name).locator(".dk-notebook").click()
        self._lab.wait_for_notebook(name)

    def back(self) -> None:
        self._lab.command("docmanager:open", path="notebooks/00_start.ipynb")
