"""The tariff: prices and days as YAML, packaged, replaced line by line by an engagement's own."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from migrator_kit import yamlfile
from migrator_kit.engagement import Engagement
from migrator_kit.errors import ConfigError

FILE_NAME = "tariff.yml"
PACKAGED = Path(__file__).parent / FILE_NAME

Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
Days = tuple[Annotated[int, Field(ge=1, le=400)], Annotated[int, Field(ge=1, le=400)]]


class Grade(StrEnum):
    """How much a migration asks of people: A is plain, D needs a project of its own."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


class Tariff(BaseModel):
    """The content of `tariff.yml`. All prices are at least zero: more never costs less."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    base: Price
    per_object: Price
    per_unclear_column: Price
    per_reminder_rule: Price
    per_1000_records: Price
    per_gb_files: Price
    dirt_per_100_rows: Price
    rush_share: Annotated[Decimal, Field(ge=0, le=5)]
    scoped_above_records: Annotated[int, Field(ge=1)]
    hours_of_loading_a_day: Annotated[float, Field(gt=0, le=24)]
    work_days: dict[Grade, Days]

    @field_validator("work_days")
    @classmethod
    def _in_order(cls, value: dict[Grade, Days]) -> dict[Grade, Days]:
        if missing := [str(grade) for grade in Grade if grade not in value]:
            raise ValueError(f"no days for grade {', '.join(missing)}")
        days = [value[grade] for grade in Grade]
        if any(first > last for first, last in days):
            raise ValueError("the first number of days is the smaller one")
        if any(a[0] > b[0] or a[1] > b[1] for a, b in pairwise(days)):
            raise ValueError("a worse grade cannot take fewer days")
        return value


class _OwnTariff(Tariff):
    """An engagement's tariff: what it does not name is as packaged."""

    @model_validator(mode="before")
    @classmethod
    def _rest_as_packaged(cls, value: Any) -> Any:
        packaged = yamlfile.plain(yamlfile.load_tree(PACKAGED))
        days = {**packaged["work_days"], **(value.get("work_days") or {})}
        return {**packaged, **value, "work_days": days}


def load_tariff(engagement: Engagement) -> tuple[Tariff, str]:
    """Return the tariff and where it comes from, in words.

    Raises ConfigError with file and line where the engagement's `tariff.yml` cannot be used.
    """
    own = engagement.folder / FILE_NAME
    if not own.exists():
        return yamlfile.load_model(PACKAGED, Tariff), "the packaged tariff"
    try:
        return yamlfile.load_model(own, _OwnTariff), f"this engagement's {FILE_NAME}"
    except yamlfile.InvalidYaml as error:
        lines = "\n".join(f"  - {finding}" for finding in error.findings)
        raise ConfigError(f"{FILE_NAME} cannot be used.\n{lines}") from None
