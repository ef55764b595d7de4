"""Progress of long steps inside JupyterLab: one bar a cell, drawn in place.

It is plain HTML: a saved notebook opens without its kernel and shows how long the cell took, where
a widget would show an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any

from migrator_kit.progress import Step, time_left

_INTERVAL = 0.25
"""Seconds between two drawings: more often nobody sees, and each is a message to the browser."""
_WORTH_TELLING = 2.0
"""Seconds from which a cell says at its end how long it took."""


@dataclass
class _Running:
    """One step that is under way, as it is drawn."""

    title: str
    total: int | None
    owner: LiveProgress
    done: int = 0
    started: float = field(default_factory=time.monotonic)

    def advance(self, count: int = 1) -> None:
        """Count units; may be called from any thread."""
        self.owner.advance(self, count)

    def html(self, now: float) -> str:
        """Return the bar with its count and the time left."""
        told, bar = escape(self.title), "<progress></progress>"
        if self.done:
            told += f": {self.done:,}"
        if self.total:
            bar = f'<progress value="{min(self.done, self.total)}" max="{self.total}"></progress>'
            told += f" of {self.total:,}" if self.done else ""
            seconds = now - self.started
            told += time_left(self.done, self.total, seconds) if seconds > 1 else ""
        return f'{bar} <span style="margin-left: 8px">{told}</span>'


class LiveProgress:
    """Opens steps like `migrator_kit.progress.lines`, and draws the innermost one."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._lock = threading.Lock()
        self._steps: list[_Running] = []
        self._cell: int | None = None
        self._output: Any = None
        self._began = self._drawn = 0.0

    @contextmanager
    def __call__(self, title: str, total: int | None = None) -> Iterator[Step]:
        """Draw one step until it ends."""
        step = _Running(title, total, self)
        with self._lock:
            if self._cell != self._shell.execution_count:
                self._cell, self._output = self._shell.execution_count, None
                self._steps.clear()
                self._began, self._drawn = step.started, 0.0
            self._steps.append(step)
            self._draw()
        try:
            yield step
        finally:
            with self._lock:
                if step in self._steps:
                    self._steps.remove(step)
                if not self._steps:
                    self._finish()

    def advance(self, step: _Running, count: int) -> None:
        """Count units of a step and draw it, not too often."""
        with self._lock:
            step.done += count
            self._draw()

    def _draw(self) -> None:
        now = time.monotonic()
        if self._steps and now - self._drawn >= _INTERVAL:
            self._drawn = now
            self._show(self._steps[-1].html(now))

    def _finish(self) -> None:
        seconds = time.monotonic() - self._began
        self._drawn = 0.0
        self._show(f"Took {seconds:,.0f} seconds." if seconds >= _WORTH_TELLING else "")

    def _show(self, told: str) -> None:
        from IPython.display import HTML, display

        text = HTML(f'<div class="evidence-note migrator-progress" role="status">{told}</div>')
        if self._output is None:
            self._output = display(text, display_id=True)
        else:
            self._output.update(text)
