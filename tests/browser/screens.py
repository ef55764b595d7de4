"""The screens of the notebooks as a person uses them: the mapping review, the start page's desk."""

from __future__ import annotations

from typing import Any

PATIENCE = 400_000
"""Milliseconds for one step on a busy machine; an idle one needs a tenth."""


class Review:
    """The review's screen, as a person sees it."""

    def __init__(self, lab: Any) -> None:
        self._page = lab.page

    def filter(self, text: str) -> None:
        self._page.locator(".mt-find").fill(text)

    def shown(self) -> list[str]:
        rows = self._page.locator(".mapping-table tbody tr:visible")
        names: list[str] = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
        return names

    def states(self) -> list[str]:
        rows = self._page.locator(".mapping-table tbody tr[data-state]")
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

    def confirm_shown(self) -> None:
        self._page.locator(".mt-confirm-shown").click()

    def text(self, part: str) -> str:
        return str(self._page.locator(f".mt-{part}").text_content())


class Desk:
    """The start page's desk, as a person sees it."""

    def __init__(self, lab: Any) -> None:
        self._lab, self._page = lab, lab.page

    def _stop(self, name: str, state: str | None = None) -> Any:
        which = f'[data-state="{state}"]' if state else ""
        return self._lab.find(f'.desk li[data-name="{name}"]{which}')

    def states(self) -> dict[str, str]:
        found: dict[str, str] = self._lab.find(".desk li").evaluate_all(
            "stops => Object.fromEntries(stops.map(one => [one.dataset.name, one.dataset.state]))"
        )
        return found

    def press(self, name: str) -> None:
        self._stop(name).locator(".dk-run").click()

    def run(self, name: str) -> None:
        self.press(name)
        self._stop(name, "running").wait_for()

    def wait(self, name: str, state: str) -> None:
        over = self._page.locator('[data-state]:not([data-state="running"])')
        ended = self._stop(name).and_(over)
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

    def read(self, name: str) -> None:
        self._stop(name).locator(".dk-page").click()
