"""The quality report: outcomes of the rules, the gate, a table for people, a tree for machines.

A report holds counts and record keys, never values. Verdicts follow from the counts, so that a
threshold can be changed and judged anew without another run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from migrator_kit.errors import GateClosed
from migrator_kit.mapping.model import ObjectName
from migrator_kit.quality.model import Outcome, Rule, Severity, Stage, Suite
from migrator_kit.quality.tally import Tally, judge
from migrator_kit.quality.waivers import FILE_NAME, Waiver

GATE = "quality"
_EXAMPLES = 5
_BAD = (Outcome.FAILED, Outcome.ERROR)
_SEVERITIES = list(Severity)
_OUTCOME_ORDER = [Outcome.FAILED, Outcome.ERROR, Outcome.PASSED, Outcome.NOT_APPLICABLE]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule of one object: what it expects, what was counted, what follows."""

    object: ObjectName
    name: str
    statement: str
    columns: tuple[str, ...]
    severity: Severity
    mostly: float
    why: str
    owner: str
    tally: Tally

    @classmethod
    def of(cls, name: ObjectName, suite: Suite, rule: Rule, tally: Tally) -> RuleResult:
        """Return the result of a rule of an object's suite."""
        return cls(
            object=name,
            name=suite.rule_name(rule),
            statement=rule.statement,
            columns=rule.columns,
            severity=rule.severity,
            mostly=rule.mostly,
            why=rule.meta.why,
            owner=rule.meta.owner,
            tally=tally,
        )

    @property
    def outcome(self) -> Outcome:
        """The verdict on the counts."""
        return judge(self.tally, self.mostly)

    @property
    def remark(self) -> str:
        """Why there was nothing to judge, or what stopped the rule."""
        return self.tally.reason or (f"stopped by {self.tally.error}" if self.tally.error else "")


