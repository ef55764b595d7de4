"""Decisions: who confirmed which mapping row, and what is still open.

A decision is written into `mapping.yml` itself, comments and order kept, so that the notebook, the
command line and an editor all leave the same record.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
from rapidfuzz import process
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from migrator_kit.engagement import Engagement
from migrator_kit.errors import GateClosed, ParameterError
from migrator_kit.mapping.checks import check_alone
from migrator_kit.mapping.digests import row_digest
from migrator_kit.mapping.files import load_mapping
from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectMapping
from migrator_kit.mapping.objects import (
    SnapshotTables,
    clear_errors,
    inner,
    opened,
    quoted,
    tables_of,
    to_frame,
)
from migrator_kit.mapping.transforms import find, read_options, run
from migrator_kit.mapping.transforms.choices import KEEP, PicklistOptions, map_choice
from migrator_kit.mapping.transforms.columns import as_text, blank_to_none
from migrator_kit.privacy import mask
from migrator_kit.yamlfile import plain, round_trip

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
    """Return the names of the rows that nobody confirmed, rejected ones included."""
    return tuple(
        name
        for name, row in row_names(mapping).items()
        if row.decision is None or row.decision.state != "confirmed"
    )


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

    Raises ParameterError for a row that does not exist, MappingError for a file in disorder
    or a mapping that cannot be used: nobody confirms what cannot be carried out.
    """
    yaml = _editor()
    mapping, tree = _read(engagement, yaml)
    if state == "confirmed":
        check_alone(mapping, engagement.mapping_path)
    known = row_names(mapping)
    if rows is None:
        chosen = {*pending(mapping), *changed_since(mapping)}
    else:
        chosen = {_row_named(name, mapping, known) for name in rows}
    instant = (when or datetime.now(UTC)).isoformat(timespec="seconds")
    for name, node in _nodes(tree):
        if name in chosen:
            decision = CommentedMap({"state": state, "by": by, "when": instant})
            decision |= {"note": note} if note else {}
            decision["proposal"] = row_digest(known[name])
            decision.fa.set_flow_style()
            node["decision"] = decision
    fresh = engagement.mapping_path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as stream:
        yaml.dump(tree, stream)
    fresh.replace(engagement.mapping_path)
    return tuple(name for name in known if name in chosen)


def _read(engagement: Engagement, yaml: YAML) -> tuple[Mapping, Any]:
    """Return the mapping and the tree it stands in. Raises MappingError with every finding."""
    try:
        tree = yaml.load(engagement.mapping_path.read_text(encoding="utf-8"))
        return Mapping.model_validate(plain(tree)), tree
    except (OSError, ValueError, YAMLError):
        # The loader says what is wrong, and where.
        load_mapping(engagement)
        raise


def _row_named(name: str, mapping: Mapping, known: dict[str, Any]) -> str:
    """Return the row that a person means: `Object.Field`, or any column of a disposition."""
    if name in known:
        return name
    for entry in mapping.not_moved:
        if name in entry.sources:
            return entry.sources[0]
    near = process.extractOne(name, list(known))
    raise ParameterError(
        f"There is no mapping row {name!r}.",
        hint=f"Did you mean {near[0]!r}? Rows are named Object.Field." if near else None,
    )


def _editor() -> YAML:
    """Return a YAML that gives every line back as a person wrote it, long lines and quotes too."""
    yaml = round_trip()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    return yaml


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    for item in tree.get("objects", []):
        for row in item.get("fields", []):
            yield f"{item['object']}.{row['target']}", row
    for entry in tree.get("not_moved", []):
        sources = entry["sources"]
        yield (sources if isinstance(sources, str) else sources[0]), entry


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
    sources = pd.DataFrame(
        [(table, column) for table, columns in tables.items() for column in columns],
        columns=["table", "column"],
    )
    moved = {s.lower() for item in mapping.objects for row in item.fields for s in row.sources}
    kept = {source.lower() for entry in mapping.not_moved for source in entry.sources}
    names = (sources["table"] + "." + sources["column"]).str.lower()
    whole = sources["table"].str.lower() + ".*"
    decided = names.isin(moved | kept) | whole.isin(kept)
    return Coverage(
        rows=len(row_names(mapping)),
        open_rows=pending(mapping),
        changed_rows=changed_since(mapping),
        columns=len(sources),
        open_columns=sources[~decided].reset_index(drop=True),
        open_values=_open_values(mapping, snapshot),
    )


