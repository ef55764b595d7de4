"""Waivers: a person lets the engagement go on although a critical rule fails, and says why.

They stand in `waivers.yml` of the engagement folder and appear in the evidence.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from migrator_kit import yamlfile
from migrator_kit.errors import ConfigError

FILE_NAME = "waivers.yml"


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Waiver(_Declared):
    """One critical rule, by name, that does not hold the engagement up. `up_to` bounds it."""

    rule: Annotated[str, Field(pattern=r"^(source|shaped|target)\.[a-z_]+\.\S+$")]
    by: Annotated[str, Field(min_length=2)]
    reason: Annotated[str, Field(min_length=10)]
    when: datetime
    up_to: Annotated[int, Field(ge=1)] | None = None
    """The waiver covers no more failing rows than this; without it, any number."""


class WaiverFile(_Declared):
    """The content of `waivers.yml`."""

    version: Literal[1] = 1
    waivers: tuple[Waiver, ...] = ()


def load_waivers(folder: Path) -> tuple[Waiver, ...]:
    """Return the waivers of an engagement folder; none where it has no file of them.

    Raises ConfigError with file and line.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return ()
    try:
        return yamlfile.load_model(path, WaiverFile).waivers
    except yamlfile.InvalidYaml as error:
        raise ConfigError(
            f"{FILE_NAME} cannot be used: {'; '.join(str(f) for f in error.findings)}",
            hint="Each waiver has rule, by, reason and when; up_to bounds the rows it covers.",
        ) from None


def waive(
    folder: Path, rule: str, *, by: str, reason: str, up_to: int | None = None
) -> tuple[Waiver, ...]:
    """Write a waiver into the engagement's `waivers.yml`, in place of an older one of that rule.

    What people wrote beside it, comments included, stays. Returns all waivers. Raises ConfigError
    where the file or the new waiver is not valid.
    """
    before = load_waivers(folder)
    try:
        new = Waiver(rule=rule, by=by, reason=reason, when=datetime.now(UTC), up_to=up_to)
    except ValueError:
        raise ConfigError(
            f"The waiver of {rule} is not complete.",
            hint="Name the rule as the report does, the person, and a reason of a few words.",
        ) from None
    path = folder / FILE_NAME
    tree: dict[str, Any] = yamlfile.load_tree(path) if path.exists() else {"version": 1}
    listed = tree.setdefault("waivers", [])
    for place in reversed(range(len(before))):
        if before[place].rule == rule:
            del listed[place]
    listed.append(new.model_dump(mode="json", exclude_none=True))
    with path.open("w", encoding="utf-8") as stream:
        yamlfile.round_trip().dump(tree, stream)
    return load_waivers(folder)
