"""Tests of mapping rules in `mapping_tests.yml`: a given source row, and what must arrive of it.

    tests:
      - name: a mobile number gets its country
        object: Patient
        given: {phone: "691 234 5678"}
        expect: {Phone: "+306912345678"}

`given` names columns of the object's SELECT; those left out are empty. `expect` names fields; an
empty one must arrive empty.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from migrator_kit.engagement import Engagement
from migrator_kit.errors import Finding, MappingError
from migrator_kit.mapping.model import FieldMapping, Mapping, ObjectMapping, ObjectName
from migrator_kit.mapping.parts import field_values
from migrator_kit.mapping.shape import locale_of
from migrator_kit.mapping.targets import target_type
from migrator_kit.mapping.transforms import Locale
from migrator_kit.privacy import DataClass, shape
from migrator_kit.yamlfile import InvalidYaml, line_of, load_model, load_tree

FILE_NAME = "mapping_tests.yml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RuleTest(_Part):
    """One source row and the values that must arrive of it."""

    name: Annotated[str, Field(min_length=1)]
    object: ObjectName
    given: dict[str, Any] = {}
    expect: Annotated[dict[str, Any], Field(min_length=1)]


class RuleTests(_Part):
    """The content of `mapping_tests.yml`."""

    tests: tuple[RuleTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a test showed, with what is wrong by file:line; `place` is where the test begins."""

    name: str
    object: str
    place: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether everything arrived as expected."""
        return not self.findings


def run_rule_tests(engagement: Engagement, mapping: Mapping) -> list[Outcome]:
    """Run the engagement's mapping tests; none where it has no such file.

    Values of patient classes stand in problems as shapes. Raises MappingError with file and line
    where the file cannot be read.
    """
    path = engagement.folder / FILE_NAME
    if not path.exists():
        return []
    try:
        tests, tree = load_model(path, RuleTests), load_tree(path)
    except InvalidYaml as error:
        raise MappingError(f"{path.name} cannot be used.", findings=error.findings) from None
    found = []
    for n, test in enumerate(tests.tests):
        findings = tuple(_problems(test, mapping, locale_of(engagement), tree, n, path))
        place = f"{path.name}:{line_of(tree, ('tests', n))}"
        found.append(Outcome(test.name, str(test.object), place, findings))
    return found


def require_rule_tests(engagement: Engagement, mapping: Mapping) -> None:
    """Raise MappingError naming file and line of every mapping test that fails."""
    failed = [one for one in run_rule_tests(engagement, mapping) if not one.passed]
    if failed:
        findings = [
            Finding(finding.place, f"{one.name}: {finding.problem}")
            for one in failed
            for finding in one.findings
        ]
        raise MappingError(
            f"{len(failed)} mapping test(s) fail, so nothing was confirmed.",
            findings=findings,
            hint=f"Correct the rule in mapping.yml, or the test in {FILE_NAME}.",
        )


def _problems(
    test: RuleTest, mapping: Mapping, locale: Locale, tree: Any, n: int, path: Path
) -> Iterator[Finding]:
    def at(*where: str) -> str:
        return f"{path.name}:{line_of(tree, ('tests', n, *where))}"

    item = next((one for one in mapping.objects if one.object is test.object), None)
    if item is None:
        yield Finding(at("object"), f"the mapping has no {test.object}")
        return
    read = {name for row in item.fields for name in row.columns}
    for name in test.given:
        if name not in read:
            yield Finding(at("given", name), f"no row of {item.object} reads a column {name!r}")
    frame = pd.DataFrame(
        [{name: _given(test.given.get(name)) for name in sorted(read | {"source_id"})}], dtype="str"
    )
    for target, expected in test.expect.items():
        row = item.field(target)
        if row is None:
            yield Finding(at("expect", target), f"{item.object} has no row for {target!r}")
        elif (arrives := _arrives(frame, item, row, locale)) != (wanted := _plain(expected)):
            told = f"{_told(wanted, row.data_class)} is expected, {_told(arrives, row.data_class)}"
            yield Finding(at("expect", target), f"{item.object}.{target}: {told} arrives")


def _arrives(frame: pd.DataFrame, item: ObjectMapping, row: FieldMapping, locale: Locale) -> Any:
    """Return what arrives; of a link, the source key of the record that it points to."""
    target = target_type(item, row)
    if target is None:
        raise MappingError(f"{item.object}: {item.module} has no field {row.target!r}.")
    if row.lookup:
        keys = frame[list(row.columns)].iloc[0].dropna()
        return str(keys.iloc[0]).strip() if len(keys) else None
    values, _ = field_values(frame, frame["source_id"].fillna(""), row, target, locale)
    return _plain(values.iloc[0])


def _given(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None if value is None else str(int(value))
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def _plain(value: Any) -> Any:
    """Return a value so that equal ones are equal, however YAML or Arrow wrote them."""
    if isinstance(value, list | tuple) or hasattr(value, "tolist"):
        listed = value.tolist() if hasattr(value, "tolist") else value
        return [_plain(one) for one in listed] if isinstance(listed, list | tuple) else listed
    if value is None or value is pd.NaT or value is pd.NA or value == "":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal):
        number = float(value)
        return None if math.isnan(number) else round(number, 9)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, date):
        return value.isoformat()
    return _instant(str(value))


def _instant(text: str) -> Any:
    """Return a text with date, time and zone as the instant it means, any other as it is."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    return instant.astimezone(UTC) if instant.tzinfo else text


def _told(value: Any, data_class: DataClass) -> str:
    if value is None:
        return "nothing"
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return repr(shape(text) if data_class.is_phi else text)
