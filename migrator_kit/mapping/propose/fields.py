"""Rows of an object's mapping: columns assigned to fields one to one, new fields for the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from migrator_kit.mapping.model import FieldMapping, ObjectName, Step
from migrator_kit.mapping.propose.catalogue import catalogue, catalogue_frame, defined
from migrator_kit.mapping.propose.choices import value_map
from migrator_kit.mapping.propose.found import Found
from migrator_kit.mapping.propose.joins import Draft, lookup_name
from migrator_kit.mapping.propose.new_field import new_field
from migrator_kit.mapping.propose.ranking import Scored, score_schemas
from migrator_kit.mapping.propose.schema import read_schema, tooth_columns
from migrator_kit.mapping.propose.tables import TableOfObject
from migrator_kit.mapping.standard_fields import STANDARD_FIELDS
from migrator_kit.source.contents import Content
from migrator_kit.source.profile import ColumnProfile

_ACCEPTED = 0.4
_SHOWN = 0.02
_MOST_ALTERNATIVES = 4
_LEAST_FILLED = 0.01
_SECRET = re.compile(
    r"(^|_)(ssn|amka|dni|nif|passport|password|passwd|pwd|pin|token|medicaidid)($|_)", re.I
)
_STREETS = ("Mailing_Street", "Billing_Street")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A column that may fill a field: what the SELECT calls it, and the source columns it is."""

    profile: ColumnProfile
    given: str
    sources: tuple[str, ...]
    called: str = ""
    """What it is compared by, where that is not the first source column's own name."""

    @property
    def name(self) -> str:
        """The name it is compared by."""
        return self.called or self.sources[0].partition(".")[2]


@dataclass(frozen=True, slots=True)
class Hint:
    """What somebody beside the evidence says of a pair, by position among candidates and fields."""

    row: int
    place: int
    confidence: float
    reason: str


@dataclass(frozen=True, slots=True)
class FieldProposal:
    """Where a source column goes, with what else it could be, and why."""

    table: str
    column: str
    object: ObjectName | None
    module: str | None
    field: str | None
    transform: tuple[Step, ...]
    confidence: float
    alternatives: tuple[tuple[str, float], ...]
    reasons: tuple[str, ...]


@dataclass
class Rows:
    """The rows of one object in the making, and what is proposed for each of its columns."""

    object: ObjectName
    labels: set[str] = field(default_factory=set)
    """Labels in small letters that new fields of the module must not have again."""
    rows: list[FieldMapping] = field(default_factory=list)
    proposals: list[FieldProposal] = field(default_factory=list)
    left: list[tuple[Candidate, str]] = field(default_factory=list)

    def add(self, row: FieldMapping, alternatives: tuple[tuple[str, float], ...] = ()) -> None:
        """Add a row, and a proposal for each source column it disposes of."""
        told = tuple(name for name, _ in alternatives)
        self.rows.append(row.model_copy(update={"alternatives": told}))
        module = defined_module(self.object)
        for source in row.sources:
            table, _, column = source.partition(".")
            self.proposals.append(FieldProposal(
                table, column, self.object, module, row.target, row.transform, row.confidence,
                alternatives, row.reasons,
            ))  # fmt: skip

    def has(self, target: str) -> bool:
        """Whether a field is filled already."""
        return any(row.target == target for row in self.rows)


def defined_module(name: ObjectName) -> str | None:
    """Return the Zoho module that an object lands in by default."""
    one = next((each for each in catalogue() if each.object is name), None)
    return one.item.module if one else None


def candidates_of(
    found: Found, one: TableOfObject, draft: Draft, used: set[str]
) -> list[Candidate]:
    """Return the columns of a table that still need a field.

    Lists are joined in by their names, and columns for one tooth each become one list of teeth.
    """
    result = []
    references = found.references(one.table)
    columns = found.tables[one.table].columns
    teeth = tooth_columns([column.name for column in columns])
    if teeth:
        first = next(column for column in columns if column.name in teeth)
        marks = replace(first, look=replace(first.look, content=Content.TEXT), picklist=None)
        sources = tuple(f"{one.table}.{name}" for name in teeth)
        result.append(Candidate(marks, draft.marked("teeth_marked", teeth), sources, "teeth"))
    for column in columns:
        if column.name in used or column.name == draft.key or column.name in teeth:
            continue
        sources = (f"{one.table}.{column.name}",)
        relation = references.get(column.name)
        name = lookup_name(found, relation.to_table) if relation else None
        if relation and name and not column.data_class.is_phi:
            given = draft.joined(relation, f"{column.name}_name", (name,))
            profile = found.column(relation.to_table, name)
            key = f"{relation.to_table}.{relation.to_columns[0]}"
            more = (key, f"{relation.to_table}.{name}")
            result.append(Candidate(replace(profile, rows=column.rows), given, sources + more))
        else:
            result.append(Candidate(column, column.name, sources))
    return result


