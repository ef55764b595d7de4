"""Decisions: who confirmed which mapping row, and what is still open.

A decision is written into `mapping.yml` itself, comments and order kept, so that the notebook, the
command line and an editor all leave the same record.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
from ruamel.yaml.comments import CommentedMap

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, ParameterError
from migrator_kit.mapping.checks import check_alone
from migrator_kit.mapping.confirmed import keep_confirmed
from migrator_kit.mapping.digests import row_digest
from migrator_kit.mapping.edits import open_file
from migrator_kit.mapping.model import Decision, Mapping
from migrator_kit.mapping.objects import SnapshotTables, count_rows, opened, tables_of
from migrator_kit.mapping.rule_tests import require_rule_tests
from migrator_kit.mapping.values import undecided_records, value_counts
from migrator_kit.spelling import offer

OPENS_WITH = "migrator confirm DIR --by NAME --all"
_NAMED = 8
"""How many open rows a message names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a mapping is decided. Nothing is open where every sequence and frame is empty.

    Frames: open_columns has table, column; open_values has object, field, value, records.
    """

    rows: int
    open_rows: tuple[str, ...]
    changed_rows: tuple[str, ...]
    columns: int
    open_columns: pd.DataFrame
    open_values: pd.DataFrame
    second_rows: tuple[str, ...]
    """Those of the open rows that one person confirmed and another one has to."""
    decided_columns: int
    """Columns with a disposition of which every row is confirmed as it stands."""
    records: int
    decided_records: int
    """Records of which every row is confirmed and every picklist value is decided."""

    @property
    def shares(self) -> str:
        """What share of columns and of records is decided, in words."""
        return (
            f"{_share(self.decided_columns, self.columns)} of the columns "
            f"({self.decided_columns:,} of {self.columns:,}) and "
            f"{_share(self.decided_records, self.records)} of the records "
            f"({self.decided_records:,} of {self.records:,})"
        )

    @property
    def complete(self) -> bool:
        """Whether nothing is open."""
        rows = self.open_rows or self.changed_rows
        return not (rows or len(self.open_columns) or len(self.open_values))


def row_names(mapping: Mapping) -> dict[str, Any]:
    """Return every row that needs a decision by name: `Object.Field`, or its first column."""
    rows: dict[str, Any] = {f"{item.object}.{row.target}": row for item in mapping.objects
                            for row in item.fields}  # fmt: skip
    return rows | {entry.sources[0]: entry for entry in mapping.not_moved}


def pending(mapping: Mapping) -> tuple[str, ...]:
    """Return the names of the rows that wait for a person, rejected ones included."""
    waiting = set(waiting_for_second(mapping))
    return tuple(
        name
        for name, row in row_names(mapping).items()
        if row.decision is None or row.decision.state != "confirmed" or name in waiting
    )


def waiting_for_second(mapping: Mapping) -> tuple[str, ...]:
    """Return the rows that one person confirmed as they are, and that need another one."""
    if not mapping.second_reviewer:
        return ()
    changed = set(changed_since(mapping))
    return tuple(
        name
        for name, row in row_names(mapping).items()
        if row.decision is not None
        and row.decision.state == "confirmed"
        and name not in changed
        and not _read_by_two(row.decision)
    )


def _read_by_two(decision: Decision) -> bool:
    return decision.second is not None and not _same_person(decision.by, decision.second.by)


def decide(
    engagement: Engagement,
    *,
    by: str,
    rows: Collection[str] | None = None,
    state: Literal["confirmed", "rejected"] = "confirmed",
    note: str = "",
    when: datetime | None = None,
) -> tuple[str, ...]:
    """Write a decision to mapping rows and return their names; without `rows`, to all open ones.

    Where a second pair of eyes is required, the confirmation of another person stands beside the
    first one. Raises ParameterError for a row that does not exist or that this person confirmed
    before, MappingError for a file in disorder, a mapping that cannot be used or a mapping test
    that fails: nobody confirms what cannot be carried out.
    """
    file = open_file(engagement)
    mapping = file.mapping
    if state == "confirmed":
        check_alone(mapping, engagement.mapping_path)
        require_rule_tests(engagement, mapping)
    known = row_names(mapping)
    if rows is None:
        chosen = {*pending(mapping), *changed_since(mapping)}
    else:
        chosen = {_row_named(name, mapping, known) for name in rows}
    seconds = set(waiting_for_second(mapping)) & chosen if state == "confirmed" else set()
    own = {name for name in seconds if _same_person(known[name].decision.by, by)}
    if own and own == chosen:
        raise ParameterError(
            f"{by} confirmed {'this row' if len(own) == 1 else 'these rows'} already.",
            hint="The engagement asks for two persons: another one has to confirm as well.",
        )
    chosen -= own
    instant = (when or datetime.now(UTC)).isoformat(timespec="seconds")
    for name, node in file.nodes():
        if name in seconds & chosen:
            node["decision"]["second"] = _flow({"by": by, "when": instant})
        elif name in chosen:
            told = {"state": state, "by": by, "when": instant} | ({"note": note} if note else {})
            node["decision"] = _flow(told | {"proposal": row_digest(known[name])})
    if state == "confirmed":
        keep_confirmed(engagement, (known[name] for name in chosen))
    file.save()
    return tuple(name for name in known if name in chosen)


def _flow(values: dict[str, str]) -> CommentedMap:
    node = CommentedMap(values)
    node.fa.set_flow_style()
    return node


def _same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _row_named(name: str, mapping: Mapping, known: dict[str, Any]) -> str:
    """Return the row that a person means: `Object.Field`, or any column of a disposition."""
    if name in known:
        return name
    for entry in mapping.not_moved:
        if name in entry.sources:
            return entry.sources[0]
    raise ParameterError(
        f"There is no mapping row {name!r}.",
        hint=f"{offer(name, known)}Rows are named Object.Field.",
    )


def changed_since(mapping: Mapping) -> tuple[str, ...]:
    """Return the confirmed rows that were edited after their confirmation."""
    return tuple(
        name
        for name, row in row_names(mapping).items()
        if row.decision is not None
        and row.decision.proposal
        and row.decision.proposal != row_digest(row)
    )


def coverage(mapping: Mapping, snapshot: SnapshotTables) -> Coverage:
    """Return how much of the mapping, the snapshot's columns and its values is decided."""
    with opened(snapshot) as connection:
        tables = tables_of(connection)
        counts = {item.object: count_rows(connection, item) for item in mapping.objects}
    sources = pd.DataFrame(
        [(table, column) for table, columns in tables.items() for column in columns],
        columns=["table", "column"],
    )
    open_rows, changed = pending(mapping), changed_since(mapping)
    undecided = {*open_rows, *changed}
    known = _disposed(mapping, set(row_names(mapping)))
    unsure = _disposed(mapping, undecided)
    names = (sources["table"] + "." + sources["column"]).str.lower()
    whole = sources["table"].str.lower() + ".*"
    named = names.isin(known)
    disposed = named | whole.isin(known)
    waits = names.isin(unsure) | (~named & whole.isin(unsure))
    open_values = _open_values(mapping, snapshot)
    decided = 0
    for item in mapping.objects:
        if undecided.isdisjoint(f"{item.object}.{row.target}" for row in item.fields):
            doubtful = str(item.object) in set(open_values["object"])
            records = undecided_records(mapping, snapshot, item) if doubtful else 0
            decided += counts[item.object] - records
    return Coverage(
        rows=len(row_names(mapping)),
        open_rows=open_rows,
        changed_rows=changed,
        columns=len(sources),
        open_columns=sources[~disposed].reset_index(drop=True),
        open_values=open_values,
        second_rows=waiting_for_second(mapping),
        decided_columns=int((disposed & ~waits).sum()),
        records=sum(counts.values()),
        decided_records=decided,
    )


