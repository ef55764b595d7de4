"""Running rules with Great Expectations. The library is imported on first use: it takes seconds.

An ephemeral context writes no file; progress bars and analytics are off. All rules of a batch go
in one call, because each call has a fixed price that grows with the batch. Results carry counts
and record keys; values are left out by the result format, and messages of exceptions, which can
quote a value, are reduced to the exception's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from migrator_kit.errors import ConfigError
from migrator_kit.quality.frames import bounded
from migrator_kit.quality.model import KEY, Rule, Suite
from migrator_kit.quality.tally import KEY_LIMIT, Tally

if TYPE_CHECKING:
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.data_context.data_context.abstract_data_context import (
        AbstractDataContext,
    )
    from great_expectations.expectations.expectation import Expectation

NO_KEY = "(no key)"
_PLACE = "place"
_COUNTS_AND_PLACES = {"result_format": "COMPLETE", "exclude_unexpected_values": True}
"""What results may hold: counts, and the places of failing rows in their batch."""
_EXCEPTION_NAME = re.compile(r"^(?:[\w.]*\.)?(\w+(?:Error|Exception))\b", re.MULTILINE)


class Engine:
    """Runs rules on frames; one instance for one run, so that no frame outlives it."""

    def __init__(self, as_of: date, sites: Mapping[str, Any] | None = None) -> None:
        """Take what rules call today, and the `sites` that `build_pages` writes."""
        self._as_of = as_of
        self._context = _ephemeral(sites or {})
        asset = self._context.data_sources.add_pandas("memory").add_dataframe_asset("part")
        self._batches: BatchDefinition[Any] = asset.add_batch_definition_whole_dataframe("whole")

    def run(
        self, rules: Sequence[Rule], frame: pd.DataFrame, *, keys: pd.Series | None = None
    ) -> list[Tally]:
        """Return the tally of each rule on one batch, in the rules' order.

        `keys` name the rows, where the frame's own key column does not.
        """
        named = frame.get(KEY) if keys is None else keys
        tallies = [Tally(reason=_nothing_to_judge(rule, frame)) for rule in rules]
        asked = [place for place, tally in enumerate(tallies) if not tally.reason]
        if not asked:
            return tallies
        for result in self._validated("batch", [rules[place] for place in asked], frame).results:
            declared: Any = result.expectation_config
            tallies[asked[declared.meta[_PLACE]]] = _tally(result, named)
        return tallies

    def keep(self, suite: Suite, frame: pd.DataFrame, batch: str) -> tuple[int, int]:
        """Judge a batch and keep what the library found, for its pages.

        Returns how many rules were judged and how many of them hold.
        """
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.data_context.types.resource_identifiers import (
            ExpectationSuiteIdentifier,
            ValidationResultIdentifier,
        )

        rules = [rule for rule in suite.expectations if not _nothing_to_judge(rule, frame)]
        found = self._validated(suite.name, rules, frame)
        for result in found.results:
            if name := _error_name(result.exception_info):
                told = {"exception_message": name, "exception_traceback": name}
                result.exception_info = {"raised_exception": True, **told}
        run = RunIdentifier(run_name=batch, run_time=datetime.now(UTC))
        key = ValidationResultIdentifier(ExpectationSuiteIdentifier(suite.name), run, batch)
        self._context.validation_results_store.set(key, found)
        return len(found.results), sum(bool(result.success) for result in found.results)

    def _validated(self, name: str, rules: Sequence[Rule], frame: pd.DataFrame) -> Any:
        """Return what the library finds about rules on one batch."""
        suite = build_suite(name, rules, as_of=self._as_of)
        batch = self._batches.get_batch(batch_parameters={"dataframe": frame})
        return batch.validate(suite, result_format=_COUNTS_AND_PLACES)

    def build_pages(self) -> None:
        """Write the library's pages of all that was kept."""
        self._context.build_data_docs()


