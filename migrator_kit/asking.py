"""What `migrator init` asks a person at a terminal: the source first, then what it cannot tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer

from migrator_kit.demo import FirstLook, first_look, name_of_source
from migrator_kit.engagement import SourceSettings
from migrator_kit.errors import MigratorError, ParameterError
from migrator_kit.mapping.files import PROFILES

_SHOWN = 12
_NO_PROFILE = "none"
_UNKNOWN = "none of the known ones: its mapping will be proposed"


@dataclass(frozen=True, slots=True)
class Answers:
    """What is known of a new engagement, by options or by answers. None: as the tool finds it."""

    source: str
    client: str | None = None
    time_zone: str | None = None
    region: str | None = None
    profile: str | None = None
    look: FirstLook | None = None


def somebody_is_there() -> bool:
    """Whether a person sits at a terminal: nobody else is ever asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def complete(
    source: str | None,
    *,
    client: str | None,
    time_zone: str | None,
    region: str | None,
    profile: str | None,
) -> Answers:
    """Return what the options say, with the rest asked for where somebody can be asked.

    Raises ParameterError where there is no source and nobody to ask.
    """
    if not somebody_is_there():
        if source is None:
            raise ParameterError(
                "Which source?", hint="Name it: migrator init DIR --source PATH_OR_URL"
            )
        return Answers(source, client, time_zone, region, profile)
    if source is None:
        print("Where the practice's data is: a database or its URL, a dump, a folder or zip of")
        print("exports, a service.yml, or a carried snapshot.")
        source, look = typer.prompt("Source", value_proc=_looked)
    else:
        look = first_look(source)
    print(_found(look))
    default = SourceSettings(url=source)
    return Answers(
        source,
        client or typer.prompt("The practice's name", name_of_source(source), value_proc=_name),
        time_zone or typer.prompt("Its time zone", default.time_zone, value_proc=_zone),
        region or typer.prompt("Its country, two letters", default.region, value_proc=_country),
        profile or _profile(look),
        look,
    )


def taken_for_granted(settings: SourceSettings, time_zone: str | None, region: str | None) -> str:
    """Return, a line each, the program found and what nobody said and nobody was asked for."""
    lines = [f"Program: {settings.profile or _UNKNOWN}"]
    assumed = [
        *([f"time zone {settings.time_zone}"] if time_zone is None else []),
        *([f"country {settings.region}"] if region is None else []),
    ]
    if assumed:
        told = f"Taken for granted: {', '.join(assumed)}. If it is wrong, correct it in "
        lines.append(f"{told}engagement.yml now: times, dates and telephone numbers rest on it.")
    return "".join(f"{line}\n" for line in lines)


def _found(look: FirstLook) -> str:
    """Return what the first look brought to light."""
    lines = [f"Found {len(look.tables)} tables:"]
    lines += [f"  {name} ({len(columns)} columns)" for name, columns in
              sorted(look.tables.items())[:_SHOWN]]  # fmt: skip
    if len(look.tables) > _SHOWN:
        lines.append(f"  and {len(look.tables) - _SHOWN} more")
    return "\n".join([*lines, f"Program: {look.profile or _UNKNOWN}"])


def _profile(look: FirstLook) -> str | None:
    options = (*PROFILES, _NO_PROFILE)
    chosen = typer.prompt(
        f"Its program ({', '.join(options)})",
        look.profile or _NO_PROFILE,
        value_proc=_one_of(options),
    )
    return None if chosen == _NO_PROFILE else str(chosen)


def _looked(text: str) -> tuple[str, FirstLook]:
    """Return a source with the first look at it; one that cannot be read is asked for again."""
    try:
        return text.strip(), first_look(text.strip())
    except MigratorError as error:
        raise typer.BadParameter(str(error)) from None


def _name(text: str) -> str:
    if not 0 < len(text.strip()) <= 80:
        raise typer.BadParameter("a name of 1 to 80 letters")
    return text.strip()


def _zone(text: str) -> str:
    return str(_checked("time_zone", text.strip()))


def _country(text: str) -> str:
    code = text.strip().upper()
    if not re.fullmatch("[A-Z]{2}", code):
        raise typer.BadParameter("two letters, such as US or GR")
    return code


def _one_of(options: tuple[str, ...]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text.strip() not in options:
            raise typer.BadParameter(f"one of: {', '.join(options)}")
        return text.strip()

    return chosen


def _checked(name: str, value: Any) -> Any:
    """Return a setting of the source, checked by its model."""
    try:
        return getattr(SourceSettings.model_validate({"url": "x", name: value}), name)
    except ValueError as error:
        problem = error.errors()[0]["msg"] if hasattr(error, "errors") else "not understood"
        raise typer.BadParameter(str(problem).removeprefix("Value error, ")) from None
