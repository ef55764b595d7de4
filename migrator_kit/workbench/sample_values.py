"""Every value of the sample, source to Zoho: a file for the analyst, a list for the client."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from migrator_kit.compare.mapped import AS_IT_STANDS
from migrator_kit.compare.record_view import sample_view
from migrator_kit.compare.rules import Verdict
from migrator_kit.compare.sides import Scope
from migrator_kit.evidence.lists import write_list
from migrator_kit.evidence.tables import Table
from migrator_kit.workbench.comparing import masked_by_row, outcome_words
from migrator_kit.workbench.session import Session, needed

_SIDES = ("source", "expected", "in_zoho")
_LISTED = ("object", "source_id", "field", "name_in_zoho", *_SIDES, "outcome")


def keep_values(session: Session, scope: Scope, folder: Path) -> pd.DataFrame:
    """Write every compared value of the sample and return it, with its outcome in words.

    `values.parquet` in `folder` has the values themselves and stays with the analyst;
    `lists/sample_values.csv` has the shape of patient data in their place, unless `reveal`.
    """
    values = sample_view(
        session.shaped,
        needed(session.landed, "Field-level diff"),
        session.mapping,
        session.snapshot,
        folder / "work",
        scope,
    ).rename(columns={"actual": "in_zoho", "api_name": "name_in_zoho"})
    values["outcome"], _ = outcome_words(values["verdict"], values["nature"])
    changed = values["source"].fillna("") != values["in_zoho"].fillna("")
    made = (values["verdict"] == Verdict.EQUAL) & changed & (values["way"] != AS_IT_STANDS)
    values["outcome"] = values["outcome"].mask(made, "equal after " + values["way"])
    values.to_parquet(folder / "values.parquet", index=False)
    listed = masked_by_row(values, _SIDES, reveal=session.reveal)
    write_list(listed[list(_LISTED)], session.list_path("sample_values.csv"))
    return values


def outcome_table(values: pd.DataFrame) -> Table:
    """Return how many values came to which outcome, and in which objects."""
    counted = values.groupby("outcome", sort=False).agg(
        values=("object", "size"), objects=("object", lambda names: ", ".join(names.unique()))
    )
    shown = counted.reset_index().sort_values("values", ascending=False, kind="stable")
    note = "Each value is in lists/sample_values.csv, patient data by its shape."
    return Table(shown, "What came of the values", note=note)