def build_suite(name: str, rules: Sequence[Rule], *, as_of: date) -> ExpectationSuite:
    """Return rules as a Great Expectations suite.

    Expectations are made one by one: a suite made from plain data drops a type it does not know
    and only logs it. Raises ConfigError naming the first rule that the library refuses.
    """
    from great_expectations.core.expectation_suite import ExpectationSuite

    built = [_expectation(rule, place, as_of) for place, rule in enumerate(rules)]
    return ExpectationSuite(name=name, expectations=built)


def _expectation(rule: Rule, place: int, as_of: date) -> Expectation:
    """Return a rule as an expectation that carries its place among the rules of its batch."""
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    try:
        return get_expectation_impl(rule.type)(
            **bounded(rule.kwargs, as_of),
            severity=FailureSeverity(rule.severity),
            meta={_PLACE: place},
        )
    except (GreatExpectationsError, ValueError) as error:
        raise ConfigError(
            f"The rule {rule.type} on {', '.join(rule.columns) or 'the table'} is refused by "
            f"Great Expectations: {' '.join(str(error).split())}",
            hint="Check the expectation's name and its kwargs.",
        ) from None


def _ephemeral(sites: Mapping[str, Any]) -> AbstractDataContext:
    """Return a context in memory: no file but those of its sites, no bars, no analytics."""
    import great_expectations
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig

    def in_memory(store: str) -> dict[str, Any]:
        return {"class_name": store, "store_backend": {"class_name": "InMemoryStoreBackend"}}

    config = DataContextConfig(
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        expectations_store_name="suites",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        stores={
            "suites": in_memory("ExpectationsStore"),
            "results": in_memory("ValidationResultsStore"),
            "checkpoints": in_memory("CheckpointStore"),
            "validation_definition_store": in_memory("ValidationDefinitionStore"),
        },
        data_docs_sites=dict(sites),
    )
    return great_expectations.get_context(mode="ephemeral", project_config=config)


def _nothing_to_judge(rule: Rule, frame: pd.DataFrame) -> str:
    """Return why a rule has nothing to judge in a frame, or an empty text."""
    if not rule.about_columns:
        return ""
    missing = [column for column in rule.columns if column not in frame.columns]
    if missing:
        return f"no column {', '.join(missing)}"
    if frame.empty:
        return "no rows"
    if "null" not in rule.type and frame[list(rule.columns)].isna().any(axis=1).all():
        return "no filled value"
    return ""


def _tally(result: Any, keys: pd.Series | None) -> Tally:
    """Return what one result of Great Expectations says, without any value."""
    error = _error_name(result.exception_info)
    if error:
        return Tally(error=error)
    found: Mapping[str, Any] = result.result or {}
    if "unexpected_count" not in found:
        return Tally(considered=0, holds=bool(result.success))
    return Tally(
        considered=int(found["element_count"]) - int(found.get("missing_count") or 0),
        unexpected=int(found["unexpected_count"]),
        keys=_keys(keys, found.get("unexpected_index_list") or ()),
    )


def _error_name(info: Mapping[str, Any] | None) -> str:
    """Return the name of the exception that stopped a rule, or an empty text.

    The library reports in two shapes: one flat dict, or one dict for each metric that blew up.
    """
    if not info:
        return ""
    reports = [info] if "raised_exception" in info else list(info.values())
    for report in reports:
        if isinstance(report, Mapping) and report.get("raised_exception"):
            names = _EXCEPTION_NAME.findall(str(report.get("exception_traceback") or ""))
            return str(names[0]) if names else "Exception"
    return ""


def _keys(keys: pd.Series | None, places: Sequence[int]) -> tuple[str, ...]:
    """Return the keys of failing rows, at most as many as a rule keeps.

    The library can name rows by key itself, but looks each of them up alone, however many fail.
    """
    if keys is None:
        return ()
    failing = keys.take(list(places[:KEY_LIMIT]))
    return tuple(NO_KEY if pd.isna(key) else str(key) for key in failing)
