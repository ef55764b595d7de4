"""The way of a migration as the start page shows it: each step, how it stands, what opens it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from migrator_kit.chain import NOTEBOOKS, ROLLBACK, Step, StepRecord, read_state, step_inputs
from migrator_kit.engagement import Engagement
from migrator_kit.load.seals import read_seal
from migrator_kit.workbench.long_steps import Watched, watch
from migrator_kit.workbench.reports import gates_now
from migrator_kit.workbench.session import Session
from migrator_kit.workbench.undoing import undo_text

DONE, READY, WAITS, CLOSED, FAILED = "done", "ready", "waits for you", "not yet", "failed"
"""How a step stands: one that waits for you needs a decision, `not yet` an earlier step."""

PACK = "evidence.zip"
LOOK, UNDO = "look", "undo"


@dataclass(frozen=True, slots=True)
class Stop:
    """One step of the way. `command` is what its button runs, `notebook` and `page` are files to
    open, by their path below the engagement's folder."""

    name: str
    title: str
    answers: str
    state: str
    told: str = ""
    notebook: str = ""
    page: str = ""
    action: str = ""
    command: tuple[str, ...] = ()
    asks: bool = False
    """Whether the button needs a name: the step is a person's decision."""

    def to_json(self) -> dict[str, Any]:
        """Return the step for the screen: which command it runs stays here."""
        shown = asdict(self)
        del shown["command"]
        return shown


def way(session: Session) -> list[Stop]:
    """Return the steps of the engagement in their order, each as it stands now."""
    engagement = session.engagement
    gates = gates_now(session)
    records = read_state(engagement)
    folder = str(engagement.folder)
    loaded = session.ledger.anything_landed()
    stops = [
        _snapshot(session, gates, loaded=loaded),
        _chain(engagement, Step.AUDIT, records, gates["snapshot"], "Run the audit"),
        _mapping(engagement, records, gates),
        _chain(engagement, Step.SAMPLE, records, gates["mapping"], "Load a sample"),
        _signed(engagement, gates),
        _chain(engagement, Step.LOAD, records, gates["sign-off"], "Load everything"),
        _chain(engagement, Step.RECONCILE, records, _after_load(records), "Reconcile"),
        _packed(engagement, records, gates),
        _delta(records),
        _rollback(loaded=loaded),
    ]
    return [_with_folder(stop, folder) for stop in stops]


def way_back(session: Session) -> list[Stop]:
    """Return the two steps of an undo: a look ahead first, then a person's confirmation."""
    engagement = session.engagement
    folder = str(engagement.folder)
    if not session.ledger.anything_landed():
        told = "Nothing is in Zoho CRM."
        return [_stop(LOOK, CLOSED, told=told), _stop(UNDO, CLOSED, told=told)]
    look = _stop(LOOK, READY, action="Show what would go",
                 command=("rollback", folder, "--dry-run", "--json"))  # fmt: skip
    newest = watch(engagement)
    if newest is None or newest.running or (newest.step.name, newest.step.code) != (LOOK, 0):
        return [look, _stop(UNDO, CLOSED, told="Look ahead first.")]
    undo = _stop(UNDO, WAITS, told="When you have read the above", action="Roll back", asks=True,
                 command=("rollback", folder, "--yes", "--json"))  # fmt: skip
    return [replace(look, state=DONE, action="Look again"), undo]


def next_stop(stops: list[Stop]) -> Stop | None:
    """Return the first step that is not done; None where the evidence is packed."""
    return next((stop for stop in stops if stop.state != DONE and stop.name not in _LATER), None)


def headline(stops: list[Stop]) -> str:
    """Return in a sentence or two what comes next, and how."""
    stop = next_stop(stops)
    if all(one.name in _LATER for one in stops):
        return ""
    if stop is None:
        return "Every step is done and the evidence is packed."
    how = f"press “{stop.action}”" if stop.action else "open its notebook"
    if stop.name == "sign-off":
        how = "read the sample's page, then sign below"
    why = "" if not stop.told or stop.state == READY else f" {stop.told.rstrip('.')}."
    return f"Next: {stop.title}.{why} {stop.answers}; {how}."