def value_counts(mapping: Mapping, snapshot: SnapshotTables) -> pd.DataFrame:
    """Return the values of every mapped picklist: object, field, value, becomes, records.

    `becomes` is empty where neither the value map nor `otherwise` decides. Values that the value
    map names stand in clear, as they do in `mapping.yml`; others are masked by the data class of
    their row.
    """
    frames = [pd.DataFrame(columns=["object", "field", "value", "becomes", "records"])]
    with opened(snapshot) as connection:
        for item, row, options in _picklists(mapping):
            with clear_errors(item.object):
                column = quoted(row.columns[0])
                counted = to_frame(connection.sql(
                    f"SELECT CAST({column} AS VARCHAR) AS value, count(*) AS records "
                    f"FROM ({inner(item.select)}) GROUP BY ALL"
                ).to_arrow_table())  # fmt: skip
            counted["value"] = _prepared(counted["value"], row)
            counted = counted.dropna(subset="value").groupby("value", as_index=False).sum()
            counted = counted.sort_values(["records", "value"], ascending=[False, True])
            becomes = [_becomes(value, options) for value in counted["value"]]
            counted["becomes"] = pd.Series(becomes, index=counted.index, dtype="str")
            named = [map_choice(value, options)[1] for value in counted["value"]]
            shown = mask(counted["value"], row.data_class)
            counted["value"] = counted["value"].where(pd.Series(named, counted.index, bool), shown)
            counted.insert(0, "field", row.target)
            counted.insert(0, "object", str(item.object))
            frames.append(counted[frames[0].columns])
    return pd.concat(frames, ignore_index=True)


def _prepared(values: pd.Series, row: FieldMapping) -> pd.Series:
    """Return source values as the value map sees them: after the steps that come before it."""
    for step in row.transform:
        if step.name == "picklist":
            break
        values, _ = run(find(step.name), [values], read_options(step.name, step.options))
    return blank_to_none(as_text(values)).str.strip()


def _becomes(value: str, options: PicklistOptions) -> str | None:
    """Return what a value becomes, None where nobody decided."""
    target, known = map_choice(value, options)
    if known:
        return target or "(empty)"
    if options.otherwise is None:
        return None
    return value if options.otherwise == KEEP else f"{options.otherwise} (otherwise)"


def _open_values(mapping: Mapping, snapshot: SnapshotTables) -> pd.DataFrame:
    counts = value_counts(mapping, snapshot)
    open_values = counts[counts["becomes"].isna()]
    return open_values.drop(columns="becomes").reset_index(drop=True)


def _picklists(
    mapping: Mapping,
) -> Iterator[tuple[ObjectMapping, FieldMapping, PicklistOptions]]:
    for item in mapping.objects:
        for row in item.fields:
            for step in row.transform:
                if step.name == "picklist" and row.columns:
                    given = {"values": dict(row.values), **step.options}
                    yield item, row, PicklistOptions.model_validate(given)


def require_confirmed(mapping: Mapping, snapshot: SnapshotTables) -> Coverage:
    """Return the coverage where everything is decided. Raises GateClosed naming what is open."""
    state = coverage(mapping, snapshot)
    if state.complete:
        return state
    columns = state.open_columns["table"] + "." + state.open_columns["column"]
    values = state.open_values["object"] + "." + state.open_values["field"]
    values += " = " + state.open_values["value"].astype("str")
    parts = [
        _named("mapping rows wait for confirmation", list(state.open_rows)),
        _named("rows were changed after their confirmation", list(state.changed_rows)),
        _named("source columns have no disposition", columns.tolist()),
        _named("picklist values are undecided", values.tolist()),
    ]
    waiting = state.open_rows or state.changed_rows
    undecided = " Give them a row or an entry under not_moved." if len(columns) else ""
    undecided += " Give them entries under `values`." if len(values) else ""
    raise GateClosed(
        "The mapping is not decided: " + "; ".join(p for p in parts if p) + "." + undecided,
        gate="mapping",
        opens_with=OPENS_WITH if waiting else "edit mapping.yml, then migrator run DIR",
    )


def _named(what: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} {what} ({', '.join(names[:_NAMED])}{more})"
