"""Reconciliation: whether everything arrived, counted from both sides and said in words.

For each object the balance of the load, and beside it what the practice's rows and Zoho's records
say independently: sums and extremes, counts for each picklist value, links for each lookup, records
that are there twice, files by checksum.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from migrator_kit.compare.datasets import Landed, Parts, database, quoted
from migrator_kit.compare.diff import DiffReport
from migrator_kit.compare.mapped import data_class_of, mapping_row, vocabulary
from migrator_kit.compare.rules import DAMAGE, FieldRule, Kind, Verdict, field_rules
from migrator_kit.compare.sides import Scope, Sides
from migrator_kit.compare.verdicts import (
    Level,
    ObjectFacts,
    ObjectVerdict,
    Observation,
    Recommendation,
    judge,
    worst,
)
from migrator_kit.mapping.model import Landing, Mapping, ObjectName
from migrator_kit.progress import SILENT, Progress

Accounts = Map[str, Map[str, Any]]
"""Counts by object, as `load.accounts.object_counts` gives them."""

ACCOUNT = ("source", "created", "updated", "matched", "excluded", "merged", "failed", "remainder")
MASKED = "(not shown)"
"""Stands for the smallest and largest value of patient data: a single person's value."""

_SUMMED = (Kind.MONEY, Kind.NUMBER)
_WHOLE_SECONDS = "strftime({}, '%Y-%m-%d %H:%M:%S UTC')"
_RANGED = (Kind.MONEY, Kind.NUMBER, Kind.WHOLE, Kind.DATE, Kind.INSTANT)