def outcome(watched: Watched) -> tuple[str, str]:
    """Return how a step ended, as a state and in words, or what it does now."""
    step = watched.step
    if watched.running:
        return ("running", "Stopping …" if step.cancelled else watched.said or "Starting …")
    if step.code == 0:
        undo = step.name in (LOOK, UNDO)
        return (DONE, undo_text(json.loads(watched.answer)) if undo else "")
    if step.cancelled:
        words = "Stopped. What was done stays: the same button goes on from there."
        return ("stopped", words)
    if step.code is None:
        return (FAILED, "The step was ended from outside. The same button goes on from there.")
    return (WAITS if step.code == 3 else FAILED, _plain(watched.said))


_LATER = ("delta", "rollback", "look", "undo")
"""Steps that come only where somebody wants them."""

_ANSWERS = {
    "snapshot": "Reads the practice's data once, read only, and keeps it unchanged",
    "audit": "What is there, how clean it is, what it will take",
    "mapping": "Where each column goes: a person confirms every row",
    "sample": "50 to 100 records there and back again, compared field by field",
    "sign-off": "A person has seen the sample and lets everything move",
    "load": "Everything that is confirmed moves, in dependency order",
    "reconcile": "Reads everything back and closes the books",
    "pack": "The pages, lists and digests as one file for the client",
    "delta": "A new snapshot: what the practice changed since is carried over",
    "rollback": "Takes back what a load did; what people did since stays",
    LOOK: "Counts what an undo would delete, give back and leave. Nothing is written",
    UNDO: "Takes everything back that the migration brought, but what people worked on since",
}
_TITLES = {
    "snapshot": "Snapshot", "audit": "Audit", "mapping": "Mapping review", "sample": "Sample",
    "sign-off": "Sign-off", "load": "Full load", "reconcile": "Reconciliation",
    "pack": "Evidence pack", "delta": "Delta", "rollback": "Rollback",
    LOOK: "Look ahead", UNDO: "Undo",
}  # fmt: skip


def _stop(name: str, state: str, **known: Any) -> Stop:
    return Stop(name, _TITLES[name], _ANSWERS[name], state, **known)


def _with_folder(stop: Stop, folder: str) -> Stop:
    """Return the step with the engagement's folder in its command."""
    command = tuple(folder if part == "DIR" else part for part in stop.command)
    return replace(stop, command=command)


def _snapshot(session: Session, gates: Mapping[str, Any], *, loaded: bool) -> Stop:
    command = ("snapshot", "DIR")
    if not gates["snapshot"]["open"]:
        return _stop("snapshot", READY, action="Take a snapshot", command=command)
    manifest = session.snapshot.manifest
    rows = sum(table.rows for table in manifest.tables.values())
    told = f"{rows:,} rows of {len(manifest.tables)} tables, {_moment(manifest.taken_at)}"
    if loaded:  # From here on a newer snapshot belongs to a delta.
        return _stop("snapshot", DONE, told=told)
    return _stop("snapshot", DONE, told=told, action="Take a new one", command=command)


def _chain(
    engagement: Engagement,
    step: Step,
    records: Mapping[Step, StepRecord],
    gate: Mapping[str, Any],
    action: str,
) -> Stop:
    """Return a step of the chain: what its last run showed, and the button that runs up to it."""
    notebook = f"notebooks/{NOTEBOOKS[step]}.ipynb"
    command = ("run", "DIR", "--to", str(step))
    record = records.get(step)
    if not gate["open"]:
        told = _first_line(gate["why"]) if step is not Step.AUDIT else "Takes a snapshot first"
        state = READY if step is Step.AUDIT else CLOSED
        known = {"action": action, "command": command} if step is Step.AUDIT else {}
        return _stop(str(step), state, told=told, notebook=notebook, **known)
    if record is None:
        return _stop(str(step), READY, notebook=notebook, action=action, command=command)
    page = record.html if (engagement.folder / record.html).exists() else ""
    when = _moment(datetime.fromisoformat(record.finished))
    known = {"notebook": notebook, "page": page, "action": action, "command": command}
    if not record.ok:
        return _stop(str(step), FAILED, told=f"Stopped {when}: its page says why", **known)
    if record.inputs != step_inputs(engagement, step):
        told = f"Done {when}; something it rests on has changed since"
        return _stop(str(step), READY, told=told, **known)
    return _stop(str(step), DONE, told=f"Done {when}", **known | {"action": "Run again if changed"})