@dataclass(frozen=True)
class QualityReport:
    """Outcomes of all rules of a stage."""

    stage: Stage
    results: tuple[RuleResult, ...]
    waivers: tuple[Waiver, ...] = ()

    @cached_property
    def counts(self) -> Mapping[Outcome, int]:
        """How many rules had each outcome."""
        found = Counter(result.outcome for result in self.results)
        return {outcome: found[outcome] for outcome in Outcome}

    @cached_property
    def waived(self) -> Mapping[str, Waiver]:
        """Waivers in use, by rule: the rule is critical, did not pass, and is covered."""
        by_rule = {waiver.rule: waiver for waiver in self.waivers}
        return {
            result.name: by_rule[result.name]
            for result in self.results
            if _is_critical_failure(result)
            and result.name in by_rule
            and _covers(by_rule[result.name], result.tally)
        }

    @cached_property
    def critical_failures(self) -> tuple[RuleResult, ...]:
        """Critical rules that failed or could not be run, without those waived."""
        return tuple(
            result
            for result in self.results
            if _is_critical_failure(result) and result.name not in self.waived
        )

    def require_passed(self) -> None:
        """Raise GateClosed where a critical rule failed, or could not run, and is not waived."""
        failures = self.critical_failures
        if not failures:
            return
        lines = [f"  - {result.name}: {_finding(result)}" for result in failures]
        raise GateClosed(
            "\n".join([f"{len(failures)} critical rule(s) on {self.stage} data not met:", *lines]),
            gate=GATE,
            opens_with=(
                "mend the data and run the step again, or waive a rule by name, person and reason "
                f"in {FILE_NAME} of the engagement folder"
            ),
        )

    def table(self, *, applicable_only: bool = False) -> pd.DataFrame:
        """Return one row for each rule, what needs attention first.

        With `applicable_only`, rules that had nothing to judge are left out.
        """
        shown = [
            result
            for result in self.results
            if not (applicable_only and result.outcome is Outcome.NOT_APPLICABLE)
        ]
        ordered = sorted(shown, key=_attention)
        rows = [self._row(result) for result in ordered]
        return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)

    def failing_keys(self) -> pd.DataFrame:
        """Return the keys of rows that are not as expected: `rule`, `object`, `source_id`."""
        rows = [(r.name, str(r.object), key) for r in self.results for key in r.tally.keys]
        return pd.DataFrame(rows, columns=["rule", "object", "source_id"], dtype="str")

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain containers, from which `from_json` makes it again."""
        return {
            "stage": str(self.stage),
            "counts": {str(outcome): count for outcome, count in self.counts.items()},
            "open": not self.critical_failures,
            "critical_failures": [result.name for result in self.critical_failures],
            "waivers": [waiver.model_dump(mode="json") for waiver in self.waivers],
            "rules": [_to_json(result) for result in self.results],
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> QualityReport:
        """Return the report that `to_json` wrote."""
        return cls(
            stage=Stage(tree["stage"]),
            results=tuple(_from_json(rule) for rule in tree["rules"]),
            waivers=tuple(Waiver.model_validate(waiver) for waiver in tree["waivers"]),
        )

    def rejudged(self, suites: Mapping[ObjectName, Suite]) -> QualityReport:
        """Return the report under the thresholds and severities of `suites`, from stored counts.

        Rules that `suites` no longer has are left out. A rule that was not run then has nothing
        to judge, and says so.
        """
        stored = {result.name: result.tally for result in self.results}
        unknown = Tally(reason="not run yet")
        results = (
            RuleResult.of(name, suite, rule, stored.get(suite.rule_name(rule), unknown))
            for name, suite in suites.items()
            for rule in suite.expectations
        )
        return replace(self, results=tuple(results))

    def with_waivers(self, waivers: Iterable[Waiver]) -> QualityReport:
        """Return the same outcomes under other waivers."""
        return replace(self, waivers=tuple(waivers))

    def _row(self, result: RuleResult) -> dict[str, Any]:
        tally = result.tally
        waiver = self.waived.get(result.name)
        return {
            "stage": str(self.stage),
            "object": str(result.object),
            "expectation": result.statement,
            "column": ", ".join(result.columns),
            "outcome": str(result.outcome),
            "severity": str(result.severity),
            "unexpected": tally.unexpected,
            "considered": tally.considered,
            "share": tally.share,
            "allowed": 1 - result.mostly,
            "examples": ", ".join(tally.keys[:_EXAMPLES]),
            "remark": f"waived by {waiver.by}: {waiver.reason}" if waiver else result.remark,
            "why": result.why,
            "rule": result.name,
        }


_COLUMNS = {
    "stage": "str", "object": "str", "expectation": "str", "column": "str", "outcome": "str",
    "severity": "str", "unexpected": "int64", "considered": "int64", "share": "float64",
    "allowed": "float64", "examples": "str", "remark": "str", "why": "str", "rule": "str",
}  # fmt: skip


def _is_critical_failure(result: RuleResult) -> bool:
    return result.severity is Severity.CRITICAL and result.outcome in _BAD


def _covers(waiver: Waiver, tally: Tally) -> bool:
    return waiver.up_to is None or (not tally.error and tally.unexpected <= waiver.up_to)


def _finding(result: RuleResult) -> str:
    tally = result.tally
    if tally.error:
        return f"could not be run ({tally.error}). {result.why}"
    if tally.holds is not None:
        return f"{result.statement}: not so. {result.why}"
    return f"{tally.unexpected:,} of {tally.considered:,} rows. {result.why}"


def _attention(result: RuleResult) -> tuple[int, int, int]:
    outcome = _OUTCOME_ORDER.index(result.outcome)
    severity = _SEVERITIES.index(result.severity)
    return (outcome if outcome > 1 else 0, severity, list(ObjectName).index(result.object))


def _to_json(result: RuleResult) -> dict[str, Any]:
    tree = asdict(result)
    tree |= {"object": str(result.object), "severity": str(result.severity)}
    return tree | {"outcome": str(result.outcome), "columns": list(result.columns)}


def _from_json(tree: Mapping[str, Any]) -> RuleResult:
    tally = Tally(**{**tree["tally"], "keys": tuple(tree["tally"]["keys"])})
    fields = {name: value for name, value in tree.items() if name not in ("outcome", "tally")}
    fields |= {"object": ObjectName(tree["object"]), "severity": Severity(tree["severity"])}
    return RuleResult(**{**fields, "columns": tuple(tree["columns"])}, tally=tally)