def score_candidates(
    found: Found, one: TableOfObject, candidates: list[Candidate], closed: set[str]
) -> Scored:
    """Return the scores of an object's columns against its fields, those in `closed` left out."""
    names = [c.name for c in candidates]
    lists = [c.profile.picklist if not c.profile.data_class.is_phi else None for c in candidates]
    frame = pd.DataFrame({
        "table": one.table,
        "column": [n if c.profile.table == one.table else f"{c.profile.table}_{c.profile.name}"
                   for n, c in zip(names, candidates, strict=True)],
        "type": [str(c.profile.content) if c.profile.filled else c.profile.type
                 for c in candidates],
        "length": [c.profile.max_length for c in candidates],
        "samples": [[value for value, _ in told] if told else None for told in lists],
    })  # fmt: skip
    fields = catalogue_frame()
    wanted = (fields["table"] == str(one.object)) & ~fields["column"].isin(closed)
    return score_schemas(
        read_schema(frame, found.schema.vocabulary), read_schema(fields[wanted].reset_index())
    )


def assign(
    rows: Rows, one: TableOfObject, candidates: list[Candidate], scored: Scored,
    hints: Sequence[Hint] = (),
) -> None:  # fmt: skip
    """Give each column the field it fits, all together and one to one; leave the others over.

    A hint makes a pair at least as sure as it says.
    """
    scores = scored.scores.copy()
    for hint in hints:
        scores[hint.row, hint.place] = max(scores[hint.row, hint.place], hint.confidence)
    for n, candidate in enumerate(candidates):
        if not candidate.profile.filled or _SECRET.search(candidate.profile.name):
            scores[n] = 0
    known = {f.row.target: f.row for f in catalogue() if f.object is one.object}
    picked = dict(zip(*linear_sum_assignment(scores, maximize=True), strict=True)) if (
        scores.size) else {}  # fmt: skip
    over = []
    for n, candidate in enumerate(candidates):
        column = picked.get(n)
        sure = float(scores[n, column]) if column is not None else 0.0
        alternatives = _alternatives(scored, n)
        if column is None or sure < _ACCEPTED:
            over.append((candidate, alternatives))
            continue
        target = scored.target.columns[column]
        reasons = scored.reasons(n, column)
        reasons += tuple(hint.reason for hint in hints if (hint.row, hint.place) == (n, column))
        row = filled_row(known[target], candidate, round(sure, 2), reasons)
        rows.add(row, tuple(a for a in alternatives if a[0] != target))
    for candidate, alternatives in over:
        _leave(rows, candidate, alternatives)


def filled_row(
    known: FieldMapping, candidate: Candidate, confidence: float, reasons: tuple[str, ...]
) -> FieldMapping:
    """Return our own row of a field, fed by another column: its steps, its value map, its class."""
    steps, values, create = known.transform, dict(known.values), known.create
    kinds = [step.name for step in steps]
    if kinds == ["join"] or kinds[:1] == ["join"]:
        steps = (Step(name="text"), *steps[1:])
    if "picklist" in kinds:
        shown = [value for value, _ in candidate.profile.picklist or ()]
        values = {**values, **value_map(shown, values)}
        if not any(step.options.get("otherwise") for step in steps if step.name == "picklist"):
            fallback = "To be checked" if create else "keep"
            steps = tuple(Step(name="picklist", options={"otherwise": fallback})
                          if step.name == "picklist" else step for step in steps)  # fmt: skip
            if create:
                create = create.model_copy(update={"picklist": (*create.picklist, fallback)})
    if "owner" in kinds or known.lookup:
        steps = ()
    return known.model_copy(update={
        "columns": (candidate.given,), "sources": candidate.sources, "transform": steps,
        "values": values, "create": create, "confidence": confidence, "reasons": reasons,
        "data_class": candidate.profile.data_class, "lookup": (), "constant": None,
        "custom_column": False,
    })  # fmt: skip