@dataclass(frozen=True, slots=True, eq=False)
class Reconciliation:
    """The proof that a load arrived, and the verdict.

    `balance`: object, module, the account, in_zoho. `totals`: object, field, measure, expected,
    landed, agrees. `values`: object, field, value, expected, landed, agrees. `links`: object,
    field, parent, expected, landed, wrong, lost. `files`: expected, landed, equal, different,
    missing. `verdicts`: one for each object, in the client's order.
    """

    balance: pd.DataFrame
    totals: pd.DataFrame
    values: pd.DataFrame
    links: pd.DataFrame
    files: pd.DataFrame
    verdicts: tuple[ObjectVerdict, ...]

    @property
    def verdict(self) -> Recommendation:
        """The verdict on the whole load: that of its worst object."""
        return worst(self.verdicts)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Every sentence, problems first."""
        levels = [Level.PROBLEM, Level.DECISION, Level.GOOD]
        found = [one for verdict in self.verdicts for one in verdict.observations]
        return tuple(sorted(found, key=lambda one: levels.index(one.level)))

    def verdict_table(self) -> pd.DataFrame:
        """Return the verdict in words for each object."""
        rows = [(one.object, one.recommendation.value, one.words) for one in self.verdicts]
        return pd.DataFrame(rows, columns=["object", "verdict", "why"])


def reconcile(
    accounts: Accounts,
    shaped: Parts,
    landed: Landed,
    mapping: Mapping,
    folder: Path,
    *,
    scope: Scope | None = None,
    diff: DiffReport | None = None,
    reveal: bool = False,
    progress: Progress = SILENT,
) -> Reconciliation:
    """Count both sides and return the reconciliation; `folder` takes temporary files.

    `diff` adds what the field-level diff found to the verdicts. Without `reveal`, the extremes of
    patient data are compared but not shown.
    """
    counted: dict[ObjectName, _Counted] = {}
    present = [item for item in mapping.objects if item.landing is not Landing.REFERENCE]
    with progress("Reconciling", len(present)) as step, database(folder) as connection:
        for item in present:
            if shaped.parts(item.object):
                with connection.cursor() as own:
                    sides = Sides(own, shaped, landed, mapping, item, scope or Scope())
                    sides.prepare()
                    counted[item.object] = _Counts(sides, reveal).count()
            step.advance()
    facts = {name: _facts(name, accounts, mapping, counted.get(name), diff) for name in ObjectName}
    return Reconciliation(
        _balance(accounts, facts),
        _stacked(counted, "totals"),
        _stacked(counted, "values"),
        _stacked(counted, "links"),
        _stacked(counted, "files"),
        tuple(judge(facts[name]) for name in ObjectName),
    )


_COLUMNS: dict[str, tuple[str, ...]] = {
    "totals": ("object", "field", "measure", "expected", "landed", "agrees"),
    "values": ("object", "field", "value", "expected", "landed", "agrees"),
    "links": ("object", "field", "parent", "expected", "landed", "wrong", "lost", "agrees"),
    "files": ("object", "expected", "landed", "equal", "different", "missing", "agrees"),
}

Cells = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Counted:
    """What was counted of one object."""

    totals: list[Cells]
    values: list[Cells]
    links: list[Cells]
    files: list[Cells]
    in_zoho: int
    missing: int
    extra: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class _Counts:
    """Counts the two sides of one object."""

    sides: Sides
    reveal: bool

    def count(self) -> _Counted:
        """Return everything that is counted of the object."""
        sides, rules = self.sides, field_rules(self.sides)
        own = sides.own_records
        return _Counted(
            list(self._totals([rule for rule in rules if rule.kind in _RANGED])),
            [row for rule in rules for row in self._values(rule)],
            [row for rule in rules if rule.kind is Kind.LINK for row in self._links(rule)],
            [row for rule in rules if rule.kind is Kind.FILE for row in self._files(rule)],
            sides.rows("actual"),
            sides.rows("expected anti join actual using (source_id)"),
            sides.rows("actual anti join expected using (source_id)") if own else 0,
            sides.rows("duplicates") if own else 0,
        )

    @property
    def name(self) -> str:
        """The object that is counted."""
        return self.sides.item.object.value

    def _row(self, sql: str) -> Cells:
        (row,) = self.sides.connection.execute(sql).fetchall()
        return tuple(row)

    def _totals(self, rules: list[FieldRule]) -> Iterator[Cells]:
        """Yield filled values, sums and extremes of every number and time, in one pass a side."""
        measures: list[tuple[FieldRule, str, str]] = []
        for rule in rules:
            measures.append((rule, "filled", "count({})"))
            if rule.kind in _SUMMED:
                measures.append((rule, "sum", "cast(sum(cast({} as decimal(38, 9))) as double)"))
            measures += [
                (rule, word, _WHOLE_SECONDS.format(sql) if rule.kind is Kind.INSTANT else sql)
                for word, sql in (("smallest", "min({})"), ("largest", "max({})"))
            ]
        if not measures:
            return
        wanted = ", ".join(sql.format(rule.expected) for rule, _, sql in measures)
        found = ", ".join(sql.format(rule.actual) for rule, _, sql in measures)
        expected = self._row(f"select {wanted} from expected s")
        # An empty side gives the columns their types where Zoho does not have a field.
        landed = self._row(f"select {found} from actual t left join expected s on false")
        for (rule, measure, _), one, other in zip(measures, expected, landed, strict=True):
            agrees = _same(one, other, rule.kind)
            masked = measure in ("smallest", "largest") and self._is_phi(rule) and not self.reveal
            shown = (MASKED, MASKED) if masked and one is not None else (_text(one), _text(other))
            yield (self.name, rule.target, measure, *shown, agrees)

    def _is_phi(self, rule: FieldRule) -> bool:
        sides = self.sides
        return data_class_of(sides.mapping, sides.item.object, rule.target).is_phi

    def _values(self, rule: FieldRule) -> Iterator[Cells]:
        """Yield how often each picklist value stands on either side."""
        if rule.kind not in (Kind.CHOICE, Kind.CHOICES):
            return
        one, other = (
            f"unnest({side})" if rule.kind is Kind.CHOICES else f"cast({side} as varchar)"
            for side in (rule.expected, rule.actual)
        )
        counted = "select value, count(*) as n from (select {} as value from {}) group by value"
        empty = "actual t left join expected s on false"
        rows = self.sides.connection.execute(f"""
            select value, coalesce(e.n, 0), coalesce(a.n, 0)
            from ({counted.format(one, "expected s")}) e
            full join ({counted.format(other, empty)}) a using (value)
            where value is not null order by value""").fetchall()
        words = vocabulary(mapping_row(self.sides.mapping, self.sides.item.object, rule.target))
        masked = self._is_phi(rule) and not self.reveal
        for value, expected, landed in rows:
            shown = MASKED if masked and value not in words else value
            yield (self.name, rule.target, shown, expected, landed, expected == landed)

    def _links(self, rule: FieldRule) -> Iterator[Cells]:
        """Yield how many links there are to each kind of parent, and how many are not right."""
        which = quoted(f"{rule.target}_object")
        row = self.sides.item.field(rule.target)
        if f"{rule.target}_object" in self.sides.columns:
            parent = f"coalesce(s.{which}, '')"
        else:
            parent = "'" + (row.lookup[0].value if row and row.lookup else "") + "'"
        rows = self.sides.connection.execute(f"""
            select {parent}, count(*), count({rule.actual}),
                   count(*) filter (where t.source_id is not null and {rule.differs}
                                    and {rule.actual} is not null),
                   count(*) filter (where t.source_id is not null and {rule.actual} is null)
            from expected s left join actual t using (source_id)
            where {rule.expected} is not null group by all order by all""").fetchall()
        for name, expected, landed, wrong, lost in rows:
            agrees = expected == landed and not wrong
            yield (self.name, rule.target, name, expected, landed, wrong, lost, agrees)

    def _files(self, rule: FieldRule) -> Iterator[Cells]:
        """Yield how many files arrived byte for byte."""
        expected, landed, equal, different, missing = self._row(f"""
            select count(*), count(t.source_id), count(*) filter (where not ({rule.differs})),
                   count(*) filter (where {rule.differs} and t.source_id is not null),
                   count(*) filter (where t.source_id is null)
            from expected s left join actual t using (source_id)""")
        yield (self.name, expected, landed, equal, different, missing, equal == expected)


def _same(one: Any, other: Any, kind: Kind) -> bool:
    if one is None or other is None:
        return one is None and other is None
    if isinstance(one, float) and isinstance(other, float):
        return round(one, 2) == round(other, 2) if kind is Kind.MONEY else abs(one - other) < 1e-6
    return bool(one == other)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _facts(
    name: ObjectName,
    accounts: Accounts,
    mapping: Mapping,
    counted: _Counted | None,
    diff: DiffReport | None,
) -> ObjectFacts:
    """Return the counts that the verdict on an object rests on."""
    account = accounts.get(name.value, {})
    item = next((one for one in mapping.objects if one.object is name), None)
    facts: dict[str, Any] = {key: int(account.get(key, 0)) for key in ACCOUNT}
    facts["moves"] = item is not None and item.landing is not Landing.REFERENCE
    if counted is not None:
        facts |= {
            "in_zoho": counted.in_zoho,
            "missing": counted.missing,
            "extra": counted.extra,
            "duplicates": counted.duplicates,
            "wrong_links": sum(row[5] for row in counted.links),
            "lost_links": sum(row[6] for row in counted.links),
            "different_files": sum(row[4] for row in counted.files),
            "disagreeing_totals": sum(
                not row[-1]
                for row in [*counted.totals, *counted.values]  # noqa: PD011
            ),
        }
    if diff is not None:
        facts |= _diff_facts(name, diff)
    return ObjectFacts(object=name.value, **facts)


def _diff_facts(name: ObjectName, diff: DiffReport) -> dict[str, Any]:
    fields = diff.fields[diff.fields["object"] == name.value]
    links = fields["kind"] == Kind.LINK.value
    damaged = fields.loc[~links, [verdict.value for verdict in DAMAGE]].sum(axis=1)
    shares = damaged / fields.loc[~links, "compared"].where(lambda n: n > 0)
    return {
        "damaged_values": int(damaged.sum()),
        "edited_values": int(fields[Verdict.EDITED.value].sum()),
        "worst_field_share": float(shares.fillna(0).max()) if len(shares) else 0.0,
        "hidden_fields": int((fields[Verdict.HIDDEN.value] > 0).sum()),
        "compared_fields": len(fields),
    }


def _balance(accounts: Accounts, facts: Map[ObjectName, ObjectFacts]) -> pd.DataFrame:
    rows = [
        {
            "object": name.value,
            "module": accounts.get(name.value, {}).get("module") or "",
            **{key: getattr(one, key) for key in ACCOUNT},
            "in_zoho": one.in_zoho,
        }
        for name, one in facts.items()
    ]
    return pd.DataFrame(rows).astype({"in_zoho": "Int64"})


def _stacked(counted: Map[ObjectName, _Counted], what: str) -> pd.DataFrame:
    rows = [row for one in counted.values() for row in getattr(one, what)]
    return pd.DataFrame(rows, columns=list(_COLUMNS[what]))
