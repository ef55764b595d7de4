"""Notebook 00: where the migration stands, what comes next, and a button for each long step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from IPython.display import Markdown, display

from migrator_kit.docs import PAGES
from migrator_kit.engagement import TargetKind
from migrator_kit.evidence import plots
from migrator_kit.evidence.findings import Finding, Findings, Level
from migrator_kit.evidence.tables import Table, Tables, facts
from migrator_kit.load.accounts import object_counts
from migrator_kit.widgets.decision_box import DecisionBox
from migrator_kit.widgets.desk import Desk
from migrator_kit.workbench import sample_diff
from migrator_kit.workbench.attendant import Attendant
from migrator_kit.workbench.desk import DONE, FAILED, WAITS, headline, way
from migrator_kit.workbench.lab import DOCUMENTATION
from migrator_kit.workbench.reports import gates_now
from migrator_kit.workbench.session import Session

_LEVELS = {"state": {DONE: Level.GOOD, WAITS: Level.DECISION, FAILED: Level.PROBLEM}}


def where(session: Session) -> Table:
    """Return whose migration this is: from where, to where."""
    settings = session.engagement.settings
    target = settings.target
    to = "the local Zoho CRM emulator: a rehearsal" if target.kind is TargetKind.EMULATOR else (
        f"Zoho CRM, {target.kind} org in the data centre {target.data_centre}")  # fmt: skip
    return facts(
        "The engagement",
        client=settings.client,
        program=settings.source.profile or "not known: its mapping is proposed from the data",
        time_zone=settings.source.time_zone,
        moves_to=to,
        folder=session.engagement.folder.name,
    )


def desk(session: Session) -> Desk:
    """Return the steps with their buttons; under papermill they read as a table.

    A step that runs already, started by a page before this one, is found and watched.
    """
    stops = way(session)
    frame = pd.DataFrame([stop.to_json() for stop in stops])
    shown = frame[["title", "state", "told", "answers", "notebook"]]
    waits = Findings.of([Finding(Level.DECISION, headline(stops))])
    static = Tables([waits, Table(shown, levels=_LEVELS)])._repr_html_()
    return Attendant(session, way).desk(static)


def sign_off(session: Session) -> None:
    """Show who signed the sample off, or the box in which a person does, when it is time."""
    _kept_current(session, _sign_off, _gates_key)


def gates(session: Session) -> None:
    """Show every gate: whether it is open, and what opens it."""
    _kept_current(session, _gates, gates_now)


def balance(session: Session) -> None:
    """Show where the ten objects stand, once something was loaded."""
    _kept_current(session, _balance, _counts)


def documentation(session: Session) -> Markdown:
    """Return the pages of the documentation: links where they lie beside the notebooks."""
    beside = session.engagement.folder / "notebooks" / DOCUMENTATION
    if beside.is_dir():
        lines = [f"- [{title}]({DOCUMENTATION}/{name}.md)" for name, title in PAGES.items()]
    else:
        lines = [f"- {title}: `migrator docs {name}`" for name, title in PAGES.items()]
    return Markdown("\n".join(lines))


def _kept_current(
    session: Session, made: Callable[[Session], Any], stands: Callable[[Session], Any]
) -> None:
    """Display what `made` gives, and again whenever what `stands` gives is another.

    What a person is typing in is not drawn anew meanwhile.
    """
    shown, handle = stands(session), display(made(session), display_id=True)

    def again(fresh: Session) -> None:
        nonlocal shown
        if handle is not None and (now := stands(fresh)) != shown:
            shown = now
            fresh.kept_current, fresh.look_again = session.kept_current, session.look_again
            handle.update(made(fresh))

    session.kept_current.append(again)


def _sign_off(session: Session) -> DecisionBox | Tables | Findings:
    if gates_now(session)["rehearsal"]["open"]:
        return sample_diff.sign_off(session)
    text = "There is nothing to sign yet: a sample is loaded, compared and taken back first."
    return Findings.of([Finding(Level.DECISION, text)])


def _gates_key(session: Session) -> tuple[bool, ...]:
    """Return what decides on the box: whether it is time, and whether it is done."""
    known = gates_now(session)
    return known["rehearsal"]["open"], known["sign-off"]["open"]


def _gates(session: Session) -> Table:
    rows = [
        {"gate": name, "state": "open" if gate["open"] else "closed", "why": gate["why"]}
        for name, gate in gates_now(session).items()
    ]
    levels = {"state": {"open": Level.GOOD, "closed": Level.DECISION}}
    return Table(pd.DataFrame(rows), levels=levels)


def _counts(session: Session) -> Any:
    if not gates_now(session)["shaped"]["open"] or not session.ledger.anything_landed():
        return None
    return object_counts(session.ledger, session.shaped, session.mapping)


def _balance(session: Session) -> plots.Plot | Findings:
    counts = _counts(session)
    if counts is None:
        return Findings.of([Finding(Level.GOOD, "Nothing is in Zoho CRM yet.")])
    return plots.balance(counts)