def _mapping(
    engagement: Engagement, records: Mapping[Step, StepRecord], gates: Mapping[str, Any]
) -> Stop:
    """Return the mapping's step: it waits for a person, then its page is kept as evidence."""
    kept = _chain(engagement, Step.MAPPING, records, gates["snapshot"], "Keep its page")
    if not gates["snapshot"]["open"]:
        return kept
    if gates["mapping"]["open"]:
        decided = replace(kept, state=DONE, told="Every row is confirmed")
        return decided if kept.state == READY else kept
    told = _first_line(gates["mapping"]["why"])
    if not engagement.mapping_path.exists():
        told = "Nothing is proposed yet: the notebook proposes it"
    return _stop("mapping", WAITS, told=told, notebook=kept.notebook)


def _signed(engagement: Engagement, gates: Mapping[str, Any]) -> Stop:
    if gates["sign-off"]["open"]:
        seal = read_seal(engagement)
        told = f"{seal.by}, {_moment(seal.when)}" if seal else ""
        return _stop("sign-off", DONE, told=told)
    ready = gates["rehearsal"]["open"]
    why = gates["sign-off"]["why"] if ready else gates["sample"]["why"] or gates["rehearsal"]["why"]
    told = "Below on this page, when you have read the sample's page" if ready else _first_line(why)
    return _stop("sign-off", WAITS if ready else CLOSED, told=told)


def _after_load(records: Mapping[Step, StepRecord]) -> dict[str, Any]:
    record = records.get(Step.LOAD)
    open_now = record is not None and record.ok
    return {"open": open_now, "why": "" if open_now else "Nothing is loaded yet."}


def _packed(
    engagement: Engagement, records: Mapping[Step, StepRecord], gates: Mapping[str, Any]
) -> Stop:
    if not gates["reconcile"]["open"]:
        return _stop("pack", CLOSED, told="The books are not closed yet.")
    command = ("pack", "DIR")
    folder = Path(records[Step.RECONCILE].html).parent
    pack = engagement.folder / folder / PACK
    known = {"page": (folder / "index.html").as_posix(), "command": command}
    if not pack.exists():
        return _stop("pack", READY, action="Pack the evidence", **known)
    told = f"{(folder / PACK).as_posix()}, {pack.stat().st_size / 1e6:,.1f} MB"
    return _stop("pack", DONE, told=told, action="Pack again", **known)


def _delta(records: Mapping[Step, StepRecord]) -> Stop:
    if not _after_load(records)["open"]:
        return _stop("delta", CLOSED, told="Comes after the full load.")
    command = ("run", "DIR", "--mode", "delta")
    told = "At cutover, any number of times"
    return _stop("delta", READY, told=told, action="Carry over changes", command=command)


def _rollback(*, loaded: bool) -> Stop:
    notebook = f"notebooks/{ROLLBACK}.ipynb"
    if not loaded:
        return _stop("rollback", CLOSED, told="Nothing is in Zoho CRM.", notebook=notebook)
    return _stop("rollback", READY, told="Only where it is wanted", notebook=notebook)


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _plain(said: str) -> str:
    """Return what a command said at its end, without its mark and without the chain's diary."""
    marked = said.rpartition("error: ")[2]
    return marked.strip() or "It did not say why."