def _leave(rows: Rows, candidate: Candidate, alternatives: tuple[tuple[str, float], ...]) -> None:
    """Join a second street line to the first, make a new field, or leave the column behind."""
    column = candidate.profile
    best = alternatives[0] if alternatives else ("", 0.0)
    street = next((n for n, row in enumerate(rows.rows) if row.target in _STREETS
                   and row.target == best[0] and best[1] >= _ACCEPTED), None)  # fmt: skip
    module = defined_module(rows.object) or ""
    plain = column.rows and column.filled / column.rows >= _LEAST_FILLED
    if street is not None and column.filled:
        _join_street(rows, street, candidate)
    elif not column.filled:
        rows.left.append((candidate, "holds nothing"))
    elif _SECRET.search(column.name):
        rows.left.append((candidate, "national identifiers and secrets have no place in a CRM"))
    elif not plain:
        rows.left.append((candidate, "hardly any record has a value"))
    elif module in ("Notes", "Attachments"):
        rows.left.append((candidate, f"{module} take no fields of their own"))
    elif column.content is Content.BINARY:
        rows.left.append((candidate, "binary content"))
    else:
        _create(rows, candidate, alternatives, module)


def _join_street(rows: Rows, place: int, candidate: Candidate) -> None:
    row = rows.rows[place]
    length = 250
    steps = (Step(name="join", options={"separator": ", "}),
             Step(name="truncate", options={"length": length}))  # fmt: skip
    rows.rows[place] = row.model_copy(update={
        "columns": tuple(sorted((*row.columns, candidate.given))), "transform": steps,
        "sources": (*row.sources, *candidate.sources),
    })  # fmt: skip
    table, _, name = candidate.sources[0].partition(".")
    rows.proposals.append(FieldProposal(
        table, name, rows.object, defined_module(rows.object), row.target, steps,
        row.confidence, (), ("a further line of the address",),
    ))  # fmt: skip


def _create(
    rows: Rows, candidate: Candidate, alternatives: tuple[tuple[str, float], ...], module: str
) -> None:
    labels = {known.label.lower() for known in STANDARD_FIELDS.get(module, {}).values()}
    labels |= {f.label.lower() for f in catalogue() if f.item.module == module}
    labels |= rows.labels | {row.create.label.lower() for row in rows.rows if row.create}
    name = candidate.name
    told = tuple(_words(candidate, name))
    slots = next(f.item.slots for f in catalogue() if f.object is rows.object)
    made = new_field(candidate.profile, told, module, labels, slots)
    best = alternatives[0][1] if alternatives else 0.0
    rows.add(FieldMapping(
        target=made.target, columns=(candidate.given,), sources=candidate.sources,
        transform=made.steps, values=made.values, create=made.field,
        data_class=candidate.profile.data_class,
        confidence=round(max(0.05, min(0.6, 1 - best)), 2),
        reasons=("no field of the default mapping fits: a new field keeps the values",),
    ), alternatives)  # fmt: skip


def _words(candidate: Candidate, name: str) -> tuple[str, ...]:
    frame = pd.DataFrame({"table": [candidate.profile.table], "column": [name]})
    schema = read_schema(frame)
    own = set(schema.table_words[0])
    kept = tuple(word for word in schema.names[0] if word not in own)
    return kept or schema.names[0]


def _alternatives(scored: Scored, row: int) -> tuple[tuple[str, float], ...]:
    places = np.argsort(-scored.scores[row], kind="stable")[: _MOST_ALTERNATIVES + 1]
    return tuple(
        (scored.target.columns[int(place)], round(float(scored.scores[row, place]), 2))
        for place in places
        if scored.scores[row, place] >= _SHOWN
    )


def own_row(name: ObjectName, target: str) -> FieldMapping:
    """Return the row that our profiles have for a field. Raises KeyError without one."""
    return defined(name, target)[1]
