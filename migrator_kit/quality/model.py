"""What a quality rule is: a Great Expectations expectation with a reason, an owner and a severity.

Rules are declared in `expectations/<stage>/<object>.json`, one suite for each object and stage.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from migrator_kit.mapping.model import ObjectName

KEY = "source_id"
"""The column that names a row at every stage."""

PART_WISE = frozenset({
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_pair_values_to_be_equal",
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_null",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_not_match_regex",
})  # fmt: skip
"""Expectations that judge row by row: their counts add up over the parts of an object. Any other
needs the object's columns whole."""

_STATEMENTS = {
    "expect_column_to_exist": "is there",
    "expect_table_row_count_to_be_between": "has rows",
    "expect_column_values_to_not_be_null": "is filled",
    "expect_column_values_to_be_null": "is empty",
    "expect_column_values_to_be_unique": "is unique",
    "expect_compound_columns_to_be_unique": "are unique together",
    "expect_column_values_to_be_in_set": "is a known value",
    "expect_column_values_to_not_be_in_set": "is no refused value",
    "expect_column_values_to_match_regex": "has the expected form",
    "expect_column_values_to_not_match_regex": "is free of the refused form",
    "expect_column_values_to_be_between": "is within its range",
    "expect_column_value_lengths_to_be_between": "is within its length",
    "expect_column_value_lengths_to_equal": "has its length",
    "expect_column_pair_values_a_to_be_greater_than_b": "are in order",
    "expect_column_pair_values_to_be_equal": "agree",
}


class Stage(StrEnum):
    """Where on the way the rows are judged."""

    SOURCE = "source"
    """Rows of the mapping's SELECT over the snapshot, as text."""
    SHAPED = "shaped"
    """Rows as they will be sent, by logical field name, typed."""
    TARGET = "target"
    """Rows as read back from Zoho CRM, by logical field name, typed."""


class Severity(StrEnum):
    """What a failed rule means."""

    CRITICAL = "critical"
    """Closes the gate until mended or waived by name with a reason."""
    WARNING = "warning"
    INFO = "info"


class Outcome(StrEnum):
    """What became of a rule. Only `passed` says that the data is as expected."""

    ERROR = "error"
    """The rule could not be run: neither passed nor failed."""
    NOT_APPLICABLE = "not_applicable"
    """There was nothing to judge: no such column, no rows, no filled value."""
    FAILED = "failed"
    PASSED = "passed"


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleMeta(_Declared):
    """Why a rule exists, who answers for it, and what to know about it."""

    why: Annotated[str, Field(min_length=10)]
    owner: Annotated[str, Field(min_length=2)]
    notes: str = ""


class Rule(_Declared):
    """One expectation. `kwargs` are Great Expectations' own."""

    type: Annotated[str, Field(pattern=r"^expect_[a-z_]+$")]
    kwargs: dict[str, Any]
    meta: RuleMeta
    severity: Severity

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the rule reads; none for a rule about the table."""
        one_by_one = (self.kwargs.get(name) for name in ("column", "column_A", "column_B"))
        return (*(c for c in one_by_one if c), *self.kwargs.get("column_list", ()))

    @property
    def mostly(self) -> float:
        """Share of the judged rows that has to be as expected."""
        return float(self.kwargs.get("mostly", 1.0))

    @property
    def part_wise(self) -> bool:
        """Whether counts of parts add up to the count of the whole."""
        return self.type in PART_WISE

    @property
    def about_columns(self) -> bool:
        """Whether the rule judges values, so that missing columns leave it nothing to judge."""
        return bool(self.columns) and self.type != "expect_column_to_exist"

    @property
    def check(self) -> str:
        """The expectation's type without the words that all types share."""
        short = self.type.removeprefix("expect_")
        for prefix in (
            "column_values_to_",
            "column_pair_values_to_",
            "column_pair_values_",
            "column_value_",
            "column_to_",
        ):
            short = short.removeprefix(prefix)
        return short.removeprefix("table_").removeprefix("compound_columns_to_")

    @property
    def statement(self) -> str:
        """What the rule expects, in words: `Email has the expected form`."""
        subject = " and ".join(self.columns) or "the table"
        return f"{subject} {_STATEMENTS.get(self.type, self.check.replace('_', ' '))}"


class Suite(_Declared):
    """The rules of one object at one stage. Its name is `<stage>.<object>`."""

    name: Annotated[str, Field(pattern=r"^[a-z]+\.[a-z_]+$")]
    expectations: tuple[Rule, ...]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Suite:
        names = [self.rule_name(rule) for rule in self.expectations]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules have the same name: {', '.join(twice)}")
        return self

    def rule_name(self, rule: Rule) -> str:
        """Return the name by which a rule is waived, such as `shaped.patient.Email.match_regex`."""
        return ".".join((self.name, "+".join(rule.columns) or "table", rule.check))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the suite reads, the key first."""
        named = (column for rule in self.expectations for column in rule.columns)
        return tuple(dict.fromkeys((KEY, *named)))


SuiteKey = tuple[Stage, ObjectName]
