"""The registry of transforms: name, version, typed options, one function over whole columns.

A transform that takes one column sees its distinct, non-empty values as text, once each; the
results are mapped back, so the cost of a rule follows the number of different values and not the
number of rows. A transform that takes several columns sees them whole, as text.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError

from migrator_kit.engagement import digest_text
from migrator_kit.errors import Finding, MappingError
from migrator_kit.mapping.rejects import RejectReason
from migrator_kit.mapping.transforms.columns import (
    as_text,
    blank_to_none,
    to_arrow,
    to_series,
    typed_array,
)
from migrator_kit.spelling import offer


class Options(BaseModel):
    """Base of all option models. Unknown options are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LocalOptions(Options):
    """Options of transforms that depend on the practice; what is None is filled from `Locale`."""

    zone: str | None = None
    region: str | None = None
    day_first: bool | None = None


class AmountOptions(Options):
    """Options of transforms that read numbers; what is None is filled from `Locale`."""

    decimal: Literal[".", ","] | None = None


@dataclass(frozen=True, slots=True)
class Locale:
    """How the practice writes times, phone numbers and dates."""

    zone: str = "UTC"
    region: str | None = None
    day_first: bool = False
    decimal_commas: frozenset[str] = frozenset()
    """Columns (`table.column`, in small letters) whose amounts have a decimal comma."""
    decimal_comma: bool = False
    """Whether the columns at hand have one: see `of_columns`."""

    def of_columns(self, places: Iterable[str]) -> Locale:
        """Return the locale of a rule whose values come from these columns of the source."""
        named = {place.casefold() for place in places}
        return replace(self, decimal_comma=bool(named) and named <= self.decimal_commas)


class Transformed(NamedTuple):
    """The result of a transform, aligned with its input.

    `rejects` holds a reason or nothing. A reason beside an empty value means that the value was
    refused; beside a value, that the value arrives changed.
    """

    values: pd.Series
    rejects: pd.Series


OneColumn = Callable[[pd.Series, Any], Transformed]
ManyColumns = Callable[[Sequence[pd.Series], Any], Transformed]
Function = TypeVar("Function", bound=Callable[..., Transformed])


@dataclass(frozen=True, slots=True)
class Transform:
    """One entry of the registry. `gives` is the Arrow type of its values."""

    name: str
    version: int
    options: type[Options]
    function: Callable[..., Transformed]
    gives: pa.DataType
    many: bool
    origin: str = ""
    """Digest of the engagement's file that it comes from; empty for a packaged one."""

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.function.__doc__ or "").strip().splitlines()[0]


REGISTRY: dict[str, Transform] = {}
OWN_FILE = "transforms.py"
"""File of an engagement's own transforms, see `own`."""


def one_column(
    name: str, *, version: int, options: type[Options] = Options, gives: pa.DataType | None = None
) -> Callable[[Function], Function]:
    """Register a transform of one column. It is given distinct, non-empty texts."""

    def register(function: Function) -> Function:
        REGISTRY[name] = Transform(name, version, options, function, gives or pa.string(), False)
        return function

    return register


def many_columns(
    name: str, *, version: int, options: type[Options] = Options, gives: pa.DataType | None = None
) -> Callable[[Function], Function]:
    """Register a transform of several columns. It is given whole columns as text."""

    def register(function: Function) -> Function:
        REGISTRY[name] = Transform(name, version, options, function, gives or pa.string(), True)
        return function

    return register


def find(name: str) -> Transform:
    """Return a transform by name. Raises MappingError with the nearest known name."""
    if name in REGISTRY:
        return REGISTRY[name]
    hint = f"{offer(name, REGISTRY)}Known: {', '.join(sorted(REGISTRY))}."
    raise MappingError(f"There is no transform {name!r}.", hint=hint)


