"""Judging the rows of a stage by its suites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain

import pandas as pd

from migrator_kit.errors import ConfigError
from migrator_kit.mapping.model import ObjectName
from migrator_kit.progress import SILENT, Progress
from migrator_kit.quality.engine import Engine
from migrator_kit.quality.frames import as_numbers, view
from migrator_kit.quality.model import KEY, Rule, Stage, Suite
from migrator_kit.quality.report import QualityReport, RuleResult
from migrator_kit.quality.suites import load_suites
from migrator_kit.quality.tally import Tally, merge
from migrator_kit.quality.waivers import Waiver

NOT_GIVEN = "no rows of this object at this stage"


def run_suites(
    stage: Stage | str,
    frames: Mapping[ObjectName, Iterable[pd.DataFrame]],
    *,
    suites: Mapping[ObjectName, Suite] | None = None,
    waivers: Iterable[Waiver] = (),
    as_of: date | None = None,
    progress: Progress = SILENT,
) -> QualityReport:
    """Run every suite of a stage on the parts of its objects and return the report.

    `frames` gives the parts of each object; each part is judged as one batch and let go, and only
    the columns of rules about the whole object (uniqueness, row count) are kept together. An
    object that is not in `frames` has nothing to judge. `as_of` is what rules call today.

    Raises ConfigError for a suite that cannot be used or a waiver of a rule that does not exist.
    """
    stage = Stage(stage)
    chosen = load_suites(stage) if suites is None else suites
    waived = tuple(waiver for waiver in waivers if waiver.rule.startswith(f"{stage}."))
    _check_waivers(waived, chosen)
    results: list[RuleResult] = []
    with progress(f"Judging {stage} data", len(chosen)) as step:
        engine = Engine(as_of or datetime.now(UTC).date())
        for name, suite in chosen.items():
            parts = frames.get(name)
            if parts is None:
                tallies = [Tally(reason=NOT_GIVEN)] * len(suite.expectations)
            else:
                tallies = _judge_object(engine, suite, stage, parts)
            pairs = zip(suite.expectations, tallies, strict=True)
            results += [RuleResult.of(name, suite, rule, tally) for rule, tally in pairs]
            step.advance()
    return QualityReport(stage, tuple(results), waived)


def _judge_object(
    engine: Engine, suite: Suite, stage: Stage, frames: Iterable[pd.DataFrame]
) -> list[Tally]:
    """Return the tally of each rule of a suite over all parts of an object."""
    views = (view(frame, suite, stage) for frame in frames)
    first, second = next(views, None), next(views, None)
    if first is None:
        return [_judge_nothing(engine, rule) for rule in suite.expectations]
    if second is None:
        return engine.run(suite.expectations, first)
    return _judge_parts(engine, suite, chain((first, second), views))


def _judge_parts(engine: Engine, suite: Suite, views: Iterator[pd.DataFrame]) -> list[Tally]:
    """Judge row rules part by part and the rest on the columns that they need, whole."""
    row_rules = [place for place, rule in enumerate(suite.expectations) if rule.part_wise]
    whole_rules = [place for place, rule in enumerate(suite.expectations) if not rule.part_wise]
    kept = {KEY, *(c for place in whole_rules for c in suite.expectations[place].columns)}
    by_part: list[list[Tally]] = []
    whole: list[pd.DataFrame] = []
    for part in views:
        by_part.append(engine.run(_pick(suite, row_rules), part))
        whole.append(part[[column for column in part.columns if column in kept]])
    tallies = dict(zip(row_rules, map(merge, zip(*by_part, strict=True)), strict=True))
    together = pd.concat(whole, ignore_index=True)
    whole.clear()
    rules = _pick(suite, whole_rules)
    judged = engine.run(rules, as_numbers(together, rules), keys=together.get(KEY))
    tallies |= dict(zip(whole_rules, judged, strict=True))
    return [tallies[place] for place in range(len(suite.expectations))]


def _pick(suite: Suite, places: Sequence[int]) -> list[Rule]:
    return [suite.expectations[place] for place in places]


def _judge_nothing(engine: Engine, rule: Rule) -> Tally:
    """Judge an object without any part: only a rule about the table has something to say."""
    return Tally(reason="no rows") if rule.columns else engine.run([rule], pd.DataFrame())[0]


def _check_waivers(waivers: Sequence[Waiver], suites: Mapping[ObjectName, Suite]) -> None:
    """Raise ConfigError for a waiver that names no rule: it would silently waive nothing."""
    known = {suite.rule_name(rule) for suite in suites.values() for rule in suite.expectations}
    unknown = [waiver.rule for waiver in waivers if waiver.rule not in known]
    if unknown:
        raise ConfigError(
            f"waivers.yml waives {', '.join(unknown)}, which is no rule.",
            hint="Take the rule's name from the column `rule` of the quality report.",
        )
