"""What stands between a page's desk and the engagement: it starts, watches and stops the steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from migrator_kit.errors import ParameterError
from migrator_kit.widgets.desk import Desk
from migrator_kit.workbench import long_steps
from migrator_kit.workbench.desk import Stop, headline, next_stop, outcome
from migrator_kit.workbench.session import Session, watched

_LOOK_SECONDS = 0.5
"""How often a page looks after a step that runs."""


@dataclass
class Attendant:
    """Serves one desk. `steps` says which steps there are and how each stands now."""

    session: Session
    steps: Callable[[Session], list[Stop]]
    _stops: list[Stop] = field(default_factory=list)

    def desk(self, static: str) -> Desk:
        """Return the desk; a step that a page before this one started is found and watched."""
        self._desk = Desk(self._run, self._cancel, self.look_again, static)
        self.session.look_again = self.look_again
        self.look_again()
        if watched() and self._look():
            self._attend()
        return self._desk

    def look_again(self) -> None:
        """Show how the steps stand now: a decision was made, or the page was left for a while."""
        old = self.session
        fresh = Session(old.engagement, old.run_id, old.notebook)
        self._stops = self.steps(fresh)
        coming = next_stop(self._stops)
        self._desk.next = coming.name if coming else ""
        self._desk.headline = headline(self._stops)
        self._desk.stops = [stop.to_json() for stop in self._stops]
        for show in old.kept_current:
            show(fresh)

    def _run(self, name: str, by: str, note: str) -> None:
        stop = next(one for one in self._stops if one.name == name)
        command = stop.command
        if stop.asks:
            if not by:
                raise ParameterError("Enter your name: every decision carries who made it.")
            command = (*command, "--by", by, "--note", note)
        long_steps.begin(self.session.engagement, name, command)
        self._look()
        self._attend()

    def _cancel(self) -> None:
        long_steps.cancel(self.session.engagement)
        self._look()

    def _attend(self) -> None:
        threading.Thread(target=self._until_it_ends, daemon=True).start()

    def _until_it_ends(self) -> None:
        pause = threading.Event()
        while self._look():
            pause.wait(_LOOK_SECONDS)
        self.look_again()

    def _look(self) -> bool:
        """Show how the newest step stands, and return whether it runs."""
        seen = long_steps.watch(self.session.engagement)
        if seen is None:
            return False
        state, told = outcome(seen)
        self._desk.now = {
            "name": seen.step.name, "running": seen.running, "state": state, "told": told,
            "title": seen.title, "done": seen.done, "total": seen.total,
        }  # fmt: skip
        return seen.running
