"""One record at a time, on the sample page and on the reconciliation page.

Both show a box in which a person finds a record; on a printed page it is an example.
"""

from __future__ import annotations

import pandas as pd

from migrator_kit.compare.lineage import Stations
from migrator_kit.compare.record_view import record_view
from migrator_kit.errors import ParameterError
from migrator_kit.evidence.style import styled
from migrator_kit.evidence.tables import Table
from migrator_kit.load.vault import open_vault
from migrator_kit.mapping.model import Landing, ObjectName
from migrator_kit.widgets.record_finder import Find, RecordFinder
from migrator_kit.workbench.comparing import SHAPES, masked_by_row, outcome_words
from migrator_kit.workbench.explain import explain_tables, lineage_trees
from migrator_kit.workbench.session import Session, needed

Record = tuple[str, str]
"""Object and source id."""


def lineage_box(session: Session) -> RecordFinder:
    """Return the box that follows a record: source, transforms, sent, answered, now, every write.

    The example is the record that the parameter `record` names, else the first that differs, else
    the first patient. Raises ParameterError for a record that is not there.
    """

    def find(name: str, source_id: str) -> str:
        vault = open_vault(session.engagement)
        try:
            stations = Stations(
                session.snapshot, session.mapping, session.shaped, session.ledger, vault,
                session.target,
            )  # fmt: skip
            trees = lineage_trees(stations, name, source_id, reveal=session.reveal)
        finally:
            vault.close()
        return styled(explain_tables(trees).html())

    return _box(session, find)


def side_by_side_box(session: Session) -> RecordFinder:
    """Return the box that shows a compared record: expected, in Zoho CRM, and the outcome.

    The example is chosen as in `lineage_box`. Raises ParameterError for a record that was not
    compared.
    """

    def find(name: str, source_id: str) -> str:
        return styled(side_by_side(session, name, source_id).html())

    return _box(session, find)


def side_by_side(session: Session, name: str, source_id: str) -> Table:
    """Return one compared record as a table, patient data by its shape unless `reveal`."""
    found = record_view(
        session.shaped,
        needed(session.landed, "Field-level diff"),
        session.mapping,
        ObjectName(name),
        source_id,
        session.run_folder / "work",
        scope=needed(session.scope, "Field-level diff"),
    )
    if found.empty:
        raise ParameterError(
            f"{name} {source_id!r} was not compared: it is not on both sides.",
            hint="The chosen records are listed above, with why each was chosen.",
        )
    table = found.rename(columns={"actual": "in_zoho", "api_name": "name_in_zoho"})
    table["outcome"], levels = outcome_words(table["verdict"], table["nature"])
    filled = table[table[["expected", "in_zoho"]].notna().any(axis="columns")]
    shown = masked_by_row(filled, ("expected", "in_zoho"), reveal=session.reveal)
    columns = ["field", "way", "expected", "in_zoho", "outcome"]
    notes = [] if session.reveal else [SHAPES]
    if empty := len(table) - len(filled):
        notes.append(f"{empty} fields that are empty on both sides are left out.")
    return Table(
        shown[columns].rename(columns={"way": "how it arrives"}).fillna("–"),
        f"{name} {source_id}", note=" ".join(notes), levels={"outcome": levels},
    )  # fmt: skip


def _box(session: Session, find: Find) -> RecordFinder:
    moving = [
        str(item.object) for item in session.mapping.objects
        if item.landing is not Landing.REFERENCE
    ]  # fmt: skip
    example = _example(session)
    return RecordFinder(moving, find, example, find(*example))


def _example(session: Session) -> Record:
    """Return the record that a page without a browser shows."""
    asked = str(session.parameters.get("record") or "")
    if asked:
        name, _, source_id = asked.partition("/")
        if name not in tuple(ObjectName) or not source_id:
            raise ParameterError(
                f"{asked!r} names no record.",
                hint=f"Write OBJECT/ID; objects: {', '.join(ObjectName)}.",
            )
        return name, source_id
    if session.diff is not None:
        different = session.diff.differences(limit=100)
        both = different[~different["verdict"].isin(["missing_record", "extra_record"])]
        if len(both):
            first = both.iloc[0]
            return str(first["object"]), str(first["source_id"])
    keys = (
        session.sample.keys
        if session.sample is not None
        else session.ledger.landed("object", "source_id")
    )
    return _first(keys, ObjectName.PATIENT)


def _first(keys: pd.DataFrame, preferred: ObjectName) -> Record:
    own = keys[keys["object"] == str(preferred)]
    chosen = (own if len(own) else keys).sort_values("source_id")
    if chosen.empty:
        raise ParameterError("No record has arrived yet.", hint="Load first: migrator run DIR")
    return str(chosen.iloc[0]["object"]), str(chosen.iloc[0]["source_id"])
