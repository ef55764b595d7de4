"""One record side by side: what was expected in each field, what Zoho CRM holds, and the verdict.

Values are in the result, unlike in a `DiffReport`: whoever shows it masks them by `data_class`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from migrator_kit.compare.datasets import Landed, Parts, database
from migrator_kit.compare.mapped import data_class_of
from migrator_kit.compare.rules import field_rules
from migrator_kit.compare.sides import Scope, Sides
from migrator_kit.mapping.model import Mapping, ObjectName

COLUMNS = ("field", "api_name", "kind", "expected", "actual", "verdict", "nature", "data_class")


def record_view(
    shaped: Parts,
    landed: Landed,
    mapping: Mapping,
    name: ObjectName,
    source_id: str,
    folder: Path,
    *,
    scope: Scope | None = None,
) -> pd.DataFrame:
    """Return one row for each compared field of a record, columns `COLUMNS`.

    Empty where the record is not on both sides. `folder` takes temporary files.
    """
    item = mapping.object(name)
    # Copies and files of other records are of no interest here: the scope keeps its identities.
    kept = replace(scope or Scope(), keys=None, not_moved=None)
    with database(folder) as connection:
        sides = Sides(connection, shaped, landed, mapping, item, kept)
        sides.prepare()
        rules = field_rules(sides)
        cells = ", ".join(rule.cell for rule in rules)
        rows = connection.execute(
            f"select unnest([{cells}], recursive := true) "
            "from (select * from expected where source_id = $key) s "
            "join (select * from actual where source_id = $key) t using (source_id)",
            {"key": source_id},
        ).df()
    if rows.empty:
        return pd.DataFrame({column: pd.Series(dtype="str") for column in COLUMNS})
    known = {rule.target: landed.field(item.into or name, rule.target) for rule in rules}
    described = pd.DataFrame(
        {
            "field": [rule.target for rule in rules],
            "api_name": [found.api_name if (found := known[r.target]) else "" for r in rules],
            "kind": [rule.kind.value for rule in rules],
            "data_class": [data_class_of(mapping, name, rule.target) for rule in rules],
        }
    )
    return described.merge(rows, on="field")[list(COLUMNS)]