def read_options(name: str, options: dict[str, Any], locale: Locale | None = None) -> Options:
    """Return the options of a transform as its model, with the practice's locale filled in.

    Raises MappingError naming each option that is unknown or wrong.
    """
    transform = find(name)
    try:
        read = transform.options.model_validate(options)
    except ValidationError as error:
        findings = [
            Finding(".".join(str(part) for part in problem["loc"]) or name, problem["msg"])
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise MappingError(f"Wrong options for {name!r}.", findings=findings) from None
    if locale is not None and isinstance(read, AmountOptions) and read.decimal is None:
        return read.model_copy(update={"decimal": "," if locale.decimal_comma else "."})
    if locale is None or not isinstance(read, LocalOptions):
        return read
    known = {"zone": locale.zone, "region": locale.region, "day_first": locale.day_first}
    missing = {key: value for key, value in known.items() if getattr(read, key) is None}
    return read.model_copy(update=missing)


def apply(
    name: str, column: pd.Series | pd.DataFrame | Sequence[pd.Series], /, **options: Any
) -> Transformed:
    """Apply a transform by name to one column (or several, where it takes several).

    Values of any type go in. Raises MappingError for an unknown name or option; no value whatever
    makes it fail.
    """
    return run(find(name), _columns(column), read_options(name, options, Locale()))


def run(transform: Transform, columns: Sequence[pd.Series], options: Options) -> Transformed:
    """Apply a transform with options that were read before.

    Raises MappingError where one of the engagement's own fails or gives what it may not.
    """
    if transform.many:
        whole = [blank_to_none(as_text(column)) for column in columns]
        return _called(transform, whole, whole[0].index, options)
    (column,) = columns
    return over_distinct(
        blank_to_none(as_text(column)),
        lambda distinct: _called(transform, distinct, distinct.index, options),
        transform.gives,
    )


def _called(transform: Transform, given: Any, index: pd.Index, options: Options) -> Transformed:
    """Call a transform's function; of the engagement's own ones nothing is taken on trust."""
    if not transform.origin:
        return transform.function(given, options)
    try:
        values, rejects = transform.function(given, options)
        typed_array(values, transform.gives)
        unknown = set(rejects.dropna()) - {str(reason) for reason in RejectReason}
        sound = len(values) == len(rejects) == len(index) and not unknown
    except Exception as error:  # noqa: BLE001 (a person's code; what it says may hold values)
        raise MappingError(
            f"The transform {transform.name!r} failed with {type(error).__name__} at "
            f"{OWN_FILE}:{line_in_own_file(error)}.",
            hint="No value whatever may make a transform fail: refuse it with a reason.",
        ) from None
    if not sound:
        raise MappingError(
            f"The transform {transform.name!r} of {OWN_FILE} has to give one value and one reason "
            f"for each it is given.",
            hint=f"Known reasons: {', '.join(RejectReason)}.",
        )
    return Transformed(values.set_axis(index), rejects.set_axis(index))


def line_in_own_file(error: BaseException) -> int:
    """Return the line of the engagement's file in which an error arose, 1 where in none of it."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == OWN_FILE), 1)


def over_distinct(
    column: pd.Series, function: Callable[[pd.Series], Transformed], gives: pa.DataType
) -> Transformed:
    """Apply a function to the distinct values of a text column and map its results back."""
    encoded = to_arrow(column).dictionary_encode()
    distinct = to_series(encoded.dictionary)
    if len(distinct) == 0:
        empty = to_series(pa.nulls(len(column), gives))
        empty.index = column.index
        return Transformed(empty, no_reasons(column.index))
    values, rejects = function(distinct)
    taken = pc.take(typed_array(values, gives), encoded.indices)
    reasons = pc.take(typed_array(rejects, pa.string()), encoded.indices)
    return Transformed(_indexed(taken, column), _indexed(reasons, column))


def no_reasons(index: pd.Index) -> pd.Series:
    """Return a column of reasons without any."""
    return pd.Series(pd.NA, index=index, dtype="str")


def code_version() -> str:
    """Return a digest over names and versions of all transforms, and the engagement's own code."""
    known = [REGISTRY[name] for name in sorted(REGISTRY)]
    return digest_text(*(f"{one.name}:{one.version}:{one.origin}".rstrip(":") for one in known))


def _indexed(array: pa.Array, like: pd.Series) -> pd.Series:
    series = to_series(array)
    series.index = like.index
    return series


def _columns(values: pd.Series | pd.DataFrame | Sequence[pd.Series]) -> list[pd.Series]:
    if isinstance(values, pd.Series):
        return [values]
    if isinstance(values, pd.DataFrame):
        return [values[name] for name in values.columns]
    return list(values)