def _disposed(mapping: Mapping, rows: set[str]) -> set[str]:
    """Return the source columns, in small letters, that these rows dispose of."""
    return {
        source.lower()
        for name, row in row_names(mapping).items()
        for source in row.sources
        if name in rows
    }


def _share(part: int, whole: int) -> str:
    """Return a share in percent; what is not all never reads as all."""
    share = part / whole if whole else 1.0
    return f"{share:.1%}" if part == whole else f"{min(share, 0.999):.1%}"


def _open_values(mapping: Mapping, snapshot: SnapshotTables) -> pd.DataFrame:
    counts = value_counts(mapping, snapshot)
    open_values = counts[counts["becomes"].isna()]
    return open_values.drop(columns="becomes").reset_index(drop=True)


def require_confirmed(mapping: Mapping, snapshot: SnapshotTables) -> Coverage:
    """Return the coverage where everything is decided. Raises GateClosed naming what is open."""
    state = coverage(mapping, snapshot)
    if state.complete:
        return state
    columns = state.open_columns["table"] + "." + state.open_columns["column"]
    values = state.open_values["object"] + "." + state.open_values["field"]
    values += " = " + state.open_values["value"].astype("str")
    first = [name for name in state.open_rows if name not in set(state.second_rows)]
    parts = [
        _named("mapping row waits for confirmation", "mapping rows wait for confirmation", first),
        _named("row waits for a second person", "rows wait for a second person",
               list(state.second_rows)),
        _named("row was changed after its confirmation",
               "rows were changed after their confirmation", list(state.changed_rows)),
        _named("source column has no disposition", "source columns have no disposition",
               columns.tolist()),
        _named("picklist value is undecided", "picklist values are undecided", values.tolist()),
    ]  # fmt: skip
    waiting = state.open_rows or state.changed_rows
    undecided = " Give each column a row, or an entry under `not_moved`." if len(columns) else ""
    undecided += " Give each value an entry under `values` of its row." if len(values) else ""
    edits = "edit mapping.yml, then " if undecided else ""
    raise GateClosed(
        "The mapping is not decided: "
        + "; ".join(p for p in parts if p)
        + "."
        + undecided
        + f" Decided are {state.shares}.",
        gate="mapping",
        opens_with=edits + (OPENS_WITH if waiting else "migrator run DIR"),
    )


def _named(one: str, several: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    what = one if len(names) == 1 else several
    return f"{len(names)} {what} ({', '.join(names[:_NAMED])}{more})"
